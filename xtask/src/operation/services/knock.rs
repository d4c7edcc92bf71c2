//! Knocking at published ports: whether somebody answers in the service's protocol.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::urls::{Speech, speech};
use crate::exec::InterruptGuard;
use crate::model::{Binding, Container, Protocol, State};
use crate::operation::check::survey::Survey;

/// A server that says nothing for so long, and keeps the connection, is there.
const SILENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(50);

/// One port to be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) service: &'a str,
    pub(crate) address: SocketAddr,
    pub(crate) speech: Speech,
    /// Published on every address.
    pub(crate) is_of_all: bool,
}

/// What came of one knock at a published port.
#[derive(Debug, Clone)]
pub struct Knock {
    /// The service.
    pub service: String,
    /// The container's id.
    pub container: String,
    /// Where it was knocked.
    pub address: SocketAddr,
    /// The port in the container.
    pub target: u16,
    /// Nothing where somebody answered, or this machine has no such address
    /// family; else what happened in the place of an answer.
    pub silence: Option<Silence>,
}

/// Knocks once at every published TCP port of these containers, at all of them
/// at once. A server that keeps the connection and says nothing counts as there.
pub fn knock_once(survey: &Survey, containers: &[&Container]) -> Vec<Knock> {
    let mut knocks: Vec<(Knock, Speech)> = Vec::new();
    for container in containers.iter().filter(|container| container.state == State::Running) {
        let Some(service) = container.service.as_deref() else { continue };
        for binding in container.held().filter(|binding| binding.protocol == Protocol::Tcp) {
            let (address, target) = (reach(binding), binding.target);
            let (service, container) = (service.to_owned(), container.id.clone());
            let speech = speech(survey.stack.service(&service), target);
            knocks.push((Knock { service, container, address, target, silence: None }, speech));
        }
    }
    std::thread::scope(|scope| {
        for (knock, speech) in &mut knocks {
            scope.spawn(|| {
                let door = Door { service: &knock.service, address: knock.address, speech: *speech, is_of_all: false };
                knock.silence = speak(&door).err().filter(|silence| *silence != Silence::NoFamily);
            });
        }
    });
    knocks.into_iter().map(|(knock, _)| knock).collect()
}

pub(crate) fn doors<'a>(survey: &'a Survey, containers: &'a [Container]) -> Vec<Door<'a>> {
    let mut doors: Vec<Door<'a>> = Vec::new();
    for container in containers.iter().filter(|container| !container.one_off) {
        let Some(service) = container.service.as_deref() else { continue };
        let Some(known) = survey.stack.service(service) else { continue };
        for binding in container.held().filter(|binding| binding.protocol == Protocol::Tcp) {
            let is_of_all = binding.host_ip.is_unspecified();
            let door =
                Door { service, address: reach(binding), speech: speech(Some(known), binding.target), is_of_all };
            if doors.iter().all(|other| other.address != door.address) {
                doors.push(door);
            }
        }
    }
    doors
}

/// A wildcard is reached over loopback.
fn reach(binding: &Binding) -> SocketAddr {
    let ip = match binding.host_ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, binding.published)
}

/// Knocks until somebody answers, the time is up, or told to stop.
pub(crate) fn knock(
    door: &Door<'_>,
    deadline: Instant,
    interrupt: &InterruptGuard,
    stop: &AtomicBool,
) -> Result<(), String> {
    loop {
        match speak(door) {
            // The engine publishes [::] also where this host has no IPv6 at all.
            Ok(()) | Err(Silence::NoFamily) => return Ok(()),
            Err(silence) if Instant::now() >= deadline || interrupt.interrupted() || stop.load(Ordering::Relaxed) => {
                return Err(silence.to_string());
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// What happened in the place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// This host has no such address family.
    NoFamily,
    /// Nobody listens.
    Refused,
    /// The connection ended without an answer.
    Closed,
    /// Another server answers than the one that should be there.
    Not(&'static str),
    /// Anything else, in the system's words.
    Other(String),
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Silence::NoFamily => f.write_str("no such address family"),
            Silence::Refused => f.write_str("connection refused"),
            Silence::Closed => f.write_str("the connection is closed at once"),
            Silence::Not(server) => write!(f, "no {server} answers"),
            Silence::Other(text) => f.write_str(text),
        }
    }
}

impl From<std::io::Error> for Silence {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => Silence::NoFamily,
            ErrorKind::ConnectionRefused => Silence::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Silence::Closed,
            _ => Silence::Other(error.to_string()),
        }
    }
}

/// Says the first words of the protocol. Any answer counts, and so does
/// keeping the connection open in silence: there are protocols we do not know.
fn speak(door: &Door<'_>) -> Result<(), Silence> {
    let mut stream = TcpStream::connect_timeout(&door.address, Duration::from_secs(2))?;
    let mut answer = [0; 16];
    match door.speech {
        // A TLS handshake is not for us to do; a server that is not there
        // closes the connection.
        Speech::Https => {}
        Speech::Postgres => stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?,
        Speech::Redis => stream.write_all(b"PING\r\n")?,
        Speech::Http => {
            let host = door.address;
            stream.write_all(
                format!("GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: cargo-xtask\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )?;
        }
    }
    stream.set_read_timeout(Some(SILENCE))?;
    let read = match stream.read(&mut answer) {
        Ok(0) => return Err(Silence::Closed),
        Ok(length) => &answer[..length],
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => &[],
        Err(error) => return Err(error.into()),
    };
    match door.speech {
        // PostgreSQL answers SSLRequest with one letter: S, N, or E and a text.
        Speech::Postgres if !matches!(read.first(), Some(b'S' | b'N' | b'E')) => Err(Silence::Not("PostgreSQL")),
        Speech::Redis if !matches!(read.first(), Some(b'+' | b'-')) => Err(Silence::Not("Redis")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn door(address: SocketAddr, speech: Speech) -> Door<'static> {
        Door { service: "s", address, speech, is_of_all: false }
    }

    /// A server that reads the request (closing with some of it unread would reset
    /// the connection and take the answer along), then writes `answer` and closes.
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
        assert!(speak(&door(server(b"N"), Speech::Postgres)).is_ok());
        assert!(speak(&door(server(b"HTTP/1.1 400"), Speech::Postgres)).is_err());
        assert!(speak(&door(server(b"-NOAUTH"), Speech::Redis)).is_ok());
        assert!(speak(&door(server(b"HTTP/1.1 500"), Speech::Http)).is_ok());
    }

    #[test]
    fn a_connection_that_is_accepted_and_closed_is_no_answer() {
        assert!(speak(&door(server(b""), Speech::Http)).is_err());
    }

    #[test]
    fn a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(speak(&door(address, Speech::Http)), Err(Silence::Refused));
    }
}
