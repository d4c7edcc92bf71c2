//! Waits until every service is ready, by asking the engine. Compose's `--wait` reports
//! a service that exited with code 0 as a failure, and up to 5.5.0 could report its own
//! timeout as a success.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::style;

use super::run::{Run, interrupted};
use crate::context::Context;
use crate::docker;
use crate::error::{Error, Result};
use crate::model::{Container, Health, Stack, State};
use crate::operation::check::project::CheckedProject;
use crate::ui::{self, Live};

const POLL: Duration = Duration::from_millis(60);
/// How long an unhealthy container gets to recover.
const RECOVERY: Duration = Duration::from_secs(5);
const LOG_LINES: u32 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// No container yet.
    Waiting,
    /// Not started yet.
    Created,
    /// Running; its healthcheck has not passed yet.
    Starting,
    /// Running, without a healthcheck.
    Running,
    Healthy,
    /// Exited with code 0, as one-shot services do.
    Done,
    Unhealthy,
    /// Exited with another code, paused, or dead.
    Failed,
}

impl ServiceState {
    pub fn is_ready(self) -> bool {
        matches!(self, ServiceState::Running | ServiceState::Healthy | ServiceState::Done)
    }

    pub fn word(self) -> &'static str {
        match self {
            ServiceState::Waiting => "waiting",
            ServiceState::Created => "created",
            ServiceState::Starting => "starting",
            ServiceState::Running => "running",
            ServiceState::Healthy => "healthy",
            ServiceState::Done => "done",
            ServiceState::Unhealthy => "unhealthy",
            ServiceState::Failed => "failed",
        }
    }
}

pub fn container_state(container: &Container) -> ServiceState {
    match (container.state, container.health) {
        (State::Running, None) => ServiceState::Running,
        (State::Running, Some(Health::Starting)) | (State::Restarting, _) => ServiceState::Starting,
        (State::Running, Some(Health::Healthy)) => ServiceState::Healthy,
        (State::Running, Some(Health::Unhealthy)) => ServiceState::Unhealthy,
        (State::Exited, _) if container.exit_code == Some(0) => ServiceState::Done,
        (State::Exited | State::Dead | State::Paused, _) => ServiceState::Failed,
        (State::Created | State::Removing, _) => ServiceState::Created,
    }
}

/// The state of each service: that of its worst container, or `Waiting` without one.
pub fn states(stack: &Stack, containers: &[Container]) -> BTreeMap<String, ServiceState> {
    let worst = |name: &str| {
        let of_service = containers.iter().filter(|c| c.service.as_deref() == Some(name) && !c.one_off);
        of_service.map(container_state).min_by_key(|state| (state.is_ready(), *state != ServiceState::Failed))
    };
    let state = |name: &String| worst(name).unwrap_or(ServiceState::Waiting);
    stack.services.iter().map(|service| (service.name.clone(), state(&service.name))).collect()
}

/// Shows the current states on the live lines.
pub(crate) fn show_states(project: &CheckedProject, live: &mut Live) {
    // Errors are ignored: the engine may be busy while Compose works.
    if let Ok(containers) = project.containers_now() {
        show(live, &states(&project.stack, &containers), "");
    }
}

fn show(live: &mut Live, states: &BTreeMap<String, ServiceState>, extra: &str) {
    for (service, state) in states {
        let word = match state {
            state if state.is_ready() => style(state.word()).for_stderr().green(),
            ServiceState::Failed | ServiceState::Unhealthy => style(state.word()).for_stderr().red(),
            _ => style(state.word()).for_stderr().yellow(),
        };
        let extra = if state.is_ready() { "" } else { extra };
        live.set(&ui::clean(service), &word.to_string(), extra);
    }
}

