//! Checks whether a published port answers in its service's protocol, and whether its container
//! gives the same answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) use super::exchange::NoAnswer;
use super::exchange::{exchange, judge_answer};
use super::urls::{ServiceProtocol, service_protocol};
use crate::decide::{Demand, demand};
use crate::exec::InterruptGuard;
use crate::host;
use crate::model::{Binding, Container, Protocol, State};
use crate::operation::check::project::CheckedProject;

const POLL: Duration = Duration::from_millis(50);

/// A published TCP port.
#[derive(Debug, Clone)]
pub(crate) struct ServiceEndpoint<'a> {
    pub(crate) service: &'a str,
    pub(crate) container: &'a Container,
    pub(crate) address: SocketAddr,
    /// Port in the container.
    pub(crate) target: u16,
    pub(crate) protocol: ServiceProtocol,
    /// Published on every address.
    pub(crate) is_wildcard: bool,
    /// Whether it has to answer.
    pub(crate) demand: Demand,
    /// The container's own addresses of this port that can be reached from here.
    pub(crate) direct: Vec<SocketAddr>,
}

/// How the container itself answers on its own address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    Same,
    /// It answers with other bytes.
    Different,
    /// It refuses connections, so something else answers on the published port.
    Refused,
    /// It could not be asked.
    Unknown,
}

#[derive(Debug, Clone)]
pub(crate) struct AnswerCheck<'a> {
    pub(crate) endpoint: ServiceEndpoint<'a>,
    /// What happened instead of an answer; `None` also if this machine lacks the address family.
    pub(crate) no_answer: Option<NoAnswer>,
}

