//! Resolves conflicts, by other ports or by stopping the holders, as an option says or the
//! user answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{apply_moves, leases};
use crate::error::{Error, Result};
use crate::operation::change::checkout_name::name_checkout;
use crate::operation::change::read_only::hint_no_write;
use crate::operation::change::tracked::WriteMode;
use crate::operation::change::{env_file, moves, overrides, port_places};
use crate::operation::check::project::CheckedProject;
use crate::operation::check::report;
use crate::operation::ports::stop_holders as stop;
use crate::project::{OtherManager, Project};
use crate::stack::OnConflict;
use crate::ui::{self, Choice, Format};

#[derive(Debug)]
pub(crate) enum Resolution {
    Resolved {
        /// The project afterwards, with the moved ports.
        project: Box<Project>,
        moves: Vec<moves::Move>,
        /// Where later changes go.
        writes: WriteMode,
    },
    NamedStart,
    Leave,
}

/// What to do about conflicts: as requested, otherwise as the project's settings say. A
/// secondary checkout takes its own ports without being asked, and so does any project that has
/// leased them, unless it is moving its ports back.
pub(crate) fn policy(asked: Option<OnConflict>, moves_back: bool, checked: &CheckedProject) -> OnConflict {
    let default = if checked.ctx.is_interactive() { OnConflict::Ask } else { OnConflict::Fail };
    let how = asked.or(checked.settings.on_conflict);
    let takes_own = || checked.is_secondary_checkout || (!moves_back && leases::has_own_ports(checked));
    let how = how.unwrap_or_else(|| if takes_own() { OnConflict::Reassign } else { default });
    // Without a terminal the user can't be asked.
    if how == OnConflict::Ask { default } else { how }
}

/// Remaining conflicts have been reported.
pub(crate) fn resolve(checked: &CheckedProject, how: OnConflict, writes: WriteMode) -> Result<Resolution> {
    match how {
        OnConflict::Fail => {
            report_conflicts(checked);
            print_hints(checked, writes, "start --on-conflict reassign", "start --on-conflict stop");
            Ok(Resolution::Leave)
        }
        OnConflict::Reassign => reassign(checked, writes),
        OnConflict::Stop => stop_holders(checked, writes),
        OnConflict::Ask => {
            report::text(&checked.ctx, checked);
            ask(checked, writes)
        }
    }
}

pub(crate) fn report_conflicts(checked: &CheckedProject) {
    let ctx = &checked.ctx;
    report::notes(ctx, checked);
    ctx.print(|| report::json(checked), || report::text(ctx, checked));
}

/// Moves every port in conflict, in the files or the environment, as `writes` says; with
/// `--dry-run` only prints the moves.
pub(crate) fn reassign(checked: &CheckedProject, writes: WriteMode) -> Result<Resolution> {
    if let Some(manager) = checked.other_manager() {
        return Err(checked.manager_error(manager));
    }
    let (checked, writes) = with_checkout_name(checked, writes)?;
    let checked = leases::choose_ports(checked);
    let resolution = move_ports(&checked, writes);
    if resolution.is_err() {
        leases::release_choice(&checked);
    }
    resolution
}

fn move_ports(checked: &CheckedProject, writes: WriteMode) -> Result<Resolution> {
    let (moves, writes) = plan_moves(checked, writes)?;
    let checked = with_env_file(checked.clone(), writes)?;
    let (project, moves) = apply_moves::apply(&checked, moves, writes)?;
    moves::show(&checked.ctx, &moves, writes);
    port_places::note(&project, &moves, writes);
    Ok(Resolution::Resolved { project: project.into(), moves, writes })
}

/// A missing `.env` is created from the template first, so that it doesn't contain only the
/// ports.
fn with_env_file(checked: CheckedProject, writes: WriteMode) -> Result<CheckedProject> {
    if checked.template.is_none() || writes == WriteMode::Environment || checked.ctx.dry_run {
        return Ok(checked);
    }
    env_file::create_from_template(&checked).map_err(hint_no_write)?;
    let project = checked.resolve_again(&checked.ctx)?;
    Ok(CheckedProject { project, ..checked })
}

/// The project under the name with which the checkout will be started, because leases are
/// recorded under that name.
fn with_checkout_name(checked: &CheckedProject, writes: WriteMode) -> Result<(CheckedProject, WriteMode)> {
    let check = |project: Project| CheckedProject::new(project).judge(&BTreeMap::new());
    let mut checked = checked.clone();
    if checked.needs_env_file() && writes != WriteMode::Environment && !checked.ctx.dry_run {
        env_file::create_from_template(&checked).map_err(hint_no_write)?;
        checked = check(checked.resolve_again(&checked.ctx)?);
    }
    // Without an engine it is unknown which names are taken.
    if checked.containers.is_err() {
        return Ok((checked, writes));
    }
    let (project, writes) = name_checkout(checked.project.clone(), writes)?;
    Ok((if project.stack.name == checked.stack.name { checked } else { check(project) }, writes))
}

