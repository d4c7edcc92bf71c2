//! Plans what a repository lacks, and applies the plan.

use std::path::{Path, PathBuf};

use super::plan::{Edit, Plan, Skipped, Step, Target, View};
use super::{cargo_files, makefile, ports, program, template};
use crate::context::Context;
use crate::error::{Context as _, Error, Result};
use crate::model::ComposeOptions;
use crate::operation::env::with_line;
use crate::{disk, exec, ui};

/// Plans for the repository in `dir`. `update`: replace another version of the program.
pub fn plan(ctx: &Context, dir: &Path, update: bool) -> Result<Plan> {
    let given = ctx.dir.join(dir);
    let root = disk::canonical(&given).ok().filter(|root| root.is_dir()).ok_or_else(|| {
        Error::new(format!("there is no folder {}", ctx.show(&given))).hint("name the top folder of a repository")
    })?;
    let absolute = |path: &PathBuf| ctx.dir.join(path);
    let options = ComposeOptions {
        files: ctx.options.files.iter().map(absolute).collect(),
        env_files: ctx.options.env_files.iter().map(absolute).collect(),
        project_directory: ctx.options.project_directory.as_ref().map(absolute),
        ..ctx.options.clone()
    };
    let compose_args = options.files.iter().map(|file| {
        let file = disk::real_path(file);
        let inside = file.strip_prefix(&root).unwrap_or(&file);
        format!("-f {} ", ui::quoted(&inside.display().to_string()))
    });
    let compose_args = compose_args.collect();
    let source = program::source(std::env::var_os(exec::SOURCE).as_deref().map(Path::new))?;
    let target = Target { ctx, dir: root, options, source };
    let mut plan =
        Plan { dir: target.dir.clone(), compose_args, steps: Vec::new(), skipped: Vec::new(), outdated: false };
    program::plan(&target, update, &mut plan)?;
    cargo_files::plan(&target, &mut plan)?;
    gitignore(&target, &mut plan)?;
    let found = ports::plan(&target, &mut plan);
    template::plan(&target, found, &mut plan)?;
    makefile::plan(&target, &mut plan)?;
    Ok(plan)
}

/// Writes the files, each atomically. After an interruption the next run completes the rest.
pub fn apply(plan: &Plan) -> Result<()> {
    for edit in plan.steps.iter().flat_map(|step| &step.edits) {
        let place = edit.path.display();
        if std::fs::read(&edit.path).ok() != edit.before {
            return Err(Error::new(format!("{place} was changed meanwhile"))
                .hint("run this again: it continues with the files as they are now"));
        }
        match &edit.after {
            Some(bytes) => {
                if let Some(folder) = edit.path.parent() {
                    std::fs::create_dir_all(folder).context(format!("make the folder of {place}"))?;
                }
                disk::write_atomic(&edit.path, bytes)?;
            }
            None => std::fs::remove_file(&edit.path).context(format!("remove {place}"))?,
        }
    }
    Ok(())
}

/// Adds `target/` and `.env` to .gitignore.
fn gitignore(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
    let path = target.dir.join(".gitignore");
    let before = target.read(&path)?;
    let mut after = before.clone().unwrap_or_default();
    let is_there = |names: &[&str]| {
        let text = String::from_utf8_lossy(before.as_deref().unwrap_or_default()).into_owned();
        text.lines().any(|line| names.contains(&line.trim()))
    };
    if !is_there(&["target", "target/", "/target", "/target/", "**/target", "**/target/"]) {
        after = with_line(&after, "target/");
    }
    if !is_there(&[".env", "/.env", "**/.env", "*.env", ".env*"]) {
        if target.git(&["ls-files", "--error-unmatch", ".env"]).is_some_and(|answer| answer.ok()) {
            let why =
                "git tracks it, so .gitignore does not apply; `git rm --cached .env` untracks it and keeps the file";
            plan.skipped.push(Skipped { place: ".env".to_owned(), why: why.to_owned() });
        } else {
            after = with_line(&after, ".env");
        }
    }
    if before.as_deref() != Some(&after) && !after.is_empty() {
        let edit = Edit { path, before, after: Some(after) };
        plan.steps.push(Step {
            what: ".gitignore: build output and personal settings".to_owned(),
            edits: vec![edit],
            view: View::Diff,
        });
    }
    Ok(())
}
