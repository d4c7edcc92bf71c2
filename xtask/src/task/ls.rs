//! `cargo xtask ls`

use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::operation::machine::inventory::{inventory, json, lines, trouble};
use crate::ui::{self, Format, Page};

/// List every Compose project and worktree on this machine, running or not
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ls                 projects, folders, branches, ports, health, URLs
  cargo xtask ls --watch         the same, refreshed until Ctrl-C
  cargo xtask ls --format json | jq -r '.projects[].services[].urls[]'

Also lists stacks that this tool did not start, dev servers of `cargo xtask run`, and
the stacks of a Swarm of which this engine has containers.
A port that is `kept` is not in use; its project gets it again at the next start. For
a deleted folder the commands that clean up are shown below it.

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

/// Runs until Ctrl-C ends the program.
fn watch(ctx: &Context) -> Result<Exit> {
    let page = (ctx.format == Format::Text).then(Page::new).flatten();
    let Some(mut page) = page else {
        return Err(Error::new("--watch needs a terminal that it can redraw, not a pipe, TERM=dumb or JSON")
            .hint("without --watch: `cargo xtask ls --format json`"));
    };
    loop {
        let found = inventory(ctx);
        let mut shown: Vec<String> = trouble(ctx, &found).map(|why| format!("note: {why}")).into_iter().collect();
        shown.extend(lines(ctx, &found, ui::width()));
        page.show(&shown);
        std::thread::sleep(PAUSE);
    }
}
