//! Carries a plan out. Success means that the ports can be bound and were not taken again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::plan::{Plan, Request, Step, StopAction, StopOptions, stop_unit};
use crate::context::Context;
use crate::decide::is_engine_process;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::host::{self, Depth, Probe, Signal, Target};
use crate::model::{Container, Owner, Parent, Process, Protocol, ServicePort, Socket};
use crate::ports::{OwnerReport, describe_process};
use crate::{docker, ui};

/// How long a freed port is watched for a process that takes it again.
const RESPAWN: Duration = Duration::from_secs(1);
/// Swarm waits 5 s before it starts a task again (moby, `RestartPolicy`, Delay).
const RESPAWN_OF_TASK: Duration = Duration::from_secs(7);
/// How long a port may stay taken after its owner exited.
const SETTLE: Duration = Duration::from_secs(2);
/// How long Swarm may take to replace a service's containers: each gets ten seconds to exit.
const SETTLE_OF_SERVICE: Duration = Duration::from_mins(1);
/// The result of a step that was carried out.
const DONE: &str = "done";
const POLL: Duration = Duration::from_millis(20);
/// Between questions to the engine.
const POLL_ENGINE: Duration = Duration::from_millis(250);

#[derive(Debug, Serialize)]
pub(crate) struct ActionReport {
    pub owner: OwnerReport,
    /// The command to type for it.
    pub action: String,
    /// `done`, or why not: no longer needed, or failed.
    pub result: String,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub actions: Vec<ActionReport>,
    /// Why ports are still held; `None` if all are free.
    pub error: Option<Error>,
}

pub(crate) fn run(ctx: &Context, plan: &Plan, requests: &[Request], options: &StopOptions) -> Outcome {
    let mut errors: Vec<Error> = Vec::new();
    let mut ending: Vec<(usize, Process, Target)> = Vec::new();
    let mut results: Vec<String> = Vec::new();
    // Time may have passed since the plan was made.
    let holding = if has_processes(plan) { pids(&listeners(requests)) } else { BTreeSet::new() };
    for (i, step) in plan.steps.iter().enumerate() {
        let result = start_step(step, options, &holding).map(|result| match (result, &step.action) {
            (StepResult::Signalled(target), StopAction::EndProcess(process)) => {
                ending.push((i, process.clone(), target));
                DONE.to_owned()
            }
            (StepResult::NotNeeded(why), _) => why,
            _ => DONE.to_owned(),
        });
        results.push(result.as_ref().map_or_else(|error| error.message().to_owned(), String::clone));
        errors.extend(result.err());
    }
    wait_for(&mut ending, requests, options.grace);
    // A process that has released the port may still serve its last clients.
    let holding = if ending.is_empty() { BTreeSet::new() } else { pids(&listeners(requests)) };
    for (i, process, target) in ending.iter().filter(|(_, process, _)| holding.contains(&process.pid)) {
        if let Err(error) = kill_after_grace(ctx, process, target, requests, options) {
            error.message().clone_into(&mut results[*i]);
            errors.push(error);
        }
    }
    let is_updated = |(step, result): (&Step, &String)| unpublished(step).is_some() && result == DONE;
    let awaits_swarm = plan.steps.iter().zip(&results).any(is_updated);
    let held = wait_until_free(ctx, plan, requests, awaits_swarm);
    let error = if held.is_empty() {
        runs_again(ctx, plan)
    } else {
        Some(still_held(plan, &held, requests, errors, awaits_swarm))
    };
    for (_, process, target) in &ending {
        if error.is_none() && !target.has_ended() {
            ui::note(&format!("note: {} has closed the port, and has not exited yet", describe_process(process)));
        }
    }
    let action = |(step, result): (&Step, String)| ActionReport {
        owner: OwnerReport::from(&step.owner),
        action: step.action.line(),
        result,
    };
    Outcome { actions: plan.steps.iter().zip(results).map(action).collect(), error }
}

/// The port that a step takes from a Swarm service.
fn unpublished(step: &Step) -> Option<&ServicePort> {
    if let StopAction::UnpublishPort(held) = &step.action { Some(held) } else { None }
}

enum StepResult {
    Stopped,
    /// A process was signalled; wait for it.
    Signalled(Target),
    /// Nothing had to be done; the reason.
    NotNeeded(String),
}

