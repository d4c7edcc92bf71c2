//! Another port: the next one above the wanted one that is really free.

use std::collections::BTreeSet;

use crate::model::PortRange;

/// How many ports are tried: a probe costs some microseconds.
const TRIES: usize = 4096;

/// Where a suggestion may lie.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Only in here, when the project has a range of its own.
    pub within: Option<PortRange>,
    /// Never in here: ephemeral ports (an outgoing connection may take one at
    /// any moment) and ports the system keeps.
    pub outside: &'a [PortRange],
    /// Wanted or suggested already.
    pub used: &'a BTreeSet<u16>,
}

/// The next port above `wanted`, else the next below it down to 1024; within a
/// range, the first of the range.
pub fn suggest(wanted: u16, limits: &Limits<'_>, is_free: &mut dyn FnMut(u16) -> bool) -> Option<u16> {
    let allowed = |port: &u16| {
        *port != wanted && !limits.used.contains(port) && limits.outside.iter().all(|range| !range.contains(*port))
    };
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
        let limits = Limits { within: None, outside: &[], used: &used };
        for (wanted, next) in [(8000, 8001), (3000, 3001), (5432, 5433), (6379, 6380)] {
            assert_eq!(suggest(wanted, &limits, &mut |_| true), Some(next));
        }
    }

    #[test]
    fn a_range_of_the_project_is_kept_to() {
        let used = BTreeSet::from([8000]);
        let within = PortRange::new(8000, 8009);
        let limits = Limits { within, outside: &[], used: &used };
        assert_eq!(suggest(5432, &limits, &mut |port| port > 8003), Some(8004));
        assert_eq!(suggest(5432, &limits, &mut |_| false), None);
    }

    #[test]
    fn from_the_top_it_goes_down() {
        let limits = Limits { within: None, outside: &[], used: &BTreeSet::new() };
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
            let limits = Limits { within: None, outside: &outside, used: &used };
            if let Some(port) = suggest(wanted, &limits, &mut |port| port % 3 != 0) {
                prop_assert!(port != wanted && !used.contains(&port) && !outside[0].contains(port) && port % 3 != 0);
            }
        }
    }
}
