//! Facts about the network that only Linux has.

use std::net::SocketAddr;

use crate::model::{NatRules, Route};

/// Containers run in a virtual machine, whose sockets are not read.
pub(super) fn listening_in(_pid: u32) -> Option<Vec<SocketAddr>> {
    None
}

/// Not read: container networks are in a virtual machine.
pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}

/// Windows has no privileged ports, and on macOS everybody may bind any port on the wildcard.
pub(super) fn unprivileged_from() -> Option<u16> {
    None
}

/// This is not inside WSL.
pub(super) fn wsl_networking() -> Option<String> {
    None
}

/// The engine's rules are in a virtual machine.
pub(super) fn nat_rules() -> NatRules {
    NatRules::unreadable("rules that redirect connections are only read on Linux")
}

/// Container networks are in a virtual machine.
pub(super) fn has_interface(_name: &str) -> bool {
    false
}
