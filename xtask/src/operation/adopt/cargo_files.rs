//! The cargo alias, workspace and lock file that make `cargo xtask` a command.

use std::path::{Path, PathBuf};

use super::plan::{Edit, Plan, Skipped, Step, Target, View};
use super::program;
use crate::error::{Error, Result};
use crate::parse::cargo;
use crate::stack;

pub(super) fn plan(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
    // An old program without a launcher keeps its alias and members.
    if !program::has_launcher(target, plan) {
        return Ok(());
    }
    lock(target, plan)?;
    workspace(target, plan)?;
    alias(target, plan)
}

fn alias(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
    let folder = target.dir.join(".cargo");
    // The older name without an extension takes precedence.
    let older = Some(folder.join("config")).filter(|path| path.is_file());
    let path = older.unwrap_or_else(|| folder.join("config.toml"));
    let before = target.read_text(&path)?;
    let after =
        cargo::with_alias(before.as_deref().unwrap_or_default()).map_err(|error| error.within(target.show(&path)))?;
    if let Some(after) = after {
        let what = format!("{}: the command `cargo xtask`", target.show(&path));
        plan.steps.push(Step { what, edits: vec![Edit::text(path, before, after)], view: View::Diff });
    }
    Ok(())
}

fn workspace(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
    let path = target.dir.join("Cargo.toml");
    let before = target.read_text(&path)?;
    if !before.as_deref().is_some_and(cargo::is_workspace)
        && let Some(outer) = outer_workspace(&target.dir)
    {
        return Err(Error::new(format!(
            "{} belongs to a cargo workspace in a parent folder",
            target.ctx.show(&target.dir)
        ))
        .hint(format!("adopt that one: `cargo xtask adopt {}`", target.ctx.typed(&outer))));
    }
    let (what, after) = match &before {
        None => {
            (" (new): a workspace for xtask/", Some(cargo::new_workspace(&packages_outside_workspaces(&target.dir))))
        }
        Some(text) => {
            let after = cargo::with_member(text, &packages_outside_workspaces(&target.dir))
                .map_err(|error| error.within("Cargo.toml"))?;
            (": xtask/ and its launcher are members of the workspace", after)
        }
    };
    let profile = cargo::with_profile(after.as_deref().or(before.as_deref()).unwrap_or_default());
    let after = match profile {
        Ok(profile) => profile.or(after),
        Err(error) => {
            let why = format!("hashing is not optimised and takes seconds: {}", error.message());
            plan.skipped.push(Skipped { place: "Cargo.toml".to_owned(), why });
            after
        }
    };
    if let Some(after) = after {
        let step =
            Step { what: format!("Cargo.toml{what}"), edits: vec![Edit::text(path, before, after)], view: View::Diff };
        plan.steps.push(step);
    }
    Ok(())
}

/// Adds the tested versions if there is no lock file. An existing one stays: cargo adds what
/// `xtask/` needs and changes nothing else.
fn lock(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
    let path = target.dir.join("Cargo.lock");
    let own = target.source.with_file_name("Cargo.lock");
    // A package without a workspace may have git ignore its lock file, so it may be missing.
    let new = target.read(&target.dir.join("Cargo.toml"))?.is_none();
    if let (None, true, Some(bytes)) = (target.read(&path)?, new, target.read(&own)?) {
        let edit = Edit { path, before: None, after: Some(bytes) };
        let what = "Cargo.lock (new): the versions that this program was tested with".to_owned();
        plan.steps.push(Step { what, edits: vec![edit], view: View::Line });
    }
    Ok(())
}

/// The root of a cargo workspace above `dir`, within the checkout.
fn outer_workspace(dir: &Path) -> Option<PathBuf> {
    let top = stack::checkout_root(dir)?;
    let above = dir.ancestors().skip(1).take_while(|folder| folder.starts_with(&top));
    let is_root = |folder: &&Path| {
        std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| cargo::is_workspace(&text))
    };
    above.filter(is_root).last().map(Path::to_path_buf)
}

/// How deep packages are searched for.
const DEPTH: usize = 5;

/// Folders with packages that are in no workspace. A new workspace above them must exclude
/// them, or cargo would refuse to build them.
fn packages_outside_workspaces(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut queue: Vec<(PathBuf, usize)> = vec![(dir.to_path_buf(), 0)];
    while let Some((folder, depth)) = queue.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let skip = name.starts_with('.') || ["target", "node_modules", "vendor"].contains(&name.as_str());
            let ours = depth == 0 && name == "xtask";
            // A symbolic link may lead anywhere.
            if skip || ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            match std::fs::read_to_string(path.join("Cargo.toml")) {
                Ok(text) if cargo::is_workspace(&text) => {}
                Ok(_) => {
                    let inside = path.strip_prefix(dir).unwrap_or(&path);
                    found.extend(inside.to_str().map(|name| name.replace('\\', "/")));
                }
                Err(_) if depth < DEPTH => queue.push((path, depth + 1)),
                Err(_) => {}
            }
        }
    }
    found.sort();
    found
}
