//! Waiting until every service is well, by asking the engine: `--wait` of
//! Compose calls a service that ended cleanly a failure, and up to 5.5.0 could
//! call its own time limit a success.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::style;

use super::run::{Run, interrupted};
use crate::context::Context;
use crate::docker;
use crate::error::{Error, Result};
use crate::model::{Container, Health, Stack, State};
use crate::operation::check::survey::Survey;
use crate::ui::{self, Live};

const POLL: Duration = Duration::from_millis(60);
/// An unhealthy container may recover; for so long it is waited for.
const RECOVERY: Duration = Duration::from_secs(5);
/// Lines of a failed service's log that are shown.
const LOG_LINES: u32 = 12;

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// No container yet.
    Waiting,
    /// Made, not started.
    Created,
    /// Runs; its healthcheck has not passed yet.
    Starting,
    /// Runs, and has no healthcheck.
    Running,
    /// Runs, and its healthcheck passes.
    Healthy,
    /// Ended with exit code 0, as one-shot services do.
    Done,
    /// Its healthcheck fails.
    Unhealthy,
    /// Ended with another code, or cannot be started.
    Failed,
}

impl ServiceState {
    /// Nothing more to wait for.
    pub fn is_well(self) -> bool {
        matches!(self, ServiceState::Running | ServiceState::Healthy | ServiceState::Done)
    }

