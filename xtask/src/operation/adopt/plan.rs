//! This tool in another repository: what is missing there, and bringing it. The
//! plan is data: files as they are and as they will be.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec::{self, Answer, Command};
use crate::model::ComposeOptions;
use crate::ui;

/// What adopting will change, in this order, and what it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The repository's folder.
    pub dir: PathBuf,
    /// What is done; empty where it has it all.
    pub steps: Vec<Step>,
    /// What a command there needs to find the project, with a space behind it:
    /// the compose files that were named.
    pub compose_args: String,
    /// What is not done, and why.
    pub skipped: Vec<Skipped>,
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
pub struct Skipped {
    /// File, and line where it has one.
    pub place: String,
    /// Why.
    pub why: String,
}

/// A repository that adopts.
pub(crate) struct Target<'a> {
    pub(super) ctx: &'a Context,
    /// Its folder, without symbolic links.
    pub(super) dir: PathBuf,
    /// Its compose project.
    pub(super) options: ComposeOptions,
    /// This program's own source.
    pub(super) source: PathBuf,
}

impl Target<'_> {
    /// A path as it is known in that repository.
    pub(super) fn show(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.dir).unwrap_or(path);
        ui::clean(&inside.display().to_string().replace('\\', "/"))
    }

    /// A file of that repository; `None` where it is not there.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::new(format!("failed to read {}: {error}", self.show(path)))),
        }
    }

    /// The same as text.
    pub(super) fn read_text(&self, path: &Path) -> Result<Option<String>> {
        let bytes = self.read(path)?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Error::new(format!("{}: not UTF-8", self.show(path))).hint("save the file as UTF-8"))
    }

    /// A question to git in that repository; `None` without git.
    pub(super) fn git(&self, words: &[&str]) -> Option<Answer> {
        Command::new("git").args(words).dir(&self.dir).ask(exec::LIMIT).ok()
    }

    /// A variable of the environment.
    pub(super) fn var(&self, name: &str) -> Option<String> {
        self.ctx.var(name)
    }
}

impl Edit {
    /// A text that becomes another.
    pub(super) fn text(path: PathBuf, before: Option<String>, after: String) -> Edit {
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
