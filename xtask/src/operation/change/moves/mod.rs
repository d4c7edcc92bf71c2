//! Other ports, in `.env` or, for literals, in a compose file on top: a plan of
//! edits, and carrying it out so that the files are either as they were or right.

mod apply;
mod plan;
mod restore;

pub use apply::{apply, apply_in_environment};
pub(crate) use plan::{Move, PortSource, plan, plan_in_override, shadowed_by_shell, show};
pub use restore::restorable;
