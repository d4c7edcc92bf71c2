//! Moves ports: by variables in `.env` or, for literals, by an override file.

mod apply;
mod plan;
mod restore;

pub use apply::{Applied, apply, apply_in_environment, preview_readers};
pub(crate) use plan::{
    Move, PortSource, note_left_behind, plan, plan_in_override, plan_without, shadowed_by_shell, show,
};
pub use restore::{restorable, restore_order};
