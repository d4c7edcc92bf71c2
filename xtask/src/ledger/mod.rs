//! What this tool remembers of its own doings, one folder a person and machine.

mod book;
mod moves;
mod place;
mod turn;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use crate::disk;
use crate::error::{Error, Result};

pub use book::{Book, decode, encode};
pub use moves::Moves;
pub use place::ledger_dir;
pub use turn::Turn;
pub use values::{Kept, Values};

/// Overrides where the folder is.
pub const STATE_DIR: &str = "XTASK_STATE_DIR";

/// Who has a file has it for milliseconds; only a process that was stopped
/// keeps it.
const LIMIT: Duration = Duration::from_secs(30);

/// The folder: XTASK_STATE_DIR, else the system's place for state. One of
/// somebody else is refused: what it says would be believed.
pub fn state_dir(env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf> {
    let dir = place(env)?;
    disk::check_owner(&dir)?;
    Ok(dir)
}

fn place(env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf> {
    if let Some(dir) = env(STATE_DIR).filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir));
    }
    let dirs = directories::ProjectDirs::from("", "", "cargo-xtask-ports");
    // Only Linux has a folder of its own for state.
    dirs.map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_path_buf())
        .ok_or_else(|| Error::new("no home folder to remember things in").hint(format!("set {STATE_DIR}")))
}
