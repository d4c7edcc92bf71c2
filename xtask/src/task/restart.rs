//! `cargo xtask restart`

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::{project, ui};

/// Restart services without recreating their containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask restart             every service
  cargo xtask restart backend

For changed ports or variables use `cargo xtask start`, which recreates the containers
concerned.")]
pub(crate) struct Args {
    /// Only these services
    services: Vec<String>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let found = project::resolve_started(ctx)?;
    let ctx = &found.ctx;
    found.require_ready()?;
    found.refuse_unseen_containers(Some("docker service update --force"))?;
    let words = std::iter::once("restart").chain(args.services.iter().map(String::as_str));
    let command = ctx.compose().command(words);
    if ctx.dry_run {
        ui::out(&format!("would run: {}", command.line()));
        return Ok(Exit::Success);
    }
    match command.show(false)? {
        0 => Ok(Exit::Success),
        _ => ctx.compose_absence().map_or(Ok(Exit::Failure), Err),
    }
}
