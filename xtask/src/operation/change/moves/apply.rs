//! Writes moves and has Compose prove them; otherwise the files are restored.

use std::collections::BTreeSet;
use std::path::Path;

use super::plan::{Move, dependents_of};
use crate::context::Context;
use crate::decide::{Expect, ModelDifference};
use crate::envfile::{Dependents, Document, WrittenForm};
use crate::error::{Error, Result};
use crate::ledger::{MovedValue, moves, values};
use crate::model::Wanted;
use crate::operation::change::proof::{self, Model};
use crate::operation::change::readers::{self, Accept, Reader, Readers};
use crate::operation::change::tracked::WriteMode;
use crate::operation::change::{dependents, overrides};
use crate::project::Project;
use crate::{disk, stack, ui};

/// An env file to write.
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
    pub(super) before: Option<Vec<u8>>,
}

/// How an attempt to move ports ended.
#[derive(Debug)]
pub enum Applied {
    /// The changed project.
    Done(Box<Project>),
    /// Nothing was changed, because some readers would change along with the ports, and nobody
    /// said that they should.
    Undeclared(Readers),
}

/// Writes the moves, and has Compose prove that they took effect and changed nothing else;
/// otherwise every file is restored.
pub fn apply(project: &Project, moves: &[Move], writes: WriteMode, accept: Accept<'_>) -> Result<Applied> {
    let ctx = &project.ctx;
    let (variables, literals): (Vec<&Move>, Vec<&Move>) = moves.iter().partition(|step| step.variable().is_some());
    let paths: BTreeSet<&Path> = variables.iter().map(|step| step.file.as_path()).collect();
    let read = |path| Ok(File { path, before: disk::read(path)? });
    let files: Vec<File<'_>> = paths.into_iter().map(read).collect::<Result<_>>()?;
    let mut undeclared = Readers::default();
    let mut done = attempt(project, &files, (&variables, &literals), writes, accept, &mut undeclared);
    // The original text may have another meaning by now, so write only the number.
    if done.is_err() && variables.iter().any(|step| step.back.is_some()) {
        let numbers: Vec<Move> = variables.iter().map(|step| Move { back: None, ..(*step).clone() }).collect();
        let numbers = numbers.iter().collect::<Vec<_>>();
        done = attempt(project, &files, (&numbers, &literals), writes, accept, &mut undeclared);
    }
    if !undeclared.undeclared.is_empty() {
        return Ok(Applied::Undeclared(undeclared));
    }
    let (after, dependents, followers) = done?;
    for (file, dependents) in files.iter().zip(&dependents) {
        dependents::show(ctx, file.path, dependents);
    }
    readers::note_followers(&followers);
    note_uncompared(project, &variables);
    // Only `start --restore-ports` needs this.
    if let Err(error) = remember(ctx, &files, &variables) {
        ui::detail(&format!("the move was not recorded: {error}"));
    }
    Ok(Applied::Done(after.into()))
}

type Done = (Project, Vec<Dependents>, Vec<Reader>);

