//! Prints a checked project as text or JSON.

use std::path::Path;

use console::style;
use serde::Serialize;

use super::engine_host;
use super::project::{CheckedProject, Row};
use crate::context::Context;
use crate::docker::{ComposeError, MissingCompose};
use crate::model::{Origin, PortRange, Source, Unpublished, Verdict};
use crate::ports::{OwnerReport, reasons, taken_by};
use crate::project::OtherManager;
use crate::ui::{self, Column};

/// The JSON of `check-ports`. Every key is always present; a missing value is `null`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    schema: u32,
    project: &'a str,
    /// The engine's machine, if it isn't this one.
    remote: Option<RemoteReport<'a>>,
    ports: Vec<PortReport<'a>>,
}

#[derive(Debug, Serialize)]
struct RemoteReport<'a> {
    host: &'a str,
    /// Whether all sockets there were checked, and not only the engine's bindings.
    probed: bool,
}

#[derive(Debug, Serialize)]
struct PortReport<'a> {
    service: &'a str,
    host_ip: Option<String>,
    published: Option<u16>,
    /// The last port of a range from which the engine picks one.
    published_end: Option<u16>,
    target: u16,
    protocol: &'static str,
    variable: Option<&'a str>,
    verdict: &'static str,
    owners: Vec<OwnerReport>,
    suggestion: Option<u16>,
    source: Option<String>,
    reserved: Option<PortRange>,
    /// Why it is not published.
    why: Option<String>,
    /// The address that a network sets for a mapping without a host IP.
    network_ip: Option<String>,
    /// Another project that has leased the port.
    lease: Option<LeaseReport<'a>>,
}

#[derive(Debug, Serialize)]
struct LeaseReport<'a> {
    project: &'a str,
    #[serde(serialize_with = "ui::json_path")]
    dir: &'a Path,
}

pub fn json(project: &CheckedProject) -> Report<'_> {
    let port = |row| port_report(project, row);
    let remote = project.host.as_ref().map(|host| RemoteReport { host: &host.name, probed: host.sockets.is_some() });
    Report { schema: 1, project: &project.stack.name, remote, ports: project.rows.iter().map(port).collect() }
}

fn port_report<'a>(project: &CheckedProject, row: &'a Row) -> PortReport<'a> {
    let mapping = &row.wanted.mapping;
    PortReport {
        service: &mapping.service,
        host_ip: mapping.host_ip.map(|ip| ip.to_string()),
        published: mapping.published.map(|range| range.first),
        published_end: mapping.published.filter(|range| !range.is_one()).map(|range| range.last),
        target: mapping.target,
        protocol: mapping.protocol.as_str(),
        variable: row.variable(),
        verdict: row.verdict.as_str(),
        owners: OwnerReport::of_verdict(&row.verdict),
        suggestion: row.suggestion,
        source: row.wanted.origin.as_ref().map(|origin| source(project, origin)),
        reserved: match &row.verdict {
            Verdict::Reserved { range, .. } => Some(*range),
            _ => None,
        },
        why: match &row.verdict {
            Verdict::NotPublished { why, .. } => Some(ui::clean(why)),
            _ => None,
        },
        network_ip: project.network_ip(mapping).map(|ip| ip.to_string()),
        lease: row.kept_for.as_ref().map(|(project, dir)| LeaseReport { project, dir }),
    }
}

/// The value's source: `shell`, `.env:3`, `.env.template:3 (template)`, `default`, `literal`.
fn source(project: &CheckedProject, origin: &Origin) -> String {
    match (&origin.source, &project.template) {
        (Source::EnvFile { path, .. }, Some(template)) if path == template => format!("{} (template)", origin.source),
        (source, _) => source.to_string(),
    }
}

/// Prints the table, and under each conflict the owner and a free port.
pub fn text(ctx: &Context, project: &CheckedProject) {
    let ports = project.rows.len();
    let count = match project.conflicts().count() {
        0 => "no conflicts".to_owned(),
        n => ui::count(n, "conflict"),
    };
    ui::out(&format!("{}: {}, {count}", style(&project.stack.name).bold(), ui::count(ports, "port")));
    if ports == 0 {
        return;
    }
    let columns = [Column::Left, Column::Left, Column::Left, Column::Left];
    let cells: Vec<Vec<String>> = project.rows.iter().map(|row| cells(project, row)).collect();
    for (row, line) in project.rows.iter().zip(ui::table(&columns, &cells)) {
        ui::out(&format!("  {line}"));
        if let Some(ip) = project.network_ip(&row.wanted.mapping) {
            ui::out(&format!("      on {ip}, set by its network"));
        }
        for line in explanations(ctx, project, row) {
            ui::out(&format!("      {line}"));
        }
    }
}

