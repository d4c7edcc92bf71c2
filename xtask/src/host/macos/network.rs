//! Firewalls, routes and other facts about this machine's network.

use std::net::SocketAddr;

use crate::exec::{Command, LIMIT};
use crate::model::{Firewall, FirewallState, Route};
use crate::parse::firewall::{self, Macos};

/// The application firewall; its tool is not on PATH.
pub(in crate::host) fn firewalls() -> Vec<Firewall> {
    let tool = "/usr/libexec/ApplicationFirewall/socketfilterfw";
    let answer = Command::new(tool).arg("--getglobalstate").ask(LIMIT).ok();
    let state = match answer.and_then(|answer| firewall::macos(&answer.stdout)) {
        Some(Macos::Off) => FirewallState::Off,
        Some(Macos::On) => FirewallState::On,
        Some(Macos::BlocksAll) => FirewallState::BlocksAll,
        None => FirewallState::Unknown("socketfilterfw does not say"),
    };
    vec![Firewall { name: "macOS firewall", state }]
}

/// Containers run in a virtual machine.
pub(in crate::host) fn listening_in(_pid: u32) -> Option<Vec<SocketAddr>> {
    None
}

/// Not read: container networks are in a virtual machine.
pub(in crate::host) fn routes() -> Vec<Route> {
    Vec::new()
}

/// On macOS everybody may bind any port on the wildcard.
pub(in crate::host) fn unprivileged_from() -> Option<u16> {
    None
}

/// This is not WSL.
pub(in crate::host) fn wsl_networking() -> Option<String> {
    None
}
