//! The inventory as text and as JSON.

use std::net::IpAddr;

use console::{measure_text_width, style};
use serde::Serialize;

use super::gather::{Activity, Entry, Inventory, ServiceEntry};
use super::stacks::StackReport;
use crate::context::Context;
use crate::docker::EngineError;
use crate::model::{Binding, Health, Lease, PortRange, Protocol};
use crate::ui::{self, Column};

/// The JSON of `ls`; missing values are `null`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    schema: u32,
    /// Why containers are unknown.
    trouble: Option<String>,
    projects: Vec<ProjectReport<'a>>,
    /// Of the Swarm that the engine is a node of.
    stacks: Vec<StackReport>,
}

#[derive(Debug, Serialize)]
struct ProjectReport<'a> {
    project: String,
    dir: String,
    exists: Option<bool>,
    here: bool,
    branch: Option<String>,
    /// Top folder of the main checkout, for a linked worktree.
    main: Option<String>,
    state: &'static str,
    range: Option<PortRange>,
    services: Vec<ServiceReport<'a>>,
}

#[derive(Debug, Serialize)]
struct ServiceReport<'a> {
    service: String,
    dev_server: bool,
    state: &'static str,
    health: Option<&'static str>,
    ports: Vec<PortReport>,
    urls: &'a [String],
    leased: Vec<LeaseReport<'a>>,
}

#[derive(Debug, Serialize)]
struct PortReport {
    published: u16,
    target: u16,
    protocol: Protocol,
    host_ip: IpAddr,
}

#[derive(Debug, Serialize)]
struct LeaseReport<'a> {
    published: u16,
    target: Option<u16>,
    protocol: Protocol,
    since: &'a str,
}

/// `ls --format json`.
pub fn json<'a>(ctx: &Context, found: &'a Inventory) -> Report<'a> {
    Report {
        schema: 1,
        trouble: found.trouble.as_ref().map(|trouble| ctx.engine_error(trouble).to_string()),
        projects: found.entries.iter().map(project).collect(),
        stacks: found.stacks.json(),
    }
}

fn project(entry: &Entry) -> ProjectReport<'_> {
    let clean = |path: &std::path::Path| ui::clean(&path.display().to_string());
    let checkout = entry.checkout.as_ref();
    ProjectReport {
        project: ui::clean(&entry.project),
        dir: clean(&entry.dir),
        exists: entry.exists,
        here: entry.here,
        branch: checkout.and_then(|checkout| checkout.branch.as_deref()).map(ui::clean),
        main: checkout.and_then(|checkout| checkout.main.as_deref()).map(clean),
        state: entry.state().as_str(),
        range: entry.range,
        services: entry.services.iter().map(service).collect(),
    }
}

fn service(service: &ServiceEntry) -> ServiceReport<'_> {
    let port = |binding: &Binding| PortReport {
        published: binding.published,
        target: binding.target,
        protocol: binding.protocol,
        host_ip: binding.host_ip,
    };
    let lease = |lease: &'_ Lease| (lease.published, Some(lease.target).filter(|port| *port > 0), lease.protocol);
    ServiceReport {
        service: ui::clean(&service.name),
        dev_server: service.dev_server,
        state: service.state.as_str(),
        health: service.health.map(Health::as_str),
        ports: service.bindings.iter().map(port).collect(),
        urls: &service.urls,
        leased: service
            .leases
            .iter()
            .map(|of| {
                let (published, target, protocol) = lease(of);
                LeaseReport { published, target, protocol, since: &of.since }
            })
            .collect(),
    }
}

/// Why containers are unknown, if they are.
pub fn trouble(ctx: &Context, found: &Inventory) -> Option<String> {
    let trouble = found.trouble.as_ref()?;
    let error = ctx.engine_error(trouble);
    Some(match trouble {
        EngineError::Absent => format!("containers cannot be listed; only kept ports are shown: {error}"),
        _ => format!("containers cannot be listed; only kept ports are shown: {error} (`cargo xtask diagnose`)"),
    })
}

/// Per project a headline and a line for each service. Only a folder or URL may exceed
/// `width`.
pub fn lines(ctx: &Context, found: &Inventory, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in &found.entries {
        lines.extend(headline(ctx, entry, width));
        if entry.is_orphan() {
            lines.extend(clean_up_hints(entry));
        }
        lines.extend(services(entry, width));
    }
    lines.extend(found.stacks.lines());
    if lines.is_empty() {
        lines.push("no Compose project runs on this machine, and no port is kept".to_owned());
    }
    lines
}

