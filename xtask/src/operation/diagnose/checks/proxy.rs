//! The shared proxy, where it is used.

use std::time::SystemTime;

use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::proxy::{self, Instance};

const NAMES_UNREACHABLE: &str = "the names of this project lead nowhere";
const PROXY_UP: &str = "cargo xtask proxy up";

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let (id, title) = ("proxy.state", "shared proxy");
    // A project that was started with --traefik needs it.
    let needed = facts.ctx.names.is_some();
    let status = match proxy::status(&facts.ctx) {
        Ok(status) => status,
        Err(error) if needed => return vec![Finding::new(id, title, Status::Unknown, error.to_string())],
        // The engine check reports this.
        Err(_) => return Vec::new(),
    };
    if status.is_absent() && !needed {
        return vec![Finding::ok(id, title, "not used")];
    }
    if !status.is_up() {
        let how = if needed { Status::Problem } else { Status::Note };
        return vec![Finding::new(id, title, how, status.summary()).why(NAMES_UNREACHABLE).remedy(PROXY_UP)];
    }
    let problems = status.problems();
    let mut found = vec![if problems.is_empty() {
        Finding::ok(id, title, status.summary())
    } else {
        Finding::new(id, title, Status::Warning, problems.join("\n"))
            .why("Traefik drops routers that are invalid or that two containers define, and of several that match it takes the first")
            .remedy("`cargo xtask proxy status` shows a remedy for each; `cargo xtask proxy labels --lint` checks this project's labels")
    }];
    let fallbacks = status.fallbacks();
    if !fallbacks.is_empty() {
        found.push(
            Finding::new(
                "proxy.fallbacks",
                "routers that match other projects' names",
                Status::Note,
                fallbacks.join("\n"),
            )
            .why("while a service is stopped or unhealthy, they answer in its place")
            .remedy("name hosts in their rules, or give them a separate proxy: PROXY_NETWORK=NAME"),
        );
    }
    let displaced_ports = status.displaced_ports();
    if !displaced_ports.is_empty() {
        found.push(
            Finding::new("proxy.ports", "ports of the proxy", Status::Note, displaced_ports.join("\n"))
                .why("URLs need these port numbers, as `start --traefik` prints them")
                .remedy(format!("free the port, then `{}`", status.reclaim_command())),
        );
    }
    found.push(certificates(facts));
    found
}

fn certificates(facts: &Facts) -> Finding {
    let (id, title) = ("proxy.certificates", "certificates of the proxy");
    let issued = Instance::resolve(&facts.ctx).map(|home| home.certs().list()).unwrap_or_default();
    let now = SystemTime::now();
    let expired: Vec<String> = issued
        .iter()
        .filter(|issued| issued.ends_at() <= now)
        .map(|issued| format!("{} has expired", issued.name))
        .collect();
    if expired.is_empty() {
        return Finding::ok(id, title, "none has expired");
    }
    Finding::new(id, title, Status::Warning, expired.join("\n")).why("clients refuse them").remedy(PROXY_UP)
}
