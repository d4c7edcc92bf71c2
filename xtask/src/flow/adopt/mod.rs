//! This tool in another repository: what is missing there, and bringing it. The
//! plan is data: files as they are and as they will be.

mod cargo_files;
mod makefile;
mod ports;
mod program;
mod report;
mod template;

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::disk;
use crate::error::{Context as _, Error, Result};
use crate::exec::{self, Answer, Command};
use crate::flow::env::with_line;
use crate::model::ComposeOptions;
use crate::stack;
use crate::ui;

pub use report::{json, text};

/// What adopting will change, in this order, and what it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The repository's folder.
    pub dir: PathBuf,
    /// What is done; empty where it has it all.
    pub steps: Vec<Step>,
    /// What a command there needs to find the project, with a space behind it:
    /// the compose files that were named.
    pub words: String,
    /// What is not done, and why.
    pub left: Vec<Left>,
    /// The program there is of a version without a launcher, and stays: so do the
    /// alias and the Makefile that fit it.
    pub outdated: bool,
}

/// One thing that is brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub what: String,
    /// The files it is made of.
    pub edits: Vec<Edit>,
    /// How they are shown.
    pub view: View,
}

/// How much of a step is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// One line: a copy.
    Line,
    /// The names of the files.
    Names,
    /// All that changes.
    Diff,
}

/// A file that is made, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub path: PathBuf,
    /// What is in it; `None` where it is not there yet.
    pub before: Option<Vec<u8>>,
    /// What will be in it; `None` where it goes away.
    pub after: Option<Vec<u8>>,
}

/// What is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// File, and line where it has one.
    pub place: String,
    /// Why.
    pub why: String,
}

/// A repository that adopts.
struct Target<'a> {
    ctx: &'a Context,
    /// Its folder, without symbolic links.
    dir: PathBuf,
    /// Its compose project.
    options: ComposeOptions,
    /// This program's own source.
    source: PathBuf,
}

/// Looks at the repository in `dir`. `update`: bring this version of the program
/// where another one is there.
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
    let words = options.files.iter().map(|file| {
        let file = disk::real(file);
        let inside = file.strip_prefix(&root).unwrap_or(&file);
        format!("-f {} ", ui::quoted(&inside.display().to_string()))
    });
    let words = words.collect();
    let source = program::source(std::env::var_os(exec::SOURCE).as_deref().map(Path::new))?;
    let target = Target { ctx, dir: root, options, source };
    let mut plan = Plan { dir: target.dir.clone(), words, steps: Vec::new(), left: Vec::new(), outdated: false };
    program::plan(&target, update, &mut plan)?;
    cargo_files::plan(&target, &mut plan)?;
    ignored(&target, &mut plan)?;
    let found = ports::plan(&target, &mut plan);
    template::plan(&target, found, &mut plan)?;
    makefile::plan(&target, &mut plan)?;
    Ok(plan)
}

/// Writes it: each file whole or not at all. What was begun and ended half-way
/// is completed by the next run.
pub fn apply(plan: &Plan) -> Result<()> {
    for edit in plan.steps.iter().flat_map(|step| &step.edits) {
        let place = edit.path.display();
        if std::fs::read(&edit.path).ok() != edit.before {
            return Err(Error::new(format!("{place} was changed in the meantime"))
                .hint("run this again: it goes on from what is there now"));
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

impl Target<'_> {
    /// A path as it is known in that repository.
    fn show(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.dir).unwrap_or(path);
        ui::clean(&inside.display().to_string().replace('\\', "/"))
    }

    /// A file of that repository; `None` where it is not there.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::new(format!("failed to read {}: {error}", self.show(path)))),
        }
    }

    /// The same as text.
    fn read_text(&self, path: &Path) -> Result<Option<String>> {
        let bytes = self.read(path)?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Error::new(format!("{}: not UTF-8", self.show(path))).hint("save the file as UTF-8"))
    }

    /// A question to git in that repository; `None` without git.
    fn git(&self, words: &[&str]) -> Option<Answer> {
        Command::new("git").args(words).dir(&self.dir).ask(exec::LIMIT).ok()
    }

    /// A variable of the environment.
    fn var(&self, name: &str) -> Option<String> {
        self.ctx.var(name)
    }
}

impl Edit {
    /// A text that becomes another.
    fn text(path: PathBuf, before: Option<String>, after: String) -> Edit {
        Edit { path, before: before.map(String::into_bytes), after: Some(after.into_bytes()) }
    }

    /// `added`, `changed` or `removed`.
    pub fn kind(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        }
    }
}

/// What git must not take.
fn ignored(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
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
            let why = "git has it, and so it is not ignored; `git rm --cached .env` takes it out and leaves the file";
            plan.left.push(Left { place: ".env".to_owned(), why: why.to_owned() });
        } else {
            after = with_line(&after, ".env");
        }
    }
    if before.as_deref() != Some(&after) && !after.is_empty() {
        let edit = Edit { path, before, after: Some(after) };
        plan.steps.push(Step {
            what: ".gitignore: what is built, and what is personal".to_owned(),
            edits: vec![edit],
            view: View::Diff,
        });
    }
    Ok(())
}

/// Whether the folder is in a checkout, and that checkout's top.
fn checkout_root(dir: &Path) -> Option<PathBuf> {
    stack::checkout_root(dir)
}
