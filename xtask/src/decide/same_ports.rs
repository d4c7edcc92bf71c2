//! Whether a project publishes the same as before: host IP, target and protocol of
//! every port, and every number that was not to change.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::{PortMapping, PortRange, Stack, Wanted};

/// The published port that is expected after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Same,
    Port(u16),
    /// Any, because the user named its variable.
    Any,
}

/// A port that differs from what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortDifference {
    /// `None` for a port that appeared.
    pub before: Option<PortMapping>,
    /// `None` for a port that is gone.
    pub after: Option<PortMapping>,
    /// The published port that was expected of it.
    expect: Expect,
}

impl PortDifference {
    pub fn service(&self) -> &str {
        self.before.as_ref().or(self.after.as_ref()).map_or("", |mapping| &mapping.service)
    }

    /// Whether it is published as expected, and only its target port differs.
    pub fn is_target_only(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return false };
        before.target != after.target
            && fits(&PortMapping { target: after.target, ..before.clone() }, after, self.expect)
    }

    /// Whether only the host IP changed, and the port is reachable from no more
    /// addresses than before.
    pub fn only_narrows(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return false };
        let same = (before.target, before.protocol) == (after.target, after.protocol);
        same && covers(before.host_ip, after.host_ip)
    }
}

/// Whether everything that `two` accepts is accepted by `one` as well.
pub(super) fn covers(one: Option<IpAddr>, two: Option<IpAddr>) -> bool {
    match (one, two) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(two)) => one == two || one.is_unspecified() && one.is_ipv4() == two.is_ipv4(),
    }
}

/// Where a port is published, for a sentence: `127.0.0.1:5432`, `port 5432 of every
/// address`.
pub fn address_in_words(mapping: &PortMapping) -> String {
    match (mapping.host_ip, mapping.published) {
        (None, None) => "a random port of every address".to_owned(),
        (None, Some(port)) => format!("port {port} of every address"),
        (Some(ip), None) => format!("a random port of {ip}"),
        (Some(IpAddr::V4(ip)), Some(port)) => format!("{ip}:{port}"),
        (Some(IpAddr::V6(ip)), Some(port)) => format!("[{ip}]:{port}"),
    }
}

/// The ports of `after` that differ from `before` and `expect`; their order does not
/// matter.
pub fn port_differences(before: &Stack, after: &Stack, expect: &dyn Fn(&Wanted) -> Expect) -> Vec<PortDifference> {
    let ports =
        |stack: &Stack, name: &str| stack.service(name).map(|service| service.ports.clone()).unwrap_or_default();
    let names: BTreeSet<&str> = before.services.iter().chain(&after.services).map(|s| s.name.as_str()).collect();
    names.into_iter().flat_map(|name| in_service(&ports(before, name), &ports(after, name), expect)).collect()
}

pub fn port_difference(before: &Stack, after: &Stack, expect: &dyn Fn(&Wanted) -> Expect) -> Option<PortDifference> {
    port_differences(before, after, expect).into_iter().next()
}

fn in_service(before: &[Wanted], after: &[Wanted], expect: &dyn Fn(&Wanted) -> Expect) -> Vec<PortDifference> {
    let mut left: Vec<&PortMapping> = after.iter().map(|wanted| &wanted.mapping).collect();
    let mut missing: Vec<(&PortMapping, Expect)> = Vec::new();
    // Ports that may have any number are matched last.
    let (any, fixed): (Vec<_>, Vec<_>) =
        before.iter().map(|wanted| (&wanted.mapping, expect(wanted))).partition(|(_, expect)| *expect == Expect::Any);
    for (mapping, expect) in fixed.into_iter().chain(any) {
        match left.iter().position(|other| fits(mapping, other, expect)) {
            Some(at) => drop(left.remove(at)),
            None => missing.push((mapping, expect)),
        }
    }
    let mut found = Vec::new();
    for (before, expect) in missing {
        // Its most likely counterpart.
        let alike = left.iter().position(|other| other.target == before.target).or((!left.is_empty()).then_some(0));
        let after = alike.map(|at| left.remove(at).clone());
        found.push(PortDifference { before: Some(before.clone()), after, expect });
    }
    let added = |after: &PortMapping| PortDifference { before: None, after: Some(after.clone()), expect: Expect::Same };
    found.extend(left.into_iter().map(added));
    found
}

