//! Moves ports: by variables in `.env` or, for literals, by an override file.

mod apply;
mod plan;
mod restore;

pub use apply::{apply, apply_in_environment};
pub(crate) use plan::{Move, PortSource, plan, plan_in_override, shadowed_by_shell, show};
pub use restore::{restorable, restore_order};
