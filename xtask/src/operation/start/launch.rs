//! `docker compose up -d`, watched.

use std::time::{Duration, Instant};

use crate::docker::Compose;
use crate::error::{Error, Result};
use crate::exec::{Command, Event, InterruptGuard, Running};
use crate::operation::check::survey::Survey;
use crate::operation::services::run::{Run, interrupted};
use crate::operation::services::wait;
use crate::parse::engine_message::{self, NameConflict, NetworkProblem, PortProblem};
use crate::ui::{self, Live};

/// The live line of what Compose says.
const COMPOSE: &str = "compose";
/// How often the engine is asked while Compose works.
const POLL: Duration = Duration::from_millis(150);

/// How to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Only these services and what they depend on; empty = all.
    pub services: Vec<String>,
    /// `--build`.
    pub build: bool,
    /// Seconds until every service is well and answers; `None` = as the project says.
    pub wait_timeout: Option<u64>,
}

/// Runs it to its end. `Some` where the engine refused a port.
pub(crate) fn launch(run: &mut Run<'_>, command: &Command) -> Result<Option<PortProblem>> {
    ui::detail(&format!("$ {}", command.line()));
    let running = command.start()?;
    let mut next = Instant::now();
    let watched = watch(&running, &run.interrupt, &mut run.live, COMPOSE, |live| {
        if Instant::now() >= next {
            wait::draw(run.survey, live);
            next = Instant::now() + POLL;
        }
    });
    let Some(text) = watched else { return Err(stopped(&running)) };
    if running.code()? == 0 {
        return Ok(None);
    }
    if run.interrupt.interrupted() {
        return Err(interrupted());
    }
    if let Some(problem) = engine_message::port_problem(text.as_bytes()) {
        return Ok(Some(problem));
    }
    Err(run.survey.ctx.without_compose().unwrap_or_else(|| failed(run.survey, &text)))
}

/// What a program writes until it ends, its last line on a live line; `None` where
/// the person interrupted.
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

pub(crate) fn up(compose: &Compose, options: &Options) -> Command {
    let mut args = vec!["up", "-d"];
    args.extend(options.build.then_some("--build"));
    compose.command(args.into_iter().chain(options.services.iter().map(String::as_str)))
}

/// New containers for these services alone. Their volumes stay, also those
/// without a name.
pub(crate) fn recreate<'a>(compose: &Compose, services: impl Iterator<Item = &'a String>) -> Command {
    let args = ["up", "-d", "--force-recreate", "--no-deps"].into_iter();
    compose.command(args.chain(services.map(String::as_str)))
}

/// Pulls and builds take long and tell what they do; without a terminal their
/// lines are kept for `-v`.
fn show_line(live: &mut Live, label: &str, line: &str) {
    let line = ui::clean(line.trim());
    ui::detail(&line);
    if live.is_watched() && !line.is_empty() {
        live.set(label, "", &line);
    }
}

/// Ends Compose the way Ctrl-C does, and gives it a while.
fn stopped(running: &Running) -> Error {
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

/// Compose gave up for another reason than a port: because of a service, or
/// because of itself.
fn failed(survey: &Survey, text: &str) -> Error {
    if let Some(problem) = engine_message::network_problem(text.as_bytes()) {
        return network_failed(&problem);
    }
    if let Some(conflict) = engine_message::name_conflict(text.as_bytes()) {
        return name_taken(survey, &conflict);
    }
    if let Some(error) = wait::failure(survey) {
        return error;
    }
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("level=warning")).collect();
    let tail = lines[lines.len().saturating_sub(6)..].join("\n");
    Error::new(format!("`docker compose up` failed: {tail}")).hint("all of its output: `cargo xtask start -v`")
}

fn name_taken(survey: &Survey, conflict: &NameConflict) -> Error {
    let name = ui::clean(&conflict.name);
    let is_holder = |id: &str| conflict.holder.as_deref().is_some_and(|holder| id.starts_with(holder));
    let holder = survey.containers.iter().flatten().find(|container| is_holder(&container.id));
    let whose = holder.and_then(|container| container.project.as_deref());
    let whose = whose.map(|project| format!(", of project {}", ui::clean(project))).unwrap_or_default();
    Error::new(format!(
        "there is a container named `{name}` already{whose}: a fixed name is one for all of this engine"
    ))
    .hint("take its `container_name:` out of the compose file, or begin it with `${COMPOSE_PROJECT_NAME}-`")
    .hint(format!("or, if the other one is a leftover: `docker rm {}`", ui::argument(&conflict.name)))
    .finding()
}

fn network_failed(problem: &NetworkProblem) -> Error {
    match problem {
        NetworkProblem::PoolsExhausted => Error::new("the engine has no address range left for another network")
            .hint("`cargo xtask prune-network` removes those that nobody needs; `docker compose -p NAME down` those of a project")
            .hint("more ranges: `default-address-pools` in the engine's daemon.json"),
        NetworkProblem::ExternalMissing { name } => {
            Error::new(format!("network `{}` is external to this project, and does not exist", ui::clean(name)))
                .hint(format!("`docker network create {}`", ui::argument(name)))
        }
        NetworkProblem::Gone => Error::new("containers of this project are on a network that was removed")
            .hint("`cargo xtask prune-network --recreate` makes containers and networks anew: ports and named volumes stay"),
    }
}
