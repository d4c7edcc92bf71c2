//! Out of a conflict: other ports, or stopping the holders; by option, or by
//! asking a person.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::flow::read_only::without_writing;
use crate::flow::survey::{Survey, survey as look_again};
use crate::flow::{assign, keep, overrides, own, stop_holders as stop, tracked};
use crate::ui::{self, Choice, Format};

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Something was done about it; these variables were moved.
    Resolved(Vec<assign::Move>),
    /// It is to be started by names.
    ByName,
    /// Nothing was.
    Leave,
}

/// Writes other ports into the env file, and gives what was moved; with
/// `--dry-run` only says which, and with `--no-write` leaves the rest to the
/// caller.
pub fn reassign(whole: &mut Context, survey: &Survey) -> Result<Vec<assign::Move>> {
    // Ports are kept under the name that the checkout will start by.
    let mut ctx = whole.clone();
    let mut survey = survey.clone();
    if survey.needs_env_file() && !ctx.no_write && !ctx.dry_run {
        assign::env_from_template(&ctx, &survey).map_err(without_writing)?;
        survey = look_again(&ctx)?;
    }
    // Without an engine nobody can tell which names are had.
    if survey.containers.is_ok() {
        survey = own::name_checkout(&mut ctx, survey)?;
    }
    keep::choose(&ctx, &mut survey);
    let moves = plan(&mut ctx, &survey)?;
    // By the environment, from here on.
    whole.no_write = ctx.no_write;
    let ctx = &ctx;
    if !ctx.no_write && !ctx.dry_run {
        // With no `.env` yet the template becomes it first: its other values
        // must not be lost to a file that holds nothing but ports.
        assign::env_from_template(ctx, &survey).map_err(without_writing)?;
        assign::apply(ctx, &moves).map_err(without_writing)?;
    }
    assign::show(ctx, &moves);
    Ok(moves)
}

/// The moves, after asking where they go if git tracks the file.
fn plan(ctx: &mut Context, survey: &Survey) -> Result<Vec<assign::Move>> {
    let moves = assign::plan(ctx, survey)?;
    if ctx.no_write || ctx.dry_run {
        return Ok(moves);
    }
    let of_variable = moves.iter().filter(|step| step.variable().is_some());
    let mut files: Vec<PathBuf> = of_variable.map(|step| step.file.clone()).collect();
    if files.len() < moves.len() {
        files.extend(overrides::env_file_to_write(ctx));
    }
    let listed = overrides::env_file_to_write(ctx);
    let on_top = overrides::place(ctx, survey).ok().filter(|_| listed.is_empty()).map(|file| ctx.show(&file));
    match tracked::ask(ctx, &files, on_top.as_deref()) {
        Ok(tracked::Destination::Files) => Ok(moves),
        Ok(tracked::Destination::Environment) => assign::plan(ctx, survey),
        Ok(tracked::Destination::Override) => assign::plan_on_top(ctx, survey),
        Err(error) => {
            let error = error.hint("or start on other ports without a file: `cargo xtask start --no-write`");
            Err(error.hint("and so at every start of yours: XTASK_NO_WRITE=true in .xtask.env"))
        }
    }
}

/// Stops every holder, after asking; with `--dry-run` only says whom.
pub fn stop_holders(ctx: &Context, survey: &Survey) -> Result<()> {
    if ctx.engine.endpoint().is_remote() {
        return Err(Error::new("the ports are held on another machine, where this tool stops nobody")
            .hint("take other ports: `cargo xtask start --on-conflict reassign`")
            .finding());
    }
    let (requests, plan) = stoppable(ctx, survey);
    stop::show(&plan, ctx.format == Format::Json);
    if ctx.dry_run {
        return Ok(());
    }
    stop::consent(ctx, &plan)
        .map_err(|error| error.hint("or take other ports: `cargo xtask start --on-conflict reassign`"))?;
    stop::run(ctx, &plan, &requests, &stop::StopOptions::default()).error.map_or(Ok(()), Err)
}

/// Who could be stopped for the conflicts; nobody on another machine.
fn stoppable(ctx: &Context, survey: &Survey) -> (Vec<stop::Request>, stop::Plan) {
    if ctx.engine.endpoint().is_remote() {
        return (Vec::new(), stop::Plan::default());
    }
    let requests: Vec<stop::Request> = survey.conflicts().map(stop::Request::from).collect();
    let plan = stop::plan(ctx, &requests, survey.containers.as_deref().ok());
    (requests, plan)
}

/// Without a person to ask: the commands to type, as far as they would help.
pub fn hints(ctx: &Context, survey: &Survey, reassign: &str, stop: &str) {
    if ctx.format != Format::Text {
        return;
    }
    match assign::plan(ctx, survey) {
        Ok(_) if ctx.no_write => ui::note(&format!("hint: other ports for this run: `cargo xtask {reassign}`")),
        Ok(moves) => ui::note(&format!("hint: other ports in {}: `cargo xtask {reassign}`", files(&moves))),
        Err(error) => immovable(&error),
    }
    if !stoppable(ctx, survey).1.steps.is_empty() {
        ui::note(&format!("hint: stop the holders: `cargo xtask {stop}`"));
    }
}

/// The files to write, by name: `.env, docker-compose.override.yml`.
fn files(moves: &[assign::Move]) -> String {
    let name = |step: &assign::Move| ui::clean(&step.file.file_name().unwrap_or_default().to_string_lossy());
    let names: BTreeSet<String> = moves.iter().map(name).collect();
    names.into_iter().collect::<Vec<String>>().join(", ")
}

fn immovable(error: &Error) {
    ui::note(&format!("note: other ports cannot be written: {error}"));
    for hint in error.hints() {
        ui::note(&format!("hint: {hint}"));
    }
}

/// Asks what to do about the conflicts.
pub fn ask(ctx: &mut Context, survey: &Survey) -> Result<Answer> {
    let mut choices = Vec::new();
    let mut offer = |key: char, label: String| choices.push(Choice { key, label });
    if !stoppable(ctx, survey).1.steps.is_empty() {
        offer('s', "stop the holders (shows whom, and asks again)".to_owned());
    }
    let moves = assign::plan(ctx, survey);
    if let Ok(moves) = &moves {
        let moved: Vec<String> =
            moves.iter().map(|step| format!("{} {} -> {}", step.what, step.from, step.to)).collect();
        let place = if ctx.no_write { "for this run".to_owned() } else { format!("in {}", files(moves)) };
        offer('o', format!("other ports {place}: {}", moved.join(", ")));
    }
    offer('t', "names in place of ports: one proxy for all projects (Traefik)".to_owned());
    offer('l', "leave it".to_owned());
    if let Err(error) = &moves {
        immovable(error);
    }
    match ui::choose("what now?", &choices, 'l') {
        's' => stop_holders(ctx, survey).map(|()| Answer::Resolved(Vec::new())),
        'o' => reassign(ctx, survey).map(Answer::Resolved),
        't' => Ok(Answer::ByName),
        _ => Ok(Answer::Leave),
    }
}