/// Returns the project's containers once all services are ready. It is an error if a
/// service fails or isn't ready in time.
pub(crate) fn wait(run: &mut Run<'_>) -> Result<Vec<Container>> {
    let (project, ctx, begin) = (run.project, &run.project.ctx, Instant::now());
    let mut unhealthy_since: Option<Instant> = None;
    let mut restarted: BTreeMap<String, Instant> = BTreeMap::new();
    loop {
        let asked = project.containers_now();
        let containers = asked.map_err(|error| error.within("the engine stopped answering during the wait"))?;
        let mut states = states(&project.stack, &containers);
        let crashing = containers.iter().filter(|container| container.state == State::Restarting);
        restarted.extend(crashing.filter_map(|c| c.service.clone()).map(|service| (service, Instant::now())));
        // A service that keeps crashing also runs in between, so it must stay up for a while.
        for (service, state) in &mut states {
            if state.is_ready() && restarted.get(service).is_some_and(|last| last.elapsed() < RECOVERY) {
                *state = ServiceState::Starting;
            }
        }
        // Compose has finished: a service without a container was scaled to 0.
        states.retain(|_, state| *state != ServiceState::Waiting);
        show(&mut run.live, &states, &format!("{:.0} s", begin.elapsed().as_secs_f32()));
        if states.values().all(|state| state.is_ready()) {
            let crashed: Vec<String> =
                containers.iter().filter(|c| just_restarted(ctx, c)).filter_map(|c| c.service.clone()).collect();
            if crashed.is_empty() {
                return Ok(containers);
            }
            restarted.extend(crashed.into_iter().map(|service| (service, Instant::now())));
        }
        let unhealthy = states.values().any(|state| *state == ServiceState::Unhealthy);
        unhealthy_since = unhealthy.then(|| unhealthy_since.unwrap_or_else(Instant::now));
        let failed = states.values().any(|state| matches!(state, ServiceState::Failed | ServiceState::Created));
        let given_up = unhealthy_since.is_some_and(|since| since.elapsed() > RECOVERY);
        if (failed || given_up)
            && let Some(error) = failure(project)
        {
            return Err(error);
        }
        if Instant::now() > run.deadline {
            return Err(timeout_error(run, &states, &containers));
        }
        if run.interrupt.interrupted() {
            return Err(interrupted());
        }
        std::thread::sleep(POLL);
    }
}

/// Whether the restart policy has just restarted the container. With a healthcheck its
/// state would be `Starting` again.
fn just_restarted(ctx: &Context, container: &Container) -> bool {
    let recent = container.state == State::Running && container.health.is_none() && started_recently(container);
    recent && ctx.engine.detail(&container.id).is_ok_and(|detail| detail.restarts > 0)
}

fn started_recently(container: &Container) -> bool {
    container.seconds_up.is_some_and(|seconds| seconds < RECOVERY.as_secs())
}

fn timeout_error(run: &Run<'_>, states: &BTreeMap<String, ServiceState>, containers: &[Container]) -> Error {
    let (ctx, limit) = (&run.project.ctx, run.limit.as_secs());
    let late: Vec<String> = states
        .iter()
        .filter(|(_, state)| !state.is_ready())
        .map(|(service, state)| format!("{} is {}", ui::clean(service), state.word()))
        .collect();
    let mut error = Error::new(format!("not every service is ready after {limit} s: {}", late.join(", "))).finding();
    let is_late =
        |c: &&Container| c.service.as_deref().and_then(|name| states.get(name)).is_some_and(|state| !state.is_ready());
    // A service that keeps crashing may be running right now.
    let first = containers.iter().filter(is_late).min_by_key(|container| container_state(container).is_ready());
    if let Some(container) = first {
        error = error.hint(reason(ctx, container));
        show_log(ctx, container);
    }
    let name = &run.project.stack.name;
    error
        .hint("the containers keep running: `cargo xtask logs` shows what they do, `cargo xtask stop` removes them")
        .hint(format!("if `{name}` just starts slowly, wait longer: `--wait-timeout {}`", limit.saturating_mul(2)))
}

/// A service that failed after it was ready. Services without a healthcheck count as
/// ready as soon as they run.
pub(crate) fn failure_after_start(project: &CheckedProject) -> Option<Error> {
    let containers = project.containers_now().ok()?;
    let failed = states(&project.stack, &containers).into_values().any(|state| state == ServiceState::Failed);
    failed.then(|| failure(project)).flatten()
}

