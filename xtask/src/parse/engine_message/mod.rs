//! What an engine says when it cannot publish a port.
//!
//! The texts, by engine, are in the table of `tests.rs`. They were read in
//! moby's sources at its tags (1.x to 29), in those of rootlesskit, Podman and
//! gvisor-tap-vsock, printed by the engines 20.10, 26.1 and 28.5, or are quoted
//! in the issue trackers of Docker Desktop. The input may be all that Compose
//! wrote: progress, and the error somewhere in it.
//!
//! The engine's own words are English everywhere. Where Docker Desktop passes
//! on what Windows says about a socket, that part is in the user's language:
//! it is never read, and the cause is [`Cause::Refused`]. The bind probe tells
//! what is behind it.

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
    /// Address in the message; unspecified = every address of that family.
    /// Rootless engines name an address of their own network here
    /// (`10.0.2.100`), so mappings are found by port and protocol.
    pub host_ip: Option<IpAddr>,
    /// The published port, where the text has it.
    pub port: Option<u16>,
    /// Transport protocol, where the text has it.
    pub protocol: Option<Protocol>,
    pub cause: Cause,
    /// Name of the container that should have had the port, where the text has it.
    pub container: Option<String>,
}

/// Why a port could not be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The same engine gave it to another container (or believes so).
    Allocated,
    /// Somebody else has it: a process, or another engine.
    InUse,
    /// The system refuses it to this engine: reserved, or held exclusively.
    Forbidden,
    /// A port below 1024, and an engine without that privilege.
    Privileged,
    /// The host IP is not an address of that machine.
    NotLocal,
    /// Every port of the requested range is taken.
    AllAllocated,
    /// Docker Desktop's or Podman's forwarder failed: the port is taken, is
    /// reserved, or the forwarder is stale.
    Backend,
    /// The host refused, and said why in its own language.
    Refused,
}

impl Cause {
    /// A fragment that tells people.
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

/// The first port problem in `output`, if there is one.
pub fn port_problem(output: &[u8]) -> Option<PortProblem> {
    port_problems(output).into_iter().next()
}

/// Every port problem in `output`, each once, in order.
pub fn port_problems(output: &[u8]) -> Vec<PortProblem> {
    let mut problems = Vec::new();
    for line in text(output).lines() {
        if let Some(problem) = in_line(line).filter(|problem| !problems.contains(problem)) {
            problems.push(problem);
        }
    }
    problems
}

/// Words that an engine puts around the fact. A program in a container may well
/// log "address already in use" itself, and Compose passes that on.
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
        // moby 28, `portmapper`: the one form that names no port.
        Cause::InUse
    } else if port.is_some() && (has("address already in use") || has("eaddrinuse")) {
        // Without a port it is about a container's fixed IP address.
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

/// Where the engine wanted to listen.
#[derive(Default)]
struct Place {
    ip: Option<IpAddr>,
    port: Option<u16>,
    protocol: Option<Protocol>,
}

/// Reads what follows the words that introduce a place.
type Reader = fn(&str) -> Option<Place>;

impl Place {
    /// Reads the places of a line, surest wording first, until one has a port.
    /// `lower` is the line in lower case.
    fn find(lower: &str) -> Place {
        let after = |words: &str| lower.find(words).map(|at| &lower[at + words.len()..]);
        let readers: [(&str, Reader); 8] = [
            ("bind for ", Place::address),
            ("failed to bind host port ", Place::host_port),
            ("failed to bind port ", |rest| Place::address(rest).or_else(|| Place::number(rest))),
            ("exposing port ", Place::named),
            ("listen tcp", |rest| Place::listen(rest, Protocol::Tcp)),
            ("listen udp", |rest| Place::listen(rest, Protocol::Udp)),
            ("cannot expose privileged port ", Place::number),
            ("cannot expose port ", Place::number),
        ];
        readers.iter().find_map(|(words, read)| after(words).and_then(read)).unwrap_or_default()
    }

    /// `0.0.0.0:8000`, `[::]:8000`, `:::8000` or `:8000`, and perhaps `/tcp`
    /// after it or after a container's address: `0.0.0.0:8000:172.18.0.2:80/tcp`.
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

    /// `8001 for 0.0.0.0:8000-8010:…`, `for 0.0.0.0:8000:…` or an address: the
    /// number before `for` is the one of the range that was tried.
    fn host_port(rest: &str) -> Option<Place> {
        match rest.split_once("for ") {
            Some((tried, address)) if tried.trim().bytes().all(|b| b.is_ascii_digit()) => {
                let place = Place::address(address)?;
                Some(Place { port: leading_number(tried).or(place.port), ..place })
            }
            _ => Place::address(rest),
        }
    }

    /// `tcp 0.0.0.0:8000 -> 127.0.0.1:0` (in the text `TCP`).
    fn named(rest: &str) -> Option<Place> {
        let (protocol, address) = rest.split_once(' ')?;
        Some(Place { protocol: protocol.parse().ok(), ..Place::address(address)? })
    }

    /// What follows `listen tcp`: perhaps 4 or 6, then an address.
    fn listen(rest: &str, protocol: Protocol) -> Option<Place> {
        let address = rest.trim_start_matches(['4', '6']).strip_prefix(' ')?;
        Some(Place { protocol: Some(protocol), ..Place::address(address)? })
    }

    fn number(rest: &str) -> Option<Place> {
        Some(Place { port: Some(leading_number(rest)?), ..Place::default() })
    }
}

/// The number that `text` starts with: of `8000-8010:172.18.0.2:80` the first.
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