/// Tries every published TCP port of these containers once, in parallel, except those that
/// `[wait]` excludes. A server that keeps the connection open without an answer counts as running.
pub(crate) fn check_answers<'a>(project: &'a CheckedProject, containers: &[&'a Container]) -> Vec<AnswerCheck<'a>> {
    let mut endpoints = service_endpoints(project, containers.iter().copied());
    endpoints.retain(|endpoint| endpoint.container.state == State::Running && endpoint.demand != Demand::Excluded);
    std::thread::scope(|scope| {
        let probes: Vec<_> = endpoints
            .into_iter()
            .map(|endpoint| {
                (
                    scope.spawn({
                        let endpoint = endpoint.clone();
                        move || check_answer(&endpoint)
                    }),
                    endpoint,
                )
            })
            .collect();
        let check = |(probe, endpoint): (std::thread::ScopedJoinHandle<'_, Result<Comparison, NoAnswer>>, _)| {
            let result = probe.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            AnswerCheck {
                endpoint,
                no_answer: result.err().filter(|no_answer| *no_answer != NoAnswer::NoAddressFamily),
            }
        };
        probes.into_iter().map(check).collect()
    })
}

pub(crate) fn service_endpoints<'a>(
    project: &'a CheckedProject,
    containers: impl IntoIterator<Item = &'a Container>,
) -> Vec<ServiceEndpoint<'a>> {
    let mut endpoints: Vec<ServiceEndpoint<'a>> = Vec::new();
    for container in containers.into_iter().filter(|container| !container.one_off) {
        let Some(service) = container.service.as_deref() else { continue };
        let Some(known) = project.stack.service(service) else { continue };
        let rule = project.settings.wait.get(service).map(|rule| &rule.wait_for);
        for binding in container.held().filter(|binding| binding.protocol == Protocol::Tcp) {
            let target = binding.target;
            let endpoint = ServiceEndpoint {
                service,
                container,
                address: reachable_address(binding),
                target,
                protocol: service_protocol(Some(known), target),
                is_wildcard: binding.host_ip.is_unspecified(),
                demand: demand(rule, target),
                direct: direct_addresses(container, target),
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

/// The container's addresses on bridges of this machine. Docker names a bridge after the network's
/// id (moby, `daemon/libnetwork/drivers/bridge`), so the same address on a network of another
/// engine, or of one in a virtual machine, is not taken for it.
fn direct_addresses(container: &Container, target: u16) -> Vec<SocketAddr> {
    let on_bridge = |id: &str| id.get(..12).is_some_and(|start| host::has_interface(&format!("br-{start}")));
    let reachable = container.networks.iter().filter(|attachment| on_bridge(&attachment.id));
    reachable.filter_map(|attachment| Some(SocketAddr::new(attachment.address?, target))).collect()
}

/// Checks again until there is an answer, the deadline has passed or `stop` is set.
pub(crate) fn wait_for_answer(
    endpoint: &ServiceEndpoint<'_>,
    deadline: Instant,
    interrupt: &InterruptGuard,
    stop: &AtomicBool,
) -> Result<Comparison, NoAnswer> {
    let mut is_confirmed = false;
    loop {
        match check_answer(endpoint) {
            // The program may have begun to listen between the two attempts.
            Ok(Comparison::Different | Comparison::Refused) if !is_confirmed => is_confirmed = true,
            Ok(comparison) => return Ok(comparison),
            // The engine publishes [::] even if this host has no IPv6 at all.
            Err(NoAnswer::NoAddressFamily) => return Err(NoAnswer::NoAddressFamily),
            Err(no_answer) if Instant::now() >= deadline || interrupt.interrupted() || stop.load(Ordering::Relaxed) => {
                return Err(no_answer);
            }
            Err(_) => {}
        }
        std::thread::sleep(POLL);
    }
}

/// Asks the published port and the container at the same time.
fn check_answer(endpoint: &ServiceEndpoint<'_>) -> Result<Comparison, NoAnswer> {
    let (host, protocol) = (endpoint.address, endpoint.protocol);
    let (published, direct) = std::thread::scope(|scope| {
        let ask = || ask_container(&endpoint.direct, |address| exchange(address, host, protocol));
        let direct = (!endpoint.direct.is_empty()).then(|| scope.spawn(ask));
        let published = exchange(host, host, protocol);
        let direct = direct.and_then(|direct| direct.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        (published, direct)
    });
    match (published, direct) {
        // A program that closes what it doesn't understand does so on its own address too. The
        // engine's forwarder alone would close connections for a container that doesn't listen.
        (Err(NoAnswer::Closed), Some(Err(NoAnswer::Closed))) if !protocol.has_known_answer() => Ok(Comparison::Same),
        (Err(no_answer), _) => Err(no_answer),
        (Ok(answer), direct) => judge_answer(&answer, protocol).map(|()| compare(&answer, direct.as_ref())),
    }
}

/// The first result that is no refusal: a program may listen on one network only.
fn ask_container(
    addresses: &[SocketAddr],
    ask: impl Fn(SocketAddr) -> Result<Vec<u8>, NoAnswer>,
) -> Option<Result<Vec<u8>, NoAnswer>> {
    let mut refused = None;
    for address in addresses {
        match ask(*address) {
            Err(NoAnswer::Refused) => refused = Some(Err(NoAnswer::Refused)),
            result => return Some(result),
        }
    }
    refused
}

fn compare(published: &[u8], direct: Option<&Result<Vec<u8>, NoAnswer>>) -> Comparison {
    match direct {
        Some(Ok(direct)) => {
            // A read may return fewer bytes than were sent.
            let length = published.len().min(direct.len());
            let is_same = published.is_empty() == direct.is_empty() && published[..length] == direct[..length];
            if is_same { Comparison::Same } else { Comparison::Different }
        }
        Some(Err(NoAnswer::Refused)) => Comparison::Refused,
        Some(Err(NoAnswer::Closed)) => Comparison::Different,
        Some(Err(_)) | None => Comparison::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn check(address: SocketAddr, direct: &[SocketAddr], protocol: ServiceProtocol) -> Result<Comparison, NoAnswer> {
        check_answer(&ServiceEndpoint {
            service: "s",
            container: &Container::default(),
            address,
            target: 80,
            protocol,
            is_wildcard: false,
            demand: Demand::Default,
            direct: direct.to_vec(),
        })
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

    fn closed_port() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[test]
    fn an_answer_in_the_protocol_counts_and_another_does_not() {
        let check = |answer, protocol| check(server(answer), &[], protocol);
        assert_eq!(check(b"N", ServiceProtocol::Postgres), Ok(Comparison::Unknown));
        assert!(check(b"HTTP/1.1 400", ServiceProtocol::Postgres).is_err());
        assert!(check(b"-NOAUTH", ServiceProtocol::Redis).is_ok());
        assert!(check(b"HTTP/1.1 500", ServiceProtocol::Http).is_ok());
    }

    #[test]
    fn a_closed_port_is_refused() {
        assert_eq!(check(closed_port(), &[], ServiceProtocol::Http), Err(NoAnswer::Refused));
    }

    #[test]
    fn a_connection_that_is_closed_at_once_counts_if_the_container_does_the_same() {
        let check = |direct: &[SocketAddr], protocol| check(server(b""), direct, protocol);
        assert_eq!(check(&[], ServiceProtocol::Http), Err(NoAnswer::Closed));
        // docker-proxy accepts for a container that does not listen.
        assert_eq!(check(&[closed_port()], ServiceProtocol::Http), Err(NoAnswer::Closed));
        assert_eq!(check(&[server(b"")], ServiceProtocol::Http), Ok(Comparison::Same));
        // It has begun to answer meanwhile, and is asked again.
        assert_eq!(check(&[server(b"220 ready")], ServiceProtocol::Http), Err(NoAnswer::Closed));
        // PostgreSQL never closes without a word.
        assert_eq!(check(&[server(b"")], ServiceProtocol::Postgres), Err(NoAnswer::Closed));
    }

    #[test]
    fn the_container_s_own_answer_is_compared() {
        let ok = b"HTTP/1.1 200 OK";
        let check = |direct: &[SocketAddr]| check(server(ok), direct, ServiceProtocol::Http).unwrap();
        assert_eq!(check(&[]), Comparison::Unknown);
        assert_eq!(check(&[server(ok)]), Comparison::Same);
        assert_eq!(check(&[server(b"HTTP/1.1 404 Not Found")]), Comparison::Different);
        assert_eq!(check(&[server(b"")]), Comparison::Different);
        assert_eq!(check(&[closed_port()]), Comparison::Refused);
        assert_eq!(check(&[closed_port(), server(ok)]), Comparison::Same);
        // Less of the same answer was read.
        assert_eq!(compare(b"HTTP", Some(&Ok(ok.to_vec()))), Comparison::Same);
        assert_eq!(compare(b"", Some(&Ok(ok.to_vec()))), Comparison::Different);
    }
}