/// An error for the first service that failed. Also prints the end of its log.
pub(crate) fn failure(project: &CheckedProject) -> Option<Error> {
    let (ctx, containers) = (&project.ctx, project.containers_now().ok()?);
    let bad = |wanted: ServiceState| {
        containers.iter().find(|container| {
            let known = container.service.as_deref().is_some_and(|name| project.stack.service(name).is_some());
            known && !container.one_off && container_state(container) == wanted
        })
    };
    let container = bad(ServiceState::Failed).or_else(|| bad(ServiceState::Unhealthy)).or_else(|| {
        // A container that could not be started: the engine keeps the reason.
        let created = bad(ServiceState::Created)?;
        ctx.engine.detail(&created.id).ok().filter(|detail| !detail.error.is_empty()).map(|_| created)
    })?;
    show_log(ctx, container);
    let service = container.service.as_deref().unwrap_or(&container.name);
    Some(
        Error::new(format!("service `{}` failed: {}", ui::clean(service), reason(ctx, container)))
            .hint(if container.state == State::Paused {
                "resume it: `docker compose unpause`".to_owned()
            } else {
                format!("see its full log: `cargo xtask logs {}`", ui::argument(service))
            })
            .finding(),
    )
}

/// Why a container isn't ready, as a fragment.
pub fn reason(ctx: &Context, container: &Container) -> String {
    let Ok(detail) = ctx.engine.detail(&container.id) else { return ui::clean(&container.status) };
    if detail.out_of_memory {
        return "it ran out of memory".to_owned();
    }
    if !detail.error.is_empty() {
        return ui::clean(&detail.error);
    }
    match container.state {
        State::Running if container.health == Some(Health::Unhealthy) => {
            let output = detail.check_output.lines().last().map(ui::clean).unwrap_or_default();
            let output = if output.is_empty() { String::new() } else { format!(": {}", ui::clip(&output, 200)) };
            format!("its healthcheck fails{output}")
        }
        State::Running if container.health.is_none() => {
            format!("it keeps exiting, and was restarted {} times so far", detail.restarts)
        }
        State::Running => "its healthcheck has not passed yet".to_owned(),
        State::Paused => "it is paused".to_owned(),
        _ => format!("it exited with code {}", detail.exit_code),
    }
}

fn show_log(ctx: &Context, container: &Container) {
    let lines = last_lines(ctx, container, LOG_LINES);
    if lines.is_empty() {
        return;
    }
    ui::note(&format!("end of the log of {}:", ui::clean(&container.name)));
    for line in lines {
        ui::note(&format!("  | {line}"));
    }
}

/// The end of a container's log, ready to print.
pub fn last_lines(ctx: &Context, container: &Container, lines: u32) -> Vec<String> {
    let Ok(answer) = docker::last_lines(&container.id, lines).ask(ctx.engine.limit()) else { return Vec::new() };
    // stdout and stderr of a container arrive separately.
    let text = [answer.stdout, answer.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.lines().map(|line| ui::mask(&ui::clean(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Service;

    fn container(service: &str, state: State, health: Option<Health>, exit_code: Option<u8>) -> Container {
        Container { service: Some(service.into()), state, health, exit_code, ..Container::default() }
    }

    #[test]
    fn recently_is_less_than_five_seconds_ago() {
        for (seconds_up, want) in [(Some(0), true), (Some(4), true), (Some(5), false), (None, false)] {
            assert_eq!(started_recently(&Container { seconds_up, ..Container::default() }), want, "{seconds_up:?}");
        }
    }

    #[test]
    fn a_service_has_the_state_of_its_worst_container() {
        let service = |name: &str| Service { name: name.into(), ..Service::default() };
        let stack = Stack { services: ["a", "b", "c", "d"].map(service).to_vec(), ..Stack::default() };
        let containers = [
            container("a", State::Running, Some(Health::Healthy), None),
            container("a", State::Running, Some(Health::Starting), None),
            container("b", State::Exited, None, Some(0)),
            container("c", State::Running, None, None),
            container("c", State::Exited, None, Some(137)),
        ];
        let states = states(&stack, &containers);
        let got: Vec<ServiceState> = states.into_values().collect();
        assert_eq!(got, [ServiceState::Starting, ServiceState::Done, ServiceState::Failed, ServiceState::Waiting]);
    }
}
