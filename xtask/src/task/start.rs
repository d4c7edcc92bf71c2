//! `cargo xtask start`

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::exec::Command;
use crate::flow::survey::{Survey, survey_refused};
use crate::flow::up::{self, Attempt, ServiceState, ServiceUrls};
use crate::flow::{assign, report, resolve};
use crate::ledger::Turn;
use crate::stack::OnConflict;
use crate::ui::{self, Column, Format};

/// Attempts of `docker compose up`, each after a new look at the ports.
const ATTEMPTS: u32 = 3;
/// Seconds until everything has to be well.
const WAIT: u64 = 120;

/// Check the ports, start the stack, wait until it answers, print its URLs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask start                            check, then up; asks about conflicts
  cargo xtask start --on-conflict reassign     take other ports where some are taken
  cargo xtask start --on-conflict stop --yes   stop whoever has them
  cargo xtask start --build backend            one service and what it depends on
  cargo xtask start --setup                    bring up a Docker engine first, if there is none
  cargo xtask start --restore-ports            back to the ports before a reassign

Exit code: 0 everything is well, 1 a conflict or a service that failed or was too
slow, 2 it could not be done, 130 interrupted (containers keep running).")]
pub struct Args {
    /// What to do about ports that are taken [default: ask on a terminal, else fail]
    #[arg(long, value_enum, value_name = "HOW", env = "XTASK_ON_CONFLICT")]
    on_conflict: Option<OnConflict>,
    /// Bring up the engine of scripts/engine when none answers
    #[arg(long)]
    setup: bool,
    /// Build images before starting
    #[arg(long)]
    build: bool,
    /// Seconds until every service has to be well and answer [default: 120]
    #[arg(long, value_name = "SECONDS", env = "XTASK_WAIT_TIMEOUT")]
    wait_timeout: Option<u64>,
    /// Move variables that a reassign moved back, where their old ports are free again
    #[arg(long)]
    restore_ports: bool,
    /// Only these services and what they depend on
    services: Vec<String>,
}

/// Runs it.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let mut refused: BTreeMap<u16, String> = BTreeMap::new();
    let mut moved = Vec::new();
    let mut first = ready(args, ctx, &refused)?;
    let turn = turn(ctx, &first);
    if turn.as_ref().is_some_and(|turn| turn.waited) {
        first = ready(args, ctx, &refused)?;
    }
    if args.restore_ports {
        moved.extend(restore(ctx, &first)?);
    }
    let mut next = Some(first).filter(|_| moved.is_empty());
    for attempt in 1..=ATTEMPTS {
        let mut found = match next.take() {
            Some(found) => found,
            None => survey_refused(ctx, &refused)?,
        };
        if found.template.is_some() && !ctx.dry_run {
            assign::env_from_template(ctx, &found)?;
            found = survey_refused(ctx, &refused)?;
        }
        found.narrow(&args.services)?;
        if found.has_conflicts() {
            let before = assign_targets(ctx, &found);
            if !settle(args, ctx, &found)? {
                return Ok(Exit::Finding);
            }
            if ctx.dry_run {
                return Ok(Exit::Finding);
            }
            found = survey_refused(ctx, &BTreeMap::new())?;
            // What is still wanted was freed; what is not must not be chosen again.
            refused.retain(|port, _| !wants(&found, *port));
            found.narrow(&args.services)?;
            moved.extend(before.into_iter().filter(|step| feeds(&found, step)));
            if found.has_conflicts() {
                conflict_report(ctx, &found);
                return Ok(Exit::Finding);
            }
        }
        if ctx.dry_run {
            report::text(ctx, &found);
            ui::out("would run: docker compose up -d, then wait until every service is well");
            return Ok(Exit::Success);
        }
        match up::attempt(ctx, &found, &options(args, &found))? {
            Attempt::Up => return done(ctx, &found, &moved),
            Attempt::PortRefused { problem, replaced } => {
                refused_note(ctx, &problem, &replaced, attempt);
                let Some(port) = problem.port else { return Err(nameless(&problem)) };
                refused.insert(port, format!("the engine refused it: {}", problem.cause.as_str()));
            }
        }
    }
    let found = survey_refused(ctx, &refused)?;
    conflict_report(ctx, &found);
    Err(Error::new(format!("the engine refused ports {ATTEMPTS} times; what was started was taken back"))
        .hint("`cargo xtask check-ports` shows who has them; a restart of the engine frees ports that nobody has")
        .finding())
}

