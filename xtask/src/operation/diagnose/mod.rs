//! `diagnose`: checks of this machine and project, what they found, and fixes.

pub(crate) mod apply_fix;
mod checks;
mod facts;
pub(crate) mod finding;
pub(crate) mod fix;
pub(crate) mod report;
pub(crate) mod run;
