//! Linux: netlink for sockets, /proc for their processes, pidfd for signals.

mod nat;
mod netlink;
mod network;
mod probe;
mod proc;
mod rootlessport;
mod source;
mod tables;
mod target;

use std::net::IpAddr;

pub(super) use nat::nat_rules;
pub(super) use network::{firewalls, has_interface, listening_in, routes, unprivileged_from, wsl_networking};
pub(super) use probe::probe;
pub(super) use proc::{cgroup, start_mark};
pub(super) use rootlessport::served_container;
pub(super) use tables::sockets;
pub(super) use target::Target;

use super::WILDCARDS;
use crate::model::{PortRange, Reservation};

/// The kernel refuses any overlap, so the addresses that the engine binds are enough; probing
/// 127.0.0.1 as well would give the same result.
pub(super) fn probe_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    host_ip.map_or_else(|| WILDCARDS.to_vec(), |ip| vec![ip])
}

/// `net.ipv4.ip_local_reserved_ports`: never handed out, but may be bound by number.
pub(super) fn reservations() -> Vec<Reservation> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    let ranges = text.trim().split(',').filter_map(|word| word.trim().parse::<PortRange>().ok());
    ranges
        .map(|range| Reservation { range, by: "net.ipv4.ip_local_reserved_ports".to_owned(), blocks: false })
        .collect()
}

/// `net.ipv4.ip_local_port_range`.
pub(super) fn ephemeral() -> Option<PortRange> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    PortRange::new(first.parse().ok()?, last.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_its_ephemeral_ports() {
        let range = ephemeral().unwrap();
        assert!(range.first < range.last);
    }
}
