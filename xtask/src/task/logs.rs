//! `cargo xtask logs`

use crate::context::Context;
use crate::docker::log_lines;
use crate::error::{Exit, Result};
use crate::project;

/// Show the logs of this project's containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask logs                      the last 100 lines of every service
  cargo xtask logs --follow backend
  cargo xtask logs --tail all postgres")]
pub(crate) struct Args {
    /// Keep showing new lines; Ctrl-C ends it
    #[arg(long)]
    follow: bool,
    /// How many past lines per service, or `all`
    #[arg(long, value_name = "LINES", default_value = "100", value_parser = log_lines)]
    tail: String,
    /// Only these services
    services: Vec<String>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let found = project::resolve_started(ctx)?;
    let ctx = &found.ctx;
    found.require_ready()?;
    found.refuse_unseen_containers(Some("docker service logs"))?;
    let mut words = vec!["logs", "--tail", &args.tail];
    words.extend(args.follow.then_some("--follow"));
    words.extend(args.services.iter().map(String::as_str));
    match ctx.compose().command(words).show(true)? {
        0 => Ok(Exit::Success),
        _ => ctx.compose_absence().map_or(Ok(Exit::Failure), Err),
    }
}
