//! `cargo xtask start`

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::model::{Unpublished, Verdict};
use crate::operation::change::moves;
use crate::operation::check::project::{CheckedProject, Row};
use crate::operation::check::{engine_host, report};
use crate::operation::proxy::named_start::NamedStart;
use crate::operation::services::urls::{self, ServiceUrls};
use crate::operation::services::wait::{ServiceState, states};
use crate::operation::start::launch;
use crate::operation::start::steps::{Ending, Options, bring_up};
use crate::stack::OnConflict;
use crate::ui::{self, Column, Format};

/// Check the ports, start the stack, wait until it answers, and print its URLs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask start                            check, then up; asks about conflicts
  cargo xtask start --on-conflict reassign     use other ports if some are taken
  cargo xtask start --on-conflict stop --yes   stop the holders
  cargo xtask start --build backend            one service and what it depends on
  cargo xtask start --setup                    start a Docker engine first if there is none
  cargo xtask start --restore-ports            back to the ports before a reassign
  cargo xtask start --traefik                  host names instead of ports
  cargo xtask start --traefik --also-publish postgres
  cargo xtask start --no-write                 ports and name for this run only, no file written
  cargo xtask start --probe-remote             remote engine: all sockets on that machine

A linked git worktree, or a second clone with the same project name, gets its own
name and ports, which are written to its .env and kept. The same happens for each
user of a remote engine. If git tracks .env and there is no terminal to ask on, it
continues as with --no-write; --yes writes.

A folder keeps its project name and data when it is renamed or its .env is lost.
If data of an earlier name would be left behind, or may be another project's, it
asks; without a terminal nothing is started (exit code 1). --yes uses the data, and
-p NAME decides for good.

Exit code: 0 everything is up, 1 a conflict, or a service failed or was too slow,
2 it could not be done, 130 interrupted (containers keep running).")]
pub(crate) struct Args {
    /// What to do if ports are taken [default: ask on a terminal, else fail]
    #[arg(long, value_enum, value_name = "HOW", env = "XTASK_ON_CONFLICT")]
    on_conflict: Option<OnConflict>,
    /// Start the engine with scripts/engine/up if none answers
    #[arg(long)]
    setup: bool,
    /// Build images before starting
    #[arg(long)]
    build: bool,
    /// Seconds to wait for every service to be healthy and answer [default: 120]
    #[arg(long, value_name = "SECONDS", env = "XTASK_WAIT_TIMEOUT")]
    wait_timeout: Option<u64>,
    /// Go back to the ports before a reassign where they are free again
    #[arg(long)]
    restore_ports: bool,
    /// Pass ports and name to Compose in its environment, and write no file
    #[arg(long, conflicts_with = "restore_ports")]
    no_write: bool,
    /// Host names instead of ports; starts the shared proxy if it is not running
    #[arg(long, conflicts_with = "no_traefik")]
    traefik: bool,
    /// Ports, even if xtask.toml asks for names ([proxy] start = true)
    #[arg(long)]
    no_traefik: bool,
    /// With --traefik: publish the ports of this service as well
    #[arg(long, value_name = "SERVICE", requires = "traefik")]
    also_publish: Vec<String>,
    /// Remote engine: check all sockets on that machine (by ssh, or in a container)
    #[arg(long, env = "XTASK_PROBE_REMOTE", value_parser = clap::builder::FalseyValueParser::new())]
    probe_remote: bool,
    /// Only these services and what they depend on
    services: Vec<String>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let options = Options {
        on_conflict: args.on_conflict,
        setup: args.setup,
        restore_ports: args.restore_ports,
        no_write: args.no_write,
        named_start: if args.traefik { Some(true) } else { args.no_traefik.then_some(false) },
        also_publish: args.also_publish.clone(),
        probe_remote: args.probe_remote,
        up: launch::Options { services: args.services.clone(), build: args.build, wait_timeout: args.wait_timeout },
    };
    match bring_up(ctx, &options)? {
        Ending::Up { project, moved, named_start } => report_up(&project, &moved, named_start.as_deref()),
        Ending::Conflict => Ok(Exit::Finding),
        Ending::WouldStart(found) => {
            match ctx.format {
                Format::Json => ui::json(&report::json(&found)),
                Format::Text => {
                    // Conflicts were reported when they were resolved.
                    if !found.has_conflicts() {
                        report::text(ctx, &found);
                    }
                    ui::out("would run: docker compose up -d, then wait until every service is up");
                }
            }
            Ok(Exit::Success)
        }
    }
}

