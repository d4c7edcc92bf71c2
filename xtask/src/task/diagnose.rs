//! `cargo xtask diagnose`

use console::style;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Exit, Result};
use crate::flow::checkup::{Check, Status, checkup};
use crate::ui::{self, Format};

/// Is this machine ready for the stack, and if not: what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask diagnose
  cargo xtask diagnose --format json

Exit code: 0 no problem, 1 a problem was found.")]
pub struct Args {}

#[derive(Serialize)]
struct Report {
    schema: u32,
    checks: Vec<Check>,
}

/// Runs it.
pub fn run(_args: &Args, ctx: &Context) -> Result<Exit> {
    let checks = checkup(ctx);
    let worst = checks.iter().filter(|check| check.status == Status::Problem).count();
    match ctx.format {
        Format::Json => ui::json(&Report { schema: 1, checks }),
        Format::Text => checks.iter().for_each(print),
    }
    Ok(if worst == 0 { Exit::Success } else { Exit::Finding })
}

fn print(check: &Check) {
    let word = match check.status {
        Status::Ok => style("ok     ").green(),
        Status::Note => style("note   ").cyan(),
        Status::Warning => style("warning").yellow(),
        Status::Problem => style("problem").red().bold(),
        Status::Unknown => style("unknown").yellow(),
    };
    ui::out(&format!("{word}  {}: {}", check.title, check.seen.replace('\n', " ")));
    if let Some(why) = check.why {
        ui::out(&format!("         why: {why}"));
    }
    if let Some(remedy) = &check.remedy {
        ui::out(&format!("         do:  {remedy}"));
    }
}
