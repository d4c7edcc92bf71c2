//! All Compose projects and worktrees on this machine.

mod gather;
mod report;
mod stacks;

pub(crate) use gather::{Entry, inventory};
pub use report::{json, lines, trouble};
