//! Whether `localhost` and names below it resolve to this machine.

use std::net::ToSocketAddrs;

use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let project = facts.project().map_or("app", |found| found.stack.name.as_str());
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(localhost);
        (first.join(), below_localhost(project))
    });
    first.into_iter().chain([second]).collect()
}

fn localhost() -> Finding {
    let (id, title) = ("names.localhost", "localhost");
    match resolve("localhost") {
        Some(addresses) => Finding::ok(id, title, addresses),
        None => Finding::new(id, title, Status::Problem, "does not resolve to this machine")
            .why("every URL that is printed uses it")
            .remedy("add `127.0.0.1 localhost` to /etc/hosts (Windows: C:\\Windows\\System32\\drivers\\etc\\hosts)"),
    }
}

/// Browsers and curl resolve names below `localhost` to this machine (RFC 6761, 6.3).
/// Python, Node.js and psql ask the system's resolver: systemd-resolved and
/// nss-myhostname resolve them, glibc and musl by themselves do not.
fn below_localhost(project: &str) -> Finding {
    let (id, title) = ("names.below", "names below localhost");
    let name = format!("{project}.localhost");
    let resolver = resolver();
    match resolve(&name) {
        Some(addresses) => Finding::ok(id, title, format!("{name} is {addresses}{resolver}")),
        None => Finding::new(id, title, Status::Note, format!("{name} does not resolve here{resolver}"))
            .why("browsers and curl resolve such names themselves; Python, Node.js and psql ask the system")
            .remedy(format!(
                "if a program needs it: `127.0.0.1 {name}` in the hosts file, or the package libnss-myhostname"
            )),
    }
}

/// Loopback addresses only: a name server that sends `localhost` elsewhere is a fault too.
fn resolve(name: &str) -> Option<String> {
    let addresses: Vec<String> =
        (name, 80u16).to_socket_addrs().ok()?.filter(|a| a.ip().is_loopback()).map(|a| a.ip().to_string()).collect();
    let mut unique = addresses.clone();
    unique.dedup();
    (!unique.is_empty()).then(|| unique.join(", "))
}

/// Which resolvers the system asks, by nsswitch.conf(5).
fn resolver() -> String {
    let text = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let hosts = text.lines().find_map(|line| line.strip_prefix("hosts:"));
    hosts
        .map(|words| format!(" (hosts: {})", words.split_whitespace().collect::<Vec<_>>().join(" ")))
        .unwrap_or_default()
}
