//! This tool in another repository: what is missing there, and bringing it. The
//! plan is data: files as they are and as they will be.

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
pub use report::{json, text};
