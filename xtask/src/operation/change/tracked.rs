//! Files that git tracks: what is written there can end up in everybody's
//! checkout by the next commit, so it is said and asked first.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::stack::{Settings, git};
use crate::ui::{self, Choice};

/// Where a command puts its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Into files; before one that git tracks, a person is asked.
    Files,
    /// The same, and where nobody can be asked, Compose's environment will do.
    FilesOrEnvironment,
    /// Into files, tracked or not: the person has agreed.
    TrackedFiles,
    /// To Compose by its environment, for this run; no file is written.
    Environment,
}

impl WriteMode {
    /// The same by the project's own rule, where that can be kept.
    #[must_use]
    pub fn with_settings(self, settings: &Settings) -> WriteMode {
        if self == WriteMode::FilesOrEnvironment && settings.no_write { WriteMode::Environment } else { self }
    }

    /// Asks where a change of `files` goes, if git tracks any of them. `--yes` means
    /// the files. Without anybody to ask, `start` goes on without writing, and
    /// everything else is refused.
    pub fn ask(self, ctx: &Context, files: &[PathBuf]) -> Result<WriteMode> {
        Ok(self.ask_or_override(ctx, files, None)?.unwrap_or(self))
    }

    /// The same where nothing but the files will do.
    pub fn ask_for_files(self, ctx: &Context, files: &[PathBuf]) -> Result<WriteMode> {
        if self == WriteMode::FilesOrEnvironment { WriteMode::Files } else { self }.ask(ctx, files)
    }

    /// The same where a compose file `on_top`, which git ignores, would do as well;
    /// `None` = that one.
    pub fn ask_or_override(self, ctx: &Context, files: &[PathBuf], on_top: Option<&str>) -> Result<Option<WriteMode>> {
        if matches!(self, WriteMode::TrackedFiles | WriteMode::Environment) {
            return Ok(Some(self));
        }
        let mut tracked: Vec<&PathBuf> = files.iter().filter(|file| git::tracks(file)).collect();
        tracked.dedup();
        if tracked.is_empty() {
            return Ok(Some(self));
        }
        let all = |word: &dyn Fn(&PathBuf) -> String| tracked.iter().map(|file| word(file)).collect::<Vec<_>>();
        let names = all(&|file| ctx.show(file)).join(", ");
        let typed = all(&|file| ctx.typed(file)).join(" ");
        if ctx.yes {
            ui::note(&format!("note: git tracks {names}: the change is there to be committed, or not"));
            return Ok(Some(WriteMode::TrackedFiles));
        }
        let or_environment = self == WriteMode::FilesOrEnvironment;
        let unasked = if or_environment { 'e' } else { 'l' };
        let answer = if ctx.is_interactive() { choose(&names, on_top, or_environment) } else { unasked };
        match answer {
            'w' => Ok(Some(WriteMode::TrackedFiles)),
            'o' => Ok(None),
            'e' => {
                ui::note(&format!(
                    "note: git tracks {names}, so no file is written: name and ports go to Compose by its environment \
                     (--no-write); --yes writes them"
                ));
                Ok(Some(WriteMode::Environment))
            }
            _ => Err(refusal(&names, &typed)),
        }
    }
}

fn choose(names: &str, on_top: Option<&str>, or_environment: bool) -> char {
    let choice = |key: char, label: String| Choice { key, label };
    let mut choices = vec![choice('w', format!("write into {names} all the same"))];
    choices.extend(on_top.map(|file| choice('o', format!("other ports in {file}, which git ignores"))));
    if or_environment {
        choices.push(choice('e', "for this run, by Compose's environment: no file is written".to_owned()));
    }
    choices.push(choice('l', "leave it".to_owned()));
    ui::choose(&format!("git tracks {names}, and a change there can end up in a commit: what now?"), &choices, 'l')
}

fn refusal(names: &str, typed: &str) -> Error {
    Error::new(format!("git tracks {names}, and a change there can end up in a commit: nothing was written"))
        .hint("to change it all the same, add --yes")
        .hint(format!("or take it out of git and keep the file: `git rm --cached {typed}`, and a line in .gitignore"))
}
