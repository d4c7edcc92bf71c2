//! `cargo xtask ranges`

use crate::context::Context;
use crate::error::Exit;
use crate::operation::machine::ranges::ranges;

/// Show the port range of each project on this machine, and overlaps
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ranges
  cargo xtask ranges --format json | jq '.overlaps[]'

A project's range is the port_range of its xtask.toml. Without one, a worktree, a
second clone or a folder with dev servers of `cargo xtask run` gets a free block of
ten ports. Worktrees of one repository share its port_range.

Exit code: 0 no overlap, 1 two projects share ports, 2 it could not be done.")]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, ctx: &Context) -> Exit {
    let found = ranges(ctx);
    ctx.print(|| &found, || found.text(ctx));
    if found.overlap() { Exit::Finding } else { Exit::Success }
}
