//! `cargo xtask who`

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::host::Depth;
use crate::model::PortRange;
use crate::operation::ports::who;
use crate::ports::{each_port, find_holders};

/// Show who holds a port (processes, containers, services), and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask who 8000
  cargo xtask who 8000-8009 5432
  cargo xtask who 53 --udp
  cargo xtask who --all                every listener on this machine

Linux shows other users' processes only to root: `sudo ss -ltnp 'sport = :80'`.

Exit code: 0 answered, 2 it could not be done.")]
pub(crate) struct Args {
    /// Ports and ranges of ports
    #[arg(value_name = "PORT", required_unless_present = "all")]
    ports: Vec<PortRange>,
    /// Every port with a listener or a published container port
    #[arg(long, conflicts_with = "ports")]
    all: bool,
    /// UDP instead of TCP
    #[arg(long)]
    udp: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let everything = [PortRange { first: 1, last: u16::MAX }];
    let ports = each_port(if args.all { &everything } else { &args.ports }, args.udp);
    let found = find_holders(ctx, &ports, Depth::Quick)
        .map_err(|error: Error| error.within("cannot find out who holds a port"))?;
    ctx.print(|| who::json(ctx, &found), || who::text(ctx, &found));
    Ok(Exit::Success)
}
