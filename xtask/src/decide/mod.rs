//! Facts to verdicts, verdicts to plans: pure.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod block;
mod culprit;
mod descendants;
mod guard;
mod helper;
mod judge;
mod judge_by_tables;
mod leased_ports;
mod namesakes;
mod overlap;
mod override_file;
mod override_proof;
mod personal_name;
mod pools;
mod port_clash;
mod port_variable;
mod prune;
mod publishing;
mod same_mounts;
mod same_ports;
mod shared;
mod start_interval;
mod suggest;
mod worktree_name;

pub use block::free_block;
pub use culprit::advice;
pub use descendants::{ProcessIdentity, descendants};
pub use guard::{is_engine_process, is_leftover_proxy, signal_objection};
pub use helper::{Helper, HelperOf, ServedContainer, helper};
pub use judge::{Facts, Identity, judge, needs_explanation};
pub use judge_by_tables::judge_by_tables;
pub use leased_ports::LeasedPorts;
pub use namesakes::{Namesake, namesakes, with_running_networks};
pub use overlap::{overlaps, wanted_addresses};
pub use override_file::{Changes, Listed, Slot, added_line, is_generated, published, render, slots};
pub use override_proof::{difference, expected};
pub use personal_name::{is_personal_name, personal_name};
pub use pools::{Pools, pools};
pub use port_clash::{cannot_share_port, clashes, replicas_sharing_port};
pub use port_variable::port_variable;
pub use prune::{PruneVerdict, Wanted, is_on, prune_verdict, users};
pub use publishing::{Publishing, is_bound, publishing};
pub use same_mounts::{MountDifference, mount_difference};
pub use same_ports::{Expect, PortDifference, address_in_words, port_difference, port_differences};
pub use shared::shared_ports;
pub use start_interval::{refuses_start_interval, without_start_interval};
pub use suggest::{Limits, suggest};
pub use worktree_name::{path_digits, stable_hash, worktree_name};
