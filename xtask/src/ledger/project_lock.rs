//! One start of a project at a time: two would make the same containers, and
//! each would take back what the other made.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Ledger;
use crate::disk;
use crate::error::{Context, Result};
use crate::model::Leases;

/// Holds the lock of a project. The kernel releases it when this program and
/// everything that it started have ended, in whatever way.
#[derive(Debug)]
pub struct ProjectLock {
    _lock: File,
    /// Somebody else held it first.
    pub waited: bool,
}

/// A project without leases is gone if nobody has locked it for this long.
const UNUSED: Duration = Duration::from_hours(30 * 24);

impl ProjectLock {
    /// Blocks until the lock of `project` is free, and calls `note` if it has to
    /// wait. Removes the lock files of projects that are gone.
    pub fn acquire(state: &Path, project: &str, note: impl FnOnce()) -> Result<ProjectLock> {
        disk::private_folder(state)?;
        sweep(state, UNUSED);
        let path = path(state, project);
        let mut note = Some(note);
        let mut waited = false;
        let lock = loop {
            let lock = disk::lock_file(&path)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(note) = note.take() {
                        note();
                    }
                    lock.lock().context("lock the project")?;
                    waited = true;
                }
                Err(TryLockError::Error(error)) => return Err(disk::no_locks(&path, &error)),
            }
            // A file is only removed under its lock: if it is gone, make a new one.
            if disk::is_current(&lock, &path) {
                break lock;
            }
        };
        // Marks the project as used. If this fails, the file is removed after a
        // month, which does no harm.
        drop(lock.set_modified(SystemTime::now()));
        outlive(&lock);
        Ok(ProjectLock { _lock: lock, waited })
    }

    /// Removes the lock file of a project that is gone, unless somebody holds it.
    pub fn forget(state: &Path, project: &str) {
        remove(&path(state, project));
    }
}

fn path(state: &Path, project: &str) -> PathBuf {
    state.join(format!("start-{}.lock", plain(project)))
}

/// A project's name must never be read as a path.
fn plain(project: &str) -> String {
    project.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// Removes lock files that nobody has taken for `unused`, except those of projects
/// in the ledger of this machine or of another engine.
fn sweep(state: &Path, unused: Duration) {
    let files = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_old = |entry: &std::fs::DirEntry| {
        let age = entry.metadata().ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
        age.is_some_and(|age| age >= unused)
    };
    let project = |entry: &std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix("start-")?.strip_suffix(".lock")?.to_owned())
    };
    let old: Vec<(String, PathBuf)> =
        files(state).filter(is_old).filter_map(|entry| Some((project(&entry)?, entry.path()))).collect();
    if old.is_empty() {
        return;
    }
    let engines = files(&state.join("engines")).map(|entry| Ledger::peek(&entry.path()));
    let ledgers: Vec<Leases> = std::iter::once(Ledger::peek(state)).chain(engines).collect();
    let known =
        |name: &str| ledgers.iter().flat_map(|ledger| &ledger.tenants).any(|tenant| plain(&tenant.project) == name);
    for (_, path) in old.iter().filter(|(name, _)| !known(name)) {
        remove(path);
    }
}

/// Removes the file under its lock: whoever waits for the lock sees that the file
/// is gone and makes another. Older versions don't check; they are safe because
/// nobody starts a project that is gone.
#[cfg(unix)]
fn remove(path: &Path) {
    let Ok(file) = File::options().write(true).open(path) else { return };
    if file.try_lock().is_ok() && disk::is_current(&file, path) {
        drop(std::fs::remove_file(path));
    }
}

/// Windows removes an open file only when it is closed, and it can't be created
/// again before that.
#[cfg(not(unix))]
fn remove(_path: &Path) {}

/// Lets child processes inherit the lock: if this program is killed, its
/// `docker compose up` goes on, and the lock is held until that has ended too.
#[cfg(unix)]
fn outlive(lock: &File) {
    // Never refused in practice; without it the lock ends with this program.
    let _ = rustix::io::fcntl_setfd(lock, rustix::io::FdFlags::empty());
}

/// Windows releases a lock when the program that took it ends.
#[cfg(not(unix))]
fn outlive(_lock: &File) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_waits_for_the_first_and_another_project_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let first = ProjectLock::acquire(dir.path(), "demo", || panic!("nobody is before it")).unwrap();
        assert!(!ProjectLock::acquire(dir.path(), "other/..", || panic!("another project")).unwrap().waited);
        let (note, noted) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second =
                scope.spawn(|| ProjectLock::acquire(dir.path(), "demo", || note.send(()).unwrap()).unwrap().waited);
            noted.recv().unwrap();
            drop(first);
            assert!(second.join().unwrap());
        });
    }

    #[cfg(unix)]
    #[test]
    fn only_locks_that_are_old_and_of_nobody_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path()).unwrap();
        ledger.leases.tenant_mut("kept.x", Path::new("/src")).range = crate::model::PortRange::new(8000, 8009);
        ledger.close().unwrap();
        let file = |name: &str| dir.path().join(format!("start-{name}.lock"));
        for (name, age) in [("gone", 2 * UNUSED), ("kept_x", 2 * UNUSED), ("fresh", UNUSED / 2), ("held", 2 * UNUSED)] {
            let file = File::create(file(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        let held = File::open(file("held")).unwrap();
        held.lock().unwrap();
        drop(ProjectLock::acquire(dir.path(), "demo", || panic!("nobody is before it")).unwrap());
        let left = ["gone", "kept_x", "fresh", "held", "demo"].map(|name| file(name).exists());
        assert_eq!(left, [false, true, true, true, true]);
        ProjectLock::forget(dir.path(), "demo");
        assert!(!file("demo").exists());
    }

    /// However many threads lock and remove at once, only one holds the lock.
    #[cfg(unix)]
    #[test]
    fn a_lock_that_goes_while_somebody_takes_it_lets_no_two_in() {
        use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let (inside, removed, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..200 {
                            let lock = ProjectLock::acquire(dir.path(), "demo", || {}).unwrap();
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            std::thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let before = path(dir.path(), "demo").exists();
                    ProjectLock::forget(dir.path(), "demo");
                    removed.fetch_add(usize::from(before && !path(dir.path(), "demo").exists()), Ordering::Relaxed);
                }
            });
            let results: Vec<_> = takers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            done.store(true, Ordering::Relaxed);
            assert!(results.iter().all(Result::is_ok));
        });
        assert!(removed.into_inner() > 0);
    }
}