fn start_step(step: &Step, options: &StopOptions, holding: &BTreeSet<u32>) -> Result<StepResult> {
    match &step.action {
        // By id: another container may have got the name since the plan was made.
        StopAction::StopContainer(container) => {
            run_stop_command(&docker::stop_container(&container.id)).map(|()| StepResult::Stopped)
        }
        StopAction::UnpublishPort(held) => {
            run_stop_command(&docker::unpublish_port(&held.service.id, held.port)).map(|()| StepResult::Stopped)
        }
        StopAction::StopUnit(unit) => run_stop_command(&stop_unit(unit))
            .map(|()| StepResult::Stopped)
            .map_err(|error| error.hint(format!("`sudo {}`", step.action.line()))),
        StopAction::EndProcess(process) if !holding.contains(&process.pid) => {
            Ok(StepResult::NotNeeded(format!("process {} no longer listens", process.pid)))
        }
        StopAction::EndProcess(process) => {
            let target = match Target::open(process) {
                Ok(target) => target,
                // It exited, and the pid may be another process now.
                Err(error) => return Ok(StepResult::NotNeeded(error.message().to_owned())),
            };
            ui::note(&format!("ending {}", describe_process(process)));
            // Windows has no gentle signal to wait for.
            let signal = if cfg!(windows) && options.force { Signal::Kill } else { options.signal };
            target.signal(signal)?;
            Ok(StepResult::Signalled(target))
        }
    }
}

fn run_stop_command(command: &Command) -> Result<()> {
    ui::note(&format!("$ {}", command.line()));
    // Containers get ten seconds each by default.
    let answer = command.ask(Duration::from_mins(2))?;
    if answer.ok() {
        return Ok(());
    }
    let text = answer.error_text();
    Err(Error::new(format!("`{}` failed: {}", command.line(), text.lines().last().unwrap_or("no message"))))
}

fn has_processes(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.action, StopAction::EndProcess(_)))
}

/// Waits until all processes exited or the ports are free; removes those that exited.
fn wait_for(ending: &mut Vec<(usize, Process, Target)>, requests: &[Request], grace: Duration) {
    let deadline = Instant::now() + grace;
    loop {
        ending.retain(|(_, _, target)| !target.has_ended());
        if ending.is_empty() || Instant::now() >= deadline || held_addresses(requests).is_empty() {
            return;
        }
        std::thread::sleep(POLL);
    }
}

