//! Whether git tracks a file, and making git ignore a generated one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checkout::checkout_root;
use crate::disk;
use crate::error::{Context, Result};
use crate::exec::{self, Command, NoAnswer};

/// Whether git tracks the file or the target of a symbolic link. False without git: then nothing
/// can be committed either.
pub fn tracks(file: &Path) -> bool {
    if exec::find("git").is_none() {
        return false;
    }
    let is_known = |file: &Path| {
        let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else { return false };
        let ask = Command::new("git").args(["ls-files", "--error-unmatch", "--"]).arg(name).dir(dir);
        ask.ask(exec::LIMIT).is_ok_and(|answer| answer.code == Some(0))
    };
    let real = disk::real_path(file);
    is_known(file) || real != file && is_known(&real)
}

/// Time limit of listing a large repository.
const LIST_LIMIT: Duration = Duration::from_secs(3);

/// The files that git tracks below `root`, relative to it and with `/`. `None` without git or a
/// repository.
pub fn tracked_files(root: &Path) -> Option<BTreeSet<String>> {
    if exec::find("git").is_none() || !root.join(".git").exists() {
        return None;
    }
    let answer = Command::new("git").args(["ls-files", "-z"]).dir(root).ask(LIST_LIMIT).ok()?;
    let names = answer.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    answer.ok().then(|| names.filter_map(|name| Some(std::str::from_utf8(name).ok()?.to_owned())).collect())
}

/// Time limit of searching a large repository.
const SEARCH_LIMIT: Duration = Duration::from_secs(2);

/// Whether a file that git tracks in the checkout of `dir` has this word; true if that takes too long.
pub fn has_word(dir: &Path, word: &str) -> bool {
    let Some(root) = checkout_root(dir).filter(|_| exec::find("git").is_some()) else { return false };
    let ask = Command::new("git").args(["grep", "-q", "-w", "-F", "-e", word]).dir(root);
    match ask.try_ask(SEARCH_LIMIT) {
        Ok(answer) => answer.code == Some(0),
        Err(error) => matches!(error, NoAnswer::TimedOut(_)),
    }
}

/// Makes git ignore `file`: unless the repository already does, adds its name to `info/exclude`,
/// which belongs to this clone and applies to its linked worktrees. Returns the changed file; `None`
/// if nothing had to be done, or without git or a repository.
pub fn ignore(file: &Path) -> Result<Option<PathBuf>> {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return Ok(None);
    };
    if exec::find("git").is_none() {
        return Ok(None);
    }
    let git = |words: &[&str]| Command::new("git").args(words).dir(dir).ask(exec::LIMIT);
    // 0 = ignored, 1 = not ignored, otherwise no repository.
    if git(&["check-ignore", "-q", name])?.code != Some(1) {
        return Ok(None);
    }
    let answer = git(&["rev-parse", "--git-path", "info/exclude"])?;
    let path = String::from_utf8_lossy(&answer.stdout).trim_end_matches(['\r', '\n']).to_owned();
    if !answer.ok() || path.is_empty() {
        return Ok(None);
    }
    let exclude = dir.join(path);
    let mut bytes = disk::read(&exclude)?.unwrap_or_default();
    // It is listed already, but a `!` pattern of the repository overrides it.
    if bytes.split(|byte| *byte == b'\n').any(|line| line == name.as_bytes()) {
        return Ok(None);
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'\n');
    if let Some(folder) = exclude.parent() {
        std::fs::create_dir_all(folder).context(format!("make `{}`", folder.display()))?;
    }
    disk::write_atomic(&exclude, &bytes)?;
    Ok(Some(exclude))
}
