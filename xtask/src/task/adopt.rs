//! `cargo xtask adopt`

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::operation::adopt;
use crate::ui::{self, Format};

/// Bring this tool into another repository, with its source
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Brings xtask/ (the program's source), the cargo alias, the workspace member,
.gitignore lines, .env.template, Makefile goals, and makes literal ports of the
compose files variables: \"8000:80\" becomes \"${WEB_PORT:-8000}:80\". All of it
is shown first and asked for once. What is there already stays.

Examples:
  cargo xtask adopt ../shop --dry-run        show all that would change
  cargo xtask adopt ../shop                  show it, ask, do it
  cargo xtask adopt ../shop -f dev/compose.yaml
  cargo xtask adopt ../shop --check          is anything missing there?
  cargo xtask adopt ../shop --update         bring this version of xtask/

Paths of -f and --env-file count from the current folder.

Exit code: 0 done or nothing to do, 1 something is missing (--check) or nobody
agreed, 2 it could not be done.")]
pub(crate) struct Args {
    /// Top folder of the repository; the current folder without it
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    dir: PathBuf,
    /// Say what is missing there, and change nothing
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Bring this version of the program where another one is there
    #[arg(long)]
    update: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let plan = adopt::plan(ctx, &args.dir, args.update)?;
    let text = ctx.format == Format::Text;
    if text {
        adopt::text(&plan);
    }
    let done = |applied: bool| {
        if !text {
            ui::json(&adopt::json(&plan, applied));
        }
    };
    let place = ctx.show(&plan.dir);
    let typed = ctx.typed(&plan.dir);
    if args.check && plan.outdated {
        done(false);
        ui::note(&format!("hint: `cargo xtask adopt --update {typed}` brings this version"));
        return Ok(Exit::Finding);
    }
    if plan.steps.is_empty() {
        ui::note(&format!("nothing to do: {place} has it all"));
        done(false);
        return Ok(Exit::Success);
    }
    if args.check {
        done(false);
        ui::note(&format!("hint: `cargo xtask adopt {typed}` brings what is missing"));
        return Ok(Exit::Finding);
    }
    if ctx.dry_run {
        done(false);
        return Ok(Exit::Success);
    }
    ctx.confirm("do all of this?", "nothing was written")?;
    adopt::apply(&plan)?;
    done(true);
    let words = &plan.words;
    ui::note(&format!("{place} has it: `cd {typed} && cargo xtask {words}check-ports`; then commit what is new there"));
    Ok(Exit::Success)
}
