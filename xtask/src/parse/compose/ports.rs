//! `ports:` in the short and the long syntax.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use super::node::{Data, Node, Scalar};
use super::number::{integer, number, numbers, port, whole};
use super::written::{published_part, written_long, written_short};
use crate::error::{Error, Result};
use crate::model::{Affixes, Origin, PortMapping, PortRange, Protocol, Source, Wanted, Written};
use crate::parse::interpolate::{Outcome, Use, mentions};

/// Reads a service's ports: expands ranges and drops duplicates as Compose does (same
/// host IP, published, target and protocol).
pub(super) fn ports(service: &str, node: &Node) -> Result<Vec<Wanted>> {
    let path = format!("services.{service}.ports");
    let Data::List(items) = &node.data else {
        return Err(node.error(&path, "must be a list").hint("write `ports:`, then one `- \"8000:80\"` per line"));
    };
    let mut ports: Vec<Wanted> = Vec::with_capacity(items.len());
    // A set of keys, because `10000-20000:10000-20000/udp` has ten thousand ports.
    let mut known: HashMap<(Key, Form), usize> = HashMap::with_capacity(items.len());
    for item in items {
        let found = match &item.data {
            Data::Scalar(scalar) => short(service, &path, item, scalar)?,
            Data::Map(_) => vec![long(service, &path, item)?],
            Data::Null | Data::List(_) => {
                return Err(item.error(&path, "must be a port or a mapping").hint(SHORT));
            }
        };
        let form = form(item);
        for wanted in found {
            match known.entry((key(&wanted.mapping), form)) {
                Entry::Occupied(index) => ports[*index.get()] = wanted,
                Entry::Vacant(free) => {
                    free.insert(ports.len());
                    ports.push(wanted);
                }
            }
        }
    }
    Ok(ports)
}

/// Refuses invalid short entries in every service. Compose checks them in each file,
/// before a later file replaces anything; long entries it checks after merging.
pub fn check_ports(services: &[(String, Node)]) -> Result<()> {
    for (name, service) in services {
        for item in service.get("ports").map(Node::items).unwrap_or_default() {
            if let Data::Scalar(scalar) = &item.data {
                short(name, &format!("services.{name}.ports"), item, scalar)?;
            }
        }
    }
    Ok(())
}

/// Refuses an invalid entry of `ports:`.
pub fn check_port(service: &str, item: &Node) -> Result<()> {
    ports(service, &Node { data: Data::List(vec![item.clone()]), ..item.clone() }).map(drop)
}

/// Entries with the same key are duplicates.
type Key = (IpAddr, Option<PortRange>, u16, Protocol);

/// To Compose no host IP and 0.0.0.0 are the same here.
fn key(mapping: &PortMapping) -> Key {
    let host_ip = mapping.host_ip.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    (host_ip, mapping.published, mapping.target, mapping.protocol)
}

/// How the published port is written. Compose treats these as different even if the
/// value is the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Absent,
    Empty,
    Text,
    Number,
}

fn form(item: &Node) -> Form {
    let absent = match &item.data {
        Data::Scalar(scalar) => scalar.text.rsplit(':').nth(1).is_none_or(str::is_empty),
        _ => item.get("published").is_none(),
    };
    let number = |scalar: &Scalar| !scalar.quoted && integer(&scalar.text).is_some();
    match item.get("published").and_then(Node::scalar) {
        _ if absent => Form::Absent,
        Some(scalar) if scalar.text.is_empty() => Form::Empty,
        Some(scalar) if number(scalar) => Form::Number,
        _ => Form::Text,
    }
}