    /// The word that people see.
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

/// The state of one container.
pub fn of(container: &Container) -> ServiceState {
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

/// The state of each service: that of its worst container. A service without
/// one is waiting.
pub fn states(stack: &Stack, containers: &[Container]) -> BTreeMap<String, ServiceState> {
    let worst = |name: &str| {
        let of_service = containers.iter().filter(|c| c.service.as_deref() == Some(name) && !c.one_off);
        of_service.map(of).min_by_key(|state| (state.is_well(), *state != ServiceState::Failed))
    };
    let state = |name: &String| worst(name).unwrap_or(ServiceState::Waiting);
    stack.services.iter().map(|service| (service.name.clone(), state(&service.name))).collect()
}

/// One look at the engine, onto the live lines.
pub(crate) fn draw(survey: &Survey, live: &mut Live) {
    // While Compose works, an engine that is busy is no reason to stop.
    if let Ok(containers) = survey.containers_now() {
        show(live, &states(&survey.stack, &containers), "");
    }
}

fn show(live: &mut Live, states: &BTreeMap<String, ServiceState>, extra: &str) {
    for (service, state) in states {
        let word = match state {
            state if state.is_well() => style(state.word()).for_stderr().green(),
            ServiceState::Failed | ServiceState::Unhealthy => style(state.word()).for_stderr().red(),
            _ => style(state.word()).for_stderr().yellow(),
        };
        let extra = if state.is_well() { "" } else { extra };
        live.set(&ui::clean(service), &word.to_string(), extra);
    }
}

/// Waits; returns the project's containers. A service that failed, or is not
/// well in time, is an error that says why.
pub(crate) fn wait(run: &mut Run<'_>) -> Result<Vec<Container>> {
    let (survey, ctx, begin) = (run.survey, &run.survey.ctx, Instant::now());
    let mut unhealthy_since: Option<Instant> = None;
    let mut restarted: BTreeMap<String, Instant> = BTreeMap::new();
    loop {
        let asked = survey.containers_now();
        let containers = asked.map_err(|error| error.within("the engine stopped answering during the wait"))?;
        let mut states = states(&survey.stack, &containers);
        let crashing = containers.iter().filter(|container| container.state == State::Restarting);
        restarted.extend(crashing.filter_map(|c| c.service.clone()).map(|service| (service, Instant::now())));
        // Between two crashes a service runs, too: only one that stays up is well.
        for (service, state) in &mut states {
            if state.is_well() && restarted.get(service).is_some_and(|last| last.elapsed() < RECOVERY) {
                *state = ServiceState::Starting;
            }
        }
        // Compose has ended: a service without a container was scaled to none.
        states.retain(|_, state| *state != ServiceState::Waiting);
        show(&mut run.live, &states, &format!("{:.0} s", begin.elapsed().as_secs_f32()));
        if states.values().all(|state| state.is_well()) {
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
            && let Some(error) = failure(survey)
        {
            return Err(error);
        }
        if Instant::now() > run.deadline {
            return Err(too_late(run, &states, &containers));
        }
        if run.interrupt.interrupted() {
            return Err(interrupted());
        }
        std::thread::sleep(POLL);
    }
}

/// Whether its restart policy brought it back a moment ago. One with a
/// healthcheck starts over with that.
fn just_restarted(ctx: &Context, container: &Container) -> bool {
    let young = container.state == State::Running && container.health.is_none() && is_young(container);
    young && ctx.engine.detail(&container.id).is_ok_and(|detail| detail.restarts > 0)
}

fn is_young(container: &Container) -> bool {
    container.seconds_up.is_some_and(|seconds| seconds < RECOVERY.as_secs())
}

fn too_late(run: &Run<'_>, states: &BTreeMap<String, ServiceState>, containers: &[Container]) -> Error {
    let (ctx, limit) = (&run.survey.ctx, run.limit.as_secs());
    let late: Vec<String> = states
        .iter()
        .filter(|(_, state)| !state.is_well())
        .map(|(service, state)| format!("{} is {}", ui::clean(service), state.word()))
        .collect();
    let mut error = Error::new(format!("not everything is well after {limit} s: {}", late.join(", "))).finding();
    let is_late =
        |c: &&Container| c.service.as_deref().and_then(|name| states.get(name)).is_some_and(|state| !state.is_well());
    // One that crashes again and again may run at this moment.
    let first = containers.iter().filter(is_late).min_by_key(|container| of(container).is_well());
    if let Some(container) = first {
        error = error.hint(reason(ctx, container));
        show_log(ctx, container);
    }
    let name = &run.survey.stack.name;
    error
        .hint("the containers keep running: `cargo xtask logs` shows what they do, `cargo xtask stop` takes them away")
        .hint(format!("a slow start of `{name}` gets more time with `--wait-timeout {}`", limit.saturating_mul(2)))
}

/// A service that ended badly after it was well, as those without a healthcheck
/// are from their first moment.
pub(crate) fn ended(survey: &Survey) -> Option<Error> {
    let containers = survey.containers_now().ok()?;
    let failed = states(&survey.stack, &containers).into_values().any(|state| state == ServiceState::Failed);
    failed.then(|| failure(survey)).flatten()
}

/// The first service that failed, with the reason and its last lines; `None`
/// where none did.
pub(crate) fn failure(survey: &Survey) -> Option<Error> {
    let (ctx, containers) = (&survey.ctx, survey.containers_now().ok()?);
    let bad = |wanted: ServiceState| {
        containers.iter().find(|container| {
            let known = container.service.as_deref().is_some_and(|name| survey.stack.service(name).is_some());
            known && !container.one_off && of(container) == wanted
        })
    };
    let container = bad(ServiceState::Failed).or_else(|| bad(ServiceState::Unhealthy)).or_else(|| {
        // Made and refused a start: the engine keeps the reason.
        let created = bad(ServiceState::Created)?;
        ctx.engine.detail(&created.id).ok().filter(|detail| !detail.error.is_empty()).map(|_| created)
    })?;
    show_log(ctx, container);
    let service = container.service.as_deref().unwrap_or(&container.name);
    Some(
        Error::new(format!("service `{}` failed: {}", ui::clean(service), reason(ctx, container)))
            .hint(if container.state == State::Paused {
                "let it go on: `docker compose unpause`".to_owned()
            } else {
                format!("more of its log: `cargo xtask logs {}`", ui::argument(service))
            })
            .finding(),
    )
}

/// Why a container is not well, as a fragment.
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
            format!("it ended and was started again, {} times so far", detail.restarts)
        }
        State::Running => "its healthcheck has not passed yet".to_owned(),
        State::Paused => "it is paused".to_owned(),
        _ => format!("it ended with exit code {}", detail.exit_code),
    }
}

fn show_log(ctx: &Context, container: &Container) {
    let lines = last_lines(ctx, container, LOG_LINES);
    if lines.is_empty() {
        return;
    }
    ui::note(&format!("last lines of {}:", ui::clean(&container.name)));
    for line in lines {
        ui::note(&format!("  | {line}"));
    }
}

/// What a container said last, fit to print; empty where it said nothing.
pub fn last_lines(ctx: &Context, container: &Container, lines: u32) -> Vec<String> {
    let Ok(answer) = docker::last_lines(&container.id, lines).ask(ctx.engine.limit()) else { return Vec::new() };
    // A container's two streams come apart; both are wanted.
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
    fn young_is_less_than_five_seconds() {
        for (seconds_up, want) in [(Some(0), true), (Some(4), true), (Some(5), false), (None, false)] {
            assert_eq!(is_young(&Container { seconds_up, ..Container::default() }), want, "{seconds_up:?}");
        }
    }

    #[test]
    fn a_service_is_as_well_as_its_worst_container() {
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
