//! The firewall of this machine.

use crate::exec::{Command, LIMIT};
use crate::model::{Firewall, FirewallState};
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
