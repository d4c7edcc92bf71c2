//! Check before start: the verdicts of a project's ports, and what else a start
//! should know.

pub(crate) mod engine_host;
pub(crate) mod namesakes;
pub mod project;
pub(crate) mod report;
