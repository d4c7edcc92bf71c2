//! Owners and verdicts as text and as JSON.

use serde::Serialize;

use crate::context::Context;
use crate::decide::{Helper, ServedContainer, helper};
use crate::model::{Owner, Process, ServicePort, State, Verdict};
use crate::ui;

/// Why a port is unavailable, one line per reason.
pub(crate) fn reasons(ctx: &Context, verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Free | Verdict::Ours(_) => Vec::new(),
        Verdict::Taken(owners) => owners.iter().map(|owner| describe(ctx, owner)).collect(),
        Verdict::Reserved { range, by } => vec![format!("ports {range} are reserved by {}", ui::clean(by))],
        Verdict::NotPublished { why, .. } | Verdict::Unknown { why } => vec![ui::clean(why)],
    }
}

pub(crate) fn taken_by(ctx: &Context, owner: &Owner) -> String {
    match owner {
        // Already a whole sentence.
        Owner::Unknown { why } => ui::clean(why),
        owner => format!("by {}", describe(ctx, owner)),
    }
}

pub(crate) fn describe(ctx: &Context, owner: &Owner) -> String {
    match owner {
        Owner::Process(process) => describe_process(process),
        Owner::Container(container) => {
            let name = ui::clean(&container.name);
            let of = match (&container.project, &container.service) {
                (Some(project), Some(service)) => {
                    format!(" (service {} of project {})", ui::clean(service), ui::clean(project))
                }
                _ => String::new(),
            };
            let dir = container.working_dir.as_deref().map(|dir| format!(", started from {}", ctx.show(dir)));
            let state = if container.state == State::Restarting { ", which keeps restarting" } else { "" };
            format!("container {name}{of}{}{state}", dir.unwrap_or_default())
        }
        Owner::SwarmService(held) => describe_service(held),
        Owner::Engine(engine) => engine.purpose.as_str().to_owned(),
        Owner::Unknown { why } => ui::clean(why),
    }
}

fn describe_service(held: &ServicePort) -> String {
    let stack = held.service.stack.as_deref().map(|stack| format!(" (stack {})", ui::clean(stack)));
    format!("Swarm service {}{}", ui::clean(&held.service.name), stack.unwrap_or_default())
}

/// `python3 -m http.server 8000 (pid 4711, user ben, since 2026-…)`.
pub(crate) fn describe_process(process: &Process) -> String {
    let command = ui::mask_command(&ui::clean(&process.command));
    let shown = match helper(process) {
        Some(helper) => format!("{} for {}", ui::clean(&process.name), helper.serves()),
        None if command.is_empty() => ui::clean(&process.name),
        None => command,
    };
    let user = process.user.as_deref().map(|user| format!(", user {}", ui::clean(user)));
    let since = process.started.map(|time| format!(", since {}", ui::rfc3339(time)));
    format!("{} (pid {}{}{})", ui::clip(&shown, 100), process.pid, user.unwrap_or_default(), since.unwrap_or_default())
}

/// An owner as JSON. Foreign text is cleaned, and secrets in it are masked.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum OwnerReport {
    Process {
        pid: u32,
        name: String,
        /// The command line; `null` if it isn't readable.
        command: Option<String>,
        user: Option<String>,
        started: Option<String>,
        /// For a helper of a container engine.
        #[serde(skip_serializing_if = "Option::is_none")]
        helper: Option<HelperReport>,
    },
    Container {
        id: String,
        name: String,
        project: Option<String>,
        service: Option<String>,
        working_dir: Option<String>,
    },
    /// A service of a Swarm.
    #[serde(rename = "swarm-service")]
    SwarmService {
        id: String,
        name: String,
        stack: Option<String>,
        published: u16,
        target: u16,
        /// `ingress` or `host`.
        mode: &'static str,
    },
    /// The engine itself, not a container.
    Engine {
        what: &'static str,
        pid: Option<u32>,
    },
    Unknown {
        why: String,
    },
}

/// Whom a helper of a container engine serves.
#[derive(Debug, Serialize)]
pub(crate) struct HelperReport {
    engine: &'static str,
    /// Name or id; `null` if the helper does not tell.
    container: Option<String>,
    /// What stops the container.
    remedy: String,
}

impl From<Helper<'_>> for HelperReport {
    fn from(helper: Helper<'_>) -> Self {
        let container = match helper.container {
            Some(ServedContainer::Name(word) | ServedContainer::Id(word)) => Some(word.to_owned()),
            _ => None,
        };
        HelperReport { engine: helper.of.as_str(), container, remedy: ui::clean(&helper.remedy()) }
    }
}

impl OwnerReport {
    /// All owners of the port, including this project's own container.
    pub(crate) fn of_verdict(verdict: &Verdict) -> Vec<OwnerReport> {
        match verdict {
            Verdict::Ours(container) => vec![OwnerReport::from(&Owner::Container((**container).clone()))],
            Verdict::Unknown { why } => vec![OwnerReport::Unknown { why: ui::clean(why) }],
            verdict => verdict.owners().iter().map(OwnerReport::from).collect(),
        }
    }
}

impl From<&Owner> for OwnerReport {
    fn from(owner: &Owner) -> Self {
        match owner {
            Owner::Process(process) => OwnerReport::Process {
                pid: process.pid,
                name: ui::clean(&process.name),
                command: Some(ui::mask_command(&ui::clean(&process.command))).filter(|command| !command.is_empty()),
                user: process.user.as_deref().map(ui::clean),
                started: process.started.map(ui::rfc3339),
                helper: helper(process).map(HelperReport::from),
            },
            Owner::Container(container) => OwnerReport::Container {
                id: container.id.clone(),
                name: ui::clean(&container.name),
                project: container.project.as_deref().map(ui::clean),
                service: container.service.as_deref().map(ui::clean),
                working_dir: container.working_dir.as_deref().map(|dir| ui::clean(&dir.display().to_string())),
            },
            Owner::SwarmService(held) => OwnerReport::SwarmService {
                id: ui::clean(&held.service.id),
                name: ui::clean(&held.service.name),
                stack: held.service.stack.as_deref().map(ui::clean),
                published: held.port.published,
                target: held.port.target,
                mode: held.port.mode.as_str(),
            },
            Owner::Engine(engine) => OwnerReport::Engine { what: engine.purpose.as_str(), pid: engine.pid },
            Owner::Unknown { why } => OwnerReport::Unknown { why: ui::clean(why) },
        }
    }
}
