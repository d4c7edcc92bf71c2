//! Runs `docker compose up -d`, shows its progress, and decodes its errors.

use std::time::{Duration, Instant};

use crate::docker::Compose;
use crate::error::{Error, Result};
use crate::exec::{Command, Event, InterruptGuard, Running};
use crate::operation::check::project::CheckedProject;
use crate::operation::services::run::{Run, interrupted};
use crate::operation::services::wait;
use crate::parse::engine::EngineKind;
use crate::parse::engine_message::{self, NameConflict, NetworkProblem, PortProblem};
use crate::ui::{self, Live};

/// The live line for Compose's output.
const COMPOSE: &str = "compose";
/// How often the engine is asked while Compose works.
const POLL: Duration = Duration::from_millis(150);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Only these services and their dependencies; empty: all.
    pub services: Vec<String>,
    pub build: bool,
    /// Seconds until every service is ready and answers; `None`: the project's setting.
    pub wait_timeout: Option<u64>,
}

/// Runs the command until it exits. `Some` if the engine refused a port.
pub(crate) fn launch(run: &mut Run<'_>, command: &Command) -> Result<Option<PortProblem>> {
    ui::detail(&format!("$ {}", command.line()));
    let running = command.start()?;
    let mut next = Instant::now();
    let watched = watch(&running, &run.interrupt, &mut run.live, COMPOSE, |live| {
        if Instant::now() >= next {
            wait::show_states(run.project, live);
            next = Instant::now() + POLL;
        }
    });
    let Some(text) = watched else { return Err(stop_compose(&running)) };
    if running.code()? == 0 {
        return Ok(None);
    }
    if run.interrupt.interrupted() {
        return Err(interrupted());
    }
    if let Some(problem) = engine_message::port_problem(text.as_bytes()) {
        return Ok(Some(problem));
    }
    Err(run.project.ctx.compose_absence().unwrap_or_else(|| launch_error(run.project, &text)))
}

/// The program's output, whose last line is shown on a live line; `None` if the user
/// interrupted it.
pub fn watch(
    running: &Running,
    interrupt: &InterruptGuard,
    live: &mut Live,
    label: &str,
    mut draw: impl FnMut(&mut Live),
) -> Option<String> {
    let mut text = String::new();
    loop {
        match running.next(POLL) {
            Event::Line(line) => {
                show_line(live, label, &line);
                text.push_str(&line);
                text.push('\n');
            }
            Event::Quiet => {}
            Event::Ended => break,
        }
        if interrupt.interrupted() {
            return None;
        }
        draw(live);
    }
    live.remove(label);
    Some(text)
}

pub(crate) fn up_command(compose: &Compose, options: &Options) -> Command {
    let mut args = vec!["up", "-d"];
    args.extend(options.build.then_some("--build"));
    compose.command(args.into_iter().chain(options.services.iter().map(String::as_str)))
}

/// Recreates the containers of only these services. All their volumes stay, including
/// anonymous ones.
pub(crate) fn recreate_command<'a>(compose: &Compose, services: impl Iterator<Item = &'a String>) -> Command {
    let args = ["up", "-d", "--force-recreate", "--no-deps"].into_iter();
    compose.command(args.chain(services.map(String::as_str)))
}

/// Shows the progress of pulls and builds; without a terminal only with `-v`.
fn show_line(live: &mut Live, label: &str, line: &str) {
    let line = ui::clean(line.trim());
    ui::detail(&line);
    if live.is_watched() && !line.is_empty() {
        live.set(label, "", &line);
    }
}

/// Interrupts Compose as Ctrl-C does, and ends it if it doesn't exit in time.
fn stop_compose(running: &Running) -> Error {
    running.interrupt();
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if running.next(Duration::from_millis(100)) == Event::Ended {
            return interrupted();
        }
    }
    running.end();
    interrupted()
}

/// The error if Compose failed for another reason than a port.
fn launch_error(project: &CheckedProject, text: &str) -> Error {
    if let Some(problem) = engine_message::network_problem(text.as_bytes()) {
        return network_error(&problem, project.ctx.engine.kind().ok());
    }
    if let Some(conflict) = engine_message::name_conflict(text.as_bytes()) {
        return name_conflict_error(project, &conflict);
    }
    if let Some(error) = wait::failure(project) {
        return error;
    }
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("level=warning")).collect();
    let tail = lines[lines.len().saturating_sub(6)..].join("\n");
    Error::new(format!("`docker compose up` failed: {tail}")).hint("see its full output: `cargo xtask start -v`")
}

fn name_conflict_error(project: &CheckedProject, conflict: &NameConflict) -> Error {
    let name = ui::clean(&conflict.name);
    let is_holder = |id: &str| conflict.holder.as_deref().is_some_and(|holder| id.starts_with(holder));
    let holder = project.containers.iter().flatten().find(|container| is_holder(&container.id));
    let whose = holder.and_then(|container| container.project.as_deref());
    let whose = whose.map(|project| format!(", of project {}", ui::clean(project))).unwrap_or_default();
    Error::new(format!(
        "a container named `{name}` already exists{whose}: a fixed name can be used only once per engine"
    ))
    .hint("remove its `container_name:` from the compose file, or prefix it with `${COMPOSE_PROJECT_NAME}-`")
    .hint(format!("or, if the other container is a leftover: `docker rm {}`", ui::argument(&conflict.name)))
    .finding()
}

fn network_error(problem: &NetworkProblem, kind: Option<EngineKind>) -> Error {
    let setting = match kind {
        Some(EngineKind::Podman(_)) => "`default_subnet_pools` in containers.conf",
        _ => "`default-address-pools` in the engine's daemon.json",
    };
    match problem {
        NetworkProblem::PoolsExhausted => Error::new("the engine has no address range left for another network")
            .hint("`cargo xtask prune-network` removes unused networks; `docker compose -p NAME down` a project's networks")
            .hint(format!("add ranges: {setting}")),
        NetworkProblem::ExternalMissing { name } => {
            Error::new(format!("network `{}` is external to this project, but does not exist", ui::clean(name)))
                .hint(format!("`docker network create {}`", ui::argument(name)))
        }
        NetworkProblem::Gone => Error::new("containers of this project are on a network that was removed")
            .hint("`cargo xtask prune-network --recreate` recreates containers and networks: ports and named volumes stay"),
    }
}
