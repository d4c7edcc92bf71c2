//! `cargo xtask diagnose`

use clap::builder::PossibleValuesParser;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::operation::diagnose::apply_fix::mend_all;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::report;
use crate::operation::diagnose::run::{checkup, names};
use crate::ui::{self, Format};

/// Is this machine ready for the stack, and if not: what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask diagnose
  cargo xtask diagnose --fix                   offers to mend what can be mended
  cargo xtask diagnose --fix --yes             a new machine: engine, .env, images
  cargo xtask diagnose --only ports --only path
  cargo xtask diagnose -q                      only what is not well
  cargo xtask diagnose --format markdown       for an issue: no secrets, home is ~
  cargo xtask diagnose --format json

Checks: tools, engine, disk, project, ports, containers, path, networks, firewall, names,
proxy, wsl, leases. They run side by side, each for at most 5 s. docs/troubleshooting.md has the
table of symptoms, checks and cures.

Exit code: 0 no problem (warnings and notes are none), 1 a problem was found.")]
pub(crate) struct Args {
    /// Offer to mend what can be mended, and look again
    #[arg(long)]
    fix: bool,
    /// Only this check; may be given several times
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
    only: Vec<String>,
}

/// Runs it. `markdown`: for an issue.
pub(crate) fn run(args: &Args, ctx: &Context, markdown: bool) -> Result<Exit> {
    let mut found = checkup(ctx, &args.only);
    let mut fixed = Vec::new();
    if args.fix {
        if ctx.format == Format::Text && !markdown {
            report::text(&found);
        }
        let (after, done) = mend_all(ctx, &args.only, found)?;
        (found, fixed) = (after, done);
    }
    match ctx.format {
        Format::Json => report::json(&found, &fixed),
        Format::Text if markdown => report::markdown(ctx, &found),
        Format::Text => {
            // After mending only what is left is news.
            if !args.fix {
                report::text(&found);
            } else if !fixed.is_empty() {
                ui::out("");
                let left: Vec<Finding> = found.iter().filter(|one| one.status != Status::Ok).cloned().collect();
                report::text(&left);
            }
            ui::note(&report::summary(&found));
            let fixable = found.iter().filter(|finding| finding.fixable).count();
            if fixable > 0 && !args.fix {
                ui::note(&format!("hint: `cargo xtask diagnose --fix` can mend {fixable} of these"));
            }
        }
    }
    let is_problem = |finding: &Finding| finding.status == Status::Problem;
    Ok(if found.iter().any(is_problem) { Exit::Finding } else { Exit::Success })
}
