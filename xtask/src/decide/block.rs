//! A block of ports for a project: ten from a round number on, as people assign them
//! by hand (8000-8009 for one, 8010-8019 for the next).

use crate::model::PortRange;

/// A project with more ports than this gets several blocks in a row.
const BLOCK: u16 = 10;
/// Blocks begin here: many projects have their defaults in 8000-8009.
const FIRST: u16 = 8010;
/// They end below every system's ephemeral ports (Linux: from 32768, others: from
/// 49152).
const LAST: u16 = 32759;

/// The first block with room for `count` ports that is not `busy`. The search begins
/// at a block that `seed` selects (0: the first) and wraps around. With different
/// seeds, ledgers that know nothing of each other rarely choose the same block.
pub fn free_block(count: usize, seed: u64, busy: &mut dyn FnMut(PortRange) -> bool) -> Option<PortRange> {
    let blocks = u16::try_from(count.div_ceil(usize::from(BLOCK)).max(1)).ok()?;
    let size = blocks.checked_mul(BLOCK)?;
    let all = u64::from((LAST - FIRST) / BLOCK) + 1;
    let nth = u16::try_from(seed % all).unwrap_or_default();
    let start = FIRST + nth * BLOCK;
    let firsts = (start..=LAST).step_by(usize::from(BLOCK)).chain((FIRST..start).step_by(usize::from(BLOCK)));
    let mut ranges = firsts.filter_map(|first| {
        let last = first.checked_add(size - 1).filter(|last| *last <= LAST)?;
        PortRange::new(first, last)
    });
    ranges.find(|range| !busy(*range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_tens_and_the_first_that_nobody_has() {
        assert_eq!(free_block(4, 0, &mut |_| false), PortRange::new(8010, 8019));
        assert_eq!(free_block(4, 0, &mut |range| range.contains(8010)), PortRange::new(8020, 8029));
        assert_eq!(free_block(11, 0, &mut |range| range.contains(8029)), PortRange::new(8030, 8049));
        assert_eq!(free_block(0, 0, &mut |range| range.first < 32750), PortRange::new(32750, 32759));
        assert_eq!(free_block(11, 0, &mut |range| range.first < 32750), None);
        assert_eq!(free_block(usize::MAX, 0, &mut |_| false), None);
    }

    #[test]
    fn a_seed_begins_elsewhere_and_comes_around() {
        let all = u64::from((LAST - FIRST) / BLOCK) + 1;
        assert_eq!(free_block(4, 7, &mut |_| false), PortRange::new(8080, 8089));
        assert_eq!(free_block(4, all, &mut |_| false), free_block(4, 0, &mut |_| false));
        assert_eq!(free_block(4, all - 1, &mut |_| false), PortRange::new(32750, 32759));
        assert_eq!(free_block(11, all - 1, &mut |_| false), PortRange::new(8010, 8029));
        assert_eq!(free_block(4, 7, &mut |range| range.first >= 8080), PortRange::new(8010, 8019));
        assert_eq!(free_block(4, u64::MAX, &mut |_| true), None);
    }
}
