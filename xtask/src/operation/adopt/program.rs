//! Copies `xtask/`, the source of this program, so that the other repository depends on
//! nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::plan::{Edit, Plan, Skipped, Step, Target, View};
use crate::error::{Context as _, Error, Result};
use crate::exec::SOURCE;
use crate::parse::cargo;
use crate::{disk, ui};

/// The source of this version, to be copied. The launcher passes its folder at run time,
/// because the checkout that the program was built in may be another one, or deleted.
pub(super) fn source(passed: Option<&Path>) -> Result<PathBuf> {
    let is_source = |folder: &Path| {
        folder.join("src/main.rs").is_file()
            && std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| cargo::is_ours(&text))
    };
    if let Some(folder) = passed {
        if is_source(folder) {
            return disk::canonical(folder).context("find the source of this program");
        }
        return Err(no_source(&format!(
            "{SOURCE} does not name the source of this program: {}",
            ui::clean(&folder.display().to_string())
        )));
    }
    // Run by path, from the target folder of its workspace.
    let program = std::env::current_exe().context("find this program")?;
    let found = program.ancestors().map(|folder| folder.join("xtask")).find(|folder| is_source(folder));
    match found {
        Some(folder) => disk::canonical(&folder).context("find the source of this program"),
        None => Err(no_source("cannot find the source of this program")),
    }
}

fn no_source(fact: &str) -> Error {
    Error::new(fact).hint("run it in a checkout with the source: `cargo xtask adopt DIR`")
}

/// Whether the program there has the launcher, now or after the plan.
pub(super) fn has_launcher(target: &Target<'_>, plan: &Plan) -> bool {
    let manifest = target.dir.join("xtask").join(LAUNCHER);
    manifest.is_file() || plan.steps.iter().flat_map(|step| &step.edits).any(|edit| edit.path == manifest)
}

/// Folders with only source files.
const SOURCES: [&str; 3] = ["src", "launcher/src", "launcher/sha256/src"];

const LAUNCHER: &str = "launcher/Cargo.toml";

/// The files to copy, by path below `xtask/`: what `cargo xtask` is built from, the samples
/// for its unit tests, and the settings of rustfmt and clippy. Integration tests and benchmarks
/// are left out: they are about this repository, and `cargo test` in another one must not
/// need a Docker engine.
fn files(home: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let read = |path: &Path| std::fs::read(path).context(format!("read {}", path.display()));
    for folder in SOURCES.into_iter().chain(["tests/fixtures"]) {
        let mut queue = vec![home.join(folder)];
        while let Some(folder) = queue.pop() {
            for entry in std::fs::read_dir(&folder).context(format!("read {}", folder.display()))? {
                let path = entry.context(format!("read {}", folder.display()))?.path();
                if path.is_dir() {
                    queue.push(path);
                } else if let Some(name) = relative(home, &path).filter(|name| is_ours(name)) {
                    files.insert(name, read(&path)?);
                }
            }
        }
    }
    for name in ["Cargo.toml", LAUNCHER, "launcher/sha256/Cargo.toml"] {
        let manifest = String::from_utf8_lossy(&read(&home.join(name))?).into_owned();
        files.insert(name.to_owned(), cargo::manifest_elsewhere(&manifest).into_bytes());
    }
    for name in ["clippy.toml", "rustfmt.toml"] {
        let own = [home.join(name), home.with_file_name(name)].into_iter().find(|path| path.is_file());
        if let Some(path) = own {
            files.insert(name.to_owned(), read(&path)?);
        }
    }
    Ok(files)
}

/// `false` for files that an editor left behind.
fn is_ours(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let left = last.starts_with(['.', '#']) && last != ".gitattributes";
    !left && ![".orig", ".rej", ".bak", ".new", "~"].iter().any(|end| last.ends_with(end))
}

fn relative(folder: &Path, path: &Path) -> Option<String> {
    path.strip_prefix(folder).ok()?.to_str().map(|name| name.replace('\\', "/"))
}

