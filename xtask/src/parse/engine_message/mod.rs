//! An engine's messages about ports that it cannot publish.
//!
//! `tests.rs` lists the texts by engine. They come from the sources of moby (tags 1.x
//! to 29), rootlesskit, Podman and gvisor-tap-vsock, from the engines 20.10, 26.1 and
//! 28.5, and from the issue trackers of Docker Desktop. The input may be all of
//! Compose's output: progress, and the error somewhere in it.
//!
//! The engine's own messages are always English. Docker Desktop adds Windows' error
//! about a socket in the user's language: that part is not read, and the cause is
//! [`Cause::Refused`]. The bind probe then finds the reason.

mod other;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};

pub use other::{NameConflict, NetworkProblem, name_conflict, network_problem};

use crate::model::Protocol;
use crate::parse::rows::text;

/// A port that an engine could not publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortProblem {
    /// Address in the message; unspecified = every address of that family. Rootless
    /// engines name an address of their own network (`10.0.2.100`), so mappings are
    /// found by port and protocol.
    pub host_ip: Option<IpAddr>,
    /// The published port, if the text contains it.
    pub port: Option<u16>,
    /// The protocol, if the text contains it.
    pub protocol: Option<Protocol>,
    pub cause: Cause,
    /// Name of the container that should get the port, if the text contains it.
    pub container: Option<String>,
}

/// Why a port could not be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The engine gave it to another container, or believes so.
    Allocated,
    /// A process or another engine has it.
    InUse,
    /// The system refuses it: reserved, or held exclusively.
    Forbidden,
    /// A port below 1024, and the engine may not bind those.
    Privileged,
    /// The host IP is not an address of the engine's machine.
    NotLocal,
    /// Every port of the requested range is taken.
    AllAllocated,
    /// Docker Desktop's or Podman's forwarder failed: the port is taken or reserved, or
    /// the forwarder is stale.
    Backend,
    /// The host refused with a message in its own language.
    Refused,
}

impl Cause {
    /// As part of a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Allocated => "the engine gave it to another container",
            Cause::InUse => "somebody else has it",
            Cause::Forbidden => "the system forbids it: reserved, or held exclusively",
            Cause::Privileged => "a port below 1024, and the engine may not bind those",
            Cause::NotLocal => "the address is not one of its machine's",
            Cause::AllAllocated => "every port of the range is taken",
            Cause::Backend => "its port forwarder failed",
            Cause::Refused => "the system refused it",
        }
    }
}

/// The first port problem in `output`.
pub fn port_problem(output: &[u8]) -> Option<PortProblem> {
    port_problems(output).into_iter().next()
}

/// All distinct port problems in `output`, in order.
pub fn port_problems(output: &[u8]) -> Vec<PortProblem> {
    let mut problems = Vec::new();
    for line in text(output).lines() {
        if let Some(problem) = in_line(line).filter(|problem| !problems.contains(problem)) {
            problems.push(problem);
        }
    }
    problems
}

/// Texts that mark a line as the engine's. A program in a container may log "address
/// already in use" too, and Compose prints its logs.
const FRAMES: &[&str] = &[
    "error response from daemon",
    "driver failed programming external connectivity",
    "failed to set up container networking",
    "ports are not available",
    "error starting userland proxy",
    "failed to bind port ",
    "failed to bind host port ",
    ".addport()",
    "rootlessport",
    "cannot bind tcp port ",
    "cannot bind udp port ",
    "cannot listen on the tcp port",
    "cannot listen on the udp port",
    "something went wrong with the request",
];

fn in_line(line: &str) -> Option<PortProblem> {
    let lower = line.to_ascii_lowercase();
    let has = |words: &str| lower.contains(words);
    let place = Place::find(&lower);
    let port = place.port;
    let cause = if has("port is already allocated") {
        Cause::Allocated
    } else if has("all ports are allocated") {
        Cause::AllAllocated
    } else if !FRAMES.iter().any(|words| has(words)) {
        return None;
    } else if has("cannot expose privileged port") {
        Cause::Privileged
    } else if has("returned unexpected status") || has("unable to list exposed ports") || has("proxy already running") {
        Cause::Backend
    } else if has("failed to listen on tcp socket: address already in use") {
        // moby 28, `portmapper`: the only form without a port.
        Cause::InUse
    } else if port.is_some() && (has("address already in use") || has("eaddrinuse")) {
        // Without a port it is about a container's static IP address.
        Cause::InUse
    } else if port.is_some() && (has("cannot assign requested address") || has("can't assign requested address")) {
        Cause::NotLocal
    } else if port.is_some_and(|port| port < 1024) && has("permission denied") {
        Cause::Privileged
    } else if port.is_some() && (has("permission denied") || has("eacces")) {
        Cause::Forbidden
    } else if has("ports are not available") {
        Cause::Refused
    } else {
        return None;
    };
    Some(PortProblem { host_ip: place.ip, port, protocol: place.protocol, cause, container: container(line, &lower) })
}

