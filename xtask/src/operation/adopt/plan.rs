//! The plan of `adopt`, and the repository that it is for.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec::{self, Answer, Command};
use crate::model::ComposeOptions;
use crate::ui;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub dir: PathBuf,
    /// In this order; empty if nothing is missing.
    pub steps: Vec<Step>,
    /// `-f FILE ` for each compose file that was named: arguments for commands there.
    pub compose_args: String,
    pub skipped: Vec<Skipped>,
    /// The program there has no launcher yet and is not updated, so its alias and Makefile
    /// goals stay too.
    pub outdated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub what: String,
    pub edits: Vec<Edit>,
    pub view: View,
}

/// How much of a step is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// One line; for copies.
    Line,
    /// The names of the files.
    Names,
    Diff,
}

/// A file that is created, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Absolute.
    pub path: PathBuf,
    /// Its contents; `None` if it does not exist yet.
    pub before: Option<Vec<u8>>,
    /// Its new contents; `None` if it is removed.
    pub after: Option<Vec<u8>>,
}

/// Something that is not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file, and the line if there is one.
    pub place: String,
    pub why: String,
}

/// The repository that adopts the tool.
pub(crate) struct Target<'a> {
    pub(super) ctx: &'a Context,
    /// Without symbolic links.
    pub(super) dir: PathBuf,
    pub(super) options: ComposeOptions,
    /// The source of this program.
    pub(super) source: PathBuf,
}

impl Target<'_> {
    /// A path relative to the repository.
    pub(super) fn show(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.dir).unwrap_or(path);
        ui::clean(&inside.display().to_string().replace('\\', "/"))
    }

    /// `None` if the file does not exist.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::new(format!("failed to read {}: {error}", self.show(path)))),
        }
    }

    pub(super) fn read_text(&self, path: &Path) -> Result<Option<String>> {
        let bytes = self.read(path)?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Error::new(format!("{}: not UTF-8", self.show(path))).hint("save the file as UTF-8"))
    }

    /// Runs git in the repository; `None` if it is not installed.
    pub(super) fn git(&self, words: &[&str]) -> Option<Answer> {
        Command::new("git").args(words).dir(&self.dir).ask(exec::LIMIT).ok()
    }

    pub(super) fn var(&self, name: &str) -> Option<String> {
        self.ctx.var(name)
    }
}

impl Edit {
    pub(super) fn text(path: PathBuf, before: Option<String>, after: String) -> Edit {
        Edit { path, before: before.map(String::into_bytes), after: Some(after.into_bytes()) }
    }

    /// `added`, `changed` or `removed`; for JSON.
    pub fn kind(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        }
    }
}