pub(super) fn plan(target: &Target<'_>, update: bool, plan: &mut Plan) -> Result<()> {
    let home = &target.source;
    let folder = target.dir.join("xtask");
    if disk::real_path(&folder) == *home {
        if update {
            return Err(Error::new("the program in that folder is this one, so there is nothing to update")
                .hint("run it in the checkout with the newer version: `cargo xtask adopt --update DIR`"));
        }
        return Ok(());
    }
    let manifest = target.read_text(&folder.join("Cargo.toml"))?;
    let empty = std::fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
    if !empty && !manifest.as_deref().is_some_and(cargo::is_ours) {
        return Err(Error::new(format!("{} exists already and holds another program", target.show(&folder)))
            .hint("rename that folder and its package, or keep its tasks and these in different repositories"));
    }
    let wanted = files(home)?;
    let mut edits = Vec::new();
    for (name, bytes) in &wanted {
        let path = folder.join(name);
        let before = target.read(&path)?;
        if before.as_ref() != Some(bytes) {
            edits.push(Edit { path, before, after: Some(bytes.clone()) });
        }
    }
    let differs = edits.iter().any(|edit| edit.before.is_some());
    // Missing files are added; different ones are replaced only with --update.
    if differs && !update {
        let why =
            format!("another version of this program: {} differ; --update replaces it", ui::count(edits.len(), "file"));
        plan.skipped.push(Skipped { place: "xtask/".to_owned(), why });
        plan.outdated = !folder.join(LAUNCHER).is_file();
        return Ok(());
    }
    if update {
        edits.extend(removed_files(&folder, &wanted));
    }
    if edits.is_empty() {
        return Ok(());
    }
    if update && !empty {
        refuse_uncommitted(target)?;
    }
    let (what, view) = match (empty, update) {
        (true, _) => (format!("the program, {}", ui::count(edits.len(), "file")), View::Line),
        (false, true) => (format!("this version of the program, {}", ui::count(edits.len(), "file")), View::Names),
        (false, false) => (format!("missing files of the program, {}", ui::count(edits.len(), "file")), View::Names),
    };
    plan.steps.push(Step { what: format!("xtask/: {what}"), edits, view });
    Ok(())
}

/// Removes source files that this version does not have: two files for one module would not
/// compile.
fn removed_files(folder: &Path, wanted: &BTreeMap<String, Vec<u8>>) -> Vec<Edit> {
    let mut found = Vec::new();
    let mut queue = SOURCES.map(|name| folder.join(name)).to_vec();
    while let Some(inner) = queue.pop() {
        for path in std::fs::read_dir(inner).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                queue.push(path);
            } else if relative(folder, &path).is_some_and(|name| is_ours(&name) && !wanted.contains_key(&name)) {
                let before = std::fs::read(&path).ok();
                found.push(Edit { path, before, after: None });
            }
        }
    }
    found.sort_by(|one, two| one.path.cmp(&two.path));
    found
}

/// Refuses to overwrite changes that git could not restore.
fn refuse_uncommitted(target: &Target<'_>) -> Result<()> {
    if target.ctx.yes || target.ctx.dry_run {
        return Ok(());
    }
    let answer = target.git(&["status", "--porcelain", "--untracked-files=all", "--", "xtask"]);
    let Some(answer) = answer.filter(crate::exec::Answer::ok) else {
        return Err(Error::new("xtask/ there is not in git, so its changes could not be restored")
            .hint("--yes overwrites it anyway"));
    };
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let changed: Vec<String> = text.lines().map(|line| ui::clean(line.get(3..).unwrap_or(line))).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let more = if changed.len() > 3 { format!(" and {} more", changed.len() - 3) } else { String::new() };
    let names = changed.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    Err(Error::new(format!("xtask/ there has uncommitted changes: {names}{more}"))
        .hint("commit or stash them first; --yes overwrites them"))
}
