//! Creates or completes `.env`, and has git ignore it.

use std::path::Path;

use super::files::{EnvProject, disabled, writable};
use crate::context::Context;
use crate::decide::{Expect, WiderReach};
use crate::envfile::Document;
use crate::error::{Error, Exit, Result};
use crate::exec::{self, Command};
use crate::operation::change::env_file::{copy_template, read};
use crate::operation::change::proof::{self, Model};
use crate::operation::change::read_only::hint_no_write;
use crate::operation::change::tracked::WriteMode;
use crate::{disk, ui};

/// Creates `.env` from its template, or (`missing`) appends the variables that it lacks; then
/// makes sure that git ignores it.
pub fn init(ctx: &Context, env: &EnvProject, missing: bool) -> Result<Exit> {
    let named = env.project.env_files.is_explicit();
    let file = if let Some((file, document)) = env.files.last() {
        complete(ctx, env, (file, document), missing)?;
        file
    } else {
        let file = env.project.env_files.default_file().ok_or_else(disabled)?;
        writable(ctx, file)?;
        copy_template(ctx, template(ctx, env)?.0, file).map_err(hint_no_write)?;
        file
    };
    // A file that --env-file names may be meant to be committed.
    if named { Ok(Exit::Success) } else { ensure_ignored(ctx, file) }
}

fn template<'a>(ctx: &Context, env: &'a EnvProject) -> Result<(&'a Path, &'a Document)> {
    let found = env.template.as_ref().map(|(path, document)| (path.as_path(), document));
    found.ok_or_else(|| {
        Error::new(format!("there is no .env.template, .env.example or the like in {}", ctx.show(&env.project.dir)))
            .hint("write one: the variables of .env, each with its default and a comment")
            .hint("or start with one variable: `cargo xtask env set NAME=VALUE`")
    })
}

fn complete(ctx: &Context, env: &EnvProject, (file, document): (&Path, &Document), missing: bool) -> Result<()> {
    let place = ctx.show(file);
    if !missing {
        ui::note(&format!("{place} exists already and was not changed"));
        if env.template.is_some() {
            ui::note(
                "hint: `cargo xtask env check` compares it with the template, `env init --missing` adds what it lacks",
            );
        }
        return Ok(());
    }
    let (path, declared) = template(ctx, env)?;
    let documents: Vec<Document> = env.files.iter().map(|(_, document)| document.clone()).collect();
    let names: Vec<String> = declared.missing_from(&documents).into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        ui::note(&format!("{place} has every variable of {}", ctx.show(path)));
        return Ok(());
    }
    let mut complete = document.clone();
    complete.append_from(declared, &names).map_err(|error| error.within(&place))?;
    if !ctx.dry_run {
        WriteMode::Files.ask_for_files(ctx, &[file.to_path_buf()])?;
        write_proved(ctx, file, complete.render(), &names)?;
    }
    let (added, from) = (if ctx.dry_run { "would be added" } else { "added" }, ctx.show(path));
    for name in &names {
        ui::note(&format!("{}: {added} to {place}, as in {from}", ui::clean(name)));
    }
    Ok(())
}

/// WriteMode the completed file. The template's default may lack the address that the compose
/// file's default has: if a port would move to other addresses, the file is restored.
fn write_proved(ctx: &Context, file: &Path, bytes: &[u8], names: &[String]) -> Result<()> {
    // A project that cannot be read may need just these lines.
    let before = Model::read(ctx).ok();
    disk::write_proved(&[(file.to_path_buf(), Some(bytes.to_vec()))], || {
        let Some(before) = before else { return Ok(()) };
        let after = before.read_again(ctx)?;
        let cause = format!("the template's {} in {}", names.join(", "), ctx.show(file));
        if let Some(found) = before
            .wider_reach(&after)
            .iter()
            .find(|found| !matches!(found, WiderReach::Port { .. } | WiderReach::New(_)))
        {
            return Err(proof::wider_refusal(&cause, found)
                .hint("the file was restored; if you mean it, edit the file by hand"));
        }
        let differences = before.port_differences(&after, &|_| Expect::Any);
        match differences.iter().find(|difference| !difference.only_narrows()) {
            None => Ok(()),
            Some(difference) => Err(proof::refusal(&cause, difference)
                .hint("the file was restored; write the address into the template, as in the compose file")),
        }
    })
}

/// Asks and adds a line to `.gitignore`. The exit code is a finding if the file is not ignored
/// in the end. Outside git this does nothing.
fn ensure_ignored(ctx: &Context, file: &Path) -> Result<Exit> {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return Ok(Exit::Success);
    };
    let place = ctx.show(file);
    if git(dir, &["ls-files", "--error-unmatch"], name) == Some(0) {
        ui::warn(&format!("git tracks {place}, with all secrets in it"));
        ui::note(&format!("hint: `git rm --cached {}` untracks it and keeps the file", ctx.typed(file)));
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
        ui::note("hint: --yes adds it");
        return Ok(Exit::Finding);
    }
    let before = if list.exists() { read(ctx, &list)? } else { Vec::new() };
    disk::write_atomic(&list, &with_line(&before, name))?;
    ui::note(&format!("`{name}` added to {list_name}"));
    Ok(if is_ignored() { Exit::Success } else { Exit::Finding })
}

/// The exit code of git; `None` if it is not installed.
fn git(dir: &Path, words: &[&str], file: &str) -> Option<i32> {
    Command::new("git").args(words).arg(file).dir(dir).ask(exec::LIMIT).ok()?.code
}

/// Appends a line, with the line breaks that the file uses.
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