fn wants(found: &Survey, port: u16) -> bool {
    found.rows.iter().any(|row| row.wanted.mapping.published.is_some_and(|range| range.contains(port)))
}

/// Without a port there is nothing to choose again.
fn nameless(problem: &crate::parse::engine_message::PortProblem) -> Error {
    Error::new(format!("the engine refused to publish a port and does not say which: {}", problem.cause.as_str()))
        .hint("restart the engine (Docker Desktop: quit it and start it again), then `cargo xtask start`")
        .hint("its own words: `docker compose up -d`")
        .finding()
}

fn options(args: &Args, found: &Survey) -> up::Options {
    let seconds = args.wait_timeout.or(found.settings.wait_timeout).unwrap_or(WAIT);
    up::Options { services: args.services.clone(), build: args.build, wait_timeout: Duration::from_secs(seconds) }
}

/// A survey with an engine and Compose behind it, of a project that is here and
/// nowhere else.
fn ready(args: &Args, ctx: &Context, refused: &BTreeMap<u16, String>) -> Result<Survey> {
    let mut found = survey_refused(ctx, refused)?;
    if args.setup && (found.containers.is_err() || found.without_compose.is_some()) {
        setup(ctx, &found)?;
        found = survey_refused(ctx, refused)?;
    }
    found.ready(ctx)?;
    Ok(found)
}

/// Waits for another start of this project. Without a folder to remember in
/// there is no turn, and Compose's own errors have to do.
fn turn(ctx: &Context, found: &Survey) -> Option<Turn> {
    if ctx.dry_run {
        return None;
    }
    let name = &found.stack.name;
    let note = || ui::note(&format!("another start of {} is on its way: waiting for it", ui::clean(name)));
    let turn = ctx.state_dir().and_then(|state| Turn::take(&state, name, note));
    turn.inspect_err(|error| ui::detail(&format!("no turn was taken: {error}"))).ok()
}

/// Runs the project's own engine script.
fn setup(ctx: &Context, found: &Survey) -> Result<()> {
    let script = found.stack.dir.join("scripts").join("engine").join("up");
    if cfg!(windows) || !script.is_file() {
        // The usual hints speak of --setup, which was just tried.
        let error = match (&found.containers, &found.without_compose) {
            (Err(trouble), _) => trouble.error(ctx.engine.endpoint()),
            (Ok(_), Some(trouble)) => trouble.error(),
            (Ok(_), None) => return Ok(()),
        };
        return Err(Error::new(error.message())
            .hint("this project has no scripts/engine: install Docker by its own guide, docs.docker.com/get-docker"));
    }
    let code = Command::new(&script).dir(&found.stack.dir).show(false)?;
    if code == 0 {
        return Ok(());
    }
    Err(Error::new(format!("`{}` failed with exit code {code}", ctx.show(&script))))
}

fn restore(ctx: &Context, found: &Survey) -> Result<Vec<assign::Move>> {
    let moves = assign::restorable(ctx, found);
    if moves.is_empty() {
        ui::note("no variable can go back: none was moved, or its old port is taken");
        return Ok(Vec::new());
    }
    if !ctx.dry_run {
        assign::apply(ctx, &moves)?;
    }
    assign::show(ctx, &moves);
    Ok(if ctx.dry_run { Vec::new() } else { moves })
}

/// Does what was asked for about conflicts. `false`: they stay.
fn settle(args: &Args, ctx: &Context, found: &Survey) -> Result<bool> {
    let default = if ctx.is_interactive() { OnConflict::Ask } else { OnConflict::Fail };
    let how = args.on_conflict.or(found.settings.on_conflict).unwrap_or(default);
    // Without a terminal nobody can be asked.
    let how = if how == OnConflict::Ask { default } else { how };
    match how {
        OnConflict::Fail => {
            conflict_report(ctx, found);
            resolve::hints(ctx, found, "start --on-conflict reassign", "start --on-conflict stop");
            Ok(false)
        }
        OnConflict::Reassign => resolve::reassign(ctx, found).map(|()| true),
        OnConflict::Stop => resolve::stop_holders(ctx, found).map(|()| true),
        OnConflict::Ask => {
            report::text(ctx, found);
            Ok(resolve::ask(ctx, found)? == resolve::Answer::Resolved)
        }
    }
}

