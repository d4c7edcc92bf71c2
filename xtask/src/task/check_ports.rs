//! `cargo xtask check-ports`

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::operation::change::moves::Move;
use crate::operation::change::overrides;
use crate::operation::change::port_places::{self, PlaceReport};
use crate::operation::change::tracked::WriteMode;
use crate::operation::check::project::CheckedProject;
use crate::operation::check::report;
use crate::operation::machine::check_all;
use crate::operation::start::conflicts::{self, Resolution};
use crate::project::{self, Project};
use crate::ui::{self, Format};

/// Check whether all published ports are free; if not, show the holders and free ports
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask check-ports                    all ports, with owners and suggestions
  cargo xtask check-ports --reassign         write free ports into .env, or an override file
  cargo xtask check-ports --reassign --dry-run
  cargo xtask check-ports --stop-holders     stop the holders, after asking
  cargo xtask check-ports --all              every project that ports are kept for
  cargo xtask check-ports --probe-remote     remote engine: all sockets on that machine
  cargo xtask check-ports --format json | jq '.ports[] | select(.verdict == \"taken\")'

An address in a variable stays (DB_PORT=127.0.0.1:5432). Asks before it changes a file
that git tracks; --yes agrees. Where other settings read the variable, it asks what moves;
without a terminal only the published port does. [ports] follow in xtask.toml declares
what moves along.

Exit code: 0 all free or ours, 1 a conflict, 2 the project could not be read.")]
pub(crate) struct Args {
    /// Move conflicting ports to free ones: in the env file, or for literals in an override file
    #[arg(long, conflicts_with = "stop_holders")]
    reassign: bool,
    /// Stop the containers and processes that hold ports; asks first
    #[arg(long)]
    stop_holders: bool,
    /// Check every project on this machine that ports are kept for against the others
    #[arg(long, conflicts_with_all = ["reassign", "stop_holders"])]
    all: bool,
    /// Remote engine: check all sockets on that machine (by ssh, or in a container)
    #[arg(long, env = "XTASK_PROBE_REMOTE", value_parser = clap::builder::FalseyValueParser::new())]
    probe_remote: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    if args.all {
        return check_all(ctx);
    }
    let look = |project: Project| -> Result<CheckedProject> {
        let found = CheckedProject::new(project);
        let found = if args.probe_remote { found.with_remote_sockets()? } else { found };
        Ok(found.judge(&BTreeMap::new()))
    };
    let found = look(project::resolve_started(ctx)?)?;
    let ctx = &found.ctx;
    if let Some(trouble) = found.engine_unreachable() {
        return Err(ctx.engine_error(trouble));
    }
    report::notes(ctx, &found);
    overrides::note_stale(&found);
    if ctx.format == Format::Text {
        report::text(ctx, &found);
    }
    let (after, moves) = resolve_conflicts(args, &found)?.unzip();
    let after = after.map(look).transpose()?;
    let last = after.as_ref().unwrap_or(&found);
    match ctx.format {
        Format::Json => {
            let places = port_places::of_moves(last, &moves.unwrap_or_default()).places;
            ui::json(&Report { ports: report::json(last), places: port_places::report(ctx, &places) });
        }
        Format::Text if after.is_some() && !last.has_conflicts() => ui::note("no conflicts left"),
        Format::Text if after.is_some() => report::text(ctx, last),
        Format::Text => {}
    }
    Ok(if last.has_conflicts() { Exit::Finding } else { Exit::Success })
}

#[derive(Serialize)]
struct Report<T> {
    #[serde(flatten)]
    ports: T,
    /// Where other files name the old number of a port that was moved now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<PlaceReport>,
}

fn check_all(ctx: &Context) -> Result<Exit> {
    let found = check_all::check(ctx)?;
    ctx.print(|| &found, || found.text(ctx));
    Ok(if found.clashes() > 0 { Exit::Finding } else { Exit::Success })
}

/// Resolves conflicts as the options or the user's answer say. Returns the project if it
/// changed, and the moves.
fn resolve_conflicts(args: &Args, found: &CheckedProject) -> Result<Option<(Project, Vec<Move>)>> {
    let (ctx, writes) = (&found.ctx, WriteMode::Files);
    if !found.has_conflicts() {
        return Ok(None);
    }
    let answer = if args.reassign {
        conflicts::reassign(found, writes)?
    } else if args.stop_holders {
        conflicts::stop_holders(found, writes)?
    } else if ctx.is_interactive() && !ctx.yes && !ctx.dry_run {
        conflicts::ask(found, writes)?
    } else {
        conflicts::print_hints(found, writes, "check-ports --reassign", "check-ports --stop-holders");
        Resolution::Leave
    };
    Ok(match answer {
        Resolution::Resolved { project, moves, .. } => Some((*project, moves)).filter(|_| !ctx.dry_run),
        Resolution::NamedStart => {
            ui::note("`cargo xtask start --traefik` starts it with names");
            None
        }
        Resolution::Leave => None,
    })
}