#[derive(Serialize)]
struct Started<'a> {
    schema: u32,
    project: &'a str,
    services: Vec<StartedService>,
    moved: Vec<Moved<'a>>,
    /// Entries of `ports:` that the engine ignores.
    not_published: Vec<NotPublished>,
}

#[derive(Serialize)]
struct NotPublished {
    service: String,
    /// `127.0.0.1:8000`
    address: String,
    why: String,
}

fn not_published(found: &CheckedProject) -> Vec<NotPublished> {
    let of_row = |row: &Row| match &row.verdict {
        Verdict::NotPublished { why, cause: Unpublished::Discarded } => Some(NotPublished {
            service: ui::clean(&row.wanted.mapping.service),
            address: row.wanted.mapping.address(),
            why: ui::clean(why),
        }),
        _ => None,
    };
    found.rows.iter().filter_map(of_row).collect()
}

#[derive(Serialize)]
struct StartedService {
    service: String,
    state: ServiceState,
    urls: Vec<String>,
}

#[derive(Serialize)]
struct Moved<'a> {
    /// `null` where the port is a literal.
    variable: Option<&'a str>,
    /// Only where the port is a literal: `SERVICE:TARGET`, with `/udp` for UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    literal: Option<String>,
    from: u16,
    to: u16,
}

fn report_up(found: &CheckedProject, moved: &[moves::Move], named_start: Option<&NamedStart>) -> Result<Exit> {
    let ctx = &found.ctx;
    let project = &found.stack.name;
    let containers = found.containers_now()?;
    let states = states(&found.stack, &containers);
    let mut urls = named_start.map(|named_start| named_start.urls(found)).unwrap_or_default();
    for published in urls::urls(ctx, found, &containers) {
        match urls.iter_mut().find(|known| known.service == published.service) {
            Some(known) => known.urls.extend(published.urls),
            None => urls.push(published),
        }
    }
    match ctx.format {
        Format::Json => {
            let of = |service: &str| urls.iter().find(|known| known.service == service).map(|known| known.urls.clone());
            let services = states
                .into_iter()
                .map(|(service, state)| StartedService { urls: of(&service).unwrap_or_default(), service, state })
                .collect();
            let moved = moved
                .iter()
                .map(|step| {
                    let (variable, literal) = match &step.source {
                        moves::PortSource::Variable(name) => (Some(name.as_str()), None),
                        moves::PortSource::Literal(slot) => (None, Some(slot.to_string())),
                    };
                    Moved { variable, literal, from: step.from, to: step.to }
                })
                .collect();
            ui::json(&Started { schema: 1, project, services, moved, not_published: not_published(found) });
        }
        Format::Text => print(project, &states, &urls),
    }
    for NotPublished { service, address, why } in not_published(found) {
        ui::note(&format!("note: {address} of {service} is not published: {why}"));
    }
    engine_host::note_loopback(found);
    if let Some(named_start) = named_start {
        named_start.note_hosts_file();
    }
    for step in moves::restorable(found) {
        ui::note(&format!(
            "note: {} can go back {} -> {}: `cargo xtask start --restore-ports`",
            step.source, step.from, step.to
        ));
    }
    Ok(Exit::Success)
}

fn print(project: &str, states: &BTreeMap<String, ServiceState>, urls: &[ServiceUrls]) {
    let up = states.values().filter(|state| state.is_ready()).count();
    ui::note(&format!("{}: {} up", ui::clean(project), ui::count(up, "service")));
    let mut rows = Vec::new();
    for known in urls {
        for (i, url) in known.urls.iter().enumerate() {
            let name = if i == 0 { ui::clean(&known.service) } else { String::new() };
            rows.push(vec![name, ui::clean(url)]);
        }
    }
    for line in ui::table(&[Column::Left, Column::Left], &rows) {
        ui::out(&line);
    }
}
