//! `start`: resolves the project and its conflicts, launches it, and proves that it answers.

mod apply_moves;
mod busy_engine;
pub(crate) mod conflicts;
pub(crate) mod launch;
mod leases;
mod old_engine;
pub(crate) mod recreate;
mod rollback;
pub(crate) mod set_up;
pub(crate) mod steps;
pub(crate) mod up;
