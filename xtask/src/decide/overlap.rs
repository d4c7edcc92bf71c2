//! Which addresses on one port conflict.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that the engine binds for a mapping's host IP: without one, both
/// wildcards, IPv6 with V6ONLY.
pub fn wanted_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    match host_ip {
        Some(ip) => vec![ip],
        None => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
    }
}

/// Whether a socket on `held` keeps `wanted` from being bound (IPv6 with V6ONLY, as
/// the engine does). `held_v6_only`: `Some(false)` = an IPv6 wildcard that also takes
/// IPv4 connections; `None` = unknown, treated the same.
///
/// This is the Linux kernel's behaviour for listeners, measured cell by cell.
pub fn overlaps(wanted: IpAddr, held: IpAddr, held_v6_only: Option<bool>) -> bool {
    let dual = held == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && held_v6_only != Some(true);
    let held = held.to_canonical();
    match (wanted, held) {
        (IpAddr::V4(_), IpAddr::V6(_)) => dual,
        (IpAddr::V6(_), IpAddr::V4(_)) => false,
        _ => wanted == held || wanted.is_unspecified() || held.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_of_holders_and_wishes() {
        // holder, v6only; then whether 0.0.0.0, 127.0.0.1, [::] v6only, [::1] fail
        for (held, v6_only, fails) in [
            ("0.0.0.0", None, [true, true, false, false]),
            ("127.0.0.1", None, [true, true, false, false]),
            ("127.0.0.2", None, [true, false, false, false]),
            ("::", Some(false), [true, true, true, true]),
            ("::", Some(true), [false, false, true, true]),
            ("::1", Some(false), [false, false, true, true]),
            ("::ffff:127.0.0.1", Some(false), [true, true, false, false]),
        ] {
            let wishes = ["0.0.0.0", "127.0.0.1", "::", "::1"];
            let got = wishes.map(|wish| overlaps(wish.parse().unwrap(), held.parse().unwrap(), v6_only));
            assert_eq!(got, fails, "{held} {v6_only:?}");
        }
    }
}
