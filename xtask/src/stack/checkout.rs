//! The git checkout that contains a folder, read from git's own files (gitrepository-layout(5)):
//! that takes no time and works without git on PATH.

use std::path::{Path, PathBuf};

use crate::disk;

/// A working tree of a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Top folder.
    pub root: PathBuf,
    /// The top folder of the main working tree, if this is a linked worktree (`git worktree add`) and
    /// the repository has one.
    pub main: Option<PathBuf>,
    pub linked: bool,
    /// The repository's name: the folder of its main working tree, or the bare repository's folder
    /// without `.git`.
    pub repository: String,
    /// The branch; `None` for a detached head.
    pub branch: Option<String>,
}

pub fn checkout(dir: &Path) -> Option<Checkout> {
    let root = checkout_root(dir)?;
    let git = root.join(".git");
    if git.is_dir() {
        let repository = name(&root);
        return Some(Checkout { branch: branch(&git), root, main: None, linked: false, repository });
    }
    let text = disk::read_text(&git).ok()?;
    let git = root.join(text.strip_prefix("gitdir:")?.trim());
    // Submodules have such a file too, but no `commondir`.
    let common = disk::read_text(&git.join("commondir")).ok().map(|common| disk::real_path(&git.join(common.trim())));
    let Some(common) = common else {
        let repository = name(&root);
        return Some(Checkout { branch: branch(&git), root, main: None, linked: false, repository });
    };
    let main = common.file_name().filter(|last| *last == ".git").and_then(|_| common.parent()).map(Path::to_path_buf);
    let repository = main.as_deref().map_or_else(|| name(&common), name);
    let repository = repository.strip_suffix(".git").unwrap_or(&repository).to_owned();
    Some(Checkout { branch: branch(&git), root, main, linked: true, repository })
}

pub fn checkout_root(dir: &Path) -> Option<PathBuf> {
    dir.ancestors().find(|parent| parent.join(".git").exists()).map(Path::to_path_buf)
}

fn branch(git: &Path) -> Option<String> {
    let head = disk::read_text(&git.join("HEAD")).ok()?;
    head.trim().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

fn name(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The files that `git worktree add ../feature` creates.
    fn repository(dir: &Path, git: &str) {
        write(&dir.join(git).join("HEAD"), "ref: refs/heads/main\n");
        write(&dir.join(git).join("worktrees/feature/HEAD"), "ref: refs/heads/login/fix\n");
        write(&dir.join(git).join("worktrees/feature/commondir"), "../..\n");
        let link = dir.join(git).join("worktrees/feature");
        write(&dir.join("feature/.git"), &format!("gitdir: {}\n", link.display()));
    }

    #[test]
    fn a_linked_worktree_knows_its_main_one() {
        let dir = tempfile::tempdir().unwrap();
        let dir = disk::real_path(dir.path());
        repository(&dir, "performia/.git");
        let main = checkout(&dir.join("performia")).unwrap();
        assert_eq!((main.linked, main.repository.as_str(), main.branch.as_deref()), (false, "performia", Some("main")));
        std::fs::create_dir_all(dir.join("feature/deploy")).unwrap();
        let linked = checkout(&dir.join("feature/deploy")).unwrap();
        let want = Checkout {
            root: dir.join("feature"),
            main: Some(dir.join("performia")),
            linked: true,
            repository: "performia".into(),
            branch: Some("login/fix".into()),
        };
        assert_eq!(linked, want);
    }

    #[test]
    fn a_bare_repository_has_no_main_worktree() {
        let dir = tempfile::tempdir().unwrap();
        repository(dir.path(), "performia.git");
        let linked = checkout(&dir.path().join("feature")).unwrap();
        assert_eq!((linked.linked, linked.main, linked.repository.as_str()), (true, None, "performia"));
    }

    #[test]
    fn a_submodule_is_no_linked_worktree_and_a_detached_head_no_branch() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join(".git/modules/lib/HEAD"), "0123456789abcdef\n");
        write(&dir.path().join("lib/.git"), "gitdir: ../.git/modules/lib\n");
        let found = checkout(&dir.path().join("lib")).unwrap();
        assert_eq!((found.linked, found.branch), (false, None));
    }
}
