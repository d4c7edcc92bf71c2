//! Repositories.

use std::path::Path;

use super::{Output, command, run};

/// git in this folder, as somebody.
#[track_caller]
pub(crate) fn git(dir: impl AsRef<Path>, words: &[&str]) -> Output {
    let mut git = command("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]);
    git.args(words).current_dir(dir);
    run(git).exits(0)
}

/// Makes the folder a repository with one commit of all that is in it.
#[track_caller]
pub(crate) fn repository(dir: impl AsRef<Path>) {
    for words in [&["init", "-q"][..], &["add", "--all", "--force"], &["commit", "-qm", "files"]] {
        git(&dir, words);
    }
}
