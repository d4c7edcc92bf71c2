//! Writes files atomically.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::owner::give_to_sudo_user;
use crate::error::{Error, Result};

/// Replaces `path` with `bytes`: writes a new file beside it, flushes it to disk and renames it. A
/// symbolic link stays, its target is replaced; permissions stay. A new file gets the default
/// permissions.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, false)
}

/// Like [`write_atomic`], for secrets: a new file is only accessible to its owner from the start
/// (on Windows the folder's access list decides).
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, true)
}

fn replace(path: &Path, bytes: &[u8], private: bool) -> Result<()> {
    let target = super::real_path(path);
    let temporary = beside(&target);
    let written = write(&temporary, &target, bytes, private);
    if written.is_err() {
        // It may not exist.
        drop(fs::remove_file(&temporary));
    }
    written.map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &std::io::Error) -> Error {
    let failed = Error::new(format!("failed to write `{}`: {error}", path.display()));
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => {
            failed.hint("the file is unchanged; `df .` names the file system").unwritable()
        }
        // Windows also returns this for a file that is open elsewhere.
        ErrorKind::PermissionDenied if !cfg!(windows) => {
            failed.hint("the file is unchanged; check its permissions and those of its folder: `ls -la`").unwritable()
        }
        _ if cfg!(windows) => {
            failed.hint("the file is unchanged; check free space, permissions (`icacls`), and who has it open")
        }
        _ => failed.hint("the file is unchanged; check free space (`df -h .`) and permissions (`ls -l`)"),
    }
}

/// Writing a file never takes this long.
const LEFT_OVER: Duration = Duration::from_mins(1);

fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

fn write(temporary: &Path, target: &Path, bytes: &[u8], private: bool) -> std::io::Result<()> {
    let old = fs::metadata(target).ok();
    if old.as_ref().is_some_and(|old| old.permissions().readonly()) {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    // A user who may not write the file must not replace it either, although
    // the rename would succeed.
    if old.is_some() {
        drop(fs::OpenOptions::new().append(true).open(target)?);
    }
    sweep(temporary, target);
    // Users who open the new file before its mode is set could go on reading it,
    // so it starts without access for others.
    let mut file = create(temporary, private || old.is_some())?;
    file.write_all(bytes)?;
    if let Some(old) = &old {
        keep_access(&file, old)?;
    }
    file.sync_all()?;
    drop(file);
    if old.is_none() {
        give_to_sudo_user(temporary);
    }
    rename(temporary, target)
}

#[cfg(unix)]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(from, to)
}

/// Windows refuses to replace an open file: on some file systems always, on all of them while a
/// virus scanner has it open. That is over in a moment, so it is retried. Permission to write the
/// file was checked before.
#[cfg(not(unix))]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    const SHARING_VIOLATION: i32 = 32;
    let deadline = std::time::Instant::now() + Duration::from_secs(2);
    loop {
        let renamed = fs::rename(from, to);
        let is_open = renamed.as_ref().is_err_and(|error| {
            error.kind() == std::io::ErrorKind::PermissionDenied || error.raw_os_error() == Some(SHARING_VIOLATION)
        });
        if !is_open || std::time::Instant::now() >= deadline {
            return renamed;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Removes new files that killed processes left beside the target. One with our process id is from
/// an earlier process; one of another process may be in use for some milliseconds.
fn sweep(temporary: &Path, target: &Path) {
    drop(fs::remove_file(temporary));
    let prefix = format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy());
    let is_left_over = |name: &str| {
        let pid = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".tmp"));
        pid.is_some_and(|pid| pid.parse::<u32>().is_ok())
    };
    for entry in target.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten() {
        let old = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if entry.file_name().to_str().is_some_and(is_left_over) && old().is_some_and(|age| age > LEFT_OVER) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

#[cfg(unix)]
fn create(path: &Path, private: bool) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if private { 0o600 } else { 0o666 };
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _private: bool) -> std::io::Result<File> {
    File::create_new(path)
}

/// Copies owner, group and mode of the old file. Under sudo the user stays the owner; others can
/// only set their own groups. If the group cannot be kept, the new group does not get the old
/// one's permissions.
#[cfg(unix)]
fn keep_access(file: &File, old: &fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    if fchown(file, Some(old.uid()), Some(old.gid())).is_err() {
        drop(fchown(file, None, Some(old.gid())));
    }
    let same_group = file.metadata()?.gid() == old.gid();
    let mode = kept_mode(old.mode() & 0o7777, same_group);
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// In another group, members get the permissions of everybody.
#[cfg(unix)]
fn kept_mode(old: u32, same_group: bool) -> u32 {
    if same_group { old } else { old & (0o7707 | (old & 0o007) << 3) }
}

/// On Windows the new file gets the folder's access list.
#[cfg(not(unix))]
fn keep_access(file: &File, old: &fs::Metadata) -> std::io::Result<()> {
    file.set_permissions(old.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        write_atomic(&path, b"A=1\n").unwrap();
        write_atomic(&path, b"A=2\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"A=2\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_symbolic_links_stay() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real.env");
        let link = dir.path().join(".env");
        fs::write(&real, "A=1\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_atomic(&link, b"A=2\n").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"A=2\n");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    }

    /// A process that watches the folder never sees a file that it may open.
    #[cfg(unix)]
    #[test]
    fn the_new_file_is_closed_to_others_until_it_is_whole() {
        use std::os::unix::fs::PermissionsExt;
        use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "A=1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let (seen, done) = (AtomicU32::new(0), AtomicBool::new(false));
        let watch = || {
            let temporary = beside(&path);
            while !done.load(Ordering::Relaxed) {
                if let Ok(file) = fs::metadata(&temporary) {
                    seen.fetch_or(file.permissions().mode() & 0o077, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(watch);
            for _ in 0..300 {
                write_atomic(&path, b"A=2\n").unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(seen.into_inner(), 0);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_group_may_do_is_not_given_to_another() {
        for (old, same, want) in [
            (0o640, true, 0o640),
            (0o640, false, 0o600),
            (0o644, false, 0o644),
            (0o664, false, 0o644),
            (0o755, false, 0o755),
            (0o600, false, 0o600),
        ] {
            assert_eq!(kept_mode(old, same), want, "{old:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.key");
        for text in ["one", "two"] {
            write_private(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_a_killed_program_left_is_swept_and_what_another_writes_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        let (own, stale, fresh) = (beside(&path), dir.path().join("..env.1.tmp"), dir.path().join("..env.2.tmp"));
        for left in [&own, &stale, &fresh] {
            fs::write(left, "half").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * LEFT_OVER;
        File::options().append(true).open(&stale).unwrap().set_modified(long_ago).unwrap();
        write_atomic(&path, b"A=1\n").unwrap();
        assert_eq!((own.exists(), stale.exists(), fresh.exists()), (false, false, true));
    }

    #[test]
    fn a_file_that_somebody_reads_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        write_atomic(&path, b"old").unwrap();
        let reader = File::open(&path).unwrap();
        let closes = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(reader);
        });
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        closes.join().unwrap();
    }

    #[test]
    fn a_read_only_file_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "A=1\n").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let error = write_atomic(&path, b"A=2\n").unwrap_err();
        assert!(error.message().contains("read-only"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"A=1\n");
    }
}
