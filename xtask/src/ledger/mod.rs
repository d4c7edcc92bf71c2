//! What this tool remembers of its own doings, one folder a person and machine.

mod book;
mod moves;
mod turn;

use std::path::PathBuf;

use crate::error::{Error, Result};

pub use book::Book;
pub use moves::Moves;
pub use turn::Turn;

/// Overrides where the folder is.
pub const STATE_DIR: &str = "XTASK_STATE_DIR";

/// The folder: XTASK_STATE_DIR, else the system's place for state.
pub fn state_dir(env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf> {
    if let Some(dir) = env(STATE_DIR).filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir));
    }
    let dirs = directories::ProjectDirs::from("", "", "cargo-xtask-ports");
    // Only Linux has a folder of its own for state.
    dirs.map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_path_buf())
        .ok_or_else(|| Error::new("no home folder to remember things in").hint(format!("set {STATE_DIR}")))
}
