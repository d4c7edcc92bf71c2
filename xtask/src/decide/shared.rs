//! Ranges of ports that overlap.

use crate::model::PortRange;

/// Pairs of indices of `ranges`, with the ports that both contain.
pub fn shared_ports(ranges: &[Option<PortRange>]) -> Vec<(usize, usize, PortRange)> {
    let known: Vec<(usize, PortRange)> =
        ranges.iter().enumerate().filter_map(|(at, range)| Some((at, (*range)?))).collect();
    let mut shared = Vec::new();
    for (i, (first, a)) in known.iter().enumerate() {
        for (second, b) in &known[i + 1..] {
            shared.extend(a.intersection(*b).map(|ports| (*first, *second, ports)));
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_pair_is_told_once() {
        let range = PortRange::new;
        let ranges = [range(8000, 8009), None, range(8005, 8014), range(8010, 8019), range(8009, 8009)];
        let shared: Vec<(usize, usize, String)> =
            shared_ports(&ranges).into_iter().map(|(a, b, ports)| (a, b, ports.to_string())).collect();
        let want = [(0, 2, "8005-8009"), (0, 4, "8009"), (2, 3, "8010-8014"), (2, 4, "8009")];
        assert_eq!(shared, want.map(|(a, b, ports)| (a, b, ports.to_owned())));
    }

    proptest! {
        #[test]
        fn exactly_the_ports_that_both_have(a in 1u16..200, b in 0u16..50, c in 1u16..200, d in 0u16..50) {
            let ranges = [PortRange::new(a, a + b), PortRange::new(c, c + d)];
            let both: Vec<u16> = (a..=a + b).filter(|port| (c..=c + d).contains(port)).collect();
            let got: Vec<u16> = shared_ports(&ranges).into_iter().flat_map(|(_, _, ports)| ports.iter()).collect();
            prop_assert_eq!(got, both);
        }
    }
}
