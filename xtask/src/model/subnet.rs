//! Address ranges of networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// An IPv4 range such as `172.18.0.0/16`. IPv6 pools are never exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subnet {
    pub first: Ipv4Addr,
    /// Length of the prefix: 0 to 32.
    pub prefix: u8,
}

/// An address pool for new networks: the engine divides `base` into ranges of prefix
/// length `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    pub base: Subnet,
    pub size: u8,
}

impl Subnet {
    /// The range of this prefix length that contains `ip`; `None` above 32.
    pub fn new(ip: Ipv4Addr, prefix: u8) -> Option<Subnet> {
        (prefix <= 32).then(|| Subnet { first: Ipv4Addr::from(u32::from(ip) & mask(prefix)), prefix })
    }

    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.first) | !mask(self.prefix))
    }

    pub fn overlaps(self, other: Subnet) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ip, prefix) = text.split_once('/').ok_or(())?;
        match ip.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => Subnet::new(ip, prefix.parse().map_err(drop)?).ok_or(()),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_are_read_and_compared() {
        assert_eq!(subnet("172.18.3.4/16").to_string(), "172.18.0.0/16");
        assert_eq!(subnet("10.0.0.0/8").last(), Ipv4Addr::new(10, 255, 255, 255));
        assert!(subnet("10.0.0.0/8").overlaps(subnet("10.99.0.64/26")));
        assert!(subnet("10.99.0.64/26").overlaps(subnet("10.0.0.0/8")));
        assert!(!subnet("172.18.0.0/16").overlaps(subnet("172.19.0.0/16")));
        assert!(subnet("0.0.0.0/0").overlaps(subnet("255.255.255.255/32")));
        for bad in ["172.18.0.0", "fd00::/64", "1.2.3.4/33", "1.2.3.4/x", ""] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }
}
