//! `cargo xtask ls`

use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::operation::machine::inventory::{inventory, json, lines, trouble};
use crate::ui::{self, Format, Page};

/// Every Compose project and worktree on this machine, running or kept
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ls                 projects, folders, branches, ports, health, URLs
  cargo xtask ls --watch         the same, refreshed until Ctrl-C
  cargo xtask ls --format json | jq -r '.projects[].services[].urls[]'

Stacks that were not started by this tool are listed too, and dev servers of
`cargo xtask run`. A port that is kept is not in use; the project that it is
kept for gets it again. Where a folder is gone, the cure is under its name.

Exit code: 0 listed, 2 it could not be done.")]
pub(crate) struct Args {
    /// Refresh in place every two seconds
    #[arg(long)]
    watch: bool,
}

const PAUSE: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    if args.watch {
        return watch(ctx);
    }
    let found = inventory(ctx);
    if let Some(why) = trouble(ctx, &found) {
        ui::note(&format!("note: {why}"));
    }
    ctx.print(|| json(ctx, &found), || lines(ctx, &found, ui::width()).iter().for_each(|line| ui::out(line)));
    Ok(Exit::Success)
}

/// Until Ctrl-C, which ends the program as everywhere else.
fn watch(ctx: &Context) -> Result<Exit> {
    let page = (ctx.format == Format::Text).then(Page::new).flatten();
    let Some(mut page) = page else {
        return Err(Error::new(
            "--watch redraws a terminal, and standard output is none that can be (a pipe, TERM=dumb), or is JSON",
        )
        .hint("leave --watch away: `cargo xtask ls --format json`"));
    };
    loop {
        let found = inventory(ctx);
        let mut shown: Vec<String> = trouble(ctx, &found).map(|why| format!("note: {why}")).into_iter().collect();
        shown.extend(lines(ctx, &found, ui::width()));
        page.show(&shown);
        std::thread::sleep(PAUSE);
    }
}
