//! Changes to files that git tracks could be committed and reach every checkout, so the user
//! is asked first.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::stack::{Settings, git};
use crate::ui::{self, Choice};

/// Where a command puts its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Into files; asks before changing one that git tracks.
    Files,
    /// Like `Files`, but into Compose's environment if nobody can be asked.
    FilesOrEnvironment,
    /// Into files, tracked or not: the user has agreed.
    TrackedFiles,
    /// Into Compose's environment for this run; no file is written.
    Environment,
}

impl WriteMode {
    /// Applies `no_write` of the project's settings, where possible.
    #[must_use]
    pub(crate) fn with_settings(self, settings: &Settings) -> WriteMode {
        if self == WriteMode::FilesOrEnvironment && settings.no_write { WriteMode::Environment } else { self }
    }

    /// Asks where a change of `files` goes if git tracks any of them. `--yes` means the
    /// files. Without a terminal `start` continues without writing, and other commands
    /// refuse.
    pub(crate) fn ask(self, ctx: &Context, files: &[PathBuf]) -> Result<WriteMode> {
        Ok(self.ask_or_override(ctx, files, None)?.unwrap_or(self))
    }

    /// Like `ask`, if the change can only go into the files.
    pub(crate) fn ask_for_files(self, ctx: &Context, files: &[PathBuf]) -> Result<WriteMode> {
        if self == WriteMode::FilesOrEnvironment { WriteMode::Files } else { self }.ask(ctx, files)
    }

    /// Like `ask`, but also offers an override file that git ignores; `None`: the user chose
    /// that file.
    pub(crate) fn ask_or_override(
        self,
        ctx: &Context,
        files: &[PathBuf],
        override_file: Option<&str>,
    ) -> Result<Option<WriteMode>> {
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
            ui::note(&format!("note: git tracks {names}: the change shows in `git status`"));
            return Ok(Some(WriteMode::TrackedFiles));
        }
        let or_environment = self == WriteMode::FilesOrEnvironment;
        let unasked = if or_environment { 'e' } else { 'l' };
        let answer = if ctx.is_interactive() { choose(&names, override_file, or_environment) } else { unasked };
        match answer {
            'w' => Ok(Some(WriteMode::TrackedFiles)),
            'o' => Ok(None),
            'e' => {
                ui::note(&format!(
                    "note: git tracks {names}, so no file is written: Compose gets name and ports in its environment \
                     (--no-write); --yes writes them"
                ));
                Ok(Some(WriteMode::Environment))
            }
            _ => Err(refusal(&names, &typed)),
        }
    }
}

fn choose(names: &str, override_file: Option<&str>, or_environment: bool) -> char {
    let choice = |key: char, label: String| Choice { key, label };
    let mut choices = vec![choice('w', format!("write to {names} anyway"))];
    choices.extend(override_file.map(|file| choice('o', format!("other ports in {file}, which git ignores"))));
    if or_environment {
        choices.push(choice('e', "only for this run, in Compose's environment: no file is written".to_owned()));
    }
    choices.push(choice('l', "leave it".to_owned()));
    ui::choose(&format!("git tracks {names}, so a change could be committed: what now?"), &choices, 'l')
}

fn refusal(names: &str, typed: &str) -> Error {
    Error::new(format!("git tracks {names}, so a change could be committed: nothing was written"))
        .hint("to change it anyway, add --yes")
        .hint(format!("or untrack it and keep the file: `git rm --cached {typed}`, and add it to .gitignore"))
}
