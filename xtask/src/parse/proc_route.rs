//! Linux's `/proc/net/route`: the IPv4 routes of the main table.
//!
//! ```text
//! Iface   Destination  Gateway   Flags  RefCnt  Use  Metric  Mask      MTU  Window  IRTT
//! docker0 000011AC     00000000  0001   0       0    0       0000FFFF  0    0       0
//! ```
//!
//! Addresses are hexadecimal words in host byte order.

use std::net::Ipv4Addr;

use super::rows::text;
use crate::model::{Route, Subnet};

/// All routes except default ones.
pub fn routes(table: &[u8]) -> Vec<Route> {
    text(table).lines().filter_map(route).collect()
}

/// The default gateway.
pub fn gateway(table: &[u8]) -> Option<Ipv4Addr> {
    text(table).lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_default = fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000");
        let gateway = Ipv4Addr::from(u32::from_str_radix(fields.get(2)?, 16).ok()?.to_ne_bytes());
        (is_default && !gateway.is_unspecified()).then_some(gateway)
    })
}

fn route(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = |word: &str| Some(Ipv4Addr::from(u32::from_str_radix(word, 16).ok()?.to_ne_bytes()));
    let mask = u32::from(address(fields.get(7)?)?);
    let prefix = u8::try_from(mask.leading_ones()).ok().filter(|prefix| *prefix > 0)?;
    let to = Subnet::new(address(fields.get(1)?)?, prefix)?;
    Some(Route { interface: (*fields.first()?).to_owned(), to })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t0000000A\t00000000\t0001\t0\t0\t50\t000000FF\t0\t0\t0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_without_the_default_one() {
        let shown: Vec<String> =
            routes(TABLE).iter().map(|route| format!("{} {}", route.interface, route.to)).collect();
        assert_eq!(shown, ["docker0 172.17.0.0/16", "tun0 10.0.0.0/8"]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_default_route_has_a_gateway() {
        assert_eq!(gateway(TABLE), Some(Ipv4Addr::new(192, 168, 1, 1)));
        assert_eq!(gateway(b"Iface\tDestination\n"), None);
    }

    #[test]
    fn cut_lines_are_left_out() {
        for end in 0..TABLE.len() {
            assert!(routes(&TABLE[..end]).len() <= 2);
        }
    }
}
