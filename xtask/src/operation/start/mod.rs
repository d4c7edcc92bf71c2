//! `start`: resolve the project, settle conflicts, launch, prove.

pub(crate) mod conflicts;
pub(crate) mod launch;
mod leases;
mod old_engine;
pub(crate) mod recreate;
pub(crate) mod set_up;
mod settle;
pub(crate) mod steps;
mod take_back;
pub(crate) mod up;
