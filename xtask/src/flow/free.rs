//! Freeing ports: containers are stopped by their engine, processes that listen
//! are asked to end, and nobody else is touched.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::decide::untouchable;
use crate::docker;
use crate::error::{Error, Result};
use crate::exec;
use crate::flow::report;
use crate::flow::survey::Row;
use crate::host::{self, Ask, Target};
use crate::model::{Container, Owner, Probe, Process, Protocol};
use crate::ui;

/// How long a process gets to end cleanly.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long a freed port is watched for a supervisor that takes it again.
const RESPAWN: Duration = Duration::from_millis(700);
const POLL: Duration = Duration::from_millis(20);

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `docker compose -p PROJECT stop SERVICE`.
    StopService {
        /// Compose project.
        project: String,
        /// Compose service.
        service: String,
    },
    /// `docker stop NAME`.
    StopContainer {
        /// Its full id.
        id: String,
        /// Its name.
        name: String,
    },
    /// SIGTERM, and a wait.
    EndProcess(Box<Process>),
}

/// What will be done, and what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// Owners that must be left alone: who, and why.
    pub refused: Vec<String>,
}

/// The plan for these rows: every owner of every one, each once.
pub fn plan<'a>(ctx: &Context, rows: impl Iterator<Item = &'a Row>) -> Plan {
    let ancestors = ancestors();
    let mut plan = Plan::default();
    for row in rows {
        let address = row.wanted.mapping.address();
        let crate::model::Verdict::Taken(owners) = &row.verdict else {
            plan.refused.push(format!("{address}: {} cannot be stopped; choose another port", row.verdict.as_str()));
            continue;
        };
        for owner in owners {
            match step(owner, &ancestors) {
                Ok(step) if !plan.steps.contains(&step) => plan.steps.push(step),
                Ok(_) => {}
                Err(why) => plan.refused.push(format!("{address}: {} is left alone: {why}", report::describe(ctx, owner))),
            }
        }
    }
    plan
}

fn step(owner: &Owner, ancestors: &[u32]) -> Result<Step, String> {
    match owner {
        Owner::Container(container) => Ok(container_step(container)),
        Owner::Process(process) => match untouchable(process, ancestors) {
            Some(why) => Err(why),
            None => Ok(Step::EndProcess(Box::new(process.clone()))),
        },
        Owner::Unknown { .. } => Err("who has it cannot be told".to_owned()),
    }
}

/// A `docker compose run` container is no replica of its service: `stop` of
/// the service would pass it by.
fn container_step(container: &Container) -> Step {
    match (&container.project, &container.service) {
        (Some(project), Some(service)) if !container.one_off => {
            Step::StopService { project: project.clone(), service: service.clone() }
        }
        _ => Step::StopContainer { id: container.id.clone(), name: container.name.clone() },
    }
}

/// We ourselves and all we run under.
fn ancestors() -> Vec<u32> {
    let mut chain = vec![std::process::id()];
    while let Some(parent) = chain.last().and_then(|pid| host::processes(&[*pid]).first()?.parent) {
        if chain.contains(&parent) || chain.len() > 64 {
            break;
        }
        chain.push(parent);
    }
    chain
}

impl Step {
    /// The command that a person would type for it.
    pub fn line(&self) -> String {
        match self {
            Step::StopService { project, service } => docker::stop_service(project, service).line(),
            Step::StopContainer { name, .. } => format!("docker stop {}", ui::clean(name)),
            Step::EndProcess(process) if cfg!(windows) => format!("taskkill /PID {} /T /F", process.pid),
            Step::EndProcess(process) => format!("kill {}   # {}", process.pid, report::describe_process(process)),
        }
    }
}

/// The plan as lines; as notes where stdout is for something else.
pub fn show(plan: &Plan, as_notes: bool) {
    let print = |line: String| if as_notes { ui::note(&line) } else { ui::out(&line) };
    for step in &plan.steps {
        print(format!("stop: {}", step.line()));
    }
    for why in &plan.refused {
        print(format!("skip: {why}"));
    }
}

