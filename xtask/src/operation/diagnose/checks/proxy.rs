//! The shared proxy, where it is used.

use std::time::SystemTime;

use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::scene::Scene;
use crate::operation::proxy::{self, Home};

/// What is missing while it does not run.
const LOST: &str = "the names of this project lead nowhere";
const UP: &str = "cargo xtask proxy up";

pub(crate) fn check(scene: &Scene) -> Vec<Finding> {
    let (id, title) = ("proxy.state", "shared proxy");
    // A project that was started by names cannot do without it.
    let needed = scene.ctx.names.is_some();
    let status = match proxy::status(&scene.ctx) {
        Ok(status) => status,
        Err(error) if needed => return vec![Finding::new(id, title, Status::Unknown, error.to_string())],
        // Without an engine that is said already.
        Err(_) => return Vec::new(),
    };
    if status.is_absent() && !needed {
        return vec![Finding::ok(id, title, "not used")];
    }
    if !status.is_up() {
        let how = if needed { Status::Problem } else { Status::Note };
        return vec![Finding::new(id, title, how, status.summary()).why(LOST).remedy(UP)];
    }
    let complaints = status.complaints();
    let mut found = vec![if complaints.is_empty() {
        Finding::ok(id, title, status.summary())
    } else {
        Finding::new(id, title, Status::Warning, complaints.join("\n"))
            .why("Traefik leaves out routers that it cannot make sense of, or that two containers define, and takes the first of those that match")
            .remedy("`cargo xtask proxy status` names the cure of each; `cargo xtask proxy labels --lint` looks at this project's labels")
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
            .why("while a service is stopped or not healthy, they answer in its place")
            .remedy("have their rules name hosts, or give them a proxy of their own: PROXY_NETWORK=NAME"),
        );
    }
    let detours = status.detours();
    if !detours.is_empty() {
        found.push(
            Finding::new("proxy.ports", "ports of the proxy", Status::Note, detours.join("\n"))
                .why("names need these numbers behind them, as `start --traefik` prints them")
                .remedy(format!("free the port, then `{}`", status.way_back())),
        );
    }
    found.push(certificates(scene));
    found
}

fn certificates(scene: &Scene) -> Finding {
    let (id, title) = ("proxy.certificates", "certificates of the proxy");
    let issued = Home::of(&scene.ctx).map(|home| home.certs().list()).unwrap_or_default();
    let now = SystemTime::now();
    let ended: Vec<String> = issued
        .iter()
        .filter(|issued| issued.ends_at() <= now)
        .map(|issued| format!("{} has ended", issued.name))
        .collect();
    if ended.is_empty() {
        return Finding::ok(id, title, "none has ended");
    }
    Finding::new(id, title, Status::Warning, ended.join("\n")).why("clients refuse them").remedy(UP)
}
