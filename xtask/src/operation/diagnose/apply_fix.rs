//! Mends what `diagnose --fix` can mend.

use serde::Serialize;

use super::checks::leases::is_gone;
use super::finding::Finding;
use super::fix::Mend;
use super::run::checkup;
use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::exec::defer_interrupts;
use crate::operation::env;
use crate::operation::networks::prune::{self, Wish};
use crate::operation::ports::stop_holders::{self, Request, StopOptions};
use crate::operation::start::{launch, set_up};
use crate::project::leases;
use crate::ui::{self, Live};

/// What became of one finding.
#[derive(Debug, Clone, Serialize)]
pub struct Mended {
    /// The finding's id.
    pub id: &'static str,
    /// What was done.
    pub action: String,
    /// Whether the check finds nothing any more.
    pub mended: bool,
    /// Why it could not be done.
    pub error: Option<String>,
}

/// Offers to mend what can be mended, one after another; after each the checks
/// run again, as one cure often is another's too. Returns how things are then,
/// and what was done.
pub fn mend_all(ctx: &Context, only: &[String], mut found: Vec<Finding>) -> Result<(Vec<Finding>, Vec<Mended>)> {
    let mut tried: Vec<Mend> = Vec::new();
    let mut done = Vec::new();
    loop {
        let next = found.iter().find_map(|finding| {
            let mend = finding.mend.as_ref().filter(|mend| !tried.contains(mend))?;
            Some((finding.id, finding.title.clone(), mend.clone()))
        });
        let Some((id, title, mend)) = next else { return Ok((found, done)) };
        tried.push(mend.clone());
        let action = mend.describe();
        if ctx.dry_run {
            ui::note(&format!("would mend {}: {action}", ui::clean(&title)));
            continue;
        }
        if !ctx.ask(&format!("{}: {action}?", ui::clean(&title)), "nothing was mended")? {
            continue;
        }
        ui::note(&format!("mending {}: {action}", ui::clean(&title)));
        let error = mend.run(ctx).err();
        if error.as_ref().is_some_and(|error| error.exit() == Exit::Interrupted) {
            return error.map_or_else(|| Ok((found, done)), Err);
        }
        found = checkup(ctx, only);
        let mended = !found.iter().any(|finding| finding.id == id && finding.mend.as_ref() == Some(&mend));
        match &error {
            Some(error) => ui::warn_error("not mended", error),
            None if mended => ui::note(&format!("mended: {}", ui::clean(&title))),
            None => ui::warn(&format!("not mended: {} is as it was", ui::clean(&title))),
        }
        done.push(Mended { id, action, mended, error: error.map(|error| error.message().to_owned()) });
    }
}

fn end_proxy(ctx: &Context, request: &Request) -> Result<()> {
    let containers = ctx.engine.containers().map_err(|trouble| ctx.engine_error(&trouble))?;
    let requests = [request.clone()];
    let plan = stop_holders::plan(ctx, &requests, Some(&containers));
    stop_holders::consent(ctx, &plan)?;
    match stop_holders::run(ctx, &plan, &requests, &StopOptions::default()).error {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

fn release(ctx: &Context) {
    let Some(mut ledger) = leases::open(ctx, None) else { return };
    ledger.leases.tenants.retain(|tenant| !is_gone(tenant));
    leases::close(ledger);
}

/// Both write to stdout, which is for the report: their lines are shown while
/// they run, and the last ones where they fail.
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
    if let Some(error) = ctx.without_compose() {
        return Err(error);
    }
    let lines: Vec<String> = text.lines().map(|line| ui::clean(line.trim())).collect();
    let tail = lines[lines.len().saturating_sub(3)..].join("; ");
    Err(Error::new(format!("`{}` failed with exit code {code}: {tail}", command.line())))
}

impl Mend {
    /// Does it; the person has agreed already.
    pub fn run(&self, ctx: &Context) -> Result<()> {
        let ctx = &Context { yes: true, ..ctx.clone() };
        match self {
            Mend::Engine => set_up::set_up(ctx),
            Mend::Env { missing } => env::init(ctx, &env::gather(ctx)?, *missing).map(drop),
            Mend::Proxy(request) => end_proxy(ctx, request),
            Mend::Networks => {
                let wish = Wish::default();
                let outcome = prune::run(ctx, &prune::plan(ctx, &wish)?, &wish);
                let stays = |kept: &prune::Kept| Error::new(format!("{} stays: {}", ui::clean(&kept.name), kept.why));
                outcome.gave_up.or_else(|| outcome.failed.first().map(stays)).map_or(Ok(()), Err)
            }
            Mend::Leases => {
                release(ctx);
                Ok(())
            }
            Mend::Build => compose(ctx, "build"),
            Mend::Pull => compose(ctx, "pull"),
        }
    }
}