/// Asks, unless told `--yes`; without a terminal nothing is done. An error
/// where the answer is no.
pub fn consent(ctx: &Context, plan: &Plan) -> Result<()> {
    if plan.steps.is_empty() {
        return Err(Error::new("there is nobody here who may be stopped")
            .hint("take other ports: `cargo xtask start --on-conflict reassign`")
            .finding());
    }
    if ctx.yes {
        return Ok(());
    }
    if !ctx.is_interactive() {
        return Err(Error::new("nothing is stopped without a question, and there is no terminal to ask on")
            .hint("add --yes to answer it beforehand")
            .finding());
    }
    let question = if plan.steps.len() == 1 { "stop it?" } else { "stop all of these?" };
    if ui::confirm(question) { Ok(()) } else { Err(Error::new("nothing was stopped").finding()) }
}

/// Carries the plan out and makes sure: success means that the ports of `rows`
/// can be bound and that nobody took them again.
pub fn run(ctx: &Context, plan: &Plan, rows: &[&Row]) -> Result<()> {
    let mut stubborn = Vec::new();
    for step in &plan.steps {
        match step {
            Step::StopService { project, service } => stop(&docker::stop_service(project, service))?,
            Step::StopContainer { id, .. } => stop(&docker::stop_container(id))?,
            Step::EndProcess(process) => stubborn.extend(end(process)?),
        }
    }
    if !stubborn.is_empty() {
        force(ctx, &stubborn)?;
    }
    let held = wait_until_free(rows);
    if held.is_empty() {
        return Ok(());
    }
    let mut error = Error::new(format!("still held: {}", held.join(", ")));
    if plan.refused.is_empty() {
        error = error.hint("something starts it again (a supervisor, systemd, a `--watch`): `cargo xtask check-ports` names the new holder and its parent");
    }
    for why in &plan.refused {
        error = error.hint(why.clone());
    }
    Err(error.finding())
}

fn stop(command: &exec::Command) -> Result<()> {
    ui::note(&format!("$ {}", command.line()));
    // Containers get ten seconds by default, and there may be several.
    let answer = command.ask(Duration::from_mins(2))?;
    if answer.ok() {
        return Ok(());
    }
    let text = answer.error_text();
    Err(Error::new(format!("`{}` failed: {}", command.line(), text.lines().last().unwrap_or("no message"))))
}

/// TERM and the grace; the process where it still runs after that. One that is
/// gone already was what we wanted.
fn end(process: &Process) -> Result<Option<(Process, Target)>> {
    let target = match Target::open(process) {
        Ok(target) => target,
        Err(error) => {
            ui::detail(error.message());
            return Ok(None);
        }
    };
    ui::note(&format!("ending {}", report::describe_process(process)));
    target.signal(Ask::Term)?;
    let deadline = Instant::now() + GRACE;
    while !target.gone() {
        if Instant::now() > deadline {
            return Ok(Some((process.clone(), target)));
        }
        std::thread::sleep(POLL);
    }
    Ok(None)
}

/// KILL is asked for each time: `--yes` was the answer to another question.
fn force(ctx: &Context, stubborn: &[(Process, Target)]) -> Result<()> {
    for (process, target) in stubborn {
        let who = report::describe_process(process);
        let question = format!("{who} did not end within {} s; kill it at once (unsaved work is lost)?", GRACE.as_secs());
        if !ctx.is_interactive() || !ui::confirm(&question) {
            return Err(Error::new(format!("{who} did not end within {} s and still holds its port", GRACE.as_secs()))
                .hint(format!("if nothing of value is in it: `kill -KILL {}`", process.pid))
                .finding());
        }
        target.signal(Ask::Kill)?;
        let deadline = Instant::now() + GRACE;
        while !target.gone() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
    }
    Ok(())
}

/// The addresses that are still held, or are held again, after a while.
fn wait_until_free(rows: &[&Row]) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(3);
    while !held(rows).is_empty() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
    let watched = Instant::now() + RESPAWN;
    while held(rows).is_empty() && Instant::now() < watched {
        std::thread::sleep(POLL);
    }
    held(rows)
}

fn held(rows: &[&Row]) -> Vec<String> {
    let taken = |ip: IpAddr, port: u16, protocol: Protocol| host::probe(ip, port, protocol) == Probe::InUse;
    let mut held = BTreeMap::new();
    for mapping in rows.iter().map(|row| &row.wanted.mapping) {
        let Some(range) = mapping.published else { continue };
        // Of a range the engine needs one.
        let free = range.iter().any(|port| {
            host::probe_addresses(mapping.host_ip).into_iter().all(|ip| !taken(ip, port, mapping.protocol))
        });
        if !free {
            held.insert((range, mapping.protocol), mapping.address());
        }
    }
    held.into_values().collect()
}