#[derive(Default)]
struct Place {
    ip: Option<IpAddr>,
    port: Option<u16>,
    protocol: Option<Protocol>,
}

/// Parses the text after the words that introduce an address.
type Reader = fn(&str) -> Option<Place>;

impl Place {
    /// Tries the forms of a line, most specific first, until one has a port. `lower` is
    /// the line in lower case.
    fn find(lower: &str) -> Place {
        let after = |words: &str| lower.find(words).map(|at| &lower[at + words.len()..]);
        let readers: [(&str, Reader); 10] = [
            ("bind for ", Place::address),
            ("failed to bind host port ", Place::host_port),
            ("failed to bind port ", |rest| Place::address(rest).or_else(|| Place::number(rest))),
            ("exposing port ", Place::named),
            ("listen tcp", |rest| Place::listen(rest, Protocol::Tcp)),
            ("listen udp", |rest| Place::listen(rest, Protocol::Udp)),
            // Podman 6; what follows the address is `: address already in use`.
            ("cannot bind tcp port ", |rest| Place::bound(rest, Protocol::Tcp)),
            ("cannot bind udp port ", |rest| Place::bound(rest, Protocol::Udp)),
            ("cannot expose privileged port ", Place::number),
            ("cannot expose port ", Place::number),
        ];
        readers.iter().find_map(|(words, read)| after(words).and_then(read)).unwrap_or_default()
    }

    /// `0.0.0.0:8000`, `[::]:8000`, `:::8000` or `:8000`, optionally followed by `/tcp` or by
    /// a container's address and `/tcp`: `0.0.0.0:8000:172.18.0.2:80/tcp`.
    fn address(rest: &str) -> Option<Place> {
        let word = rest.split_ascii_whitespace().next()?.trim_end_matches([':', ',']);
        let (word, protocol) = match word.split_once('/') {
            Some((word, protocol)) => (word, leading_word(protocol).parse().ok()),
            None => (word, None),
        };
        let (ip, port) = if let Some(inner) = word.strip_prefix('[') {
            let (ip, port) = inner.split_once("]:")?;
            (Some(ip.parse().ok()?), port)
        } else if let Some((ip, port)) = word.split_once(':')
            && let Ok(ip) = ip.parse::<Ipv4Addr>()
        {
            (Some(IpAddr::V4(ip)), port)
        } else {
            let (ip, port) = word.rsplit_once(':')?;
            (if ip.is_empty() { None } else { Some(ip.parse().ok()?) }, port)
        };
        Some(Place { ip, port: Some(leading_number(port)?), protocol })
    }

    /// `8001 for 0.0.0.0:8000-8010:…`, `for 0.0.0.0:8000:…` or an address: the number before
    /// `for` is the port of the range that was tried.
    fn host_port(rest: &str) -> Option<Place> {
        match rest.split_once("for ") {
            Some((tried, address)) if tried.trim().bytes().all(|b| b.is_ascii_digit()) => {
                let place = Place::address(address)?;
                Some(Place { port: leading_number(tried).or(place.port), ..place })
            }
            _ => Place::address(rest),
        }
    }

    /// `tcp 0.0.0.0:8000 -> 127.0.0.1:0` (`TCP` in the original).
    fn named(rest: &str) -> Option<Place> {
        let (protocol, address) = rest.split_once(' ')?;
        Some(Place { protocol: protocol.parse().ok(), ..Place::address(address)? })
    }

    /// The text after `listen tcp`: optionally 4 or 6, then an address.
    fn listen(rest: &str, protocol: Protocol) -> Option<Place> {
        let address = rest.trim_start_matches(['4', '6']).strip_prefix(' ')?;
        Some(Place { protocol: Some(protocol), ..Place::address(address)? })
    }

    fn bound(rest: &str, protocol: Protocol) -> Option<Place> {
        Some(Place { protocol: Some(protocol), ..Place::address(rest)? })
    }

    fn number(rest: &str) -> Option<Place> {
        Some(Place { port: Some(leading_number(rest)?), ..Place::default() })
    }
}

/// The number that `text` starts with: 8000 for `8000-8010:172.18.0.2:80`.
fn leading_number(text: &str) -> Option<u16> {
    text[..text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len()].parse().ok()
}

/// The letters that `text` starts with.
fn leading_word(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len()]
}

/// `… on endpoint NAME (ID): …`, or Compose 1's `ERROR: for NAME  Cannot start`.
fn container(line: &str, lower: &str) -> Option<String> {
    // ASCII lower case keeps every position.
    let between = |open: &str, close: &str| {
        let start = lower.find(open)? + open.len();
        let end = start + lower[start..].find(close)?;
        Some(line[start..end].trim()).filter(|name| !name.is_empty() && !name.contains(' '))
    };
    between("on endpoint ", " (").or_else(|| between("error: for ", " cannot ")).map(str::to_owned)
}