/// Plans the moves, and asks where they go if git tracks a file.
fn plan_moves(checked: &CheckedProject, writes: WriteMode) -> Result<(Vec<moves::Move>, WriteMode)> {
    let moves = moves::plan(checked, writes)?;
    let ctx = &checked.ctx;
    if writes == WriteMode::Environment || ctx.dry_run {
        return Ok((moves, writes));
    }
    let of_variable = moves.iter().filter(|step| step.variable().is_some());
    let mut files: Vec<PathBuf> = of_variable.map(|step| step.file.clone()).collect();
    let listed = overrides::env_file_to_write(ctx);
    if files.len() < moves.len() {
        files.extend(listed.iter().cloned());
    }
    let on_top = overrides::override_path(checked).ok().filter(|_| listed.is_empty()).map(|file| ctx.show(&file));
    match writes.ask_or_override(ctx, &files, on_top.as_deref()) {
        Ok(Some(WriteMode::Environment)) => Ok((moves::plan(checked, WriteMode::Environment)?, WriteMode::Environment)),
        Ok(Some(writes)) => Ok((moves, writes)),
        Ok(None) => Ok((moves::plan_in_override(checked, writes)?, writes)),
        Err(error) => {
            let error = error.hint("or start on other ports without writing a file: `cargo xtask start --no-write`");
            Err(error.hint("to do so at every start: XTASK_NO_WRITE=true in .xtask.env"))
        }
    }
}

/// Stops every holder, after asking; with `--dry-run` only prints them.
pub(crate) fn stop_holders(checked: &CheckedProject, writes: WriteMode) -> Result<Resolution> {
    let ctx = &checked.ctx;
    if ctx.engine.endpoint().is_remote() {
        let error = Error::new("the ports are held on another machine, and this tool stops nothing there");
        return Err(hint_other_ports(checked, error, "use other ports").finding());
    }
    let (requests, plan) = stoppable(checked);
    stop::show(&plan, ctx.format == Format::Json);
    if !ctx.dry_run {
        stop::consent(ctx, &plan).map_err(|error| hint_other_ports(checked, error, "or use other ports"))?;
        stop::run(ctx, &plan, &requests, &stop::StopOptions::default()).error.map_or(Ok(()), Err)?;
    }
    Ok(Resolution::Resolved { project: checked.refreshed().into(), moves: Vec::new(), writes })
}

/// Only if `start` would take them.
fn hint_other_ports(checked: &CheckedProject, error: Error, words: &str) -> Error {
    match checked.other_manager() {
        Some(manager) => error.hint(format!("or end it: `{}`", checked.end_command(manager))),
        None => error.hint(format!("{words}: `cargo xtask start --on-conflict reassign`")),
    }
}

/// The holders that could be stopped; none on another machine.
fn stoppable(checked: &CheckedProject) -> (Vec<stop::Request>, stop::Plan) {
    if checked.ctx.engine.endpoint().is_remote() {
        return (Vec::new(), stop::Plan::default());
    }
    let requests: Vec<stop::Request> = checked.conflicts().map(stop::Request::from).collect();
    let plan = stop::plan(&checked.ctx, &requests, checked.containers.as_deref().ok());
    (requests, plan)
}

/// Prints the commands that would help, if the user can't be asked.
pub(crate) fn print_hints(checked: &CheckedProject, writes: WriteMode, reassign: &str, stop: &str) {
    if checked.ctx.format != Format::Text {
        return;
    }
    if let Some(manager) = checked.other_manager() {
        note_manager(checked, manager);
        return;
    }
    match moves::plan(checked, writes) {
        Ok(_) if writes == WriteMode::Environment => {
            ui::note(&format!("hint: other ports for this run: `cargo xtask {reassign}`"));
        }
        Ok(moves) => ui::note(&format!("hint: other ports in {}: `cargo xtask {reassign}`", file_names(&moves))),
        Err(error) => note_cannot_move(&error),
    }
    if !stoppable(checked).1.steps.is_empty() {
        ui::note(&format!("hint: stop the holders: `cargo xtask {stop}`"));
    }
}

/// `start` refuses, so other ports would be no remedy.
fn note_manager(checked: &CheckedProject, manager: OtherManager) {
    let error = checked.manager_error(manager);
    ui::note(&format!("note: {error}"));
    error.hints().iter().for_each(|hint| ui::note(&format!("hint: {hint}")));
}

/// The names of the files to write: `.env, docker-compose.override.yml`.
fn file_names(moves: &[moves::Move]) -> String {
    let name = |step: &moves::Move| ui::clean(&step.file.file_name().unwrap_or_default().to_string_lossy());
    let names: BTreeSet<String> = moves.iter().map(name).collect();
    names.into_iter().collect::<Vec<String>>().join(", ")
}

fn note_cannot_move(error: &Error) {
    ui::note(&format!("note: other ports cannot be written: {error}"));
    for hint in error.hints() {
        ui::note(&format!("hint: {hint}"));
    }
}

pub(crate) fn ask(checked: &CheckedProject, writes: WriteMode) -> Result<Resolution> {
    if let Some(manager) = checked.other_manager() {
        note_manager(checked, manager);
        return Ok(Resolution::Leave);
    }
    let mut choices = Vec::new();
    let mut offer = |key: char, label: String| choices.push(Choice { key, label });
    if !stoppable(checked).1.steps.is_empty() {
        offer('s', "stop the holders (lists them, and asks again)".to_owned());
    }
    let moves = moves::plan(checked, writes);
    if let Ok(moves) = &moves {
        let moved: Vec<String> =
            moves.iter().map(|step| format!("{} {} -> {}", step.source, step.from, step.to)).collect();
        let place = if writes == WriteMode::Environment {
            "for this run".to_owned()
        } else {
            format!("in {}", file_names(moves))
        };
        offer('o', format!("other ports {place}: {}", moved.join(", ")));
    }
    offer('t', "names instead of ports: one proxy for all projects (Traefik)".to_owned());
    offer('l', "leave it".to_owned());
    if let Err(error) = &moves {
        note_cannot_move(error);
    }
    match ui::choose("what now?", &choices, 'l') {
        's' => stop_holders(checked, writes),
        'o' => reassign(checked, writes),
        't' => Ok(Resolution::NamedStart),
        _ => Ok(Resolution::Leave),
    }
}
