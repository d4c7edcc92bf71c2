//! `cargo xtask env`

use clap::Subcommand;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::operation::env;

/// .env: make, check, explain, change it, and compare it with its template
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask env init                       makes .env from .env.template
  cargo xtask env init --missing             adds what the template has and .env lacks
  cargo xtask env check                      what is wrong, line by line
  cargo xtask env explain BACKEND_PORT       who sets it, who uses it
  cargo xtask env set BACKEND_PORT=8001 REDIS_PORT=6380
  cargo xtask env diff                       .env against .env.template

Exit code: 0 done or nothing found, 1 a finding (of `check`; git does not ignore
.env; nobody knows the variable), 2 it could not be done.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes .env from .env.template, and sees to it that git ignores it
    #[command(after_help = "\
Examples:
  cargo xtask env init
  cargo xtask env init --missing --yes

A .env that is there is not changed, except that --missing adds lines at its end.

Exit code: 0 done, 1 git does not ignore .env, 2 it could not be done.")]
    Init {
        /// Add the template's lines for variables that .env lacks
        #[arg(long)]
        missing: bool,
    },
    /// Says what is wrong in .env, line by line, with the cure
    #[command(after_help = "\
Examples:
  cargo xtask env check
  cargo xtask env check --format json

Looks for variables that are missing, unknown, set twice or beaten by the shell;
for comments that Compose takes for values; for `$` that expands to nothing; and
for values that name a port which has moved.

Exit code: 0 nothing found, 1 findings, 2 a line that Compose refuses, or no .env.")]
    Check {},
    /// Says who sets a variable, in Compose's order, and who uses it
    #[command(after_help = "\
Examples:
  cargo xtask env explain BACKEND_PORT

Exit code: 0 it is known, 1 nothing sets or uses it, 2 it could not be done.")]
    Explain {
        /// Name of the variable
        #[arg(value_name = "VAR")]
        variable: String,
    },
    /// Sets variables in the file that Compose reads, all of them or none
    #[command(after_help = "\
Examples:
  cargo xtask env set BACKEND_PORT=8001
  cargo xtask env set BACKEND_PORT=8001 'GREETING=hello, world' --dry-run

Every other byte of the file stays, and Compose has to prove the change: what it
refuses, a port that others could reach, and a path that would become a volume
are put back. A file that git tracks is changed after a question (--yes). Values
that .env.template makes of a port (`http://localhost:${BACKEND_PORT}`) move along
with it. A variable that the shell sets is refused: no file could beat it.

Exit code: 0 done, 2 it could not be done, and nothing was changed.")]
    Set {
        /// Names and values
        #[arg(value_name = "VAR=VALUE", required = true)]
        values: Vec<String>,
    },
    /// What .env has otherwise than its template
    #[command(after_help = "\
Examples:
  cargo xtask env diff
  cargo xtask env diff --format json

Exit code: 0 it could be compared, 2 it could not.")]
    Diff {},
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    match &args.command {
        Command::Init { missing } => env::init(ctx, &env::gather(ctx)?, *missing),
        Command::Check {} => {
            let found = env::gather(ctx)?;
            let findings = env::check(ctx, &found)?;
            ctx.print(|| env::check_json(ctx, &found, &findings), || env::check_text(ctx, &found, &findings));
            Ok(if findings.is_empty() { Exit::Success } else { Exit::Finding })
        }
        Command::Explain { variable } => {
            let explained = env::explain(ctx, &env::gather(ctx)?, variable)?;
            ctx.print(|| env::explain_json(&explained), || env::explain_text(&explained));
            Ok(Exit::Success)
        }
        Command::Set { values } => {
            let plan = env::plan(ctx, values)?;
            if !ctx.dry_run {
                env::apply(ctx, &plan)?;
            }
            env::show(ctx, &plan);
            Ok(Exit::Success)
        }
        Command::Diff {} => {
            let found = env::gather(ctx)?;
            let changes = env::diff(ctx, &found)?;
            ctx.print(|| env::diff_json(ctx, &found, &changes), || env::diff_text(ctx, &found, &changes));
            Ok(Exit::Success)
        }
    }
}
