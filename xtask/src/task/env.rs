//! `cargo xtask env`

use clap::Subcommand;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::operation::env;

/// Create, check, explain and change .env, and compare it with its template
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask env init                       create .env from .env.template
  cargo xtask env init --missing             add the variables that .env lacks
  cargo xtask env check                      list problems, line by line
  cargo xtask env explain BACKEND_PORT       show what sets it and what uses it
  cargo xtask env set BACKEND_PORT=8001 REDIS_PORT=6380
  cargo xtask env diff                       compare .env with .env.template

Exit code: 0 done or nothing found, 1 a finding (of `check`; git does not ignore
.env; the variable is unknown), 2 it could not be done.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create .env from .env.template, and make sure that git ignores it
    #[command(after_help = "\
Examples:
  cargo xtask env init
  cargo xtask env init --missing --yes

An existing .env is not changed, except that --missing appends lines.

Exit code: 0 done, 1 git does not ignore .env, 2 it could not be done.")]
    Init {
        /// Append the template's lines for variables that .env lacks
        #[arg(long)]
        missing: bool,
    },
    /// List problems in .env, line by line, with remedies
    #[command(after_help = "\
Examples:
  cargo xtask env check
  cargo xtask env check --format json

Finds variables that are missing, unknown, set twice or overridden by the shell;
comments that Compose reads as values; `$` that expands to nothing; values that
are no ports, or the same port twice; and values that name a port which has moved.

Compose files, files in env_file: and settings that git tracks are searched for URLs
and assignments with a moved port. In a tracked file that is a note, not a finding,
because the number is right in other checkouts.

Exit code: 0 nothing found, 1 findings, 2 a line that Compose refuses, or no .env.")]
    Check {},
    /// Show what sets a variable, in Compose's order, and what uses it
    #[command(after_help = "\
Examples:
  cargo xtask env explain BACKEND_PORT

Exit code: 0 something sets or uses it, 1 nothing does, 2 it could not be done.")]
    Explain {
        /// Name of the variable
        #[arg(value_name = "VAR")]
        variable: String,
    },
    /// Set variables in the file that Compose reads, all of them or none
    #[command(after_help = "\
Examples:
  cargo xtask env set BACKEND_PORT=8001
  cargo xtask env set BACKEND_PORT=8001 'GREETING=hello, world' --dry-run
  cargo xtask env set --new FEATURE_X=on     a name that nothing here reads

Every other byte of the file stays. Compose verifies the change: if it rejects the
project, or a port would become reachable from more addresses, or a path would turn
into a volume, or a service would be lost, the file is restored. Asks before changing
a file that git tracks (--yes agrees). Values that .env.template derives from a port
(`http://localhost:${BACKEND_PORT}`) change with it. Refuses a variable that the shell
sets, because the shell overrides every file, and a name that nothing here reads.

Exit code: 0 done, 2 it could not be done, and nothing was changed.")]
    Set {
        /// Accept names that nothing in the repository reads
        #[arg(long)]
        new: bool,
        /// Names and values
        #[arg(value_name = "VAR=VALUE", required = true)]
        values: Vec<String>,
    },
    /// Show how .env differs from its template
    #[command(after_help = "\
Examples:
  cargo xtask env diff
  cargo xtask env diff --format json

Exit code: 0 compared, 2 it could not be done.")]
    Diff {},
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    match &args.command {
        Command::Init { missing } => env::init(ctx, &env::gather(ctx)?, *missing),
        Command::Check {} => {
            let found = env::gather(ctx)?;
            let checked = env::check(ctx, &found)?;
            ctx.print(|| env::check_json(ctx, &found, &checked), || env::check_text(ctx, &found, &checked));
            Ok(if checked.findings.is_empty() { Exit::Success } else { Exit::Finding })
        }
        Command::Explain { variable } => {
            let explained = env::explain(ctx, &env::gather(ctx)?, variable)?;
            ctx.print(|| env::explain_json(&explained), || env::explain_text(&explained));
            Ok(Exit::Success)
        }
        Command::Set { new, values } => {
            let plan = env::plan(ctx, values, *new)?;
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
