//! Files that git tracks: what is written there can end up in everybody's
//! checkout by the next commit, so it is said and asked first.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::stack::git;
use crate::ui::{self, Choice};

/// Where a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Into the files, tracked or not.
    Files,
    /// Into a compose file on top, which git ignores.
    Override,
    /// To Compose by its environment, for this run; the context says so from
    /// here on.
    Environment,
}

/// Asks where a change of `files` goes, if git tracks any of them. `--yes` means
/// the files. Without anybody to ask, `start` goes on without writing, and
/// everything else is refused. `on_top` names the compose file that would do as
/// well.
pub fn ask(ctx: &mut Context, files: &[PathBuf], on_top: Option<&str>) -> Result<Destination> {
    if ctx.agreed_to_tracked {
        return Ok(Destination::Files);
    }
    let mut tracked: Vec<&PathBuf> = files.iter().filter(|file| git::tracks(file)).collect();
    tracked.dedup();
    if tracked.is_empty() {
        return Ok(Destination::Files);
    }
    let all = |word: &dyn Fn(&PathBuf) -> String| tracked.iter().map(|file| word(file)).collect::<Vec<_>>();
    let names = all(&|file| ctx.show(file)).join(", ");
    let typed = all(&|file| ctx.typed(file)).join(" ");
    if ctx.yes {
        ui::note(&format!("note: git tracks {names}: the change is there to be committed, or not"));
        ctx.agreed_to_tracked = true;
        return Ok(Destination::Files);
    }
    if !ctx.is_interactive() {
        if !ctx.env_will_do {
            return Err(refusal(&names, &typed));
        }
        go_without(ctx, &names);
        return Ok(Destination::Environment);
    }
    let mut choices = vec![Choice { key: 'w', label: format!("write into {names} all the same") }];
    if let Some(file) = on_top {
        choices.push(Choice { key: 'o', label: format!("other ports in {file}, which git ignores") });
    }
    if ctx.env_will_do {
        choices
            .push(Choice { key: 'e', label: "for this run, by Compose's environment: no file is written".to_owned() });
    }
    choices.push(Choice { key: 'l', label: "leave it".to_owned() });
    match ui::choose(
        &format!("git tracks {names}, and a change there can end up in a commit: what now?"),
        &choices,
        'l',
    ) {
        'w' => {
            ctx.agreed_to_tracked = true;
            Ok(Destination::Files)
        }
        'o' => Ok(Destination::Override),
        'e' => {
            go_without(ctx, &names);
            Ok(Destination::Environment)
        }
        _ => Err(refusal(&names, &typed)),
    }
}

/// The same where nothing but the files will do; the context with which they may
/// be changed.
pub fn agree(ctx: &Context, files: &[PathBuf]) -> Result<Context> {
    let mut ctx = ctx.clone();
    ctx.env_will_do = false;
    ask(&mut ctx, files, None)?;
    Ok(ctx)
}

fn go_without(ctx: &mut Context, names: &str) {
    ctx.no_write = true;
    ui::note(&format!(
        "note: git tracks {names}, so no file is written: name and ports go to Compose by its environment \
         (--no-write); --yes writes them"
    ));
}

fn refusal(names: &str, typed: &str) -> Error {
    Error::new(format!("git tracks {names}, and a change there can end up in a commit: nothing was written"))
        .hint("to change it all the same, add --yes")
        .hint(format!("or take it out of git and keep the file: `git rm --cached {typed}`, and a line in .gitignore"))
}
