//! From a project on disk to a stack that runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::flow::proxy::by_name::{self, ByName};
use crate::flow::read_only::without_writing;
use crate::flow::settling::until_settled;
use crate::flow::survey::{Survey, judge_ports, survey_refused};
use crate::flow::up::{self, Attempt};
use crate::flow::{assign, keep, namesakes, overrides, own, proxy, remote, report, resolve, set_up, tracked};
use crate::ledger::Turn;
use crate::parse::engine_message::{Cause, PortProblem};
use crate::stack::OnConflict;
use crate::ui::{self, Format};

/// Attempts of `docker compose up`, each after a new look at the ports.
const ATTEMPTS: u32 = 3;
/// Looks at the ports, where somebody else takes what was just chosen.
const ROUNDS: u32 = 10;
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
    /// Values go to Compose by its environment, and no file is written.
    pub no_write: bool,
    /// Names at the proxy in place of ports; `None` = as the project says.
    pub by_name: Option<bool>,
    /// With names: these services keep their ports as well.
    pub also_publish: Vec<String>,
    /// Look at the machine of an engine elsewhere itself.
    pub probe_remote: bool,
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
        /// Its names, where it was started by names.
        by_name: Option<Box<ByName>>,
    },
    /// Conflicts stay; they were reported.
    Conflict,
    /// `--dry-run`: nothing was done, and `start` would work.
    WouldStart(Box<Survey>),
}

/// Check, resolve, up; again where the engine refuses a port all the same, or
/// where somebody was quicker.
pub fn bring_up(ctx: &Context, wish: &Wish) -> Result<Ending> {
    attempt(ctx, wish).map_err(|error| if wish.no_write { error } else { without_writing(error) })
}

fn attempt(ctx: &Context, wish: &Wish) -> Result<Ending> {
    if let Some(ending) = run(ctx, wish)? {
        return Ok(ending);
    }
    // Asked what to do about a conflict, a person chose names.
    let wish = Wish { by_name: Some(true), ..wish.clone() };
    run(ctx, &wish).map(|ending| ending.unwrap_or(Ending::Conflict))
}

/// A project of which everything is settled but its ports.
struct Prepared {
    found: Survey,
    /// Whether the checkout is not the project's only one.
    second: bool,
    by_name: Option<ByName>,
    _turn: Option<Turn>,
}

/// Gives the checkout its name, waits for its turn, and has `ctx` mean the
/// compose files that this start is to be made of.
fn prepare(ctx: &mut Context, wish: &Wish) -> Result<Prepared> {
    (ctx.no_write, ctx.env_will_do) = (wish.no_write, !wish.restore_ports);
    let first = set_up::ready(ctx, wish.setup)?;
    ctx.no_write |= first.settings.no_write && !wish.restore_ports;
    let mut found = own::name_checkout(ctx, first)?;
    if !ctx.dry_run {
        found.refuse_elsewhere(ctx)?;
    }
    let second = found.second;
    let turn = turn(ctx, &found);
    // A conflict that was seen before the turn may be another start of this very
    // project, which has ended since.
    if turn.as_ref().is_some_and(|turn| turn.waited || found.has_conflicts()) {
        found = set_up::ready(ctx, wish.setup)?;
    }
    if !ctx.no_write && overrides::refresh(ctx, &found)? {
        found = set_up::ready(ctx, wish.setup)?;
    }
    if !ctx.no_write && !ctx.dry_run {
        overrides::forget_environment(ctx, &found.stack.dir);
    }
    found.second = second;
    if own::free_names(ctx, &found)? {
        found = set_up::ready(ctx, wish.setup)?;
    }
    let mut by_name = None;
    if wish.by_name.unwrap_or(found.settings.by_name) {
        by_name = Some(by_name::prepare(ctx, &wish.also_publish)?);
        found = set_up::ready(ctx, wish.setup)?;
    }
    remote::note_mounts(ctx);
    remote::note_around(&found);
    namesakes::warn(&found);
    Ok(Prepared { found, second, by_name, _turn: turn })
}

