//! File locks, which the kernel releases when their holder ends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::owner::give_to_sudo_user;
use crate::error::{Context, Error, Result};

/// Opens the file `path` for locking, and creates it if needed.
pub fn lock_file(path: &Path) -> Result<File> {
    let new = !path.exists();
    // Not truncated: somebody may have it locked, and locks on Windows are on
    // bytes.
    let opened = File::options().write(true).create(true).truncate(false).open(path);
    let file = opened.context(format!("open `{}`", path.display()))?;
    if new {
        give_to_sudo_user(path);
    }
    Ok(file)
}

/// Whether the locked file is still the one at `path`. If it was removed before the lock was
/// acquired, it locks nobody out.
#[cfg(unix)]
pub fn is_current(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let same = file.metadata().ok().zip(std::fs::symlink_metadata(path).ok());
    same.is_some_and(|(locked, there)| id(locked) == id(there))
}

/// Lock files are never removed on Windows.
#[cfg(not(unix))]
pub fn is_current(_file: &File, _path: &Path) -> bool {
    true
}

/// Locks the file `path`, waiting up to `limit`.
pub fn lock(path: &Path, limit: Duration) -> Result<File> {
    let file = lock_file(path)?;
    let deadline = Instant::now() + limit;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => {
                let seconds = limit.as_secs();
                return Err(Error::new(format!("`{}` has been locked for {seconds} s", path.display()))
                    .hint("a suspended `cargo xtask` (Ctrl-Z) holds it: `fg`, or end it"));
            }
            Err(TryLockError::Error(error)) => return Err(no_locks(path, &error)),
        }
    }
}

/// The error for a file system without locks. NFS without its lock service gives ENOLCK, some
/// user-space file systems EOPNOTSUPP or ENOSYS (flock(2)).
pub fn no_locks(path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("`{}` cannot be locked: {error}", path.display()))
        .hint("some network file systems do not support locks: set XTASK_STATE_DIR to a folder of a local disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_too_long_is_told_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _lock = lock(&path, Duration::ZERO).unwrap();
        let error = lock(&path, Duration::from_millis(10)).unwrap_err();
        assert!(error.hints()[0].contains("Ctrl-Z"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_filesystem_without_locks_is_named() {
        for errno in [rustix::io::Errno::NOLCK, rustix::io::Errno::OPNOTSUPP, rustix::io::Errno::NOSYS] {
            let error = no_locks(Path::new("/net/state/leases.lock"), &errno.into());
            assert!(error.message().starts_with("`/net/state/leases.lock` cannot be locked: "), "{error}");
            assert!(error.hints()[0].contains("XTASK_STATE_DIR"), "{error}");
        }
    }
}
