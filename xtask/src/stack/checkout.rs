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
    /// git's folder of the repository, which linked worktrees share.
    pub common: PathBuf,
    /// The branch; `None` for a detached head.
    pub branch: Option<String>,
}

pub fn checkout(dir: &Path) -> Option<Checkout> {
    let root = checkout_root(dir)?;
    let git = root.join(".git");
    if git.is_dir() {
        return Some(own_repository(root, git));
    }
    let text = disk::read_text(&git).ok()?;
    // May be relative: `git worktree add --relative-paths`, submodules.
    let git = root.join(text.strip_prefix("gitdir:")?.trim());
    // Submodules and `--separate-git-dir` have such a file too, but no `commondir`.
    let common = match disk::read_text(&git.join("commondir")) {
        Ok(common) => disk::real_path(&git.join(common.trim())),
        Err(_) => match pruned_common(&without_dots(&git)) {
            Some(common) => disk::real_path(&common),
            None => return Some(own_repository(root, git)),
        },
    };
    let main = common.parent().filter(|_| common.file_name().is_some_and(|last| last == ".git"));
    // Without the repository nothing is known about a main working tree.
    let main = main.filter(|_| common.is_dir()).map(Path::to_path_buf);
    let repository = repository_name(&common);
    Some(Checkout { branch: branch(&git), common, root, main, linked: true, repository })
}

fn own_repository(root: PathBuf, git: PathBuf) -> Checkout {
    Checkout { branch: branch(&git), repository: name(&root), root, main: None, linked: false, common: git }
}

/// The repository of a linked worktree whose entry there is gone: `git worktree prune`, or the
/// repository was moved. The path still says that this is a worktree (gitrepository-layout(5),
/// `worktrees/<id>`).
fn pruned_common(git: &Path) -> Option<PathBuf> {
    let worktrees = git.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "worktrees"))?;
    (!git.is_dir()).then(|| worktrees.parent().map(Path::to_path_buf)).flatten()
}

/// `performia/.git`, `performia.git`, and `performia/.bare` with worktrees beside it.
fn repository_name(common: &Path) -> String {
    let folder = name(common);
    if folder.starts_with('.') || is_named_by_parent(common) {
        return common.parent().map(name).unwrap_or_default();
    }
    folder.strip_suffix(".git").unwrap_or(&folder).to_owned()
}

/// Whether the folder above has a `.git` file that leads to this repository, so that git works
/// there too.
fn is_named_by_parent(common: &Path) -> bool {
    let Some(parent) = common.parent() else { return false };
    let Ok(text) = disk::read_text(&parent.join(".git")) else { return false };
    let target = text.strip_prefix("gitdir:").map(|target| without_dots(&parent.join(target.trim())));
    target.is_some_and(|target| target == common || disk::real_path(&target) == common)
}

/// Without `.` and `..`, also where the path leads nowhere.
fn without_dots(path: &Path) -> PathBuf {
    super::locate::absolute(Path::new(""), path)
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
            common: dir.join("performia/.git"),
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

    /// As `git clone --bare URL performia/.bare` and `git worktree add performia/feature` make it.
    #[test]
    fn a_hidden_bare_repository_is_named_by_its_folder() {
        for bare in ["performia/.bare", "performia/bare.git"] {
            let dir = tempfile::tempdir().unwrap();
            let dir = disk::real_path(dir.path());
            repository(&dir, bare);
            let below = bare.strip_prefix("performia/").unwrap();
            write(&dir.join("performia/.git"), &format!("gitdir: ./{below}\n"));
            let linked = checkout(&dir.join("feature")).unwrap();
            assert_eq!((linked.linked, linked.main, linked.repository.as_str()), (true, None, "performia"), "{bare}");
        }
    }

    #[test]
    fn a_relative_gitdir_leads_to_the_same_place() {
        let dir = tempfile::tempdir().unwrap();
        let dir = disk::real_path(dir.path());
        repository(&dir, "performia/.git");
        let absolute = checkout(&dir.join("feature")).unwrap();
        write(&dir.join("feature/.git"), "gitdir: ../performia/.git/worktrees/feature\n");
        assert_eq!(checkout(&dir.join("feature")).unwrap(), absolute);
    }

    #[test]
    fn a_pruned_worktree_is_still_a_worktree() {
        let dir = tempfile::tempdir().unwrap();
        let dir = disk::real_path(dir.path());
        for link in ["", "../performia/.git/worktrees/feature"] {
            repository(&dir, "performia/.git");
            if !link.is_empty() {
                write(&dir.join("feature/.git"), &format!("gitdir: {link}\n"));
            }
            std::fs::remove_dir_all(dir.join("performia/.git/worktrees")).unwrap();
            let found = checkout(&dir.join("feature")).unwrap();
            assert_eq!((found.linked, found.main, found.branch), (true, Some(dir.join("performia")), None), "{link}");
        }
        // The repository was moved: it keeps its name, but has no folder.
        std::fs::rename(dir.join("performia"), dir.join("moved")).unwrap();
        let found = checkout(&dir.join("feature")).unwrap();
        assert_eq!((found.linked, found.main, found.repository.as_str()), (true, None, "performia"));
    }

    #[test]
    fn a_submodule_is_no_linked_worktree_and_a_detached_head_no_branch() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join(".git/modules/lib/HEAD"), "0123456789abcdef\n");
        write(&dir.path().join("lib/.git"), "gitdir: ../.git/modules/lib\n");
        let found = checkout(&dir.path().join("lib")).unwrap();
        assert_eq!((found.linked, found.branch), (false, None));
        // Also where the superproject is a linked worktree, or its files are gone.
        write(&dir.path().join("lib/.git"), "gitdir: ../.git/worktrees/feature/modules/lib\n");
        assert!(!checkout(&dir.path().join("lib")).unwrap().linked);
    }
}