fn fits(before: &PortMapping, after: &PortMapping, expect: Expect) -> bool {
    let rest = |mapping: &PortMapping| (mapping.host_ip, mapping.target, mapping.protocol);
    rest(before) == rest(after)
        && match expect {
            Expect::Same => before.published == after.published,
            Expect::Port(port) => after.published == Some(PortRange::one(port)),
            Expect::Any => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Protocol, Service};

    /// `IP:PUBLISHED:TARGET/PROTOCOL` with `*` for every address, one list per service.
    fn stack(services: &[&[&str]]) -> Stack {
        let mapping = |service: &str, text: &str| {
            let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
            let mut parts = rest.rsplitn(3, ':');
            let (target, published) = (parts.next().unwrap(), parts.next().unwrap());
            PortMapping {
                service: service.to_owned(),
                host_ip: parts.next().unwrap().parse().ok(),
                published: published.parse().ok(),
                target: target.parse().unwrap(),
                protocol: protocol.parse::<Protocol>().unwrap(),
            }
        };
        let service = |(at, ports): (usize, &&[&str])| {
            let name = format!("s{at}");
            let ports = ports.iter().map(|text| Wanted { mapping: mapping(&name, text), origin: None }).collect();
            Service { name, ports, ..Service::default() }
        };
        Stack { services: services.iter().enumerate().map(service).collect(), ..Stack::default() }
    }

    /// Expects port 8000 to become 8010 and no other change.
    fn moves(wanted: &Wanted) -> Expect {
        if wanted.mapping.published == Some(PortRange::one(8000)) { Expect::Port(8010) } else { Expect::Same }
    }

    fn words(before: &[&[&str]], after: &[&[&str]]) -> Option<String> {
        let found = port_difference(&stack(before), &stack(after), &moves)?;
        let words = |port: &PortMapping| format!("{}/{} on {}", port.target, port.protocol, address_in_words(port));
        let side = |mapping: &Option<PortMapping>| mapping.as_ref().map_or_else(|| "nothing".to_owned(), words);
        Some(format!("{}: {} became {}", found.service(), side(&found.before), side(&found.after)))
    }

    #[test]
    fn only_the_number_that_was_named_may_differ() {
        let before: &[&[&str]] = &[&["127.0.0.1:8000:80", "*:9000:90/udp", "*:9001-9005:90"], &["::1:7000:70"]];
        let same = words(before, &[&["*:9001-9005:90", "127.0.0.1:8010:80", "*:9000:90/udp"], &["::1:7000:70"]]);
        assert_eq!(same, None);
        for (first, second, want) in [
            (
                &["*:8010:80"][..],
                &["::1:7000:70"][..],
                "s0: 80/tcp on 127.0.0.1:8000 became 80/tcp on port 8010 of every address",
            ),
            (&["127.0.0.1:8000:80"], &["::1:7000:70"], "s0: 80/tcp on 127.0.0.1:8000 became 80/tcp on 127.0.0.1:8000"),
            (&["127.0.0.1:8010:81"], &["::1:7000:70"], "s0: 80/tcp on 127.0.0.1:8000 became 81/tcp on 127.0.0.1:8010"),
            (&["127.0.0.1:8010:80"], &["::1:7001:70"], "s1: 70/tcp on [::1]:7000 became 70/tcp on [::1]:7001"),
            (&["127.0.0.1:8010:80"], &["::1:7000:70/udp"], "s1: 70/tcp on [::1]:7000 became 70/udp on [::1]:7000"),
            (&["127.0.0.1:8010:80"], &[], "s1: 70/tcp on [::1]:7000 became nothing"),
            (
                &["127.0.0.1:8010:80"],
                &["::1:7000:70", "*:1:1"],
                "s1: 1/tcp on port 1 of every address became 1/tcp on port 1 of every address",
            ),
        ] {
            let rest = ["*:9000:90/udp", "*:9001-9005:90"];
            let first: Vec<&str> = first.iter().copied().chain(rest).collect();
            let found = words(before, &[&first, second]);
            let want = want.replace("1/tcp on port 1 of every address became 1", "nothing became 1");
            assert_eq!(found, Some(want));
        }
        assert_eq!(words(&[], &[&["*:1:1"]]).unwrap(), "s0: nothing became 1/tcp on port 1 of every address");
    }

    #[test]
    fn fewer_addresses_are_told_from_others() {
        for (before, after, want) in [
            ("*:1:80", "127.0.0.1:2:80", true),
            ("0.0.0.0:1:80", "127.0.0.1:1:80", true),
            ("0.0.0.0:1:80", "::1:1:80", false),
            ("127.0.0.1:1:80", "*:1:80", false),
            ("127.0.0.1:1:80", "192.168.1.2:1:80", false),
            ("*:1:80", "127.0.0.1:1:81", false),
        ] {
            let found = port_difference(&stack(&[&[before]]), &stack(&[&[after]]), &|_| Expect::Any).unwrap();
            assert_eq!(found.only_narrows(), want, "{before} {after}");
        }
        assert!(port_difference(&stack(&[&["*:1:80"]]), &stack(&[&["*:2:80"]]), &|_| Expect::Any).is_none());
    }
}
