//! Suggests another port: the next one above the wanted one that is really free.

use std::collections::BTreeSet;

use crate::model::PortRange;

/// Maximum number of ports to try; a probe takes some microseconds.
const TRIES: usize = 4096;

/// Which ports may be suggested.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The project's own range, if it has one.
    pub within: Option<PortRange>,
    /// Excluded: ephemeral ports (an outgoing connection may take one at any moment) and
    /// ports that the system reserves.
    pub outside: &'a [PortRange],
    /// Already wanted or suggested.
    pub used: &'a BTreeSet<u16>,
    /// Leased to others.
    pub kept: &'a dyn Fn(u16) -> bool,
}

/// Ports above 1023 that browsers refuse to open (Fetch standard, "bad ports").
const BLOCKED_BY_BROWSERS: [u16; 19] =
    [1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080];

impl Limits<'_> {
    /// Whether `port` may be suggested if it is free.
    pub fn allow(&self, port: u16) -> bool {
        !self.used.contains(&port)
            && self.outside.iter().all(|range| !range.contains(port))
            && !BLOCKED_BY_BROWSERS.contains(&port)
            && !(self.kept)(port)
    }
}

/// The next free port above `wanted`, otherwise the next below it down to 1024; with
/// a range, the first free port of the range.
pub fn suggest(wanted: u16, limits: &Limits<'_>, is_free: &mut dyn FnMut(u16) -> bool) -> Option<u16> {
    let allowed = |port: &u16| *port != wanted && limits.allow(*port);
    let candidates: Box<dyn Iterator<Item = u16>> = match limits.within {
        Some(range) => Box::new(range.iter()),
        None => Box::new((wanted.saturating_add(1)..=u16::MAX).chain((1024..wanted).rev())),
    };
    candidates.filter(allowed).take(TRIES).find(|port| is_free(*port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_guide_s_examples() {
        let used = BTreeSet::from([8000, 3000, 5432, 6379]);
        let limits = Limits { within: None, outside: &[], used: &used, kept: &|_| false };
        for (wanted, next) in [(8000, 8001), (3000, 3001), (5432, 5433), (6379, 6380)] {
            assert_eq!(suggest(wanted, &limits, &mut |_| true), Some(next));
        }
    }

    #[test]
    fn a_range_of_the_project_is_kept_to() {
        let used = BTreeSet::from([8000]);
        let within = PortRange::new(8000, 8009);
        let limits = Limits { within, outside: &[], used: &used, kept: &|_| false };
        assert_eq!(suggest(5432, &limits, &mut |port| port > 8003), Some(8004));
        assert_eq!(suggest(5432, &limits, &mut |_| false), None);
    }

    #[test]
    fn from_the_top_it_goes_down() {
        let limits = Limits { within: None, outside: &[], used: &BTreeSet::new(), kept: &|_| false };
        assert_eq!(suggest(65535, &limits, &mut |_| true), Some(65534));
    }

    proptest! {
        #[test]
        fn never_a_used_or_forbidden_port(
            wanted in 1u16..,
            used in proptest::collection::btree_set(1u16.., 0..50),
            first in 1u16..60000,
            length in 0u16..5000,
        ) {
            let outside = [PortRange { first, last: first + length }];
            let limits = Limits { within: None, outside: &outside, used: &used, kept: &|port| port % 5 == 0 };
            if let Some(port) = suggest(wanted, &limits, &mut |port| port % 3 != 0) {
                prop_assert!(port != wanted && !used.contains(&port) && !outside[0].contains(port) && port % 3 != 0 && port % 5 != 0);
                prop_assert!(!BLOCKED_BY_BROWSERS.contains(&port));
            }
        }

        /// Many projects in a row, each with the leases of those before it.
        #[test]
        fn choices_never_repeat_and_are_never_held_or_outside(
            wanted in proptest::collection::vec(1u16.., 1..60),
            held in proptest::collection::btree_set(8000u16..8200, 0..100),
            within in proptest::option::of((8000u16..8100, 20u16..200)),
            outside in (8000u16..8200, 0u16..50),
        ) {
            let within = within.and_then(|(first, length)| PortRange::new(first, first + length));
            let outside = [PortRange { first: outside.0, last: outside.0 + outside.1 }];
            let mut kept: BTreeSet<u16> = BTreeSet::new();
            for port in wanted {
                let used = BTreeSet::from([port]);
                let limits = Limits { within, outside: &outside, used: &used, kept: &|port| kept.contains(&port) };
                let Some(chosen) = suggest(port, &limits, &mut |port| !held.contains(&port)) else {
                    let room = within.map_or(0, |range| range.iter().filter(|port| {
                        limits.allow(*port) && !held.contains(port)
                    }).count());
                    prop_assert_eq!(room, 0, "there was room");
                    continue;
                };
                prop_assert!(!held.contains(&chosen) && !outside[0].contains(chosen));
                prop_assert!(within.is_none_or(|range| range.contains(chosen)));
                prop_assert!(kept.insert(chosen), "{} twice", chosen);
            }
        }
    }
}
