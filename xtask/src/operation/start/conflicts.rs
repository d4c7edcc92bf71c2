//! Out of a conflict: other ports, or stopping the holders; by option, or by
//! asking a person.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::leases;
use crate::error::{Error, Result};
use crate::operation::change::checkout_name::name_checkout;
use crate::operation::change::read_only::without_writing;
use crate::operation::change::tracked::Writes;
use crate::operation::change::{env_file, moves, overrides};
use crate::operation::check::report;
use crate::operation::check::survey::Survey;
use crate::operation::ports::stop_holders as stop;
use crate::project::Project;
use crate::stack::OnConflict;
use crate::ui::{self, Choice, Format};

/// What came of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Resolved {
        /// The project after it; where ports were moved, with its new ones.
        project: Box<Project>,
        moves: Vec<moves::Move>,
        /// Where changes go from here on.
        writes: Writes,
    },
    NamedStart,
    Leave,
}

/// What to do about conflicts: as was asked for, else as the project says. A
/// checkout that is not the only one takes ports of its own without being told.
pub(crate) fn policy(asked: Option<OnConflict>, found: &Survey) -> OnConflict {
    let default = if found.ctx.is_interactive() { OnConflict::Ask } else { OnConflict::Fail };
    let how = asked.or(found.settings.on_conflict);
    let how = how.unwrap_or(if found.is_secondary { OnConflict::Reassign } else { default });
    // Without a terminal nobody can be asked.
    if how == OnConflict::Ask { default } else { how }
}

/// Does it. Conflicts that are left were reported.
pub(crate) fn resolve(found: &Survey, how: OnConflict, writes: Writes) -> Result<Answer> {
    match how {
        OnConflict::Fail => {
            report_conflicts(found);
            hints(found, writes, "start --on-conflict reassign", "start --on-conflict stop");
            Ok(Answer::Leave)
        }
        OnConflict::Reassign => reassign(found, writes),
        OnConflict::Stop => stop_holders(found, writes),
        OnConflict::Ask => {
            report::text(&found.ctx, found);
            ask(found, writes)
        }
    }
}

pub(crate) fn report_conflicts(found: &Survey) {
    let ctx = &found.ctx;
    report::notes(ctx, found);
    ctx.print(|| report::json(found), || report::text(ctx, found));
}

/// Gives every port in conflict another one, in the env file or, as `writes` says,
/// in Compose's environment; with `--dry-run` only says which.
pub(crate) fn reassign(survey: &Survey, writes: Writes) -> Result<Answer> {
    let (survey, writes) = named(survey, writes)?;
    let survey = leases::choose(survey);
    let (moves, writes) = plan(&survey, writes)?;
    let ctx = &survey.ctx;
    let project = match writes {
        _ if ctx.dry_run => survey.project.clone(),
        Writes::Environment => {
            moves::show(ctx, &moves, writes);
            let project = moves::pass_on(&survey, &moves)?.into();
            return Ok(Answer::Resolved { project, moves, writes });
        }
        _ => {
            // With no `.env` yet the template becomes it first: its other values
            // must not be lost to a file that holds nothing but ports.
            env_file::from_template(&survey).map_err(without_writing)?;
            moves::apply(&survey, &moves, writes).map_err(without_writing)?
        }
    };
    moves::show(ctx, &moves, writes);
    Ok(Answer::Resolved { project: project.into(), moves, writes })
}

/// The survey under the name that the checkout will start by: ports are kept
/// under it.
fn named(survey: &Survey, writes: Writes) -> Result<(Survey, Writes)> {
    let look = |project: Project| Survey::of(project).judge(&BTreeMap::new());
    let mut survey = survey.clone();
    if survey.needs_env_file() && writes != Writes::Environment && !survey.ctx.dry_run {
        env_file::from_template(&survey).map_err(without_writing)?;
        survey = look(survey.resolve_again(&survey.ctx)?);
    }
    // Without an engine nobody can tell which names are had.
    if survey.containers.is_err() {
        return Ok((survey, writes));
    }
    let (project, writes) = name_checkout(survey.project.clone(), writes)?;
    Ok((if project.stack.name == survey.stack.name { survey } else { look(project) }, writes))
}

