//! The steps of a start, from a project on disk to a running stack.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::busy_engine::wait_while_busy;
use super::conflicts::{self, Resolution};
use super::up::{self, Attempt};
use super::{launch, leases, set_up};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ledger::ProjectLock;
use crate::operation::change::checkout_name::{name_checkout, reset_fixed_names};
use crate::operation::change::earlier_name::keep_name;
use crate::operation::change::moves::Applied;
use crate::operation::change::read_only::hint_no_write;
use crate::operation::change::readers::Accept;
use crate::operation::change::tracked::WriteMode;
use crate::operation::change::{env_file, moves, overrides, records};
use crate::operation::check::project::CheckedProject;
use crate::operation::check::{engine_host, shared_names};
use crate::operation::proxy;
use crate::operation::proxy::named_start::{self, NamedStart};
use crate::operation::services::proof::PortProof;
use crate::operation::services::wait_rules::check_wait_rules;
use crate::parse::engine_message::{Cause, PortProblem};
use crate::project::{self, Project, lock_project};
use crate::stack::OnConflict;
use crate::ui;

/// Attempts of `docker compose up`, each after another check of the ports.
const ATTEMPTS: u32 = 3;
/// Checks of the ports, in case others keep taking the chosen ones.
const ROUNDS: u32 = 10;

#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// `None`: the project's setting, otherwise ask on a terminal and fail without one.
    pub(crate) on_conflict: Option<OnConflict>,
    pub(crate) setup: bool,
    pub(crate) restore_ports: bool,
    pub(crate) no_write: bool,
    /// Names at the proxy instead of ports; `None`: the project's setting.
    pub(crate) named_start: Option<bool>,
    /// With names, these services also keep their ports.
    pub(crate) also_publish: Vec<String>,
    /// Check all sockets of a remote engine's machine.
    pub(crate) probe_remote: bool,
    pub(crate) up: launch::Options,
}

/// How a start ended that changed the stack, or would.
#[derive(Debug)]
pub(crate) enum Ending {
    Started {
        project: Box<CheckedProject>,
        /// The ports that were moved.
        moved: Vec<moves::Move>,
        named_start: Option<Box<NamedStart>>,
        ports: Vec<PortProof>,
        /// Containers run, and something is not well.
        error: Option<Error>,
    },
    /// Conflicts remain and were reported.
    Conflict,
    /// With `--dry-run`: `start` would work.
    WouldStart(Box<CheckedProject>),
}

/// Checks the ports, resolves conflicts and launches; repeats that if the engine refuses a
/// port or another process takes it first.
pub(crate) fn bring_up(ctx: &Context, options: &Options) -> Result<Ending> {
    let ending = match run(ctx, options) {
        // The user chose names to resolve a conflict.
        Ok(None) => run(ctx, &Options { named_start: Some(true), ..options.clone() }),
        ending => ending,
    };
    let ending = ending.map(|ending| ending.unwrap_or(Ending::Conflict));
    ending.map_err(|error| if options.no_write { error } else { hint_no_write(error) })
}

/// `None`: start it with names instead.
fn run(ctx: &Context, options: &Options) -> Result<Option<Ending>> {
    let mut start = Start::prepare(ctx, options)?;
    let mut step = Step::Check;
    loop {
        step = match step {
            Step::Check => start.check()?,
            Step::Resolve(checked, how) => start.resolve(&checked, how)?,
            Step::Launch(checked) => start.launch(*checked)?,
            Step::End(ending) => return Ok(Some(ending)),
            Step::StartWithNames => return Ok(None),
        };
    }
}

/// The next step of a start.
enum Step {
    Check,
    Resolve(Box<CheckedProject>, OnConflict),
    Launch(Box<CheckedProject>),
    End(Ending),
    StartWithNames,
}

/// A start in progress.
struct Start<'a> {
    options: &'a Options,
    /// The project, in which only the ports may still change.
    project: Project,
    writes: WriteMode,
    named_start: Option<NamedStart>,
    moved: Vec<moves::Move>,
    /// Ports that can't be used, and why.
    refused: BTreeMap<u16, String>,
    attempts: u32,
    rounds: u32,
    _lock: Option<ProjectLock>,
}