/// `[[IP:]PUBLISHED:]TARGET[/PROTOCOL]`.
fn short(service: &str, path: &str, item: &Node, scalar: &Scalar) -> Result<Vec<Wanted>> {
    let text = scalar.text.as_str();
    let fail = |fact: String| {
        let fact = scalar.template.as_ref().map_or(fact.clone(), |template| format!("{fact}, from `{}`", template.raw));
        explain(item.error(path, fact), scalar)
    };
    if !scalar.quoted
        && let Some(target) = integer(text)
    {
        let target = port(target).ok_or_else(|| fail(format!("invalid container port: `{text}`")))?;
        let origin = Some(origin_of(item, scalar, 0..0, 0..0));
        return Ok(vec![wanted(service, None, None, target, Protocol::Tcp, origin)]);
    }
    let mut parts = text.rsplitn(3, ':');
    let (target, published, ip) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let published_end = text.len() - target.len() - usize::from(!published.is_empty());
    let (target, protocol) = target.split_once('/').unwrap_or((target, ""));
    if target.is_empty() {
        return Err(fail(format!("no container port in `{text}`")));
    }
    let protocol: Protocol = protocol.parse().map_err(|()| fail(format!("invalid protocol: `{protocol}`")))?;
    // Without brackets Compose cannot separate IPv6 from the ports.
    let bare = ip.contains(':') && !ip.starts_with('[');
    let host_ip = host_ip(ip).ok().filter(|_| !bare).ok_or_else(|| fail(format!("invalid IP address: `{ip}`")))?;
    let targets = numbers(target)
        .and_then(|(first, last)| PortRange::new(first, last))
        .ok_or_else(|| fail(format!("invalid container port: `{target}`")))?;
    let place = published_end - published.len()..published_end;
    let mut origin = origin_of(item, scalar, place, published_part(scalar));
    origin.written = written_short(scalar, published);
    let host = match published {
        "" => None,
        _ => Some(numbers(published).ok_or_else(|| fail(format!("invalid host port: `{published}`")))?),
    };
    let Some((first, last)) = host else {
        if !targets.is_one() {
            (origin.written.target, origin.written.whole) = (None, None);
        }
        let without = |target| wanted(service, host_ip, None, target, protocol, Some(origin.clone()));
        return Ok(targets.iter().map(without).collect());
    };
    if targets.is_one() {
        let published = PortRange::new(first, last);
        return Ok(vec![wanted(service, host_ip, published, targets.first, protocol, Some(origin))]);
    }
    if last - first != targets.last - targets.first {
        return Err(fail(format!("the ranges `{published}` and `{target}` differ in length")));
    }
    // One variable cannot move several ports separately.
    let written = Written { host_ip: origin.written.host_ip, ..Written::default() };
    let origin = Origin { variable: None, affixes: Affixes::default(), written, ..origin };
    let pairs = (first..=last).zip(targets.iter());
    Ok(pairs
        .map(|(published, target)| {
            wanted(service, host_ip, PortRange::new(published, published), target, protocol, Some(origin.clone()))
        })
        .collect())
}

/// `{target: 80, published: "8000", host_ip: …, protocol: …}`.
fn long(service: &str, path: &str, item: &Node) -> Result<Wanted> {
    let text = |name: &str| item.get(name).and_then(Node::text).unwrap_or("");
    let target = match text("target") {
        "" => {
            return Err(item.error(path, "is missing a target port").hint("add `target: 80`, the container's port"));
        }
        _ => item.get("target").and_then(Node::scalar).and_then(whole).and_then(port).ok_or_else(|| {
            item.error(path, format!("invalid container port: `{}`", text("target")))
                .hint("`target:` is the container's port, from 1 to 65535")
        })?,
    };
    let published = text("published");
    let scalar = item.get("published").and_then(Node::scalar);
    let written_number = scalar.filter(|scalar| !scalar.quoted).and_then(whole).and_then(number);
    let range = match published {
        "" => None,
        _ => Some(written_number.map(|one| (one, one)).or_else(|| numbers(published)).ok_or_else(|| {
            let error = item.error(path, format!("invalid host port: `{published}`"));
            scalar.map_or(error.clone(), |scalar| explain(error, scalar))
        })?),
    };
    let ip = text("host_ip");
    let written = !ip.is_empty() || item.get("host_ip").is_none();
    let host_ip = host_ip(ip).ok().filter(|_| written).ok_or_else(|| {
        item.error(path, format!("invalid IP address: `{ip}`"))
            .hint("write one such as `host_ip: 127.0.0.1`, or leave `host_ip:` out")
    })?;
    let protocol = text("protocol");
    let protocol = protocol.parse().map_err(|()| {
        item.error(path, format!("invalid protocol: `{protocol}`")).hint("write `protocol: tcp` or `protocol: udp`")
    })?;
    let mut origin = match item.get("published") {
        Some(node) => {
            let scalar = node.scalar().cloned().unwrap_or_default();
            let whole = scalar.template.as_ref().map_or(scalar.text.len(), |template| template.raw.len());
            origin_of(node, &scalar, 0..scalar.text.len(), 0..whole)
        }
        None => origin_of(item, &Scalar::default(), 0..0, 0..0),
    };
    origin.written = written_long(item);
    let published = range.and_then(|(first, last)| PortRange::new(first, last));
    Ok(wanted(service, host_ip, published, target, protocol, Some(origin)))
}

