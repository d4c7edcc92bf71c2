//! Containers of this project, and the images it needs.

use crate::model::{Container, State};
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Fix;
use crate::operation::services::wait::{self, ServiceState};
use crate::ui;

const LOG_LINES: u32 = 5;
/// More restarts than this are reported.
const RESTARTS: u64 = 3;

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(survey) = facts.project() else { return Vec::new() };
    if survey.containers.is_err() {
        return Vec::new();
    }
    let own: Vec<&Container> = facts.own().into_iter().filter(|container| !container.one_off).collect();
    let mut found: Vec<Finding> = own.iter().filter_map(|container| container_problem(facts, container)).collect();
    if found.is_empty() {
        let seen = match own.len() {
            0 => "none: `cargo xtask start` creates them".to_owned(),
            count => format!("{count}, none failed"),
        };
        found.push(Finding::ok("containers.state", "containers of this project", seen));
    }
    found.extend(images(facts));
    found
}

fn container_problem(facts: &Facts, container: &Container) -> Option<Finding> {
    let ctx = &facts.ctx;
    let state = wait::container_state(container);
    let reason = || wait::reason(ctx, container);
    let seen = match (state, container.state) {
        (ServiceState::Failed | ServiceState::Unhealthy, _) => reason(),
        (_, State::Restarting) => format!("it keeps restarting: {}", reason()),
        (ServiceState::Created, _) => {
            // Created but failed to start: the engine keeps the reason.
            let detail = ctx.engine.detail(&container.id).ok().filter(|detail| !detail.error.is_empty())?;
            ui::clean(&detail.error)
        }
        (_, State::Running) => {
            let detail = ctx.engine.detail(&container.id).ok().filter(|detail| detail.restarts > RESTARTS)?;
            format!("it was restarted {} times", detail.restarts)
        }
        _ => return None,
    };
    let name = ui::clean(&container.name);
    let service = container.service.as_deref().map(ui::argument).unwrap_or_default();
    let log = wait::last_lines(ctx, container, LOG_LINES).into_iter().map(|line| format!("  | {line}"));
    let seen = std::iter::once(seen).chain(log).collect::<Vec<_>>().join("\n");
    // 128 + SIGTERM: `docker compose stop` or `docker stop` ended it on purpose.
    let was_stopped = container.state == State::Exited && container.exit_code == Some(143);
    let status = if was_stopped {
        Status::Note
    } else if container.state == State::Running && state != ServiceState::Unhealthy {
        Status::Warning
    } else {
        Status::Problem
    };
    let remedy = if container.state == State::Paused {
        "docker compose unpause".to_owned()
    } else {
        format!("`cargo xtask logs {service}` shows more; `cargo xtask start` retries")
    };
    Some(
        Finding::new("containers.state", format!("container {name}"), status, seen)
            .why("whatever depends on it does not work")
            .remedy(remedy),
    )
}

/// Images that `start` has to build or pull first.
fn images(facts: &Facts) -> Vec<Finding> {
    let Some(survey) = facts.project() else { return Vec::new() };
    let (mut build, mut pull) = (Vec::new(), Vec::new());
    for service in &survey.stack.services {
        // The name that Compose gives an image it builds.
        let image = service.image.clone().unwrap_or_else(|| format!("{}-{}", survey.stack.name, service.name));
        if matches!(facts.ctx.engine.image(&image), Ok(None)) {
            if service.build { build.push(ui::clean(&service.name)) } else { pull.push(ui::clean(&image)) }
        }
    }
    let mut found = Vec::new();
    if !build.is_empty() {
        found.push(
            Finding::new("containers.build", "images to build", Status::Note, build.join(", "))
                .why("the first start builds them and takes longer")
                .remedy("docker compose build")
                .fix(Fix::Build),
        );
    }
    if !pull.is_empty() {
        pull.sort();
        pull.dedup();
        found.push(
            Finding::new("containers.pull", "images to pull", Status::Note, pull.join(", "))
                .why("the first start pulls them and needs the network")
                .remedy("docker compose pull")
                .fix(Fix::Pull),
        );
    }
    if found.is_empty() {
        found.push(Finding::ok("containers.images", "images", "all present"));
    }
    found
}