impl<'a> Start<'a> {
    /// Names the checkout, waits for its turn, and determines the compose files of this
    /// start.
    fn prepare(ctx: &Context, options: &'a Options) -> Result<Start<'a>> {
        let writes = match options {
            Options { no_write: true, .. } => WriteMode::Environment,
            Options { restore_ports: true, .. } => WriteMode::Files,
            _ => WriteMode::FilesOrEnvironment,
        };
        let project = set_up::prepare(ctx, options.setup, writes)?;
        check_wait_rules(&project)?;
        let writes = writes.with_settings(&project.settings);
        let project = records::follow_moves(project);
        let (project, writes) = keep_name(project, writes)?;
        let (project, writes) = name_checkout(project, writes)?;
        if !ctx.dry_run {
            project.refuse_if_running_elsewhere()?;
        }
        project.refuse_other_manager()?;
        let lock = lock_project(&project.ctx, &project.stack.name);
        let project = match &lock {
            // Another start of this project has changed it meanwhile.
            Some(lock) if lock.waited => project.resolve_again(&project.ctx)?,
            Some(_) => project.refreshed(),
            None => project,
        };
        let project = update_overrides(project, writes)?;
        let (project, writes) = reset_fixed_names(project, writes)?;
        let (project, named_start) = with_names(project, options, writes)?;
        engine_host::note_mounts(&project.ctx);
        engine_host::note_container_host(&project);
        shared_names::warn(&project);
        let project = with_env_file(project, writes)?;
        let (moved, refused) = Default::default();
        let mut start =
            Start { options, project, writes, named_start, moved, refused, attempts: 0, rounds: 0, _lock: lock };
        if options.restore_ports {
            start.restore()?;
        }
        Ok(start)
    }

    fn restore(&mut self) -> Result<()> {
        let moves = moves::restorable(&CheckedProject::new(self.project.clone()).judge(&self.refused));
        if moves.is_empty() {
            ui::note("no port can be restored: none was moved, or its old port is taken");
            return Ok(());
        }
        if !self.project.ctx.dry_run {
            let files: Vec<PathBuf> = moves.iter().map(|step| step.file.clone()).collect();
            let writes = self.writes.ask_for_files(&self.project.ctx, &files)?;
            for part in moves::restore_order(&moves) {
                if let Applied::Done(project) = moves::apply(&self.project, &part, writes, Accept::All)? {
                    self.project = *project;
                }
            }
        }
        moves::show(&self.project.ctx, &moves, self.writes);
        if !self.project.ctx.dry_run {
            self.moved = moves;
        }
        Ok(())
    }

    fn check_ports(&self) -> Result<CheckedProject> {
        let checked = CheckedProject::new(self.project.clone());
        // Sockets of a remote machine are read only on request.
        let checked = if self.options.probe_remote { checked.with_remote_sockets()? } else { checked };
        Ok(checked.judge(&self.refused))
    }

    fn policy(&self, checked: &CheckedProject) -> OnConflict {
        conflicts::policy(self.options.on_conflict, self.options.restore_ports, checked)
    }

    fn check(&mut self) -> Result<Step> {
        if self.attempts == ATTEMPTS {
            return self.give_up();
        }
        self.rounds += 1;
        if self.rounds > 1 {
            self.project = self.project.refreshed();
        }
        let mut checked = wait_while_busy(self.check_ports()?, &self.refused);
        let mut how = self.policy(&checked);
        let mut unavailable = leases::unavailable_ports(&checked, how == OnConflict::Reassign);
        if !unavailable.is_empty() {
            unavailable.extend(self.refused.clone());
            checked = checked.judge(&unavailable);
            // The policy for conflicts doesn't apply to a secondary checkout: it gets its own ports.
            how = if checked.is_secondary_checkout { OnConflict::Reassign } else { self.policy(&checked) };
        }
        let checked = Box::new(checked.only_services(&self.options.up.services)?);
        Ok(if checked.has_conflicts() { Step::Resolve(checked, how) } else { Step::Launch(checked) })
    }

    /// Resolves conflicts, and checks the result.
    fn resolve(&mut self, checked: &CheckedProject, how: OnConflict) -> Result<Step> {
        let (project, moves, writes) = match conflicts::resolve(checked, how, self.writes)? {
            Resolution::Resolved { project, moves, writes } => (*project, moves, writes),
            Resolution::NamedStart => return Ok(Step::StartWithNames),
            Resolution::Leave => return Ok(Step::End(Ending::Conflict)),
        };
        if checked.ctx.dry_run {
            let would_do = how == OnConflict::Reassign && checked.is_secondary_checkout;
            let checked = || Ending::WouldStart(Box::new(checked.clone()));
            return Ok(Step::End(if would_do { checked() } else { Ending::Conflict }));
        }
        self.moved.extend(moves);
        (self.project, self.writes) = (project, writes);
        let refused = std::mem::take(&mut self.refused);
        let checked = self.check_ports()?;
        // A refused port that the project still publishes was freed. Others must not be chosen
        // again.
        self.refused = refused.into_iter().filter(|(port, _)| !publishes(&checked, *port)).collect();
        let checked = checked.only_services(&self.options.up.services)?;
        if !checked.has_conflicts() {
            return Ok(Step::Launch(Box::new(checked)));
        }
        // Another process has just taken the chosen port.
        if how == OnConflict::Reassign && self.rounds < ROUNDS {
            return Ok(Step::Check);
        }
        conflicts::report_conflicts(&checked);
        Ok(Step::End(Ending::Conflict))
    }

    fn launch(&mut self, checked: CheckedProject) -> Result<Step> {
        if checked.ctx.dry_run {
            return Ok(Step::End(Ending::WouldStart(Box::new(checked))));
        }
        if let Err(unavailable) =
            leases::record(&checked, self.named_start.as_ref().map(|named_start| &named_start.file))
            && self.rounds < ROUNDS
        {
            // From now on they are conflicts, and resolved like others.
            self.refused.extend(unavailable);
            return Ok(Step::Check);
        }
        self.attempts += 1;
        records::record(&checked);
        let ended = up::attempt(&checked, &self.options.up);
        // Also after a failure: its volumes are made first.
        records::record(&checked);
        leases::end_start(&checked);
        match ended? {
            Attempt::Up { ports } => self.finish(checked, ports),
            Attempt::NotWell { error, ports } => Ok(Step::End(self.ending(checked, ports, Some(error)))),
            Attempt::PortRefused { problem, replaced } => {
                warn_port_refused(&checked.ctx, &problem, &replaced, self.attempts);
                match problem.port {
                    Some(port) => {
                        self.refused.insert(port, format!("the engine refused it: {}", problem.cause.as_str()));
                    }
                    // The next check shows which port it was, or that it is free again.
                    None if problem.cause == Cause::InUse && self.attempts < ATTEMPTS => {}
                    None => return Err(unknown_port_error(&problem)),
                }
                Ok(Step::Check)
            }
        }
    }

    fn finish(&mut self, checked: CheckedProject, ports: Vec<PortProof>) -> Result<Step> {
        match &self.named_start {
            Some(named_start) => named_start.prove(&checked.ctx, &checked, &crate::exec::defer_interrupts())?,
            None => proxy::remove_link(&checked.ctx, &checked.stack.name),
        }
        Ok(Step::End(self.ending(checked, ports, None)))
    }

    fn ending(&mut self, checked: CheckedProject, ports: Vec<PortProof>, error: Option<Error>) -> Ending {
        let named_start = self.named_start.take().map(Box::new);
        let moved = merge_moves(std::mem::take(&mut self.moved));
        Ending::Started { project: Box::new(checked), moved, named_start, ports, error }
    }

    fn give_up(&mut self) -> Result<Step> {
        self.project = self.project.refreshed();
        conflicts::report_conflicts(&self.check_ports()?.only_services(&self.options.up.services)?);
        Err(Error::new(format!("the engine refused ports {ATTEMPTS} times; what was started was rolled back"))
            .hint("`cargo xtask check-ports` shows their owners; restarting the engine frees ports without an owner")
            .finding())
    }
}

/// Updates our override file. If values go into the project's own files, an override file
/// outside the project is no longer needed.
fn update_overrides(project: Project, writes: WriteMode) -> Result<Project> {
    if writes == WriteMode::Environment {
        return Ok(project);
    }
    let project = overrides::refresh(project, writes)?;
    if !project.ctx.dry_run {
        overrides::remove_outside_file(&project.ctx, &project.stack.dir);
    }
    Ok(project)
}

fn with_names(project: Project, options: &Options, writes: WriteMode) -> Result<(Project, Option<NamedStart>)> {
    if !options.named_start.unwrap_or(project.settings.named_start) {
        return Ok((project, None));
    }
    let named_start = named_start::prepare(&project, &options.also_publish, writes)?;
    let project = project.resolve_again(&project::with_names(&project.ctx, &named_start.file)?)?;
    Ok((project, Some(named_start)))
}

/// Creates a missing `.env` from its template, or reads the template instead if no file may
/// be written.
fn with_env_file(project: Project, writes: WriteMode) -> Result<Project> {
    let ctx = &project.ctx;
    let Some(template) = project.template.as_deref().filter(|_| !ctx.dry_run) else { return Ok(project) };
    if writes == WriteMode::Environment {
        let file = project.env_files.default_file();
        file.map_or(Ok(()), |file| env_file::refuse_wider_template(ctx, template, file))?;
        return project.resolve_again(&ctx.with_template(Some(template)));
    }
    env_file::create_from_template(&project)?;
    project.resolve_again(ctx)
}

/// Merges successive moves of the same port into one.
fn merge_moves(moved: Vec<moves::Move>) -> Vec<moves::Move> {
    let mut last: BTreeMap<moves::PortSource, moves::Move> = BTreeMap::new();
    for step in moved {
        let from = last.get(&step.source).map_or(step.from, |before| before.from);
        last.insert(step.source.clone(), moves::Move { from, ..step });
    }
    last.into_values().filter(|step| step.from != step.to).collect()
}

fn publishes(checked: &CheckedProject, port: u16) -> bool {
    checked.rows.iter().any(|row| row.wanted.mapping.published.is_some_and(|range| range.contains(port)))
}

fn unknown_port_error(problem: &PortProblem) -> Error {
    Error::new(format!("the engine refused to publish a port, but does not say which: {}", problem.cause.as_str()))
        .hint("see its own message: `docker compose up -d`")
        .finding()
}

fn warn_port_refused(ctx: &Context, problem: &PortProblem, replaced: &[String], attempt: u32) {
    let port = problem.port.map_or_else(|| "a port".to_owned(), |port| format!("port {port}"));
    ui::warn(&format!(
        "the engine refused {port} ({}) on attempt {attempt} of {ATTEMPTS}; what this attempt started was rolled back",
        problem.cause.as_str()
    ));
    if !replaced.is_empty() {
        ui::warn(&format!(
            "containers of {} had been replaced and are lost; the next start creates new ones",
            replaced.join(", ")
        ));
    }
    ui::detail(&format!("engine: {}", ctx.engine.endpoint().host));
}
