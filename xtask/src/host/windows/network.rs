//! The firewall of this machine.

use crate::exec::{Command, LIMIT};
use crate::model::{Firewall, FirewallState};
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
