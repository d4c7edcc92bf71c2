//! Making `.env`, completing it, and keeping it out of git.

use std::path::Path;

use super::files::{EnvProject, disabled, writable};
use crate::context::Context;
use crate::decide::Expect;
use crate::envfile::Document;
use crate::error::{Error, Exit, Result};
use crate::exec::{self, Command};
use crate::operation::change::env_file::{make, read};
use crate::operation::change::proof::{self, Model};
use crate::operation::change::read_only::without_writing;
use crate::operation::change::tracked::Writes;
use crate::{disk, ui};

/// Makes `.env` from its template, or (`missing`) adds what it lacks; then sees
/// to it that git ignores the file.
pub fn init(ctx: &Context, env: &EnvProject, missing: bool) -> Result<Exit> {
    let named = env.project.env_files.is_explicit();
    let file = if let Some((file, document)) = env.files.last() {
        complete(ctx, env, (file, document), missing)?;
        file
    } else {
        let file = env.project.env_files.default_file().ok_or_else(disabled)?;
        writable(ctx, file)?;
        make(ctx, template(ctx, env)?.0, file).map_err(without_writing)?;
        file
    };
    // A file that the person named may well be meant for everybody.
    if named { Ok(Exit::Success) } else { ensure_ignored(ctx, file) }
}

fn template<'a>(ctx: &Context, env: &'a EnvProject) -> Result<(&'a Path, &'a Document)> {
    let found = env.template.as_ref().map(|(path, document)| (path.as_path(), document));
    found.ok_or_else(|| {
        Error::new(format!("there is no .env.template, .env.example or the like in {}", ctx.show(&env.project.dir)))
            .hint("write one: the variables of .env, with their defaults and a comment each")
            .hint("or begin with one variable: `cargo xtask env set NAME=VALUE`")
    })
}

fn complete(ctx: &Context, env: &EnvProject, (file, document): (&Path, &Document), missing: bool) -> Result<()> {
    let place = ctx.show(file);
    if !missing {
        ui::note(&format!("{place} is there already, and stays as it is"));
        if env.template.is_some() {
            ui::note(
                "hint: `cargo xtask env check` holds it against the template, `env init --missing` adds what it lacks",
            );
        }
        return Ok(());
    }
    let (path, declared) = template(ctx, env)?;
    let documents: Vec<Document> = env.files.iter().map(|(_, document)| document.clone()).collect();
    let names: Vec<String> = declared.missing_from(&documents).into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        ui::note(&format!("{place} has all that {} has", ctx.show(path)));
        return Ok(());
    }
    let mut complete = document.clone();
    complete.append_from(declared, &names).map_err(|error| error.within(&place))?;
    if !ctx.dry_run {
        Writes::Files.agree(ctx, &[file.to_path_buf()])?;
        write_proved(ctx, file, complete.render(), &names)?;
    }
    let (added, from) = (if ctx.dry_run { "would be added" } else { "added" }, ctx.show(path));
    for name in &names {
        ui::note(&format!("{}: {added} to {place}, as in {from}", ui::clean(name)));
    }
    Ok(())
}

/// Writes lines that were added. A default of the template may say less than that
/// of the compose file: where a port would be on other addresses than it is on
/// now, the file is put back.
fn write_proved(ctx: &Context, file: &Path, bytes: &[u8], names: &[String]) -> Result<()> {
    // Where the project cannot be read, these lines may be what it lacks.
    let before = Model::now(ctx).ok();
    disk::write_proved(&[(file.to_path_buf(), Some(bytes.to_vec()))], || {
        let Some(before) = before else { return Ok(()) };
        let differences = before.port_differences(&before.again(ctx)?, &|_| Expect::Any);
        match differences.iter().find(|difference| !difference.only_narrows()) {
            None => Ok(()),
            Some(difference) => {
                let cause = format!("the template's {} in {}", names.join(", "), ctx.show(file));
                Err(proof::refusal(&cause, difference)
                    .hint("the file is as it was: write the address into the template, as the compose file has it"))
            }
        }
    })
}

/// Adds a line to `.gitignore`, after asking; a finding where it is not ignored
/// in the end. Outside of git there is nothing to ignore.
fn ensure_ignored(ctx: &Context, file: &Path) -> Result<Exit> {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return Ok(Exit::Success);
    };
    let place = ctx.show(file);
    if git(dir, &["ls-files", "--error-unmatch"], name) == Some(0) {
        ui::warn(&format!("{place} is in git, with whatever secrets it holds"));
        ui::note(&format!("hint: `git rm --cached {}` takes it out and leaves the file", ctx.typed(file)));
        return Ok(Exit::Finding);
    }
    let is_ignored = || git(dir, &["check-ignore", "--quiet"], name) != Some(1);
    if is_ignored() {
        return Ok(Exit::Success);
    }
    let list = dir.join(".gitignore");
    let list_name = ctx.show(&list);
    ui::warn(&format!("git does not ignore {place}: add the line `{name}` to {list_name}"));
    if ctx.dry_run {
        return Ok(Exit::Finding);
    }
    if !ctx.ask(&format!("add it to {list_name}?"), "nothing was added").unwrap_or(false) {
        ui::note("hint: add --yes, and it is added");
        return Ok(Exit::Finding);
    }
    let before = if list.exists() { read(ctx, &list)? } else { Vec::new() };
    disk::write_atomic(&list, &with_line(&before, name))?;
    ui::note(&format!("`{name}` added to {list_name}"));
    Ok(if is_ignored() { Exit::Success } else { Exit::Finding })
}

/// The exit code; `None` without git.
fn git(dir: &Path, words: &[&str], file: &str) -> Option<i32> {
    Command::new("git").args(words).arg(file).dir(dir).ask(exec::LIMIT).ok()?.code
}

/// `bytes` and one more line, with the line breaks that are there.
pub(in crate::operation) fn with_line(bytes: &[u8], line: &str) -> Vec<u8> {
    let line_break = if bytes.windows(2).any(|pair| pair == b"\r\n") { "\r\n" } else { "\n" };
    let start = if bytes.is_empty() || bytes.ends_with(b"\n") { "" } else { line_break };
    [bytes, start.as_bytes(), line.as_bytes(), line_break.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_as_the_file_has_its_lines() {
        for (before, after) in [
            ("", ".env\n"),
            ("target/\n", "target/\n.env\n"),
            ("target/", "target/\n.env\n"),
            ("a\r\nb", "a\r\nb\r\n.env\r\n"),
        ] {
            assert_eq!(with_line(before.as_bytes(), ".env"), after.as_bytes(), "{before:?}");
        }
    }
}
