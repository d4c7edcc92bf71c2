//! `cargo xtask prune-network`

use serde::Serialize;

use crate::context::Context;
use crate::decide::Pools;
use crate::error::{Error, Exit, Result};
use crate::operation::networks::prune::{Filter, KeptNetwork, Outcome, Plan, count_pools, plan, run as prune};
use crate::operation::services::urls::urls;
use crate::operation::start::recreate::Recreation;
use crate::operation::start::steps::Ending;
use crate::ui::{self, Column, Format};

/// Remove networks of Compose projects that have no containers, running or stopped
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask prune-network --dry-run      which would be removed, which kept, and why
  cargo xtask prune-network                list them, ask, remove
  cargo xtask prune-network shop blog      only of these projects
  cargo xtask prune-network --all          also networks created outside Compose; asks
  cargo xtask prune-network --recreate     this project: down, remove networks, up

`docker network prune` also removes networks of stopped projects, which then cannot
start; this command never does. It keeps `web` and networks of other shared proxies; a
checkout's network with the proxy is removed when only the proxy is connected.
--recreate fixes `network ... not found` and networks that need to be recreated; named
volumes and ports stay as they are.

Exit code: 0 done or nothing to do, 1 not confirmed, or a network could not be removed
or a service not started, 2 it could not be done.")]
pub(crate) struct Args {
    /// Only networks of these Compose projects
    #[arg(conflicts_with_all = ["all", "recreate"])]
    projects: Vec<String>,
    /// Also networks that were created outside Compose
    #[arg(long, conflicts_with = "recreate")]
    all: bool,
    /// Stop this project, remove its networks, and start it again
    #[arg(long)]
    recreate: bool,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    dry_run: bool,
    /// All that the plan would remove.
    candidates: Vec<String>,
    removed: Vec<String>,
    kept: Vec<KeptNetwork>,
    pools: Option<PoolsReport>,
}

#[derive(Serialize)]
struct PoolsReport {
    before: usize,
    after: usize,
    total: usize,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    if args.recreate {
        return recreate(ctx);
    }
    let filter = Filter { projects: args.projects.clone(), all: args.all };
    let plan = plan(ctx, &filter)?;
    if ctx.format == Format::Text {
        show(&plan, &filter);
    }
    let outcome = if plan.remove.is_empty() || ctx.dry_run {
        Outcome::default()
    } else {
        ctx.confirm(&question(&plan), NOT_REMOVED).inspect_err(|_| report(ctx, &plan, &Outcome::default()))?;
        prune(ctx, &plan, &filter)
    };
    report(ctx, &plan, &outcome);
    if let Some(error) = outcome.gave_up {
        return Err(error);
    }
    Ok(if outcome.failed.is_empty() { Exit::Success } else { Exit::Finding })
}

const NOT_REMOVED: &str = "nothing was removed";

fn question(plan: &Plan) -> String {
    match &plan.remove[..] {
        [(network, _)] => format!("remove {}?", ui::clean(&network.name)),
        many => format!("remove these {} networks?", many.len()),
    }
}

fn show(plan: &Plan, filter: &Filter) {
    let row = |verdict: &str, name: &str, range: String, why: &str| {
        vec![verdict.to_owned(), ui::clean(name), range, ui::clean(why)]
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (network, why) in &plan.remove {
        let ranges: Vec<String> = network.subnets.iter().map(ToString::to_string).collect();
        rows.push(row("remove", &network.name, ranges.join(" "), why));
    }
    rows.extend(plan.keep.iter().map(|kept| row("keep", &kept.name, String::new(), &kept.why)));
    for line in ui::table(&[Column::Left; 4], &rows) {
        ui::out(&line);
    }
    if rows.is_empty() && !filter.projects.is_empty() {
        ui::out(&format!("no network of {}", ui::clean(&filter.projects.join(", "))));
    } else if plan.remove.is_empty() {
        ui::out("no network to remove");
    }
}

/// Reports the result, and how many address ranges are used now.
fn report(ctx: &Context, plan: &Plan, outcome: &Outcome) {
    let after = if outcome.removed.is_empty() { plan.pools } else { pools_now(ctx) };
    let candidates = plan.remove.iter().map(|(network, _)| network.name.clone()).collect();
    print_report(ctx, (candidates, plan.keep.clone()), outcome, plan.pools.zip(after));
}

fn print_report(
    ctx: &Context,
    (candidates, mut kept): (Vec<String>, Vec<KeptNetwork>),
    outcome: &Outcome,
    pools: Option<(Pools, Pools)>,
) {
    if ctx.format == Format::Json {
        kept.extend(outcome.failed.iter().cloned());
        let pools =
            pools.map(|(before, after)| PoolsReport { before: before.used, after: after.used, total: after.total });
        let removed = outcome.removed.clone();
        ui::json(&Report { schema: 1, dry_run: ctx.dry_run, candidates, removed, kept, pools });
        return;
    }
    print_outcome(outcome);
    if let Some((before, after)) = pools {
        ui::out(&pools_line(before, after));
    }
}

fn print_outcome(outcome: &Outcome) {
    for name in &outcome.removed {
        ui::out(&format!("removed {}", ui::clean(name)));
    }
    for kept in &outcome.failed {
        ui::warn(&format!("{} stays: {}", ui::clean(&kept.name), kept.why));
    }
}

fn pools_now(ctx: &Context) -> Option<Pools> {
    count_pools(ctx, &ctx.engine.all_networks().ok()?)
}

fn pools_line(before: Pools, after: Pools) -> String {
    let change = if before == after { String::new() } else { format!(" ({} before)", before.used) };
    format!("{} of {} address pools used{change}", after.used, after.total)
}

fn recreate(ctx: &Context) -> Result<Exit> {
    let recreation = Recreation::plan(ctx)?;
    let before = pools_now(ctx);
    let candidates: Vec<String> = recreation.networks.iter().map(|network| network.name.clone()).collect();
    for line in recreation.lines() {
        let line = format!("{} {line}", if ctx.dry_run { "would run:" } else { "will run:" });
        if ctx.format == Format::Json { ui::note(&line) } else { ui::out(&line) }
    }
    recreation.warn();
    if ctx.dry_run {
        print_report(ctx, (candidates, Vec::new()), &Outcome::default(), before.zip(before));
        return Ok(Exit::Success);
    }
    ctx.confirm("remove the containers and start them again?", NOT_REMOVED)?;
    let (outcome, ending) = recreation.run()?;
    // Otherwise the report of the conflict is already on stdout.
    if ctx.format == Format::Text || matches!(ending, Ending::Started { .. }) {
        print_report(ctx, (candidates, Vec::new()), &outcome, before.zip(pools_now(ctx)));
    }
    let Ending::Started { project, error, .. } = ending else {
        return Err(Error::new("the containers are down, and one of their ports was taken meanwhile")
            .hint("`cargo xtask start` offers another port, or to stop the holder")
            .finding());
    };
    if ctx.format == Format::Text {
        let containers = project.containers_now()?;
        for known in urls(ctx, &project, &containers) {
            ui::out(&format!("{}  {}", ui::clean(&known.service), known.urls.join("  ")));
        }
    }
    if let Some(error) = error {
        return Err(error);
    }
    Ok(if outcome.failed.is_empty() { Exit::Success } else { Exit::Finding })
}
