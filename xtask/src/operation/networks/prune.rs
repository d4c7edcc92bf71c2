//! Finds unused networks and removes them one by one; each is checked again right before.

use std::time::SystemTime;

use serde::Serialize;

use super::link;
use crate::context::Context;
use crate::decide::{Pools, PruneVerdict, Wanted, pools, prune_verdict};
use crate::docker::EngineError;
use crate::error::{Error, Result};
use crate::model::{Container, Network};
use crate::project::lock_project;
use crate::ui;

#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of these Compose projects; if empty, of all.
    pub projects: Vec<String>,
    /// Also networks that were created outside Compose.
    pub all: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptNetwork {
    pub name: String,
    pub why: String,
}

#[derive(Debug)]
pub struct Plan {
    /// Each with the reason.
    pub remove: Vec<(Network, String)>,
    pub keep: Vec<KeptNetwork>,
    pub pools: Option<Pools>,
}

#[derive(Debug, Default)]
pub struct Outcome {
    /// Names of removed networks.
    pub removed: Vec<String>,
    pub failed: Vec<KeptNetwork>,
    /// Why the rest was skipped: the engine stopped answering.
    pub gave_up: Option<Error>,
}

/// All networks, and all containers, running or not.
pub fn look(ctx: &Context) -> Result<(Vec<Network>, Vec<Container>), EngineError> {
    Ok((ctx.engine.all_networks()?, ctx.engine.containers()?))
}

/// The address ranges in use; `None` if the engine does not report them.
pub fn count_pools(ctx: &Context, networks: &[Network]) -> Option<Pools> {
    ctx.engine.info().ok().map(|info| pools(&info.pools, networks))
}

pub fn plan(ctx: &Context, filter: &Filter) -> Result<Plan> {
    let (mut networks, containers) = look(ctx).map_err(|trouble| ctx.engine_error(&trouble))?;
    let pools = count_pools(ctx, &networks);
    networks.sort_by(|one, two| one.name.cmp(&two.name));
    let mut plan = Plan { remove: Vec::new(), keep: Vec::new(), pools };
    for network in networks {
        match verdict(&network, &containers, filter) {
            PruneVerdict::Remove(why) => plan.remove.push((network, why)),
            PruneVerdict::Keep(why) => plan.keep.push(KeptNetwork { name: network.name, why }),
            PruneVerdict::NotSelected => {}
        }
    }
    Ok(plan)
}

fn verdict(network: &Network, containers: &[Container], filter: &Filter) -> PruneVerdict {
    prune_verdict(network, containers, Wanted { projects: &filter.projects, all: filter.all, now: SystemTime::now() })
}

/// Removes the networks of a plan. Time may have passed since it was made, so each network is
/// checked again, under its project's lock, so that no start of the project runs meanwhile.
pub fn run(ctx: &Context, plan: &Plan, filter: &Filter) -> Outcome {
    let mut outcome = Outcome::default();
    for (network, _) in &plan.remove {
        let project = network.project().or(network.link().map(|link| link.project));
        let _lock = project.and_then(|project| lock_project(ctx, project));
        let containers = match ctx.engine.containers() {
            Ok(containers) => containers,
            Err(trouble) => {
                let left = plan.remove.len() - outcome.removed.len();
                let error = ctx.engine_error(&trouble).hint(format!(
                    "{} of {} networks were removed; once it answers, the same command removes the other {left}",
                    outcome.removed.len(),
                    plan.remove.len()
                ));
                return Outcome { gave_up: Some(error), ..outcome };
            }
        };
        match remove_if_unused(ctx, network, &containers, filter) {
            Ok(()) => outcome.removed.push(network.name.clone()),
            Err(why) => outcome.failed.push(KeptNetwork { name: network.name.clone(), why }),
        }
    }
    outcome
}

fn remove_if_unused(ctx: &Context, network: &Network, containers: &[Container], filter: &Filter) -> Result<(), String> {
    match verdict(network, containers, filter) {
        PruneVerdict::Remove(_) => remove(ctx, network),
        PruneVerdict::Keep(why) => Err(why),
        PruneVerdict::NotSelected => Ok(()),
    }
}

/// Removes a network; if the engine refuses, the error names the connected containers (up to
/// Docker 28 the engine says only "active endpoints").
pub fn remove(ctx: &Context, network: &Network) -> Result<(), String> {
    let removed = match network.link() {
        Some(_) => ctx.engine.containers().and_then(|containers| link::remove(ctx, network, &containers)),
        None => ctx.engine.remove_network(&network.id),
    };
    let Err(trouble) = removed else { return Ok(()) };
    let on_it = ctx.engine.network(&network.id).ok().flatten().map(|found| found.endpoints).unwrap_or_default();
    let Some(first) = on_it.first() else {
        return Err(ui::clean(ctx.engine_error(&trouble).message()));
    };
    let names: Vec<String> = on_it.iter().map(|name| ui::clean(name)).collect();
    Err(format!("{} connected: `{}`", ui::names_are(&names), disconnect(&network.name, first)))
}

/// The command that disconnects a container from a network.
pub fn disconnect(network: &str, container: &str) -> String {
    format!("docker network disconnect {} {}", ui::argument(network), ui::argument(container))
}
