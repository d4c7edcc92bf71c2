//! The first message of a protocol, and what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::urls::ServiceProtocol;

/// A server that keeps the connection open for this long without an answer is running.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// The kernel accepts for a listener; what takes longer is dropped by a firewall.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The same for a container's own address, on a bridge of this machine.
const BRIDGE_TIMEOUT: Duration = Duration::from_millis(500);

/// What happened instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    NoAddressFamily,
    Refused,
    /// The connection ended without an answer.
    Closed,
    /// Something answered, but not the server with this name.
    WrongServer(&'static str),
    /// Any other error, as the operating system describes it.
    Other(String),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoAnswer::NoAddressFamily => f.write_str("no such address family"),
            NoAnswer::Refused => f.write_str("connection refused"),
            NoAnswer::Closed => f.write_str("the connection was closed immediately"),
            NoAnswer::WrongServer(server) => write!(f, "the answer is not from {server}"),
            NoAnswer::Other(text) => f.write_str(text),
        }
    }
}

impl From<std::io::Error> for NoAnswer {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => NoAnswer::NoAddressFamily,
            ErrorKind::ConnectionRefused => NoAnswer::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => NoAnswer::Closed,
            _ => NoAnswer::Other(error.to_string()),
        }
    }
}

/// Connects to `address`, sends the first message of the protocol, and returns the first bytes of
/// the answer: none if the connection stays open without one. `host` is the address that HTTP
/// names, so that a server gives the same answer whichever way it is reached.
pub(super) fn exchange(address: SocketAddr, host: SocketAddr, protocol: ServiceProtocol) -> Result<Vec<u8>, NoAnswer> {
    let limit = if address == host { CONNECT_TIMEOUT } else { BRIDGE_TIMEOUT };
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    match protocol {
        // No TLS handshake: if no server is running, the connection is closed.
        ServiceProtocol::Https => {}
        ServiceProtocol::Postgres => stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?,
        ServiceProtocol::Redis => stream.write_all(b"PING\r\n")?,
        ServiceProtocol::Http => {
            stream.write_all(
                format!("GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: cargo-xtask\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )?;
        }
    }
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut answer = [0; 16];
    match stream.read(&mut answer) {
        Ok(0) => Err(NoAnswer::Closed),
        Ok(length) => Ok(answer[..length].to_vec()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Any answer counts, and so does an open connection without one: the service may use a protocol
/// that we don't know.
pub(super) fn judge_answer(answer: &[u8], protocol: ServiceProtocol) -> Result<(), NoAnswer> {
    match protocol {
        // PostgreSQL answers SSLRequest with S, with N, or with E and a message.
        ServiceProtocol::Postgres if !matches!(answer.first(), Some(b'S' | b'N' | b'E')) => {
            Err(NoAnswer::WrongServer("PostgreSQL"))
        }
        ServiceProtocol::Redis if !matches!(answer.first(), Some(b'+' | b'-')) => Err(NoAnswer::WrongServer("Redis")),
        _ => Ok(()),
    }
}