fn wanted(
    service: &str,
    host_ip: Option<IpAddr>,
    published: Option<PortRange>,
    target: u16,
    protocol: Protocol,
    origin: Option<Origin>,
) -> Wanted {
    Wanted { mapping: PortMapping { service: service.to_owned(), host_ip, published, target, protocol }, origin }
}

/// Empty = every address; IPv6 in brackets.
fn host_ip(text: &str) -> Result<Option<IpAddr>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().map(|ip| Some(ip.into())).map_err(drop),
        None => text.parse().map(Some).map_err(drop),
    }
}

/// Where the published port comes from. It is at `place` of the text, and, if that is
/// empty, at `part` of the text as written.
fn origin_of(item: &Node, scalar: &Scalar, place: Range<usize>, part: Range<usize>) -> Origin {
    let mut origin = Origin {
        file: item.file.to_path_buf(),
        line: item.line,
        variable: None,
        affixes: Affixes::default(),
        source: Source::Literal,
        written: Written::default(),
    };
    let Some(template) = &scalar.template else {
        return origin;
    };
    let outer = || template.uses.iter().filter(|used| !used.nested);
    let overlaps = |used: &&Use<Source>| used.out.start < place.end && place.start < used.out.end;
    let inside = |used: &&Use<Source>| used.range.start >= part.start && used.range.end <= part.end;
    let used = outer().find(overlaps).or_else(|| outer().find(inside));
    let Some(used) = used else { return origin };
    origin.source = source(&template.uses, used);
    let has_it_all = used.out.start <= place.start && place.end <= used.out.end;
    let is_it = if place.is_empty() { used.range == part } else { has_it_all };
    // A variable that occurs twice would change more than this number. What it does to a target
    // port behind it is seen in the model.
    let count = |text: &str| mentions(text).iter().filter(|mention| mention.name == used.name).count();
    let once = count(&template.raw) == 1 || count(template.raw.get(..part.end).unwrap_or_default()) == 1;
    if is_it && once && !matches!(used.outcome, Outcome::Alternative(_)) {
        origin.variable = Some(used.name.clone());
        if !place.is_empty() {
            let text = |range: Range<usize>| scalar.text[range].to_owned();
            origin.affixes =
                Affixes { before: text(used.out.start..place.start), after: text(place.end..used.out.end) };
        }
    }
    origin
}

/// The source of the value that a variable gives; that of B for `${A:-$B}` and
/// `${A:+$B}` if the text after the operator is used.
fn source(all: &[Use<Source>], of: &Use<Source>) -> Source {
    let within =
        |inner: &&Use<Source>| inner.nested && inner.range.start > of.range.start && inner.range.end < of.range.end;
    match &of.outcome {
        Outcome::Set(found) => found.clone(),
        Outcome::Unset => Source::Default,
        Outcome::Default | Outcome::Alternative(_) => all
            .iter()
            .filter(within)
            .find_map(|inner| if let Outcome::Set(found) = &inner.outcome { Some(found.clone()) } else { None })
            .unwrap_or(Source::Default),
    }
}

const SHORT: &str = "write \"PUBLISHED:TARGET\", such as \"8000:80\", with ports from 1 to 65535";

/// Adds hints about what to change: the variable's line, or the entry.
fn explain(error: Error, scalar: &Scalar) -> Error {
    let Some(template) = &scalar.template else {
        return error.hint(SHORT);
    };
    let mut error = error;
    for used in template.uses.iter().filter(|used| !used.nested) {
        let name = &used.name;
        error = error.hint(match &used.outcome {
            Outcome::Set(Source::EnvFile { path, line }) => {
                format!("{name} is set in {}:{line}", path.display())
            }
            Outcome::Set(_) => {
                format!("{name} is set in the shell: `unset {name}`, or export a port number")
            }
            Outcome::Unset => format!("{name} is not set: add `{name}=8000` to .env"),
            Outcome::Default | Outcome::Alternative(_) => {
                format!("`{}` gives {name} that value", template.raw)
            }
        });
    }
    error
}