/// Fills `undeclared` if the error is about them.
fn attempt(
    project: &Project,
    files: &[File<'_>],
    (variables, literals): (&[&Move], &[&Move]),
    writes: WriteMode,
    accept: Accept<'_>,
    undeclared: &mut Readers,
) -> Result<Done> {
    if variables.is_empty() {
        return Ok((move_literals(project, literals, writes)?, Vec::new(), Vec::new()));
    }
    let before = Model::of_project(project)?;
    disk::or_restore(&files.iter().map(|file| file.path).collect::<Vec<_>>(), || {
        // In order: values in an earlier file affect later ones.
        let dependents = files.iter().map(|file| write(&project.ctx, file, variables)).collect::<Result<_>>()?;
        let after = project.resolve_again(&project.ctx)?;
        let found = prove((project, &before), &after, variables, writes, accept)?;
        if !found.undeclared.is_empty() {
            *undeclared = found;
            return Err(Error::new("other settings would change"));
        }
        Ok((move_literals(&after, literals, writes)?, dependents, found.follow))
    })
}

/// Without Compose nobody knows what else reads a variable.
fn note_uncompared(project: &Project, variables: &[&Move]) {
    if project.config().is_none() && !variables.is_empty() {
        let names: BTreeSet<&str> = variables.iter().filter_map(|step| step.variable()).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        ui::note(&format!("note: without Compose only ports were compared, not other settings that read {names}"));
    }
}

/// Has its own proof, and restores what it wrote.
fn move_literals(project: &Project, moves: &[&Move], writes: WriteMode) -> Result<Project> {
    let request = literals_request(moves);
    if request.moves.is_empty() { Ok(project.clone()) } else { overrides::apply(project, &request, writes) }
}

fn literals_request(moves: &[&Move]) -> overrides::Request {
    let moves = moves.iter().filter_map(|step| Some((step.slot()?.clone(), step.to))).collect();
    overrides::Request { moves, ..overrides::Request::default() }
}

pub(super) fn write(ctx: &Context, file: &File<'_>, moves: &[&Move]) -> Result<Dependents> {
    let path = file.path;
    let before = file.before.as_deref().unwrap_or_default();
    let mut document = Document::parse(before).map_err(|error| error.within(path.display()))?;
    let owned: Vec<Move> = moves.iter().map(|step| (*step).clone()).collect();
    let follow = dependents_of(ctx, path, &document, &owned);
    let env_files = stack::env_files(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    let earlier = |name: &str| env_files.before(path, name);
    // Compose treats a `.env` of another folder that it read earlier as environment.
    let shell = |name: &str| ctx.var(name).or_else(|| earlier(name).filter(|_| !env_files.is_explicit()));
    let mut made = false;
    // Added lines are removed last one first.
    let (back, other): (Vec<&Move>, Vec<&Move>) =
        moves.iter().filter(|step| step.file == path).partition(|step| step.back.is_some());
    for step in back.into_iter().rev().chain(other) {
        let Some(variable) = step.variable() else { continue };
        let kept = step.back.as_ref().filter(|kept| document.written_form(variable).as_ref() == Some(&kept.now));
        made |= kept.is_some_and(|kept| kept.made);
        if !kept.is_some_and(|kept| document.put_back(variable, &kept.was)) {
            document.change(variable, &step.value(), &shell, &earlier)?;
        }
    }
    dependents::apply(ctx, &mut document, &follow)?;
    let bytes = document.render();
    // Remove a file that was created only for these lines.
    disk::write_or_remove(path, (!made || !bytes.is_empty()).then_some(bytes))?;
    Ok(follow)
}

/// Every variable must set its new port, and no other port may change. Returns what else
/// changes.
fn prove(
    (project, before): (&Project, &Model),
    after: &Project,
    moves: &[&Move],
    writes: WriteMode,
    accept: Accept<'_>,
) -> Result<Readers> {
    let ctx = &after.ctx;
    let model = before.after(after)?;
    let expect = |wanted: &Wanted| moves.iter().find_map(|step| step.expectation(wanted)).unwrap_or(Expect::Same);
    let found = before.differences(&model, &expect);
    let Some(difference) = found.ports.into_iter().next() else {
        let moved: Vec<&str> = moves.iter().filter_map(|step| step.variable()).collect();
        return Ok(readers::sort((project, after), &moved, found.other, accept));
    };
    let of_move = difference.before.as_ref().and_then(|mapping| {
        let ports = before.stack.ports().find(|wanted| wanted.mapping == *mapping)?;
        moves.iter().find(|step| step.expectation(ports).is_some())
    });
    if let (Some(step), Some(_)) =
        (of_move, difference.before.as_ref().filter(|b| difference.after.as_ref() == Some(b)))
    {
        return Err(Error::new(format!(
            "{}={} has no effect: Compose still uses {}",
            step.source,
            step.value(),
            step.affixes.value(step.from)
        ))
        .hint("`docker compose config --environment` shows what Compose reads"));
    }
    let step = of_move.or_else(|| moves.first());
    let cause = step.map(|step| step.cause(ctx, writes)).unwrap_or_default();
    let error = proof::refusal(&cause, &difference);
    let error =
        error.hint(if writes == WriteMode::Environment { "nothing was started" } else { "all files were restored" });
    Err(match step.and_then(|step| step.variable()) {
        Some(variable) => error.hint(format!("see where it is used: `cargo xtask env explain {variable}`")),
        None => error,
    })
}

/// Passes the moves to Compose in its environment, and has it prove that they have the same
/// effect as in a file.
pub fn apply_in_environment(project: &Project, moves: &[Move], accept: Accept<'_>) -> Result<Applied> {
    let (variables, literals): (Vec<&Move>, Vec<&Move>) = moves.iter().partition(|step| step.variable().is_some());
    let mut project = project.clone();
    if !variables.is_empty() {
        let (after, found) = in_environment(&project, &variables, accept)?;
        if !found.undeclared.is_empty() {
            return Ok(Applied::Undeclared(found));
        }
        readers::note_followers(&found.follow);
        note_uncompared(&project, &variables);
        project = after;
    }
    let request = literals_request(&literals);
    let done = if request.moves.is_empty() { project } else { overrides::apply_in_environment(&project, &request)? };
    Ok(Applied::Done(done.into()))
}

fn in_environment(project: &Project, variables: &[&Move], accept: Accept<'_>) -> Result<(Project, Readers)> {
    let before = Model::of_project(project)?;
    let values = variables.iter().filter_map(|step| Some((step.variable()?.to_owned(), step.value())));
    let after = project.resolve_again(&project.ctx.with_vars(values))?;
    let found = prove((project, &before), &after, variables, WriteMode::Environment, accept)?;
    Ok((after, found))
}

/// What would change along with the ports, found out without writing anything.
pub fn preview_readers(project: &Project, moves: &[Move], writes: WriteMode) -> Result<Readers> {
    let variables: Vec<&Move> = moves.iter().filter(|step| step.variable().is_some()).collect();
    if variables.is_empty() || project.config().is_none() {
        return Ok(Readers::default());
    }
    let (_, mut found) = in_environment(project, &variables, Accept::Declared(&[]))?;
    if writes != WriteMode::Environment {
        let known = |path: &str| found.undeclared.iter().chain(&found.follow).any(|reader| reader.path() == path);
        let more = env_file_readers(project, &variables)?;
        let more: Vec<Reader> = more.into_iter().filter(|reader| !known(&reader.path())).collect();
        found.undeclared.extend(more);
    }
    Ok(found)
}

/// Variables that containers get from the very files that would be written (`env_file:`).
/// Compose's environment cannot show them.
fn env_file_readers(project: &Project, moves: &[&Move]) -> Result<Vec<Reader>> {
    let ctx = &project.ctx;
    let mut found = Vec::new();
    for step in moves {
        let Some(variable) = step.variable() else { continue };
        for service in stack::env_file_readers(&ctx.options, &ctx.dir, &|name| ctx.var(name), &step.file, variable)? {
            let is_active = project.stack.service(&service).is_some();
            let before = project.env_files.get(variable).map(|(value, _)| value);
            let difference = ModelDifference::of_environment(&service, variable, before, &step.value());
            if is_active && !project.settings.follow.include(&difference) {
                found.push(Reader::new(difference));
            }
        }
    }
    Ok(found)
}

fn remember(ctx: &Context, files: &[File<'_>], moves: &[&Move]) -> Result<()> {
    let state = ctx.state_dir()?;
    for file in files {
        let parse = |bytes: Option<Vec<u8>>| Document::parse(bytes.unwrap_or_default());
        let (before, after) = (parse(file.before.clone())?, parse(disk::read(file.path)?)?);
        let made = file.before.is_none();
        for step in moves.iter().filter(|step| step.file == file.path) {
            let variable = step.variable().unwrap_or_default();
            moves::record(&state, &step.file, &[(variable.to_owned(), step.from, step.to)])?;
            if let (Some(was), Some(now)) = (before.written_form(variable), after.written_form(variable)) {
                // Where its line was is known only while the line exists.
                let now = if matches!(now, WrittenForm::Absent(_)) {
                    was_before(&state, file.path, variable, now)
                } else {
                    now
                };
                values::record(&state, &step.file, variable, MovedValue { was, now, made })?;
            }
        }
    }
    Ok(())
}

/// A variable that was removed again counts as unchanged, whatever the file ends with now.
fn was_before(state: &Path, file: &Path, variable: &str, now: WrittenForm) -> WrittenForm {
    values::read(state, file).remove(variable).map_or(now, |kept| kept.was)
}
