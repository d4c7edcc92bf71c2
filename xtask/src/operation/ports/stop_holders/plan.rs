//! Stops the holders of ports: containers through their engine, services through systemd,
//! listening processes with a signal, and nothing else. This file plans and asks.

use std::net::IpAddr;
use std::time::Duration;

use crate::context::Context;
use crate::decide::{is_engine_process, overlaps, signal_objection};
use crate::error::{Error, Result};
use crate::exec::{self, Command};
use crate::host::{self, Signal};
use crate::model::{Container, Owner, PortRange, Process, Protocol, ServicePort, Unit, Verdict};
use crate::ports::{self, PortHolders, Row, describe_process, is_leftover_proxy};
use crate::{docker, ui};

/// The default time that a process gets to exit cleanly.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A port to be freed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub address: String,
    /// All of these addresses must be bindable.
    pub ips: Vec<IpAddr>,
    /// One of these ports must be free: of a range the engine needs one.
    pub ports: Vec<u16>,
    pub protocol: Protocol,
    pub verdict: Verdict,
}

impl Request {
    pub fn is_published(&self, containers: &[Container]) -> bool {
        containers.iter().flat_map(Container::held).any(|binding| {
            binding.protocol == self.protocol
                && self.ports.contains(&binding.published)
                && self.ips.iter().any(|ip| overlaps(*ip, binding.host_ip, Some(true)))
        })
    }
}

impl From<&Row> for Request {
    fn from(row: &Row) -> Self {
        let mapping = &row.wanted.mapping;
        Request {
            address: mapping.address(),
            ips: host::probe_addresses(mapping.host_ip),
            ports: mapping.published.into_iter().flat_map(PortRange::iter).collect(),
            protocol: mapping.protocol,
            verdict: row.verdict.clone(),
        }
    }
}