/// `None`: it is to be started by names.
fn run(ctx: &Context, wish: &Wish) -> Result<Option<Ending>> {
    let mut ctx = ctx.clone();
    let Prepared { found: first, second, by_name, _turn } = prepare(&mut ctx, wish)?;
    let mut moved = Vec::new();
    if wish.restore_ports {
        moved.extend(restore(&ctx, &first)?);
    }
    // Who is on the ports is not asked until it matters.
    ctx.probe_remote = wish.probe_remote && first.host.is_some();
    let mut next = Some(first).filter(|_| moved.is_empty() && !ctx.probe_remote);
    let mut refused: BTreeMap<u16, String> = BTreeMap::new();
    let mut attempts = 0;
    let mut rounds = 0;
    while attempts < ATTEMPTS {
        rounds += 1;
        let found = match next.take() {
            Some(found) => found,
            None => survey_refused(&ctx, &refused)?,
        };
        let found = with_env_file(&mut ctx, found, &refused)?;
        let found = until_settled(&ctx, found, &refused)?;
        let mut found = Survey { second: found.second || second, ..found };
        let mut how = policy(&ctx, wish, &found);
        if look_again(&ctx, &mut found, &refused, how) && second {
            // Not a conflict that somebody decided about: its own ports.
            how = OnConflict::Reassign;
        }
        found.narrow(&wish.services)?;
        if found.has_conflicts() {
            let moves = match settle(&mut ctx, how, &found)? {
                Some(resolve::Answer::Resolved(moves)) => moves,
                Some(resolve::Answer::ByName) => return Ok(None),
                Some(resolve::Answer::Leave) | None => return Ok(Some(Ending::Conflict)),
            };
            if ctx.dry_run {
                let would_do = how == OnConflict::Reassign && second;
                return Ok(Some(if would_do { Ending::WouldStart(Box::new(found)) } else { Ending::Conflict }));
            }
            if ctx.no_write {
                assign::pass_on(&mut ctx, &found, &moves)?;
            }
            moved.extend(moves);
            found = Survey { second, ..survey_refused(&ctx, &BTreeMap::new())? };
            // What is still wanted was freed; what is not must not be chosen again.
            refused.retain(|port, _| !wants(&found, *port));
            found.narrow(&wish.services)?;
            if found.has_conflicts() {
                // Somebody took the very port that was chosen, just now.
                if how == OnConflict::Reassign && rounds < ROUNDS {
                    continue;
                }
                conflict_report(&ctx, &found);
                return Ok(Some(Ending::Conflict));
            }
        }
        if ctx.dry_run {
            return Ok(Some(Ending::WouldStart(Box::new(found))));
        }
        if let Err(spoken_for) = keep::keep(&ctx, &found, by_name.as_ref().map(|by_name| &by_name.file)) {
            // They are seen as conflicts from now on, and settled like others.
            if rounds < ROUNDS {
                refused.extend(spoken_for);
                continue;
            }
        }
        attempts += 1;
        let ended = up::attempt(&ctx, &found, &options(wish, &found));
        keep::settled(&ctx, &found);
        match ended? {
            Attempt::Up => {
                match &by_name {
                    Some(by_name) => by_name.prove(&ctx, &found, &crate::exec::patience())?,
                    None => proxy::drop_link(&ctx, &found.stack.name),
                }
                let by_name = by_name.map(Box::new);
                return Ok(Some(Ending::Up { found: Box::new(found), moved: last_of_each(moved), by_name }));
            }
            Attempt::PortRefused { problem, replaced } => {
                refused_note(&ctx, &problem, &replaced, attempts);
                match problem.port {
                    Some(port) => {
                        refused.insert(port, format!("the engine refused it: {}", problem.cause.as_str()));
                    }
                    // The next look shows which it was, or that it is free again.
                    None if problem.cause == Cause::InUse && attempts < ATTEMPTS => {}
                    None => return Err(nameless(&problem)),
                }
            }
        }
    }
    let mut found = survey_refused(&ctx, &refused)?;
    found.narrow(&wish.services)?;
    conflict_report(&ctx, &found);
    Err(Error::new(format!("the engine refused ports {ATTEMPTS} times; what was started was taken back"))
        .hint("`cargo xtask check-ports` shows who has them; a restart of the engine frees ports that nobody has")
        .finding())
}

/// The `.env` that people expect, made from its template; with `--no-write` the
/// template is read in its place.
fn with_env_file(ctx: &mut Context, found: Survey, refused: &BTreeMap<u16, String>) -> Result<Survey> {
    let Some(template) = found.template.clone().filter(|_| !ctx.dry_run) else { return Ok(found) };
    if ctx.no_write {
        ctx.options.env_files = vec![template];
    } else {
        assign::env_from_template(ctx, &found)?;
    }
    let second = found.second;
    Ok(Survey { second, ..survey_refused(ctx, refused)? })
}

