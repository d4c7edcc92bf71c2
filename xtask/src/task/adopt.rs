//! `cargo xtask adopt`

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::operation::adopt;
use crate::ui::{self, Format};

/// Add this tool, with its source, to another repository
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Adds xtask/ (the program's source), the cargo alias, the workspace member,
.gitignore lines, .env.template and Makefile goals, and turns literal ports in
compose files into variables: \"8000:80\" becomes \"${WEB_PORT:-8000}:80\". Shows
all changes first and asks once. Keeps what is there already.

Examples:
  cargo xtask adopt ../shop --dry-run        show all changes
  cargo xtask adopt ../shop                  show them, ask, apply
  cargo xtask adopt ../shop -f dev/compose.yaml
  cargo xtask adopt ../shop --check          is anything missing there?
  cargo xtask adopt ../shop --update         replace xtask/ by this version

Paths of -f and --env-file are relative to the current folder.

Exit code: 0 done or nothing to do, 1 something is missing (--check) or the answer
was no, 2 it could not be done.")]
pub(crate) struct Args {
    /// Top folder of the repository [default: the current folder]
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    dir: PathBuf,
    /// Report what is missing, and change nothing
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Replace another version of the program by this one
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
        ui::note(&format!("hint: `cargo xtask adopt --update {typed}` replaces it by this version"));
        return Ok(Exit::Finding);
    }
    if plan.steps.is_empty() {
        ui::note(&format!("nothing to do: {place} has everything"));
        done(false);
        return Ok(Exit::Success);
    }
    if args.check {
        done(false);
        ui::note(&format!("hint: `cargo xtask adopt {typed}` adds what is missing"));
        return Ok(Exit::Finding);
    }
    if ctx.dry_run {
        done(false);
        return Ok(Exit::Success);
    }
    ctx.confirm("apply all of this?", "nothing was written")?;
    adopt::apply(&plan)?;
    done(true);
    let words = &plan.compose_args;
    ui::note(&format!(
        "added to {place}: try `cd {typed} && cargo xtask {words}check-ports`, then commit the new files there"
    ));
    Ok(Exit::Success)
}