/// Asks again before KILL: `--yes` answered only the first question.
fn kill_after_grace(
    ctx: &Context,
    process: &Process,
    target: &Target,
    requests: &[Request],
    options: &StopOptions,
) -> Result<()> {
    let who = describe_process(process);
    let waited = options.grace.as_secs();
    if !options.force {
        let question = format!("{who} did not exit within {waited} s; kill it (unsaved work is lost)?");
        if !ctx.is_interactive() || !ui::confirm(&question) {
            return Err(Error::new(format!("{who} did not exit within {waited} s")).hint(format!(
                "if it holds no unsaved work: `kill -KILL {}`, or `{}`",
                process.pid,
                force_command(requests)
            )));
        }
    }
    target.signal(Signal::Kill)?;
    let deadline = Instant::now() + SETTLE;
    while !target.has_ended() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// The command that kills without asking.
fn force_command(requests: &[Request]) -> String {
    let protocol = requests.first().map(|request| request.protocol);
    let same = requests.iter().filter(|request| Some(request.protocol) == protocol);
    let ports: BTreeSet<u16> = same.flat_map(|request| request.ports.iter().copied()).collect();
    let mut words = vec!["cargo xtask kill".to_owned()];
    words.extend(ports.iter().map(u16::to_string));
    words.extend((protocol == Some(Protocol::Udp)).then(|| "--udp".to_owned()));
    words.push("--force".to_owned());
    words.join(" ")
}

/// Waits a moment; returns the addresses that are still, or again, held.
fn wait_until_free(ctx: &Context, plan: &Plan, requests: &[Request], awaits_swarm: bool) -> Vec<String> {
    let (settle, respawn) = if awaits_swarm { (SETTLE_OF_SERVICE, RESPAWN_OF_TASK) } else { (SETTLE, RESPAWN) };
    if awaits_swarm {
        ui::note("waiting until Swarm has taken the port from the service, and does not publish it again");
    }
    // A container that is being replaced may have released the port already.
    let held = || if awaits_swarm { held_or_published(ctx, plan, requests) } else { held_addresses(requests) };
    let poll = if awaits_swarm { POLL_ENGINE } else { POLL };
    let deadline = Instant::now() + settle;
    while !held().is_empty() && Instant::now() < deadline {
        std::thread::sleep(poll);
    }
    let watched = Instant::now() + respawn;
    while held().is_empty() && Instant::now() < watched {
        std::thread::sleep(poll);
    }
    held_or_published(ctx, plan, requests)
}

fn held_or_published(ctx: &Context, plan: &Plan, requests: &[Request]) -> Vec<String> {
    let mut held = held_addresses(requests);
    let published = still_published(ctx, plan, requests);
    held.extend(published.into_iter().filter(|address| !held.contains(address)).collect::<Vec<_>>());
    held
}

/// Addresses that containers or services still publish, even if their ports can be bound.
fn still_published(ctx: &Context, plan: &Plan, requests: &[Request]) -> Vec<String> {
    let is_service = |step: &Step| matches!(step.owner, Owner::SwarmService(_));
    let concerns_engine = plan.steps.iter().any(|step| matches!(step.owner, Owner::Container(_)) || is_service(step));
    let containers = concerns_engine.then(|| ctx.engine.containers().ok()).flatten().unwrap_or_default();
    let swarm = plan.steps.iter().any(is_service).then(|| ctx.engine.swarm().ok().flatten()).flatten();
    let of_service = |request: &Request| {
        let is_published =
            |port: &u16| swarm.as_ref().is_some_and(|swarm| swarm.ingress(*port, request.protocol).is_some());
        !request.ports.is_empty() && request.ports.iter().all(is_published)
    };
    let published = requests.iter().filter(|request| request.is_published(&containers) || of_service(request));
    published.map(|request| request.address.clone()).collect()
}

/// The error for containers that run, or will in a moment, although they were stopped.
fn runs_again(ctx: &Context, plan: &Plan) -> Option<Error> {
    let of_step = |step: &Step| match &step.action {
        StopAction::StopContainer(container) => Some(container.id.clone()),
        _ => None,
    };
    let stopped: Vec<String> = plan.steps.iter().filter_map(of_step).collect();
    let containers = if stopped.is_empty() { Vec::new() } else { ctx.engine.containers().unwrap_or_default() };
    let runs = |container: &&Container| container.state.holds_ports() && stopped.contains(&container.id);
    let running: Vec<&Container> = containers.iter().filter(runs).collect();
    let names: Vec<String> = running.iter().map(|container| ui::clean(&container.name)).collect();
    let error = Error::new(format!("stopped, but running again: {}", names.join(", ")));
    let commands = running.iter().map(|one| format!("`docker update --restart no {}`", ui::argument(one.reference())));
    (!running.is_empty()).then(|| commands.fold(error, Error::hint).finding())
}

fn held_addresses(requests: &[Request]) -> Vec<String> {
    let is_free = |request: &&Request| {
        request.ports.is_empty()
            || request.ports.iter().any(|port| {
                let free = |ip| host::probe(ip, *port, request.protocol) != Probe::InUse;
                request.ips.iter().copied().all(free)
            })
    };
    let held: BTreeSet<&str> =
        requests.iter().filter(|request| !is_free(request)).map(|request| request.address.as_str()).collect();
    held.into_iter().map(str::to_owned).collect()
}

/// The error, with who holds the ports now and who started that process.
fn still_held(plan: &Plan, held: &[String], requests: &[Request], errors: Vec<Error>, awaits_swarm: bool) -> Error {
    let mut error = Error::new(format!("still held: {}", held.join(", ")));
    let known: BTreeSet<u32> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            StopAction::EndProcess(process) => Some(process.pid),
            _ => None,
        })
        .collect();
    let now = host::processes_of(&listeners(requests));
    let services: Vec<&ServicePort> = plan.steps.iter().filter_map(unpublished).collect();
    // The engine held it before, too.
    let is_new =
        |process: &&Process| !known.contains(&process.pid) && (services.is_empty() || !is_engine_process(process));
    for new in now.iter().filter(is_new) {
        error = error.hint(new_holder(new));
    }
    for held in services.iter().filter(|_| awaits_swarm) {
        let name = held.service.reference();
        error = error
            .hint(format!("Swarm was told to, and has not let go of it: `docker service ps {}`", ui::argument(name)));
    }
    for cause in errors {
        error = error.hint(cause.message().to_owned());
        error = cause.hints().iter().fold(error, |error, hint| error.hint(hint.clone()));
    }
    plan.refused.iter().fold(error, |error, why| error.hint(why.clone())).finding()
}

fn new_holder(process: &Process) -> String {
    let who = describe_process(process);
    let around = host::process_context(process);
    let is_engine = |parent: &Parent| host::processes(&[parent.pid]).iter().any(is_engine_process);
    // Stopping an engine or its service would stop all its containers.
    if is_engine_process(process) || around.parents.iter().any(is_engine) {
        return format!(
            "{who} holds it now, for a container engine: stop the container or service there (`docker ps`, `docker service ls`, on every engine and context), never the engine"
        );
    }
    let parent = around.parents.first().and_then(|parent| host::processes(&[parent.pid]).pop());
    let by = match (&around.unit, &parent) {
        (Some(unit), _) => {
            format!("systemd unit {} starts it: `systemctl stop {}`", ui::clean(&unit.name), ui::argument(&unit.name))
        }
        (None, Some(parent)) => format!("{} started it: stop that one first", describe_process(parent)),
        (None, None) => "the init process started it".to_owned(),
    };
    format!("{who} holds it now; {by}")
}

fn listeners(requests: &[Request]) -> Vec<Socket> {
    let ports: Vec<_> =
        requests.iter().flat_map(|request| request.ports.iter().map(|port| (*port, request.protocol))).collect();
    host::listeners(&ports, Depth::Complete)
}

fn pids(sockets: &[Socket]) -> BTreeSet<u32> {
    sockets.iter().flat_map(|socket| socket.pids.iter().copied()).collect()
}
