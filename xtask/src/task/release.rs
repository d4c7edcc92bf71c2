//! `cargo xtask release`

use std::collections::BTreeSet;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::model::PortRange;
use crate::operation::machine::release::{Selection, release};

/// Release kept ports: of this project, by number, or of deleted folders
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask release              all ports and the block of this folder's project
  cargo xtask release 8010-8019    these ports, whichever project they are kept for
  cargo xtask release --gone       of projects whose folder was deleted
  cargo xtask release --all        everything; asks first
  cargo xtask release --dry-run

It stops nothing. Asks about ports that their project is using, because another
project may take them once it stops; without a terminal that needs --yes.

Exit code: 0 released, or nothing was kept, 1 not confirmed, 2 it could not be done.")]
pub(crate) struct Args {
    /// Ports and ranges of ports
    #[arg(value_name = "PORT")]
    ports: Vec<PortRange>,
    /// Of every project whose folder was deleted
    #[arg(long, conflicts_with_all = ["ports", "all"])]
    gone: bool,
    /// Of every project; asks first
    #[arg(long, conflicts_with = "ports")]
    all: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let ports: BTreeSet<u16> = args.ports.iter().flat_map(|range| range.iter()).collect();
    let selection = match args {
        Args { gone: true, .. } => Selection::Gone,
        Args { all: true, .. } => Selection::All,
        _ if ports.is_empty() => Selection::Here,
        _ => Selection::Ports(ports),
    };
    let done = release(ctx, &selection)?;
    ctx.print(|| &done, || done.text(ctx));
    Ok(Exit::Success)
}
