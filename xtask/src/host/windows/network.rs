//! Firewalls, routes and other facts about this machine's network.

use std::net::SocketAddr;

use crate::exec::{Command, LIMIT};
use crate::model::{Firewall, FirewallState, Route};
use crate::parse::firewall;

/// The firewall's profile for home and work networks, from the registry: the output of `netsh
/// advfirewall` is translated.
pub(in crate::host) fn firewalls() -> Vec<Firewall> {
    let key = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile";
    let answer = Command::new("reg").args(["query", key, "/v", "EnableFirewall"]).ask(LIMIT).ok();
    let state = match answer.and_then(|answer| firewall::windows(&answer.stdout)) {
        Some(true) => FirewallState::On,
        Some(false) => FirewallState::Off,
        None => FirewallState::Unknown("the registry does not say"),
    };
    vec![Firewall { name: "Windows firewall", state }]
}

/// Containers run in a virtual machine.
pub(in crate::host) fn listening_in(_pid: u32) -> Option<Vec<SocketAddr>> {
    None
}

/// Not read: container networks are in a virtual machine.
pub(in crate::host) fn routes() -> Vec<Route> {
    Vec::new()
}

/// Windows has no privileged ports.
pub(in crate::host) fn unprivileged_from() -> Option<u16> {
    None
}

/// This is Windows itself.
pub(in crate::host) fn wsl_networking() -> Option<String> {
    None
}