fn cells(project: &CheckedProject, row: &Row) -> Vec<String> {
    let mapping = &row.wanted.mapping;
    let from = match (&row.wanted.origin, row.variable()) {
        (Some(origin), Some(variable)) => format!("{variable} ({})", source(project, origin)),
        (Some(origin), None) => {
            let file = origin.file.file_name().unwrap_or(origin.file.as_os_str());
            format!("{}:{}", file.to_string_lossy(), origin.line)
        }
        (None, _) => String::new(),
    };
    let verdict = match &row.verdict {
        Verdict::Free if mapping.published.is_none() => style("the engine picks").green(),
        // The host's sockets are unknown, so the port may be held.
        Verdict::Free if project.host.as_ref().is_some_and(|host| host.is_container_host && host.sockets.is_none()) => {
            style("no container has it").green()
        }
        Verdict::Free => style("free").green(),
        Verdict::Ours(_) => style("ours, running").green(),
        Verdict::Taken(_) if project.manager_of(row).is_some() => style("ours, without Compose").red().bold(),
        Verdict::Taken(_) if row.clash.is_some() => style("clash").red().bold(),
        Verdict::Taken(_) => style("taken").red().bold(),
        Verdict::Reserved { .. } => style("reserved").red().bold(),
        Verdict::NotPublished { cause: Unpublished::Discarded, .. } => style("not published").yellow(),
        Verdict::NotPublished { .. } => style("not published").red().bold(),
        Verdict::Unknown { .. } => style("unusable").red().bold(),
    };
    vec![ui::clean(&mapping.service), mapping.address(), ui::clean(&from), verdict.to_string()]
}

/// The port's owner or why it is not published, and a free port.
fn explanations(ctx: &Context, project: &CheckedProject, row: &Row) -> Vec<String> {
    let mut lines = match &row.verdict {
        Verdict::Taken(owners) => owners.iter().map(|owner| taken_by(ctx, owner)).collect(),
        verdict => reasons(ctx, verdict),
    };
    lines.extend(project.manager_of(row).map(|manager| {
        let how = match manager {
            OtherManager::PodmanCompose => "this project, under podman-compose",
            OtherManager::Stack => "this project's own stack",
        };
        format!("{how}: `{}` ends it", project.end_command(manager))
    }));
    lines.extend(row.suggestion.map(|port| format!("free: {port}")));
    lines
}

/// Notes about what limited the check.
pub fn notes(ctx: &Context, project: &CheckedProject) {
    if let Some(template) = &project.template {
        ui::note(&format!(
            "note: no .env yet: checked with the values of {}, which `cargo xtask start` copies",
            ctx.show(template)
        ));
    }
    if let Some(trouble) = &project.compose_trouble {
        let error = ctx.compose_error(trouble);
        ui::note(&format!("note: {error}: the built-in reader was used instead"));
        // Without Docker at all, the hints to install Compose are not wanted.
        if *trouble != ComposeError::Absent(MissingCompose::NoDocker) {
            error.hints().iter().for_each(|hint| ui::note(&format!("hint: {hint}")));
        }
    }
    if let Err(trouble) = &project.containers {
        ui::warn(&format!("containers cannot be listed: {}", ctx.engine_error(trouble)));
    }
    engine_host::note_container_host(project);
    if let Some(host) = project.host.as_ref().filter(|host| !host.is_container_host) {
        let seen = match host.sockets {
            Some(_) => "its containers and all sockets of that machine were checked",
            None => "only its containers' ports are known; --probe-remote checks that machine's sockets too",
        };
        ui::note(&format!("note: the engine is at {}: ports are bound there; {seen}", ctx.engine.endpoint().host));
    }
    if let Some(other) = &project.other_folder {
        ui::warn(&format!(
            "a project named `{}` has containers from {}: `start` here would replace them",
            project.stack.name,
            ctx.show(other)
        ));
    }
}