/// The moves, after asking where they go if git tracks the file.
fn plan(survey: &Survey, writes: Writes) -> Result<(Vec<moves::Move>, Writes)> {
    let moves = moves::plan(survey, writes)?;
    let ctx = &survey.ctx;
    if writes == Writes::Environment || ctx.dry_run {
        return Ok((moves, writes));
    }
    let of_variable = moves.iter().filter(|step| step.variable().is_some());
    let mut files: Vec<PathBuf> = of_variable.map(|step| step.file.clone()).collect();
    let listed = overrides::env_file_to_write(ctx);
    if files.len() < moves.len() {
        files.extend(listed.iter().cloned());
    }
    let on_top = overrides::place(survey).ok().filter(|_| listed.is_empty()).map(|file| ctx.show(&file));
    match writes.ask_or_override(ctx, &files, on_top.as_deref()) {
        Ok(Some(Writes::Environment)) => Ok((moves::plan(survey, Writes::Environment)?, Writes::Environment)),
        Ok(Some(writes)) => Ok((moves, writes)),
        Ok(None) => Ok((moves::plan_on_top(survey, writes)?, writes)),
        Err(error) => {
            let error = error.hint("or start on other ports without a file: `cargo xtask start --no-write`");
            Err(error.hint("and so at every start of yours: XTASK_NO_WRITE=true in .xtask.env"))
        }
    }
}

/// Stops every holder, after asking; with `--dry-run` only says whom.
pub(crate) fn stop_holders(survey: &Survey, writes: Writes) -> Result<Answer> {
    let ctx = &survey.ctx;
    if ctx.engine.endpoint().is_remote() {
        return Err(Error::new("the ports are held on another machine, where this tool stops nobody")
            .hint("take other ports: `cargo xtask start --on-conflict reassign`")
            .finding());
    }
    let (requests, plan) = stoppable(survey);
    stop::show(&plan, ctx.format == Format::Json);
    if !ctx.dry_run {
        stop::consent(ctx, &plan)
            .map_err(|error| error.hint("or take other ports: `cargo xtask start --on-conflict reassign`"))?;
        stop::run(ctx, &plan, &requests, &stop::StopOptions::default()).error.map_or(Ok(()), Err)?;
    }
    Ok(Answer::Resolved { project: survey.refreshed().into(), moves: Vec::new(), writes })
}

/// Who could be stopped for the conflicts; nobody on another machine.
fn stoppable(survey: &Survey) -> (Vec<stop::Request>, stop::Plan) {
    if survey.ctx.engine.endpoint().is_remote() {
        return (Vec::new(), stop::Plan::default());
    }
    let requests: Vec<stop::Request> = survey.conflicts().map(stop::Request::from).collect();
    let plan = stop::plan(&survey.ctx, &requests, survey.containers.as_deref().ok());
    (requests, plan)
}

/// Without a person to ask: the commands to type, as far as they would help.
pub(crate) fn hints(survey: &Survey, writes: Writes, reassign: &str, stop: &str) {
    if survey.ctx.format != Format::Text {
        return;
    }
    match moves::plan(survey, writes) {
        Ok(_) if writes == Writes::Environment => {
            ui::note(&format!("hint: other ports for this run: `cargo xtask {reassign}`"));
        }
        Ok(moves) => ui::note(&format!("hint: other ports in {}: `cargo xtask {reassign}`", files(&moves))),
        Err(error) => immovable(&error),
    }
    if !stoppable(survey).1.steps.is_empty() {
        ui::note(&format!("hint: stop the holders: `cargo xtask {stop}`"));
    }
}

/// The files to write, by name: `.env, docker-compose.override.yml`.
fn files(moves: &[moves::Move]) -> String {
    let name = |step: &moves::Move| ui::clean(&step.file.file_name().unwrap_or_default().to_string_lossy());
    let names: BTreeSet<String> = moves.iter().map(name).collect();
    names.into_iter().collect::<Vec<String>>().join(", ")
}

fn immovable(error: &Error) {
    ui::note(&format!("note: other ports cannot be written: {error}"));
    for hint in error.hints() {
        ui::note(&format!("hint: {hint}"));
    }
}

pub(crate) fn ask(survey: &Survey, writes: Writes) -> Result<Answer> {
    let mut choices = Vec::new();
    let mut offer = |key: char, label: String| choices.push(Choice { key, label });
    if !stoppable(survey).1.steps.is_empty() {
        offer('s', "stop the holders (shows whom, and asks again)".to_owned());
    }
    let moves = moves::plan(survey, writes);
    if let Ok(moves) = &moves {
        let moved: Vec<String> =
            moves.iter().map(|step| format!("{} {} -> {}", step.what, step.from, step.to)).collect();
        let place =
            if writes == Writes::Environment { "for this run".to_owned() } else { format!("in {}", files(moves)) };
        offer('o', format!("other ports {place}: {}", moved.join(", ")));
    }
    offer('t', "names in place of ports: one proxy for all projects (Traefik)".to_owned());
    offer('l', "leave it".to_owned());
    if let Err(error) = &moves {
        immovable(error);
    }
    match ui::choose("what now?", &choices, 'l') {
        's' => stop_holders(survey, writes),
        'o' => reassign(survey, writes),
        't' => Ok(Answer::NamedStart),
        _ => Ok(Answer::Leave),
    }
}
