//! What a git repository says about itself, read from its files.

use std::path::PathBuf;

use super::Checkout;
use crate::disk;

/// Worktrees of one repository to look at.
const WORKTREES: usize = 1000;

/// What identifies the repository: the address of its first remote, otherwise, for a linked
/// worktree, the repository's own folder. It can contain a password.
pub fn repository_address(checkout: &Checkout) -> Option<String> {
    let config = disk::read_text(&checkout.common.join("config")).unwrap_or_default();
    remote_url(&config).or_else(|| checkout.linked.then(|| checkout.common.display().to_string()))
}

fn remote_url(config: &str) -> Option<String> {
    let mut in_remote = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_remote = line.to_ascii_lowercase().starts_with("[remote ");
        } else if let Some((key, value)) = line.split_once('=').filter(|_| in_remote)
            && key.trim().eq_ignore_ascii_case("url")
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

/// The top folders of the repository's linked worktrees, as they are registered.
pub fn worktrees(checkout: &Checkout) -> Vec<PathBuf> {
    let registered = checkout.common.join("worktrees");
    let entries = std::fs::read_dir(registered).into_iter().flatten().flatten().take(WORKTREES);
    let folder = |entry: std::fs::DirEntry| {
        let text = disk::read_text(&entry.path().join("gitdir")).ok()?;
        // The `.git` file of the worktree; relative to this entry with `--relative-paths`.
        entry.path().join(text.trim()).parent().map(disk::real_path)
    };
    entries.filter_map(folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_remote_names_the_repository() {
        let config = "[core]\n\turl = no\n[remote \"origin\"]\n\tfetch = x\n\tURL = git@host:a/b.git\n[remote \"z\"]\n\turl = c\n";
        assert_eq!(remote_url(config).as_deref(), Some("git@host:a/b.git"));
        assert_eq!(remote_url("[core]\n\tbare = true\n"), None);
    }

    #[test]
    fn worktrees_are_found_by_absolute_and_relative_paths() {
        let dir = tempfile::tempdir().unwrap();
        let dir = disk::real_path(dir.path());
        let common = dir.join("main/.git");
        for (name, gitdir) in [("a", dir.join("a/.git").display().to_string()), ("b", "../../../../b/.git".to_owned())]
        {
            std::fs::create_dir_all(dir.join(name)).unwrap();
            std::fs::create_dir_all(common.join("worktrees").join(name)).unwrap();
            std::fs::write(common.join("worktrees").join(name).join("gitdir"), format!("{gitdir}\n")).unwrap();
        }
        let checkout = super::super::checkout(&dir.join("main")).unwrap();
        let mut found = worktrees(&checkout);
        found.sort();
        assert_eq!(found, [dir.join("a"), dir.join("b")]);
    }
}
