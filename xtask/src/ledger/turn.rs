//! One start of a project at a time: two would make the same containers, and
//! each would take back what the other made.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::disk;
use crate::error::{Context, Result};

/// A turn; the kernel ends it with the program and what that started, however
/// they end.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
    /// Whether somebody else had it before.
    pub waited: bool,
}

impl Turn {
    /// Waits for the turn of `project`; `note` is called where it has to.
    pub fn take(state: &Path, project: &str, note: impl FnOnce()) -> Result<Turn> {
        disk::private_folder(state)?;
        // A name is no path, whoever chose it.
        let name: String =
            project.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let path = state.join(format!("start-{name}.lock"));
        let lock = disk::lock_file(&path)?;
        let waited = match lock.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => {
                note();
                lock.lock().context("lock the project")?;
                true
            }
            Err(TryLockError::Error(error)) => return Err(disk::no_locks(&path, &error)),
        };
        outlive(&lock);
        Ok(Turn { _lock: lock, waited })
    }
}

/// Programs that this one starts get the lock as well: where it is killed, its
/// `docker compose up` goes on, and the turn is over when that has ended, too.
#[cfg(unix)]
fn outlive(lock: &File) {
    // Refused to nobody; without it the turn ends with this program.
    let _ = rustix::io::fcntl_setfd(lock, rustix::io::FdFlags::empty());
}

/// Windows ends a lock with the program that took it.
#[cfg(not(unix))]
fn outlive(_lock: &File) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_waits_for_the_first_and_another_project_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let first = Turn::take(dir.path(), "demo", || panic!("nobody is before it")).unwrap();
        assert!(!Turn::take(dir.path(), "other/..", || panic!("another project")).unwrap().waited);
        let (note, noted) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Turn::take(dir.path(), "demo", || note.send(()).unwrap()).unwrap().waited);
            noted.recv().unwrap();
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
