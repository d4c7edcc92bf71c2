//! Finds tools on PATH.

use std::ffi::OsStr;
use std::path::PathBuf;

/// The path of `tool`, by the rules of this system.
pub fn find(tool: impl AsRef<OsStr>) -> Option<PathBuf> {
    which::which(tool).ok()
}

/// A file on PATH with a tool's name that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// A link whose target is gone or not accessible.
    Link {
        path: PathBuf,
        target: PathBuf,
        /// The user has no permission for the target's path.
        denied: bool,
    },
    /// A file that this user may not execute.
    NotExecutable(PathBuf),
}

/// The first such file on PATH, for tools that [`find`] does not find: "not on PATH" would not
/// help a user who sees `docker` in /usr/local/bin.
pub fn unusable(tool: &str) -> Option<Unusable> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(tool)).find_map(|path| {
        let link = std::fs::symlink_metadata(&path).ok()?;
        match std::fs::metadata(&path) {
            Err(error) if link.is_symlink() => {
                let target = std::fs::read_link(&path).unwrap_or_default();
                Some(Unusable::Link { path, target, denied: error.kind() == std::io::ErrorKind::PermissionDenied })
            }
            Ok(file) if file.is_file() => Some(Unusable::NotExecutable(path)),
            _ => None,
        }
    })
}
