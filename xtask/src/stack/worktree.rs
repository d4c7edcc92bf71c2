//! Whether a folder is one of several working trees of a git repository. Read
//! from git's own files (gitrepository-layout(5)), so that no git is needed.

use std::path::{Path, PathBuf};

/// A linked working tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its own top folder.
    pub top: PathBuf,
    /// The top folder of the main working tree.
    pub main: PathBuf,
}

/// The linked working tree that `dir` is in; `None` in the main one, in a
/// submodule and outside of git.
pub fn worktree(dir: &Path) -> Option<Worktree> {
    let top = dir.ancestors().find(|folder| folder.join(".git").exists())?;
    let link = std::fs::read_to_string(top.join(".git")).ok()?;
    let target = top.join(link.strip_prefix("gitdir:")?.trim());
    // MAIN/.git/worktrees/NAME
    let worktrees = target.parent().filter(|parent| parent.ends_with(".git/worktrees"))?;
    let main = worktrees.parent()?.parent()?;
    Some(Worktree { top: top.to_path_buf(), main: main.to_path_buf() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linked_working_tree_is_told_from_the_main_one_and_from_a_submodule() {
        let dir = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let main = make("shop");
        make("shop/.git");
        let linked = make("wt-1");
        let git = main.join(".git/worktrees/wt-1");
        std::fs::write(linked.join(".git"), format!("gitdir: {}\n", git.display())).unwrap();
        let module = make("shop/module");
        std::fs::write(module.join(".git"), "gitdir: ../.git/modules/module\n").unwrap();
        assert_eq!(worktree(&main), None);
        assert_eq!(worktree(&module), None);
        assert_eq!(worktree(&make("wt-1/sub")), Some(Worktree { top: linked, main }));
    }
}
