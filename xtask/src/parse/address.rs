//! `address:port` as the tools print it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Splits at the last `separator` and parses both sides. `*` is the wildcard, of IPv6
/// if `v6`. A zone (`fe80::1%12`, `127.0.0.53%lo`) is dropped, and an IPv4-mapped IPv6
/// address becomes the IPv4 address.
pub(super) fn read(word: &str, separator: char, v6: bool) -> Option<(IpAddr, u16)> {
    let (address, port) = word.rsplit_once(separator)?;
    let port = port.parse().ok()?;
    let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    let ip = match address {
        "*" if v6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        _ => address.split('%').next()?.parse::<IpAddr>().ok()?.to_canonical(),
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, separator: char, expected: Option<(&str, u16)>) {
        let expected = expected.map(|(ip, port)| (ip.parse().unwrap(), port));
        assert_eq!(read(word, separator, true), expected, "{word}");
    }

    #[test]
    fn addresses_of_all_tools() {
        check("0.0.0.0:80", ':', Some(("0.0.0.0", 80)));
        check("*:80", ':', Some(("::", 80)));
        check("[::1]:8080", ':', Some(("::1", 8080)));
        check("[fe80::1c2a:5b7d:9e01:22f4%12]:1900", ':', Some(("fe80::1c2a:5b7d:9e01:22f4", 1900)));
        check("127.0.0.53%lo:53", ':', Some(("127.0.0.53", 53)));
        check("[::ffff:127.0.0.1]:9000", ':', Some(("127.0.0.1", 9000)));
        check("127.0.0.1.8899", '.', Some(("127.0.0.1", 8899)));
        check("::1.7777", '.', Some(("::1", 7777)));
        check("*.9999", '.', Some(("::", 9999)));
        check("*.*", '.', None);
        check("localhost:80", ':', None);
        check("1.2.3.4:65536", ':', None);
        check(":", ':', None);
        check("", ':', None);
    }
}
