//! From a project on disk to a stack that runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::conflicts::{self, Answer};
use super::settle::until_settled;
use super::up::{self, Attempt};
use super::{launch, leases, set_up};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ledger::ProjectLock;
use crate::operation::change::checkout_name::{free_names, name_checkout};
use crate::operation::change::read_only::without_writing;
use crate::operation::change::tracked::Writes;
use crate::operation::change::{env_file, moves, overrides};
use crate::operation::check::survey::Survey;
use crate::operation::check::{engine_host, namesakes};
use crate::operation::proxy;
use crate::operation::proxy::by_name::{self, ByName};
use crate::parse::engine_message::{Cause, PortProblem};
use crate::project::{self, Project, lock_project};
use crate::stack::OnConflict;
use crate::ui;

/// Attempts of `docker compose up`, each after a new look at the ports.
const ATTEMPTS: u32 = 3;
/// Looks at the ports, where somebody else takes what was just chosen.
const ROUNDS: u32 = 10;

/// How to start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// What to do about conflicts; `None` = the project's setting, else ask on
    /// a terminal and fail elsewhere.
    pub(crate) on_conflict: Option<OnConflict>,
    pub(crate) setup: bool,
    pub(crate) restore_ports: bool,
    pub(crate) no_write: bool,
    /// Names at the proxy in place of ports; `None` = as the project says.
    pub(crate) by_name: Option<bool>,
    /// With names: these services keep their ports as well.
    pub(crate) also_publish: Vec<String>,
    /// Look at the machine of an engine elsewhere itself.
    pub(crate) probe_remote: bool,
    pub(crate) up: launch::Options,
}

/// How it ended, when nothing went wrong.
#[derive(Debug)]
pub(crate) enum Ending {
    Up {
        found: Box<Survey>,
        /// Variables that got other ports on the way.
        moved: Vec<moves::Move>,
        by_name: Option<Box<ByName>>,
    },
    /// Conflicts stay; they were reported.
    Conflict,
    /// `--dry-run`: nothing was done, and `start` would work.
    WouldStart(Box<Survey>),
}

/// Check, resolve, up; again where the engine refuses a port all the same, or
/// where somebody was quicker.
pub(crate) fn bring_up(ctx: &Context, options: &Options) -> Result<Ending> {
    let ending = match run(ctx, options) {
        // Asked what to do about a conflict, a person chose names.
        Ok(None) => run(ctx, &Options { by_name: Some(true), ..options.clone() }),
        ending => ending,
    };
    let ending = ending.map(|ending| ending.unwrap_or(Ending::Conflict));
    ending.map_err(|error| if options.no_write { error } else { without_writing(error) })
}

/// `None`: it is to be started by names.
fn run(ctx: &Context, options: &Options) -> Result<Option<Ending>> {
    let mut start = Start::prepare(ctx, options)?;
    let mut step = Step::Look;
    loop {
        step = match step {
            Step::Look => start.look()?,
            Step::Settle(found, how) => start.settle(&found, how)?,
            Step::Launch(found) => start.launch(*found)?,
            Step::End(ending) => return Ok(Some(ending)),
            Step::StartByName => return Ok(None),
        };
    }
}

/// What a start does next.
enum Step {
    Look,
    Settle(Box<Survey>, OnConflict),
    Launch(Box<Survey>),
    End(Ending),
    StartByName,
}

/// A start on its way.
struct Start<'a> {
    options: &'a Options,
    /// The project with everything settled but its ports.
    project: Project,
    writes: Writes,
    by_name: Option<ByName>,
    moved: Vec<moves::Move>,
    /// Ports that are not to be had, and why.
    refused: BTreeMap<u16, String>,
    attempts: u32,
    rounds: u32,
    _lock: Option<ProjectLock>,
}

