//! Where tools are on PATH.

use std::ffi::OsStr;
use std::path::PathBuf;

/// Where `tool` is on PATH, by the rules of this system.
pub fn find(tool: impl AsRef<OsStr>) -> Option<PathBuf> {
    which::which(tool).ok()
}

/// What lies on PATH under a tool's name and cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// A link whose target is gone, or out of this user's reach.
    Link {
        path: PathBuf,
        target: PathBuf,
        /// The way there is closed to this user.
        denied: bool,
    },
    /// A file that this user may not execute.
    NotExecutable(PathBuf),
}

/// The first such thing on PATH. For tools that [`find`] does not find: to a
/// person who sees `docker` in /usr/local/bin "not on PATH" is no answer.
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
