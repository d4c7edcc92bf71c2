//! Every Compose project and worktree on this machine, running or kept: the
//! engine's containers and the ledger's leases, side by side.

mod gather;
mod report;

pub(crate) use gather::{Entry, inventory};
pub use report::{json, lines, trouble};