fn conflict_report(ctx: &Context, found: &Survey) {
    report::notes(ctx, found);
    match ctx.format {
        Format::Text => report::text(ctx, found),
        Format::Json => ui::json(&report::json(found)),
    }
}

/// What a reassign would move, noted before it happens.
fn assign_targets(ctx: &Context, found: &Survey) -> Vec<assign::Move> {
    assign::plan(ctx, found).unwrap_or_default()
}

/// Whether the move really happened.
fn feeds(found: &Survey, step: &assign::Move) -> bool {
    found.rows.iter().any(|row| {
        row.variable() == Some(&step.variable) && row.wanted.mapping.published.map(|range| range.first) == Some(step.to)
    })
}

fn refused_note(ctx: &Context, problem: &crate::parse::engine_message::PortProblem, replaced: &[String], attempt: u32) {
    let port = problem.port.map_or_else(|| "a port".to_owned(), |port| format!("port {port}"));
    ui::warn(&format!(
        "the engine refused {port} ({}) on attempt {attempt} of {ATTEMPTS}; what this attempt started was taken back",
        problem.cause.as_str()
    ));
    if !replaced.is_empty() {
        ui::warn(&format!(
            "containers of {} had been replaced and are gone; the next start makes them anew",
            replaced.join(", ")
        ));
    }
    ui::detail(&format!("engine: {}", ctx.engine.endpoint().host));
}

#[derive(Serialize)]
struct Started<'a> {
    schema: u32,
    project: &'a str,
    services: Vec<StartedService>,
    moved: Vec<Moved<'a>>,
}

#[derive(Serialize)]
struct StartedService {
    service: String,
    state: ServiceState,
    urls: Vec<String>,
}

#[derive(Serialize)]
struct Moved<'a> {
    variable: &'a str,
    from: u16,
    to: u16,
}

fn done(ctx: &Context, found: &Survey, moved: &[assign::Move]) -> Result<Exit> {
    let project = &found.stack.name;
    let containers = ctx.engine.containers_of(project).map_err(|trouble| trouble.error(ctx.engine.endpoint()))?;
    let states = up::states(&found.stack, &containers);
    let urls = up::urls(ctx, found, &containers);
    match ctx.format {
        Format::Json => {
            let of = |service: &str| urls.iter().find(|known| known.service == service).map(|known| known.urls.clone());
            let services = states
                .into_iter()
                .map(|(service, state)| StartedService { urls: of(&service).unwrap_or_default(), service, state })
                .collect();
            let moved =
                moved.iter().map(|step| Moved { variable: &step.variable, from: step.from, to: step.to }).collect();
            ui::json(&Started { schema: 1, project, services, moved });
        }
        Format::Text => print(project, &states, &urls),
    }
    for step in assign::restorable(ctx, found) {
        ui::note(&format!(
            "note: {} could go back {} -> {}: `cargo xtask start --restore-ports`",
            step.variable, step.from, step.to
        ));
    }
    Ok(Exit::Success)
}

fn print(project: &str, states: &BTreeMap<String, ServiceState>, urls: &[ServiceUrls]) {
    let up = states.values().filter(|state| state.is_well()).count();
    let noun = if up == 1 { "service" } else { "services" };
    ui::note(&format!("{}: {up} {noun} up", ui::clean(project)));
    let mut rows = Vec::new();
    for known in urls {
        for (i, url) in known.urls.iter().enumerate() {
            let name = if i == 0 { ui::clean(&known.service) } else { String::new() };
            rows.push(vec![name, ui::clean(url)]);
        }
    }
    for line in ui::table(&[Column::Left, Column::Left], &rows) {
        ui::out(&line);
    }
}