fn headline(ctx: &Context, entry: &Entry, width: usize) -> Vec<String> {
    let state = match entry.state() {
        Activity::Running => style(format!("running {}/{}", entry.running(), entry.services.len())).green(),
        Activity::Starting => style("starting".to_owned()).yellow(),
        Activity::Stopped => style("stopped".to_owned()).yellow(),
        Activity::Leased => style("not running".to_owned()).dim(),
    };
    let mut parts = vec![style(ui::clean(&entry.project)).bold().to_string(), state.to_string()];
    if entry.here {
        parts.push("here".to_owned());
    }
    let checkout = entry.checkout.as_ref();
    parts.extend(checkout.and_then(|checkout| checkout.branch.as_deref()).map(ui::clean));
    parts.extend(checkout.filter(|checkout| checkout.linked).map(|_| "worktree".to_owned()));
    parts.extend(entry.range.map(|range| format!("block {range}")));
    let head = parts.join("  ");
    let dir = ui::local_path(&entry.dir, ctx.home.as_deref());
    if measure_text_width(&head) + 2 + dir.chars().count() <= width {
        vec![format!("{head}  {dir}")]
    } else {
        vec![head, format!("  {dir}")]
    }
}

/// The commands that clean up after a deleted folder.
fn clean_up_hints(entry: &Entry) -> Vec<String> {
    let mut lines = vec![format!("  {}", style("its folder was deleted").red())];
    if entry.contained {
        lines.push(format!("  remove its containers: `docker compose -p {} down`", ui::quoted(&entry.project)));
    }
    if entry.leased {
        lines.push("  release its ports: `cargo xtask release --gone`".to_owned());
    }
    lines
}

fn services(entry: &Entry, width: usize) -> Vec<String> {
    let columns = [Column::Left, Column::Left, Column::Left];
    let cells: Vec<Vec<String>> = entry.services.iter().map(cells).collect();
    let mut lines = Vec::new();
    for (service, line) in entry.services.iter().zip(ui::table(&columns, &cells)) {
        let line = format!("  {line}");
        match service.urls.first() {
            None => lines.push(line),
            Some(url) if measure_text_width(&line) + 2 + url.chars().count() <= width => {
                lines.push(format!("{line}  {url}"));
            }
            Some(url) => lines.extend([line, format!("      {url}")]),
        }
    }
    lines
}

/// Ports in the table; JSON has all.
const SHOWN: usize = 3;

fn cells(service: &ServiceEntry) -> Vec<String> {
    let state = match (service.state, service.health) {
        (Activity::Running, Some(Health::Unhealthy)) => style("unhealthy").red().bold(),
        (Activity::Running, Some(Health::Starting)) | (Activity::Starting, _) => style("starting").yellow(),
        (Activity::Running, Some(Health::Healthy)) => style("healthy").green(),
        (Activity::Running, None) if service.dev_server => style("listens").green(),
        (Activity::Running, None) => style("running").green(),
        (Activity::Stopped, _) => style("stopped").yellow(),
        (Activity::Leased, _) => style("kept").dim(),
    };
    // A running service shows its actual ports, not the kept ones.
    let mut ports: Vec<String> =
        if service.bindings.is_empty() && (service.dev_server || service.state != Activity::Running) {
            service.leases.iter().map(|lease| port(lease.published, lease.target, lease.protocol, None)).collect()
        } else {
            service.bindings.iter().map(binding).collect()
        };
    // IPv4 and IPv6 bindings look the same here.
    ports.dedup();
    let more = ports.len().saturating_sub(SHOWN);
    ports.truncate(SHOWN);
    ports.extend((more > 0).then(|| format!("+{more}")));
    vec![ui::clean(&service.name), ports.join(" "), state.to_string()]
}

fn binding(binding: &Binding) -> String {
    let ip = Some(binding.host_ip).filter(|ip| !ip.is_unspecified());
    port(binding.published, binding.target, binding.protocol, ip)
}

/// `8001->80`, `5432`, `127.0.0.1:53/udp`.
fn port(published: u16, target: u16, protocol: Protocol, ip: Option<IpAddr>) -> String {
    let ip = match ip {
        None => String::new(),
        Some(IpAddr::V4(ip)) => format!("{ip}:"),
        Some(IpAddr::V6(ip)) => format!("[{ip}]:"),
    };
    let target = if target == 0 || target == published { String::new() } else { format!("->{target}") };
    let protocol = if protocol == Protocol::Tcp { String::new() } else { format!("/{protocol}") };
    format!("{ip}{published}{target}{protocol}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_says_no_more_than_it_has_to() {
        let tcp = Protocol::Tcp;
        assert_eq!(port(8001, 80, tcp, None), "8001->80");
        assert_eq!(port(5432, 5432, tcp, None), "5432");
        assert_eq!(port(8010, 0, tcp, None), "8010");
        assert_eq!(port(53, 5353, Protocol::Udp, Some("::1".parse().unwrap())), "[::1]:53->5353/udp");
    }
}