impl<'a> Start<'a> {
    /// Gives the checkout its name, locks the project, and settles the compose
    /// files that this start is to be made of.
    fn prepare(ctx: &Context, options: &'a Options) -> Result<Start<'a>> {
        let writes = match options {
            Options { no_write: true, .. } => Writes::Environment,
            Options { restore_ports: true, .. } => Writes::Files,
            _ => Writes::FilesOrEnvironment,
        };
        let project = set_up::ready(ctx, options.setup, writes)?;
        let writes = writes.by_rule(&project.settings);
        let (project, writes) = name_checkout(project, writes)?;
        if !ctx.dry_run {
            project.refuse_elsewhere()?;
        }
        let lock = lock_project(&project.ctx, &project.stack.name);
        let project = match &lock {
            // Another start of this very project has ended since.
            Some(lock) if lock.waited => project.resolve_again(&project.ctx)?,
            Some(_) => project.refreshed(),
            None => project,
        };
        let project = settle_overrides(project, writes)?;
        let (project, writes) = free_names(project, writes)?;
        let (project, by_name) = with_names(project, options, writes)?;
        engine_host::note_mounts(&project.ctx);
        engine_host::note_around(&project);
        namesakes::warn(&project);
        let project = with_env_file(project, writes)?;
        let (moved, refused) = Default::default();
        let mut start =
            Start { options, project, writes, by_name, moved, refused, attempts: 0, rounds: 0, _lock: lock };
        if options.restore_ports {
            start.restore()?;
        }
        Ok(start)
    }

    fn restore(&mut self) -> Result<()> {
        let moves = moves::restorable(&Survey::of(self.project.clone()).judge(&self.refused));
        if moves.is_empty() {
            ui::note("no port can go back: none was moved, or its old port is taken");
            return Ok(());
        }
        if !self.project.ctx.dry_run {
            let files: Vec<PathBuf> = moves.iter().map(|step| step.file.clone()).collect();
            let writes = self.writes.agree(&self.project.ctx, &files)?;
            self.project = moves::apply(&self.project, &moves, writes)?;
        }
        moves::show(&self.project.ctx, &moves, self.writes);
        if !self.project.ctx.dry_run {
            self.moved = moves;
        }
        Ok(())
    }

    fn survey(&self) -> Result<Survey> {
        let found = Survey::of(self.project.clone());
        // Who is on the ports is not asked until it matters.
        let found = if self.options.probe_remote { found.with_sockets_there()? } else { found };
        Ok(found.judge(&self.refused))
    }

    fn look(&mut self) -> Result<Step> {
        if self.attempts == ATTEMPTS {
            return self.give_up();
        }
        self.rounds += 1;
        if self.rounds > 1 {
            self.project = self.project.refreshed();
        }
        let mut found = until_settled(self.survey()?, &self.refused);
        let mut how = conflicts::policy(self.options.on_conflict, &found);
        let mut spoken_for = leases::spoken_for(&found, how == OnConflict::Reassign);
        if !spoken_for.is_empty() {
            spoken_for.extend(self.refused.clone());
            found = found.judge(&spoken_for);
            if found.is_secondary {
                // Not a conflict that somebody decided about: its own ports.
                how = OnConflict::Reassign;
            }
        }
        let found = Box::new(found.narrow(&self.options.up.services)?);
        Ok(if found.has_conflicts() { Step::Settle(found, how) } else { Step::Launch(found) })
    }

    /// Does something about conflicts, and looks whether it helped.
    fn settle(&mut self, found: &Survey, how: OnConflict) -> Result<Step> {
        let (project, moves, writes) = match conflicts::resolve(found, how, self.writes)? {
            Answer::Resolved { project, moves, writes } => (*project, moves, writes),
            Answer::ByName => return Ok(Step::StartByName),
            Answer::Leave => return Ok(Step::End(Ending::Conflict)),
        };
        if found.ctx.dry_run {
            let would_do = how == OnConflict::Reassign && found.is_secondary;
            let found = || Ending::WouldStart(Box::new(found.clone()));
            return Ok(Step::End(if would_do { found() } else { Ending::Conflict }));
        }
        self.moved.extend(moves);
        (self.project, self.writes) = (project, writes);
        let refused = std::mem::take(&mut self.refused);
        let found = self.survey()?;
        // What is still wanted was freed; what is not must not be chosen again.
        self.refused = refused.into_iter().filter(|(port, _)| !wants(&found, *port)).collect();
        let found = found.narrow(&self.options.up.services)?;
        if !found.has_conflicts() {
            return Ok(Step::Launch(Box::new(found)));
        }
        // Somebody took the very port that was chosen, just now.
        if how == OnConflict::Reassign && self.rounds < ROUNDS {
            return Ok(Step::Look);
        }
        conflicts::report_conflicts(&found);
        Ok(Step::End(Ending::Conflict))
    }

    fn launch(&mut self, found: Survey) -> Result<Step> {
        if found.ctx.dry_run {
            return Ok(Step::End(Ending::WouldStart(Box::new(found))));
        }
        if let Err(spoken_for) = leases::keep(&found, self.by_name.as_ref().map(|by_name| &by_name.file))
            && self.rounds < ROUNDS
        {
            // They are seen as conflicts from now on, and settled like others.
            self.refused.extend(spoken_for);
            return Ok(Step::Look);
        }
        self.attempts += 1;
        let ended = up::attempt(&found, &self.options.up);
        leases::settled(&found);
        match ended? {
            Attempt::Up => self.finish(found),
            Attempt::PortRefused { problem, replaced } => {
                refused_note(&found.ctx, &problem, &replaced, self.attempts);
                match problem.port {
                    Some(port) => {
                        self.refused.insert(port, format!("the engine refused it: {}", problem.cause.as_str()));
                    }
                    // The next look shows which it was, or that it is free again.
                    None if problem.cause == Cause::InUse && self.attempts < ATTEMPTS => {}
                    None => return Err(nameless(&problem)),
                }
                Ok(Step::Look)
            }
        }
    }

    fn finish(&mut self, found: Survey) -> Result<Step> {
        match &self.by_name {
            Some(by_name) => by_name.prove(&found.ctx, &found, &crate::exec::defer_interrupts())?,
            None => proxy::drop_link(&found.ctx, &found.stack.name),
        }
        let by_name = self.by_name.take().map(Box::new);
        let moved = last_of_each(std::mem::take(&mut self.moved));
        Ok(Step::End(Ending::Up { found: Box::new(found), moved, by_name }))
    }

    fn give_up(&mut self) -> Result<Step> {
        self.project = self.project.refreshed();
        conflicts::report_conflicts(&self.survey()?.narrow(&self.options.up.services)?);
        Err(Error::new(format!("the engine refused ports {ATTEMPTS} times; what was started was taken back"))
            .hint("`cargo xtask check-ports` shows who has them; a restart of the engine frees ports that nobody has")
            .finding())
    }
}

/// Brings the compose file of ours up to date. Values go into the project's own
/// files unless `writes` says otherwise: one outside of it is not needed then.
fn settle_overrides(project: Project, writes: Writes) -> Result<Project> {
    if writes == Writes::Environment {
        return Ok(project);
    }
    let project = overrides::refresh(project, writes)?;
    if !project.ctx.dry_run {
        overrides::forget_environment(&project.ctx, &project.stack.dir);
    }
    Ok(project)
}

fn with_names(project: Project, options: &Options, writes: Writes) -> Result<(Project, Option<ByName>)> {
    if !options.by_name.unwrap_or(project.settings.by_name) {
        return Ok((project, None));
    }
    let by_name = by_name::prepare(&project, &options.also_publish, writes)?;
    let project = project.resolve_again(&project::with_names(&project.ctx, &by_name.file)?)?;
    Ok((project, Some(by_name)))
}

/// The `.env` that people expect, made from its template; where no file is
/// written, the template is read in its place.
fn with_env_file(project: Project, writes: Writes) -> Result<Project> {
    let ctx = &project.ctx;
    let Some(template) = project.template.as_deref().filter(|_| !ctx.dry_run) else { return Ok(project) };
    if writes == Writes::Environment {
        return project.resolve_again(&ctx.with_template(Some(template)));
    }
    env_file::from_template(&project)?;
    project.resolve_again(ctx)
}

/// A variable that moved twice on the way moved once in the end.
fn last_of_each(moved: Vec<moves::Move>) -> Vec<moves::Move> {
    let mut last: BTreeMap<moves::What, moves::Move> = BTreeMap::new();
    for step in moved {
        let from = last.get(&step.what).map_or(step.from, |before| before.from);
        last.insert(step.what.clone(), moves::Move { from, ..step });
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
