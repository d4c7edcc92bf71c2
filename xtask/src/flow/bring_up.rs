//! From a project on disk to a stack that runs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::flow::survey::{Survey, survey_refused};
use crate::flow::up::{self, Attempt};
use crate::flow::{assign, overrides, report, resolve};
use crate::ledger::Turn;
use crate::parse::engine_message::PortProblem;
use crate::stack::OnConflict;
use crate::ui::{self, Format};

/// Attempts of `docker compose up`, each after a new look at the ports.
const ATTEMPTS: u32 = 3;
/// Seconds until everything has to be well.
const WAIT: u64 = 120;

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// What to do about conflicts; `None` = the project's setting, else ask on
    /// a terminal and fail elsewhere.
    pub on_conflict: Option<OnConflict>,
    /// Bring an engine up where none answers.
    pub setup: bool,
    /// Build images first.
    pub build: bool,
    /// Seconds until everything has to be well.
    pub wait_timeout: Option<u64>,
    /// Move variables back first.
    pub restore_ports: bool,
    /// Only these services and what they depend on.
    pub services: Vec<String>,
}

/// How it ended, when nothing went wrong.
#[derive(Debug)]
pub enum Ending {
    /// Everything is well.
    Up {
        /// The project as it was started.
        found: Box<Survey>,
        /// Variables that got other ports on the way.
        moved: Vec<assign::Move>,
    },
    /// Conflicts stay; they were reported.
    Conflict,
    /// `--dry-run`: nothing was done, and `start` would work.
    WouldStart(Box<Survey>),
}

/// Check, resolve, up; again where the engine refuses a port all the same.
pub fn bring_up(ctx: &Context, wish: &Wish) -> Result<Ending> {
    let mut refused: BTreeMap<u16, String> = BTreeMap::new();
    let mut moved = Vec::new();
    let mut first = ready(ctx, wish, &refused)?;
    let turn = turn(ctx, &first);
    if turn.as_ref().is_some_and(|turn| turn.waited) {
        first = ready(ctx, wish, &refused)?;
    }
    if overrides::refresh(ctx, &first)? {
        first = ready(ctx, wish, &refused)?;
    }
    if wish.restore_ports {
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
        found.narrow(&wish.services)?;
        if found.has_conflicts() {
            let before = assign_targets(ctx, &found);
            if !settle(ctx, wish, &found)? || ctx.dry_run {
                return Ok(Ending::Conflict);
            }
            found = survey_refused(ctx, &BTreeMap::new())?;
            // What is still wanted was freed; what is not must not be chosen again.
            refused.retain(|port, _| !wants(&found, *port));
            found.narrow(&wish.services)?;
            moved.extend(before.into_iter().filter(|step| feeds(&found, step)));
            if found.has_conflicts() {
                conflict_report(ctx, &found);
                return Ok(Ending::Conflict);
            }
        }
        if ctx.dry_run {
            return Ok(Ending::WouldStart(Box::new(found)));
        }
        match up::attempt(ctx, &found, &options(wish, &found))? {
            Attempt::Up => return Ok(Ending::Up { found: Box::new(found), moved }),
            Attempt::PortRefused { problem, replaced } => {
                refused_note(ctx, &problem, &replaced, attempt);
                let Some(port) = problem.port else { return Err(nameless(&problem)) };
                refused.insert(port, format!("the engine refused it: {}", problem.cause.as_str()));
            }
        }
    }
    let mut found = survey_refused(ctx, &refused)?;
    found.narrow(&wish.services)?;
    conflict_report(ctx, &found);
    Err(Error::new(format!("the engine refused ports {ATTEMPTS} times; what was started was taken back"))
        .hint("`cargo xtask check-ports` shows who has them; a restart of the engine frees ports that nobody has")
        .finding())
}

fn wants(found: &Survey, port: u16) -> bool {
    found.rows.iter().any(|row| row.wanted.mapping.published.is_some_and(|range| range.contains(port)))
}

/// Without a port there is nothing to choose again.
fn nameless(problem: &PortProblem) -> Error {
    Error::new(format!("the engine refused to publish a port and does not say which: {}", problem.cause.as_str()))
        .hint("restart the engine (Docker Desktop: quit it and start it again), then `cargo xtask start`")
        .hint("its own words: `docker compose up -d`")
        .finding()
}

fn options(wish: &Wish, found: &Survey) -> up::Options {
    let seconds = wish.wait_timeout.or(found.settings.wait_timeout).unwrap_or(WAIT);
    up::Options { services: wish.services.clone(), build: wish.build, wait_timeout: Duration::from_secs(seconds) }
}

/// A survey with an engine and Compose behind it, of a project that is here and
/// nowhere else.
fn ready(ctx: &Context, wish: &Wish, refused: &BTreeMap<u16, String>) -> Result<Survey> {
    let mut found = survey_refused(ctx, refused)?;
    if wish.setup && (found.containers.is_err() || found.without_compose.is_some()) {
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
        ui::note("no port can go back: none was moved, or its old port is taken");
        return Ok(Vec::new());
    }
    if !ctx.dry_run {
        assign::apply(ctx, &moves)?;
    }
    assign::show(ctx, &moves);
    Ok(if ctx.dry_run { Vec::new() } else { moves })
}

/// Does what was asked for about conflicts. `false`: they stay.
fn settle(ctx: &Context, wish: &Wish, found: &Survey) -> Result<bool> {
    let default = if ctx.is_interactive() { OnConflict::Ask } else { OnConflict::Fail };
    let how = wish.on_conflict.or(found.settings.on_conflict).unwrap_or(default);
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
    found
        .rows
        .iter()
        .any(|row| step.is_of(found, row) && row.wanted.mapping.published.map(|range| range.first) == Some(step.to))
}

fn refused_note(ctx: &Context, problem: &PortProblem, replaced: &[String], attempt: u32) {
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
