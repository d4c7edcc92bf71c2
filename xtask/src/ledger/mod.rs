//! The state that this tool keeps, one folder per user and machine.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod by_file;
pub mod checkouts;
mod leases;
pub mod moves;
mod place;
mod project_lock;
pub mod values;

use std::path::PathBuf;

use crate::disk;
use crate::error::{Error, Result};

pub use leases::{Ledger, decode, encode};
pub use place::ledger_dir;
pub use project_lock::ProjectLock;
pub use values::MovedValue;

/// Overrides the folder.
pub const STATE_DIR: &str = "XTASK_STATE_DIR";

/// The folder: XTASK_STATE_DIR, otherwise the system's place for state. A folder of another user is
/// refused, because its content would be trusted.
pub fn state_dir(env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf> {
    let dir = place(env)?;
    disk::check_owner(&dir)?;
    Ok(dir)
}

fn place(env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf> {
    if let Some(dir) = env(STATE_DIR).filter(|dir| !dir.is_empty()) {
        return absolute(PathBuf::from(dir), STATE_DIR);
    }
    let dirs = directories::ProjectDirs::from("", "", "cargo-xtask-ports");
    // Only Linux has a separate folder for state.
    let dir = dirs.map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_path_buf());
    let none = || {
        Error::new("no home folder to keep state in: HOME is not set, and the system knows none for this user")
            .hint(format!("set {STATE_DIR} to a folder where this user may write"))
    };
    absolute(dir.ok_or_else(none)?, "HOME")
}

/// A relative path would mean a different folder for each current folder, perhaps inside a project.
fn absolute(dir: PathBuf, variable: &str) -> Result<PathBuf> {
    if dir.is_absolute() {
        return Ok(dir);
    }
    Err(Error::new(format!("{variable} is not an absolute path")).hint(format!("set {STATE_DIR} to an absolute path")))
}

/// Whether the folder was derived from the system's list of users because no variable is set. Users
/// would not expect it there.
pub fn is_home_unset(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let names = if cfg!(unix) { [STATE_DIR, "HOME", "XDG_STATE_HOME"].as_slice() } else { &[] };
    !names.is_empty() && names.iter().all(|name| env(name).is_none_or(|value| value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_folder_is_none() {
        let env = |name: &str| (name == STATE_DIR).then(|| "state".to_owned());
        assert!(state_dir(&env).unwrap_err().message().starts_with("XTASK_STATE_DIR is not an absolute path"));
    }

    #[cfg(unix)]
    #[test]
    fn a_home_that_is_not_set_is_noticed() {
        let with = |set: &'static str| move |name: &str| (name == set).then(|| "/h".to_owned());
        assert!(is_home_unset(&|_| None) && is_home_unset(&|_| Some(String::new())));
        for set in [STATE_DIR, "HOME", "XDG_STATE_HOME"] {
            assert!(!is_home_unset(&with(set)), "{set}");
        }
    }
}
