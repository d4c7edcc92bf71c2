//! Other ports, in `.env` or, for literals, in a compose file on top: a plan of
//! edits, and carrying it out so that the files are either as they were or right.

mod apply;
mod plan;
mod restore;

pub use apply::{apply, pass_on};
pub(crate) use plan::{Move, What, plan, plan_on_top, shadowed, show};
pub use restore::restorable;
