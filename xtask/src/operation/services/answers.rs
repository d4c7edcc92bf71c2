//! Checks whether a published port answers in its service's protocol.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::urls::{ServiceProtocol, service_protocol};
use crate::exec::InterruptGuard;
use crate::model::{Binding, Container, Protocol, State};
use crate::operation::check::project::CheckedProject;

/// A server that keeps the connection open for this long without an answer is running.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(50);

/// A published port that has to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceEndpoint<'a> {
    pub(crate) service: &'a str,
    pub(crate) address: SocketAddr,
    pub(crate) protocol: ServiceProtocol,
    /// Published on every address.
    pub(crate) is_wildcard: bool,
}

#[derive(Debug, Clone)]
pub struct AnswerCheck {
    pub service: String,
    /// The container's id.
    pub container: String,
    pub address: SocketAddr,
    pub target: u16,
    /// What happened instead of an answer; `None` also if this machine lacks the
    /// address family.
    pub no_answer: Option<NoAnswer>,
}

/// Checks every published TCP port of these containers once, in parallel. A server
/// that keeps the connection open without an answer counts as running.
pub fn check_answers(project: &CheckedProject, containers: &[&Container]) -> Vec<AnswerCheck> {
    let mut checks: Vec<(AnswerCheck, ServiceProtocol)> = Vec::new();
    for container in containers.iter().filter(|container| container.state == State::Running) {
        let Some(service) = container.service.as_deref() else { continue };
        for binding in container.held().filter(|binding| binding.protocol == Protocol::Tcp) {
            let (address, target) = (reachable_address(binding), binding.target);
            let (service, container) = (service.to_owned(), container.id.clone());
            let protocol = service_protocol(project.stack.service(&service), target);
            checks.push((AnswerCheck { service, container, address, target, no_answer: None }, protocol));
        }
    }
    std::thread::scope(|scope| {
        for (check, protocol) in &mut checks {
            scope.spawn(|| {
                let endpoint = ServiceEndpoint {
                    service: &check.service,
                    address: check.address,
                    protocol: *protocol,
                    is_wildcard: false,
                };
                check.no_answer =
                    check_answer(&endpoint).err().filter(|no_answer| *no_answer != NoAnswer::NoAddressFamily);
            });
        }
    });
    checks.into_iter().map(|(check, _)| check).collect()
}

pub(crate) fn service_endpoints<'a>(
    project: &'a CheckedProject,
    containers: &'a [Container],
) -> Vec<ServiceEndpoint<'a>> {
    let mut endpoints: Vec<ServiceEndpoint<'a>> = Vec::new();
    for container in containers.iter().filter(|container| !container.one_off) {
        let Some(service) = container.service.as_deref() else { continue };
        let Some(known) = project.stack.service(service) else { continue };
        for binding in container.held().filter(|binding| binding.protocol == Protocol::Tcp) {
            let is_wildcard = binding.host_ip.is_unspecified();
            let endpoint = ServiceEndpoint {
                service,
                address: reachable_address(binding),
                protocol: service_protocol(Some(known), binding.target),
                is_wildcard,
            };
            if endpoints.iter().all(|other| other.address != endpoint.address) {
                endpoints.push(endpoint);
            }
        }
    }
    endpoints
}

/// A wildcard address is reached over loopback.
fn reachable_address(binding: &Binding) -> SocketAddr {
    let ip = match binding.host_ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, binding.published)
}

/// Checks again until there is an answer, the deadline has passed or `stop` is set.
pub(crate) fn wait_for_answer(
    endpoint: &ServiceEndpoint<'_>,
    deadline: Instant,
    interrupt: &InterruptGuard,
    stop: &AtomicBool,
) -> Result<(), String> {
    loop {
        match check_answer(endpoint) {
            // The engine publishes [::] even if this host has no IPv6 at all.
            Ok(()) | Err(NoAnswer::NoAddressFamily) => return Ok(()),
            Err(no_answer) if Instant::now() >= deadline || interrupt.interrupted() || stop.load(Ordering::Relaxed) => {
                return Err(no_answer.to_string());
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

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

/// Sends the first message of the protocol. Any answer counts, and so does an open
/// connection without one: the service may use a protocol that we don't know.
fn check_answer(endpoint: &ServiceEndpoint<'_>) -> Result<(), NoAnswer> {
    let mut stream = TcpStream::connect_timeout(&endpoint.address, Duration::from_secs(2))?;
    let mut answer = [0; 16];
    match endpoint.protocol {
        // No TLS handshake: if no server is running, the connection is closed.
        ServiceProtocol::Https => {}
        ServiceProtocol::Postgres => stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?,
        ServiceProtocol::Redis => stream.write_all(b"PING\r\n")?,
        ServiceProtocol::Http => {
            let host = endpoint.address;
            stream.write_all(
                format!("GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: cargo-xtask\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )?;
        }
    }
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let read = match stream.read(&mut answer) {
        Ok(0) => return Err(NoAnswer::Closed),
        Ok(length) => &answer[..length],
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => &[],
        Err(error) => return Err(error.into()),
    };
    match endpoint.protocol {
        // PostgreSQL answers SSLRequest with S, with N, or with E and a message.
        ServiceProtocol::Postgres if !matches!(read.first(), Some(b'S' | b'N' | b'E')) => {
            Err(NoAnswer::WrongServer("PostgreSQL"))
        }
        ServiceProtocol::Redis if !matches!(read.first(), Some(b'+' | b'-')) => Err(NoAnswer::WrongServer("Redis")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn endpoint(address: SocketAddr, protocol: ServiceProtocol) -> ServiceEndpoint<'static> {
        ServiceEndpoint { service: "s", address, protocol, is_wildcard: false }
    }

    /// A server that reads the request, writes `answer` and closes. Closing with unread
    /// bytes would reset the connection and lose the answer.
    fn server(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 512];
            drop(stream.read(&mut bytes));
            drop(stream.write_all(answer));
        });
        address
    }

    #[test]
    fn an_answer_in_the_protocol_counts_and_another_does_not() {
        assert!(check_answer(&endpoint(server(b"N"), ServiceProtocol::Postgres)).is_ok());
        assert!(check_answer(&endpoint(server(b"HTTP/1.1 400"), ServiceProtocol::Postgres)).is_err());
        assert!(check_answer(&endpoint(server(b"-NOAUTH"), ServiceProtocol::Redis)).is_ok());
        assert!(check_answer(&endpoint(server(b"HTTP/1.1 500"), ServiceProtocol::Http)).is_ok());
    }

    #[test]
    fn a_connection_that_is_accepted_and_closed_is_no_answer() {
        assert!(check_answer(&endpoint(server(b""), ServiceProtocol::Http)).is_err());
    }

    #[test]
    fn a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(check_answer(&endpoint(address, ServiceProtocol::Http)), Err(NoAnswer::Refused));
    }
}
