//! Facts to verdicts, verdicts to plans: pure.

mod block;
mod clash;
mod culprit;
mod descendants;
mod guard;
mod judge;
mod judge_there;
mod kept;
mod overlap;
mod override_file;
mod override_proof;
mod person_name;
mod pools;
mod port_variable;
mod prune;
mod shared;
mod suggest;
mod worktree_name;

pub use block::free_block;
pub use clash::{clashes, exclude, too_many};
pub use culprit::advice;
pub use descendants::{Born, descendants};
pub use guard::{is_engine_process, is_leftover_proxy, untouchable};
pub use judge::{Facts, Identity, judge, needs_explanation};
pub use judge_there::judge_there;
pub use kept::Kept;
pub use overlap::{overlaps, wanted_addresses};
pub use override_file::{Changes, Listed, Slot, added_line, is_generated, published, render, slots};
pub use override_proof::{difference, expected};
pub use person_name::{has_person, person_name};
pub use pools::{Pools, pools};
pub use port_variable::port_variable;
pub use prune::{Fate, Wanted, fate};
pub use shared::shared_ports;
pub use suggest::{Limits, suggest};
pub use worktree_name::{path_digits, stable_hash, worktree_name};
