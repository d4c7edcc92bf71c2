//! Applies the fixes that `diagnose --fix` offers.

use serde::Serialize;

use super::checks::leases::is_gone;
use super::finding::Finding;
use super::fix::Fix;
use super::run::run_checks;
use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::exec::defer_interrupts;
use crate::operation::env;
use crate::operation::networks::prune::{self, Filter};
use crate::operation::ports::stop_holders::{self, Request, StopOptions};
use crate::operation::start::{launch, set_up};
use crate::project::leases;
use crate::ui::{self, Live};

/// The result of applying one fix.
#[derive(Debug, Clone, Serialize)]
pub struct Applied {
    /// Id of the finding.
    pub id: &'static str,
    pub action: String,
    /// Whether the finding is gone when the checks run again.
    #[serde(rename = "mended")]
    pub fixed: bool,
    pub error: Option<String>,
}

/// Offers one fix after another. The checks run again after each, because one fix
/// often removes other findings too. Returns the findings left and the fixes applied.
pub fn offer_fixes(ctx: &Context, only: &[String], mut found: Vec<Finding>) -> Result<(Vec<Finding>, Vec<Applied>)> {
    let mut tried: Vec<Fix> = Vec::new();
    let mut applied = Vec::new();
    loop {
        let next = found.iter().find_map(|finding| {
            let fix = finding.fix.as_ref().filter(|fix| !tried.contains(fix))?;
            Some((finding.id, finding.title.clone(), fix.clone()))
        });
        let Some((id, title, fix)) = next else { return Ok((found, applied)) };
        tried.push(fix.clone());
        let action = fix.describe();
        if ctx.dry_run {
            ui::note(&format!("would fix {}: {action}", ui::clean(&title)));
            continue;
        }
        if !ctx.ask(&format!("{}: {action}?", ui::clean(&title)), "nothing was fixed")? {
            continue;
        }
        ui::note(&format!("fixing {}: {action}", ui::clean(&title)));
        let error = fix.run(ctx).err();
        if error.as_ref().is_some_and(|error| error.exit() == Exit::Interrupted) {
            return error.map_or_else(|| Ok((found, applied)), Err);
        }
        found = run_checks(ctx, only);
        let fixed = !found.iter().any(|finding| finding.id == id && finding.fix.as_ref() == Some(&fix));
        match &error {
            Some(error) => ui::warn_error("not fixed", error),
            None if fixed => ui::note(&format!("fixed: {}", ui::clean(&title))),
            None => ui::warn(&format!("not fixed: {} is still found", ui::clean(&title))),
        }
        applied.push(Applied { id, action, fixed, error: error.map(|error| error.message().to_owned()) });
    }
}

fn stop_leftover_proxy(ctx: &Context, request: &Request) -> Result<()> {
    let containers = ctx.engine.containers().map_err(|trouble| ctx.engine_error(&trouble))?;
    let requests = [request.clone()];
    let plan = stop_holders::plan(ctx, &requests, Some(&containers));
    stop_holders::consent(ctx, &plan)?;
    match stop_holders::run(ctx, &plan, &requests, &StopOptions::default()).error {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

fn release_gone(ctx: &Context) {
    let Some(mut ledger) = leases::open(ctx, None) else { return };
    ledger.leases.tenants.retain(|tenant| !is_gone(tenant));
    leases::close(ledger);
}

/// Runs `docker compose build` or `pull`. Both write to stdout, which is reserved for
/// the report, so their lines are shown as progress, and the last ones on failure.
fn compose(ctx: &Context, what: &str) -> Result<()> {
    let command = ctx.compose().command([what]);
    ui::note(&format!("$ {}", command.line()));
    let interrupt = defer_interrupts();
    let running = command.start()?;
    let Some(text) = launch::watch(&running, &interrupt, &mut Live::new(), what, |_| {}) else {
        running.interrupt();
        return Err(Error::interrupted(format!("interrupted: `{}`", command.line())));
    };
    let code = running.code()?;
    if code == 0 {
        return Ok(());
    }
    if let Some(error) = ctx.compose_absence() {
        return Err(error);
    }
    let lines: Vec<String> = text.lines().map(|line| ui::clean(line.trim())).collect();
    let tail = lines[lines.len().saturating_sub(3)..].join("; ");
    Err(Error::new(format!("`{}` failed with exit code {code}: {tail}", command.line())))
}

impl Fix {
    /// Applies the fix without asking: the caller has asked.
    pub fn run(&self, ctx: &Context) -> Result<()> {
        let ctx = &Context { yes: true, ..ctx.clone() };
        match self {
            Fix::Engine => set_up::set_up(ctx),
            Fix::Env { missing } => env::init(ctx, &env::gather(ctx)?, *missing).map(drop),
            Fix::Proxy(request) => stop_leftover_proxy(ctx, request),
            Fix::Networks => {
                let filter = Filter::default();
                let outcome = prune::run(ctx, &prune::plan(ctx, &filter)?, &filter);
                let stays =
                    |kept: &prune::KeptNetwork| Error::new(format!("{} stays: {}", ui::clean(&kept.name), kept.why));
                outcome.gave_up.or_else(|| outcome.failed.first().map(stays)).map_or(Ok(()), Err)
            }
            Fix::Leases => {
                release_gone(ctx);
                Ok(())
            }
            Fix::Build => compose(ctx, "build"),
            Fix::Pull => compose(ctx, "pull"),
        }
    }
}
