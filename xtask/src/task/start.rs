//! `cargo xtask start`

use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::model::{Binding, Container, Unpublished, Verdict};
use crate::operation::change::moves;
use crate::operation::change::port_places::{self, PlaceReport};
use crate::operation::check::project::{CheckedProject, Row};
use crate::operation::check::{engine_host, report};
use crate::operation::proxy::named_start::NamedStart;
use crate::operation::services::proof::PortProof;
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

Other settings that read the variable of a moved port keep their values, unless
xtask.toml declares that they follow ([ports] follow) or the answer on a terminal is so.

With -v, and as `ports` in JSON, it says how far each published port is proved:
bound (by the engine), answered (something answers), owned (this container does,
and no rule redirects the port; needs Linux and root). [wait] in xtask.toml sets
which ports have to answer.

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
        Ending::Started { project, moved, named_start, ports, error } => {
            report_started(&project, &moved, named_start.as_deref(), &ports, error)
        }
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
    /// Where other files name the old number of a port in `moved`.
    places: Vec<PlaceReport>,
    /// What the engine has bound, and how far it is shown that this project answers there.
    ports: &'a [PortProof],
    /// Why the stack is not up.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
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

/// With an error the URLs of what is up all the same.
fn report_started(
    found: &CheckedProject,
    moved: &[moves::Move],
    named_start: Option<&NamedStart>,
    ports: &[PortProof],
    error: Option<Error>,
) -> Result<Exit> {
    let ctx = &found.ctx;
    let project = &found.stack.name;
    let mut containers = match found.containers_now() {
        Ok(containers) => containers,
        Err(engine) => return Err(error.unwrap_or(engine)),
    };
    let states = states(&found.stack, &containers);
    if error.is_some() {
        leave_out_down(&mut containers, ports);
    }
    let mut urls = named_start.map(|named_start| named_start.urls(found)).unwrap_or_default();
    for published in urls::urls(ctx, found, &containers) {
        match urls.iter_mut().find(|known| known.service == published.service) {
            Some(known) => known.urls.extend(published.urls),
            None => urls.push(published),
        }
    }
    if error.is_some() {
        urls.retain(|known| states.get(&known.service).is_some_and(|state| state.is_ready()));
    }
    match ctx.format {
        Format::Json => {
            let of = |service: &str| urls.iter().find(|known| known.service == service).map(|known| known.urls.clone());
            let services = states
                .into_iter()
                .map(|(service, state)| StartedService { urls: of(&service).unwrap_or_default(), service, state })
                .collect();
            let places = port_places::report(ctx, &port_places::of_moves(found, moved).places);
            let changes = moved
                .iter()
                .map(|step| {
                    let (variable, literal) = match &step.source {
                        moves::PortSource::Variable(name) => (Some(name.as_str()), None),
                        moves::PortSource::Literal(slot) => (None, Some(slot.to_string())),
                    };
                    Moved { variable, literal, from: step.from, to: step.to }
                })
                .collect();
            let (not_published, error) = (not_published(found), error.as_ref().map(Error::message));
            ui::json(&Started { schema: 1, project, services, moved: changes, not_published, places, ports, error });
        }
        Format::Text => {
            if error.is_none() {
                let up = states.values().filter(|state| state.is_ready()).count();
                ui::note(&format!("{}: {} up", ui::clean(project), ui::count(up, "service")));
            }
            print_urls(&urls);
        }
    }
    for NotPublished { service, address, why } in not_published(found) {
        ui::note(&format!("note: {address} of {service} is not published: {why}"));
    }
    if let Some(error) = error {
        return Err(error);
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

/// Ports at which nothing answers, or something else, have no URL.
fn leave_out_down(containers: &mut [Container], ports: &[PortProof]) {
    let is_down = |binding: &Binding| {
        let of_binding = |port: &&PortProof| (port.published, port.protocol) == (binding.published, binding.protocol);
        ports.iter().find(of_binding).is_some_and(|port| port.is_down)
    };
    for container in containers {
        container.bindings.retain(|binding| !is_down(binding));
    }
}

fn print_urls(urls: &[ServiceUrls]) {
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