/// Looks at the ports once more where some of them are spoken for, and tells
/// whether they are.
fn look_again(ctx: &Context, found: &mut Survey, refused: &BTreeMap<u16, String>, how: OnConflict) -> bool {
    let mut spoken_for = keep::spoken_for(ctx, found, how == OnConflict::Reassign);
    let any = !spoken_for.is_empty();
    if any {
        spoken_for.extend(refused.clone());
        judge_ports(ctx, found, &spoken_for);
    }
    any
}

/// A variable that moved twice on the way moved once in the end.
fn last_of_each(moved: Vec<assign::Move>) -> Vec<assign::Move> {
    let mut last: BTreeMap<assign::What, assign::Move> = BTreeMap::new();
    for step in moved {
        let from = last.get(&step.what).map_or(step.from, |before| before.from);
        last.insert(step.what.clone(), assign::Move { from, ..step });
    }
    last.into_values().filter(|step| step.from != step.to).collect()
}

fn wants(found: &Survey, port: u16) -> bool {
    found.rows.iter().any(|row| row.wanted.mapping.published.is_some_and(|range| range.contains(port)))
}

/// Without a port there is nothing to choose again.
fn nameless(problem: &PortProblem) -> Error {
    Error::new(format!("the engine refused to publish a port and does not say which: {}", problem.cause.as_str()))
        .hint("its own words: `docker compose up -d`")
        .finding()
}

fn options(wish: &Wish, found: &Survey) -> up::Options {
    let seconds = wish.wait_timeout.or(found.settings.wait_timeout).unwrap_or(WAIT);
    up::Options { services: wish.services.clone(), build: wish.build, wait_timeout: Duration::from_secs(seconds) }
}

/// Waits for another start or stop of this project. Without a folder to remember
/// in there is no turn, and Compose's own errors have to do.
pub fn turn(ctx: &Context, found: &Survey) -> Option<Turn> {
    turn_of(ctx, &found.stack.name)
}

/// The same for any project.
pub fn turn_of(ctx: &Context, name: &str) -> Option<Turn> {
    if ctx.dry_run {
        return None;
    }
    let note = || ui::note(&format!("another start or stop of {} is on its way: waiting for it", ui::clean(name)));
    let turn = ctx.state_dir().and_then(|state| Turn::take(&state, name, note));
    turn.inspect_err(|error| ui::detail(&format!("no turn was taken: {error}"))).ok()
}

fn restore(ctx: &Context, found: &Survey) -> Result<Vec<assign::Move>> {
    let moves = assign::restorable(ctx, found);
    if moves.is_empty() {
        ui::note("no port can go back: none was moved, or its old port is taken");
        return Ok(Vec::new());
    }
    if !ctx.dry_run {
        let files: Vec<PathBuf> = moves.iter().map(|step| step.file.clone()).collect();
        assign::apply(&tracked::agree(ctx, &files)?, &moves)?;
    }
    assign::show(ctx, &moves);
    Ok(if ctx.dry_run { Vec::new() } else { moves })
}

/// What to do about conflicts: as was asked for, else as the project says. A
/// checkout that is not the only one takes ports of its own without being told.
fn policy(ctx: &Context, wish: &Wish, found: &Survey) -> OnConflict {
    let default = if ctx.is_interactive() { OnConflict::Ask } else { OnConflict::Fail };
    let how = wish.on_conflict.or(found.settings.on_conflict);
    let how = how.unwrap_or(if found.second { OnConflict::Reassign } else { default });
    // Without a terminal nobody can be asked.
    if how == OnConflict::Ask { default } else { how }
}

/// Does it. `None`: the conflicts stay, and were reported.
fn settle(ctx: &mut Context, how: OnConflict, found: &Survey) -> Result<Option<resolve::Answer>> {
    match how {
        OnConflict::Fail => {
            conflict_report(ctx, found);
            resolve::hints(ctx, found, "start --on-conflict reassign", "start --on-conflict stop");
            Ok(None)
        }
        OnConflict::Reassign => resolve::reassign(ctx, found).map(resolve::Answer::Resolved).map(Some),
        OnConflict::Stop => resolve::stop_holders(ctx, found).map(|()| Some(resolve::Answer::Resolved(Vec::new()))),
        OnConflict::Ask => {
            report::text(ctx, found);
            resolve::ask(ctx, found).map(Some)
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
