//! How many address ranges the engine has left for networks.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::model::{Network, Pool, Subnet};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Pools {
    pub used: usize,
    /// All ranges except that of the engine's own `bridge`.
    pub total: usize,
}

impl Pools {
    pub fn left(self) -> usize {
        self.total.saturating_sub(self.used)
    }
}

/// The built-in pools: 15 ranges of 65 536 addresses and 16 of 4 096 (moby,
/// `ipamutils`: 172.17 to 172.31, and 192.168 divided into /20).
fn built_in() -> Vec<Pool> {
    let mut pools: Vec<Pool> = (17..=31)
        .filter_map(|second| Subnet::new(Ipv4Addr::new(172, second, 0, 0), 16))
        .map(|base| Pool { base, size: 16 })
        .collect();
    pools.extend(Subnet::new(Ipv4Addr::new(192, 168, 0, 0), 16).map(|base| Pool { base, size: 20 }));
    pools
}

/// Counts the ranges of the pools. A network with a custom subnet uses up every range
/// that it overlaps.
pub fn pools(configured: &[Pool], networks: &[Network]) -> Pools {
    let built_in = built_in();
    let pools = if configured.is_empty() { &built_in[..] } else { configured };
    let pieces = |pool: &Pool| 1usize.checked_shl(u32::from(pool.size.saturating_sub(pool.base.prefix))).unwrap_or(1);
    let total: usize = pools.iter().map(pieces).sum();
    let (mut own, mut used) = (BTreeSet::new(), BTreeSet::new());
    for network in networks.iter().filter(|network| network.scope == "local") {
        let set = if network.name == "bridge" { &mut own } else { &mut used };
        for (subnet, pool) in network.subnets.iter().flat_map(|subnet| pools.iter().map(move |pool| (subnet, pool))) {
            set.extend(reached(*subnet, *pool));
        }
    }
    Pools { used: used.difference(&own).count(), total: total - own.len().min(total) }
}

/// First addresses of the ranges of `pool` that `subnet` overlaps.
fn reached(subnet: Subnet, pool: Pool) -> Vec<u32> {
    if !subnet.overlaps(pool.base) {
        return Vec::new();
    }
    let size = pool.size.max(pool.base.prefix);
    let Some(step) = 1u32.checked_shl(32 - u32::from(size)) else { return vec![0] };
    let first = u32::from(subnet.first.max(pool.base.first));
    let last = u32::from(subnet.last().min(pool.base.last()));
    (first / step..=last / step).map(|piece| piece.saturating_mul(step)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(name: &str, subnet: &str) -> Network {
        Network {
            id: name.into(),
            name: name.into(),
            scope: "local".into(),
            subnets: subnet.parse().into_iter().collect(),
            ..Network::default()
        }
    }

    #[test]
    fn the_built_in_pools_are_thirty_beside_the_engines_own() {
        let own = network("bridge", "172.17.0.0/16");
        assert_eq!(pools(&[], std::slice::from_ref(&own)), Pools { used: 0, total: 30 });
        let all = [own, network("a", "172.18.0.0/16"), network("b", "192.168.16.0/20"), network("host", "")];
        assert_eq!(pools(&[], &all), Pools { used: 2, total: 30 });
        // A custom subnet outside the pools uses up nothing.
        assert_eq!(pools(&[], &[network("a", "10.0.0.0/24")]), Pools { used: 0, total: 31 });
        assert_eq!(pools(&[], &[network("a", "192.168.0.0/16")]).used, 16);
    }

    #[test]
    fn configured_pools_take_their_place() {
        let small = [Pool { base: "10.99.0.0/24".parse().unwrap(), size: 26 }];
        let own = network("bridge", "10.99.0.0/26");
        assert_eq!(pools(&small, &[own, network("a", "10.99.0.64/26")]), Pools { used: 1, total: 3 });
        assert_eq!(pools(&small, &[network("a", "172.18.0.0/16")]).used, 0);
    }

    proptest! {
        #[test]
        fn never_more_used_than_there_are(
            (base, size) in (any::<u32>(), 0u8..=28, 0u8..=12)
                .prop_map(|(ip, prefix, more)| (Subnet::new(Ipv4Addr::from(ip), prefix).unwrap(), prefix.saturating_add(more))),
            nets in proptest::collection::vec((any::<u32>(), 12u8..=32), 0..6),
        ) {
            let networks: Vec<Network> = nets.iter().enumerate().map(|(at, (ip, prefix))| {
                let name = if at == 0 { "bridge".to_owned() } else { at.to_string() };
                network(&name, &Subnet::new(Ipv4Addr::from(*ip), *prefix).unwrap().to_string())
            }).collect();
            let found = pools(&[Pool { base, size: size.min(32) }], &networks);
            prop_assert!(found.used <= found.total, "{found:?}");
        }
    }
}