impl From<&PortHolders> for Request {
    fn from(port: &PortHolders) -> Self {
        Request {
            address: port.address(),
            ips: host::probe_addresses(None),
            ports: vec![port.port],
            protocol: port.protocol,
            verdict: port.verdict.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub owner: Owner,
    pub action: StopAction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StopAction {
    /// `docker stop`, by id. Never `docker compose stop`: its arguments would come from
    /// labels, which an image made with `docker commit`, or anybody, can carry, and it
    /// stops every replica.
    StopContainer(Container),
    /// `docker service update --publish-rm`, by id. The service keeps running without the port:
    /// to scale it to 0 would also take its other ports and its name from the stack. Never
    /// `docker stop`: Swarm starts another container within seconds.
    UnpublishPort(ServicePort),
    /// `systemctl stop NAME.service`.
    StopUnit(Unit),
    EndProcess(Process),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StopOptions {
    pub grace: Duration,
    pub signal: Signal,
    /// Send KILL after the grace period without asking.
    pub force: bool,
}

impl Default for StopOptions {
    fn default() -> Self {
        StopOptions { grace: GRACE, signal: Signal::Term, force: false }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    /// In this order, without duplicates.
    pub steps: Vec<Step>,
    /// Owners that must not be stopped, and why.
    pub refused: Vec<String>,
}

/// Plans for every owner of every port. `containers`: the engine's, if it answered.
pub(crate) fn plan(ctx: &Context, requests: &[Request], containers: Option<&[Container]>) -> Plan {
    let ancestors = ancestors();
    let mut plan = Plan::default();
    for request in requests {
        let address = &request.address;
        if let verdict @ (Verdict::Reserved { .. } | Verdict::Unknown { .. }) = &request.verdict {
            plan.refused.push(format!("{address}: {} cannot be stopped; choose another port", verdict.as_str()));
        }
        for owner in request.verdict.owners() {
            let published = containers.is_none_or(|known| request.is_published(known));
            match stop_action(owner, &ancestors, published) {
                Ok(action) if plan.steps.iter().all(|step| step.action != action) => {
                    plan.steps.push(Step { owner: owner.clone(), action });
                }
                Ok(_) => {}
                // The description already says that the owner is unknown.
                Err(_) if matches!(owner, Owner::Unknown { .. }) => {
                    plan.refused.push(format!("{address}: {}", ports::describe(ctx, owner)));
                }
                Err(why) => {
                    plan.refused.push(format!("{address}: {} is left alone: {why}", ports::describe(ctx, owner)));
                }
            }
        }
    }
    plan
}

fn stop_action(owner: &Owner, ancestors: &[u32], published: bool) -> Result<StopAction, String> {
    match owner {
        Owner::Container(container) => Ok(StopAction::StopContainer(container.clone())),
        Owner::Process(process) => {
            if is_leftover_proxy(process, published) {
                return Ok(StopAction::EndProcess(process.clone()));
            }
            match signal_objection(process, ancestors) {
                Some(why) => Err(why),
                None if host::killed_with(process).iter().any(is_engine_process) => {
                    Err("a container engine runs under it and would end with it: quit the engine in its own window"
                        .to_owned())
                }
                None => {
                    Ok(service_of(process)
                        .map_or_else(|| StopAction::EndProcess(process.clone()), StopAction::StopUnit))
                }
            }
        }
        Owner::SwarmService(held) => match held.managers.as_deref() {
            None => Ok(StopAction::UnpublishPort((**held).clone())),
            Some(managers) => Err(on_manager(held, managers)),
        },
        Owner::Engine(_) => Err("the engine needs it; choose another port".to_owned()),
        Owner::Unknown { .. } => Err("its owner is unknown".to_owned()),
    }
}

fn on_manager(held: &ServicePort, managers: &[String]) -> String {
    let command = docker::unpublish_port(held.service.reference(), held.port).line();
    let on = if managers.is_empty() { String::new() } else { format!(" ({})", managers.join(", ")) };
    format!("this node is a worker, so only a manager of the Swarm{on} can change the service: `{command}` there")
}

/// The systemd service to stop instead of the process, which systemd would restart. Only if
/// the process is the service itself (it and all its parents up to the first process run one
/// program): a server that a CI runner or cron started is in that service's cgroup too, but
/// the whole service must not be stopped for it.
fn service_of(process: &Process) -> Option<Unit> {
    exec::find("systemctl")?;
    let around = host::process_context(process);
    around.unit.filter(|_| around.parents.iter().all(|parent| parent.name == process.name))
}

/// The pids of this process and its parents.
fn ancestors() -> Vec<u32> {
    let own = std::process::id();
    let above = host::processes(&[own]).first().map(host::parents).unwrap_or_default();
    std::iter::once(own).chain(above.iter().map(|parent| parent.pid)).collect()
}

impl StopAction {
    /// The command to type for it.
    pub(crate) fn line(&self) -> String {
        match self {
            StopAction::StopContainer(container) => docker::stop_container(container.reference()).line(),
            StopAction::UnpublishPort(held) => docker::unpublish_port(held.service.reference(), held.port).line(),
            StopAction::StopUnit(unit) => stop_unit(unit).line(),
            StopAction::EndProcess(process) if cfg!(windows) => format!("taskkill /F /PID {}", process.pid),
            StopAction::EndProcess(process) => format!("kill {}", process.pid),
        }
    }

    /// The command, and for a process its description.
    fn described(&self) -> String {
        match self {
            StopAction::EndProcess(process) => format!("{}   # {}", self.line(), describe_process(process)),
            _ => self.line(),
        }
    }
}

pub(crate) fn stop_unit(unit: &Unit) -> Command {
    Command::new("systemctl").args(unit.user.then_some("--user")).args(["stop", &unit.name])
}

/// Prints the plan; `as_notes`: to stderr, because stdout is reserved.
pub(crate) fn show(plan: &Plan, as_notes: bool) {
    let print = |line: String| if as_notes { ui::note(&line) } else { ui::out(&line) };
    for step in &plan.steps {
        print(format!("stop: {}", step.action.described()));
        if let StopAction::EndProcess(process) = &step.action {
            for child in host::killed_with(process) {
                print(format!("  together with: {}", describe_process(&child)));
            }
        }
        if let StopAction::UnpublishPort(held) = &step.action {
            for line in about_unpublishing(held) {
                print(format!("  {line}"));
            }
        }
    }
    for why in &plan.refused {
        print(format!("skip: {why}"));
    }
}

/// What else it does, and how to undo it.
fn about_unpublishing(held: &ServicePort) -> Vec<String> {
    let service = &held.service;
    let mut lines =
        vec![format!("{} keeps running without this port; Swarm replaces its containers", ui::clean(&service.name))];
    let with: Vec<_> = service.published_with(held.port).collect();
    lines.extend(with.iter().map(|port| {
        format!("together with: port {}/{}, which has the same target port", port.published, port.protocol)
    }));
    let undo = |port| docker::publish_port(service.reference(), port).line();
    lines.extend(std::iter::once(held.port).chain(with).map(|port| format!("undo: {}", undo(port))));
    if let Some(stack) = &service.stack {
        lines.push(format!("`docker stack deploy` of {} publishes it again", ui::clean(stack)));
    }
    lines
}

/// The error for owners that would keep a port even after the plan is carried out.
pub(crate) fn refusal(plan: &Plan) -> Option<Error> {
    let error = match (&plan.refused[..], &plan.steps[..]) {
        ([], _) => return None,
        (_, []) => Error::new("this tool refuses to stop any of the holders"),
        (_, [..]) => Error::new("this tool refuses to stop some of the holders"),
    };
    Some(plan.refused.iter().fold(error, |error, why| error.hint(why.clone())).finding())
}

/// Asks unless `--yes` is given; an error if the answer is no or there is no terminal.
pub(crate) fn consent(ctx: &Context, plan: &Plan) -> Result<()> {
    if plan.steps.is_empty() {
        return Err(refusal(plan).unwrap_or_else(|| Error::new("there is nothing to stop").finding()));
    }
    ctx.confirm(if plan.steps.len() == 1 { "stop it?" } else { "stop all of these?" }, "nothing was stopped")
}
