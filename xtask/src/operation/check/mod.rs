//! Checks before a start: the verdicts of a project's ports, and problems to report.

pub(crate) mod engine_host;
pub mod project;
pub(crate) mod report;
pub(crate) mod shared_names;
