//! Ownership of files and folders.
//!
//! The state of this tool is trusted, and some of it is secret, so it is only used from a
//! folder that the current user owns. With `sudo` that keeps HOME (macOS, `sudo -E`) the
//! program runs as root in a user's folders. That user has root anyway, so the folder is
//! trusted; and new files in it are given to the user, or the next run without `sudo` could
//! not use them.

use std::path::Path;

use crate::error::{Context, Result};
#[cfg(unix)]
use crate::ui;

/// Creates a folder that only its owner can access, if it does not exist; refuses a folder of
/// another user.
pub fn private_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let new: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    builder.create(path).context(format!("make `{}`", path.display())).map_err(|error| {
        error.hint("this tool keeps its state there: set XTASK_STATE_DIR to a folder where this user may write")
    })?;
    for folder in new.into_iter().rev() {
        give_to_sudo_user(folder);
    }
    check_owner(path)
}

/// Refuses a folder of another user; a missing one is accepted. If others can write into it, it
/// removes that permission and warns.
#[cfg(unix)]
pub fn check_owner(path: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    const WRITABLE: u32 = 0o022;
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    let (owner, own) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if may_use(owner, own, person()) {
        let mode = metadata.mode() & 0o7777;
        if mode & WRITABLE != 0 && metadata.is_dir() {
            let shown = path.display();
            let narrow = std::fs::Permissions::from_mode(mode & !WRITABLE);
            std::fs::set_permissions(path, narrow).context(format!("close `{shown}`, which others can write into"))?;
            ui::warn(&format!(
                "others could write into {}: that permission was removed",
                ui::clean(&shown.to_string())
            ));
        }
        return Ok(());
    }
    Err(crate::error::Error::new(format!(
        "`{}` belongs to user id {owner}, and this runs as user id {own}",
        path.display()
    ))
    .hint("nothing is read from it or written to it: set XTASK_STATE_DIR, or HOME, to a folder of your own"))
}

/// Why a file in our folder is not trusted: another user owns it. Root is accepted, because root
/// can change our files anyway.
#[cfg(unix)]
pub(super) fn foreign(metadata: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let (owner, own) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let is_ours = owner == 0 || may_use(owner, own, person());
    (!is_ours).then(|| format!("it belongs to user id {owner}, and this runs as user id {own}"))
}

#[cfg(not(unix))]
pub(super) fn foreign(_metadata: &std::fs::Metadata) -> Option<String> {
    None
}

/// On Windows the access list of the home folder protects it.
#[cfg(not(unix))]
pub fn check_owner(_path: &Path) -> Result<()> {
    Ok(())
}

/// Whether this user may write into a folder, or create it.
#[cfg(unix)]
pub fn may_write(folder: &Path) -> bool {
    let there = folder.ancestors().find(|folder| folder.exists());
    there.is_some_and(|folder| rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok())
}

/// On Windows only trying shows it.
#[cfg(not(unix))]
pub fn may_write(_folder: &Path) -> bool {
    true
}

#[cfg(unix)]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Windows asks for elevation itself.
#[cfg(not(unix))]
pub fn is_root() -> bool {
    true
}

/// Under `sudo`, gives a new file or folder to the owner of the folder that it is in.
#[cfg(unix)]
pub(super) fn give_to_sudo_user(new: &Path) {
    use std::os::unix::fs::MetadataExt;
    let owner =
        new.parent().and_then(|folder| std::fs::metadata(folder).ok()).map(|folder| (folder.uid(), folder.gid()));
    if let Some((uid, gid)) = owner.filter(|(uid, _)| is_root() && person() == Some(*uid)) {
        // Does not follow links: their target is not new.
        drop(std::os::unix::fs::lchown(new, Some(uid), Some(gid)));
    }
}

#[cfg(not(unix))]
pub(super) fn give_to_sudo_user(_new: &Path) {}

/// The user who ran `sudo`.
#[cfg(unix)]
fn person() -> Option<u32> {
    std::env::var("SUDO_UID").ok()?.parse().ok()
}

#[cfg(unix)]
fn may_use(owner: u32, own: u32, person: Option<u32>) -> bool {
    owner == own || own == 0 && person == Some(owner)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_used_by_its_owner_and_by_sudo_of_its_owner() {
        assert!(may_use(1000, 1000, None));
        assert!(may_use(0, 0, Some(1000)));
        assert!(may_use(1000, 0, Some(1000)));
        assert!(!may_use(1000, 0, None));
        assert!(!may_use(1000, 0, Some(1001)));
        // SUDO_UID is just an environment variable: without root it proves nothing.
        assert!(!may_use(1000, 1001, Some(1000)));
        assert!(!may_use(0, 1000, Some(0)));
    }

    #[test]
    fn a_folder_that_others_can_write_into_is_closed_to_them() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, want) in [(0o777, 0o755), (0o1777, 0o1755), (0o770, 0o750), (0o700, 0o700), (0o755, 0o755)] {
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            check_owner(dir.path()).unwrap();
            assert_eq!(std::fs::metadata(dir.path()).unwrap().permissions().mode() & 0o7777, want, "{mode:o}");
        }
    }

    #[test]
    fn a_new_folder_is_for_its_owner_alone_and_an_old_one_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let old = dir.path().join("old");
        std::fs::create_dir(&old).unwrap();
        std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&old.join("a/b")).unwrap();
        assert_eq!((mode(&old), mode(&old.join("a")), mode(&old.join("a/b"))), (0o755, 0o700, 0o700));
    }
}
