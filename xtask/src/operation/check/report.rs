//! A survey as text and as JSON.

use std::path::Path;

use console::style;
use serde::Serialize;

use super::engine_host;
use super::survey::{Row, Survey};
use crate::context::Context;
use crate::docker::{ComposeError, MissingCompose};
use crate::model::{Origin, PortRange, Source, Unpublished, Verdict};
use crate::ports::{OwnerReport, reasons, taken_by};
use crate::ui::{self, Column};

/// The JSON of `check-ports`; every key is always there, absent is `null`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    schema: u32,
    project: &'a str,
    /// The engine's machine, where it is not this one.
    remote: Option<RemoteReport<'a>>,
    ports: Vec<PortReport<'a>>,
}

#[derive(Debug, Serialize)]
struct RemoteReport<'a> {
    host: &'a str,
    /// Whether all that is bound there was looked at, and not the engine's
    /// bindings alone.
    probed: bool,
}

#[derive(Debug, Serialize)]
struct PortReport<'a> {
    service: &'a str,
    host_ip: Option<String>,
    published: Option<u16>,
    /// The last port, where the engine picks one of a range.
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
    /// The address that the engine binds because of a network, where the mapping
    /// names none.
    network_ip: Option<String>,
    /// Somebody else that the port is kept for.
    lease: Option<LeaseReport<'a>>,
}

#[derive(Debug, Serialize)]
struct LeaseReport<'a> {
    project: &'a str,
    #[serde(serialize_with = "ui::json_path")]
    dir: &'a Path,
}

/// The survey as JSON.
pub fn json(survey: &Survey) -> Report<'_> {
    let port = |row| port_report(survey, row);
    let remote = survey.host.as_ref().map(|host| RemoteReport { host: &host.name, probed: host.sockets.is_some() });
    Report { schema: 1, project: &survey.stack.name, remote, ports: survey.rows.iter().map(port).collect() }
}

fn port_report<'a>(survey: &Survey, row: &'a Row) -> PortReport<'a> {
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
        source: row.wanted.origin.as_ref().map(|origin| source(survey, origin)),
        reserved: match &row.verdict {
            Verdict::Reserved { range, .. } => Some(*range),
            _ => None,
        },
        why: match &row.verdict {
            Verdict::NotPublished { why, .. } => Some(ui::clean(why)),
            _ => None,
        },
        network_ip: survey.network_ip(mapping).map(|ip| ip.to_string()),
        lease: row.kept_for.as_ref().map(|(project, dir)| LeaseReport { project, dir }),
    }
}

/// Where the value comes from: `shell`, `.env:3`, `.env.template:3 (template)`,
/// `default`, `literal`.
fn source(survey: &Survey, origin: &Origin) -> String {
    match (&origin.source, &survey.template) {
        (Source::EnvFile { path, .. }, Some(template)) if path == template => format!("{} (template)", origin.source),
        (source, _) => source.to_string(),
    }
}

/// The table, and under each conflict who has it and where to go.
pub fn text(ctx: &Context, survey: &Survey) {
    let found = survey.conflicts().count();
    let ports = survey.rows.len();
    let count = match found {
        0 => "no conflicts".to_owned(),
        n => ui::count(n, "conflict"),
    };
    ui::out(&format!("{}: {}, {count}", style(&survey.stack.name).bold(), ui::count(ports, "port")));
    if ports == 0 {
        return;
    }
    let columns = [Column::Left, Column::Left, Column::Left, Column::Left];
    let cells: Vec<Vec<String>> = survey.rows.iter().map(|row| cells(survey, row)).collect();
    for (row, line) in survey.rows.iter().zip(ui::table(&columns, &cells)) {
        ui::out(&format!("  {line}"));
        if let Some(ip) = survey.network_ip(&row.wanted.mapping) {
            ui::out(&format!("      on {ip}, which its network says"));
        }
        for line in explanations(ctx, row) {
            ui::out(&format!("      {line}"));
        }
    }
}

fn cells(survey: &Survey, row: &Row) -> Vec<String> {
    let mapping = &row.wanted.mapping;
    let from = match (&row.wanted.origin, row.variable()) {
        (Some(origin), Some(variable)) => format!("{variable} ({})", source(survey, origin)),
        (Some(origin), None) => {
            let file = origin.file.file_name().unwrap_or(origin.file.as_os_str());
            format!("{}:{}", file.to_string_lossy(), origin.line)
        }
        (None, _) => String::new(),
    };
    let verdict = match &row.verdict {
        Verdict::Free if mapping.published.is_none() => style("the engine picks").green(),
        // Not seen is not free.
        Verdict::Free if survey.host.as_ref().is_some_and(|host| host.is_around && host.sockets.is_none()) => {
            style("no container has it").green()
        }
        Verdict::Free => style("free").green(),
        Verdict::Ours(_) => style("ours, running").green(),
        Verdict::Taken(_) if row.clash.is_some() => style("clash").red().bold(),
        Verdict::Taken(_) => style("taken").red().bold(),
        Verdict::Reserved { .. } => style("reserved").red().bold(),
        Verdict::NotPublished { cause: Unpublished::Discarded, .. } => style("not published").yellow(),
        Verdict::NotPublished { .. } => style("not published").red().bold(),
        Verdict::Unknown { .. } => style("unusable").red().bold(),
    };
    vec![ui::clean(&mapping.service), mapping.address(), ui::clean(&from), verdict.to_string()]
}

/// Who has the port or why it is not published, and where it could go.
fn explanations(ctx: &Context, row: &Row) -> Vec<String> {
    let mut lines = match &row.verdict {
        Verdict::Taken(owners) => owners.iter().map(|owner| taken_by(ctx, owner)).collect(),
        verdict => reasons(ctx, verdict),
    };
    lines.extend(row.suggestion.map(|port| format!("free: {port}")));
    lines
}

/// What a survey could not do as usual.
pub fn notes(ctx: &Context, survey: &Survey) {
    if let Some(template) = &survey.template {
        ui::note(&format!("note: no .env yet: judged by {}, which `cargo xtask start` copies", ctx.show(template)));
    }
    if let Some(trouble) = &survey.without_compose {
        let error = ctx.compose_error(trouble);
        ui::note(&format!("note: {error}: the built-in reader was used instead"));
        // Who has no Docker at all may well do without.
        if *trouble != ComposeError::Absent(MissingCompose::NoDocker) {
            error.hints().iter().for_each(|hint| ui::note(&format!("hint: {hint}")));
        }
    }
    if let Err(trouble) = &survey.containers {
        ui::warn(&format!("containers are not seen: {}", ctx.engine_error(trouble)));
    }
    engine_host::note_around(survey);
    if let Some(host) = survey.host.as_ref().filter(|host| !host.is_around) {
        let seen = match host.sockets {
            Some(_) => "its containers and all that is bound on that machine were looked at",
            None => "only what its containers have was looked at, --probe-remote looks at the machine too",
        };
        ui::note(&format!("note: the engine is at {}: ports are bound there; {seen}", ctx.engine.endpoint().host));
    }
    if let Some(other) = &survey.elsewhere {
        ui::warn(&format!(
            "a project named `{}` has containers from {}: `start` here would replace them",
            survey.stack.name,
            ctx.show(other)
        ));
    }
}
