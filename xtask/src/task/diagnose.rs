//! `cargo xtask diagnose`

use clap::builder::PossibleValuesParser;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::operation::diagnose::apply_fix::offer_fixes;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::report;
use crate::operation::diagnose::run::{names, run_checks};
use crate::ui::{self, Format};

/// Check whether this machine is ready for the stack, and what to fix if not
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask diagnose
  cargo xtask diagnose --fix                   offers to fix what it can
  cargo xtask diagnose --fix --yes             a new machine: engine, .env, images
  cargo xtask diagnose --only ports --only path
  cargo xtask diagnose -q                      only what is not ok
  cargo xtask diagnose --format markdown       for an issue: no secrets, home is ~
  cargo xtask diagnose --format json

Checks: tools, engine, disk, project, ports, containers, path, networks, firewall, names,
proxy, wsl, leases. They run in parallel, each for at most 5 s. docs/troubleshooting.md has a
table of symptoms, checks and remedies.

Exit code: 0 no problem (warnings and notes do not count), 1 a problem was found.")]
pub(crate) struct Args {
    /// Offer to fix what can be fixed, and check again
    #[arg(long)]
    fix: bool,
    /// Run only this check; may be given several times
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
    only: Vec<String>,
}

pub(crate) fn run(args: &Args, ctx: &Context, markdown: bool) -> Result<Exit> {
    let mut found = run_checks(ctx, &args.only);
    let mut fixed = Vec::new();
    if args.fix {
        if ctx.format == Format::Text && !markdown {
            report::text(&found);
        }
        (found, fixed) = offer_fixes(ctx, &args.only, found)?;
    }
    match ctx.format {
        Format::Json => report::json(&found, &fixed),
        Format::Text if markdown => report::markdown(ctx, &found),
        Format::Text => {
            // The findings before the fixes were printed above.
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
                ui::note(&format!("hint: `cargo xtask diagnose --fix` can fix {fixable} of these"));
            }
        }
    }
    let is_problem = |finding: &Finding| finding.status == Status::Problem;
    Ok(if found.iter().any(is_problem) { Exit::Finding } else { Exit::Success })
}
