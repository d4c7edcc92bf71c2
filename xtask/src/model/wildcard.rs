//! What an engine binds for a mapping on every address.

use std::net::{IpAddr, Ipv4Addr};

/// The sockets of a mapping that names no host IP, by engine. Measured; the list of
/// containers says `0.0.0.0` in all cases but the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WildcardBinding {
    /// One for each address family: Docker.
    #[default]
    Separate,
    /// IPv4 only: Podman up to 5, as root.
    Ipv4,
    /// IPv4, and IPv6 for a container on a network with IPv6: Docker without its userland
    /// proxy.
    ByNetwork,
    /// One for both families: Podman 6.
    DualStack,
    /// One for both families, even for a mapping with the host IP 0.0.0.0 or ::. Podman up
    /// to 5 without root (its rootlessport), and Podman's virtual machine.
    AlwaysDualStack,
}

impl WildcardBinding {
    /// The host IP that stands for what is bound: `None` is every address of both families.
    pub fn bound(self, host_ip: Option<IpAddr>, network_has_ipv6: bool) -> Option<IpAddr> {
        let only_v4 = Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        match (self, host_ip) {
            (WildcardBinding::Ipv4, None) => only_v4,
            (WildcardBinding::ByNetwork, None) if !network_has_ipv6 => only_v4,
            (WildcardBinding::AlwaysDualStack, Some(ip)) if ip.is_unspecified() => None,
            _ => host_ip,
        }
    }

    /// Whether a binding that the engine lists on this address may hold both families.
    pub fn holds_both(self, listed: IpAddr) -> bool {
        match self {
            WildcardBinding::DualStack => listed == IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            WildcardBinding::AlwaysDualStack => listed.is_unspecified(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ss` showed of containers with these host IPs: Docker 28.5 with and without
    /// its proxy, Podman 5.8.6 and 6.1.1 as root, Podman 5.8.6 without.
    #[test]
    fn what_each_engine_binds() {
        use WildcardBinding::{AlwaysDualStack, ByNetwork, DualStack, Ipv4, Separate};
        for (engine, none, zero, six, loopback) in [
            (Separate, "both", "0.0.0.0", "::", "127.0.0.1"),
            (ByNetwork, "0.0.0.0", "0.0.0.0", "::", "127.0.0.1"),
            (Ipv4, "0.0.0.0", "0.0.0.0", "::", "127.0.0.1"),
            (DualStack, "both", "0.0.0.0", "::", "127.0.0.1"),
            (AlwaysDualStack, "both", "both", "both", "127.0.0.1"),
        ] {
            let bound = |ip: Option<&str>| {
                let found = engine.bound(ip.map(|ip| ip.parse().unwrap()), false);
                found.map_or_else(|| "both".to_owned(), |ip| ip.to_string())
            };
            assert_eq!(
                [bound(None), bound(Some("0.0.0.0")), bound(Some("::")), bound(Some("127.0.0.1"))],
                [none, zero, six, loopback],
                "{engine:?}"
            );
        }
        assert_eq!(ByNetwork.bound(None, true), None);
    }

    #[test]
    fn a_listed_wildcard_may_hold_both_families() {
        let holds =
            |engine: WildcardBinding| ["0.0.0.0", "::", "127.0.0.1"].map(|ip| engine.holds_both(ip.parse().unwrap()));
        assert_eq!(holds(WildcardBinding::Separate), [false; 3]);
        assert_eq!(holds(WildcardBinding::DualStack), [true, false, false]);
        assert_eq!(holds(WildcardBinding::AlwaysDualStack), [true, true, false]);
    }
}
