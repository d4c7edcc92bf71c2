//! Adds this tool to another repository. The plan is data: each file before and after.

mod cargo_files;
mod make_plan;
mod makefile;
mod plan;
mod ports;
mod program;
mod report;
mod template;

pub use make_plan::{apply, plan};
pub use plan::Edit;
pub(crate) use report::{json, text};
