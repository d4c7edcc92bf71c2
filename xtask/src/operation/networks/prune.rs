//! Networks that nobody needs: found, shown, and taken away one by one, each
//! after another look.

use std::time::SystemTime;

use serde::Serialize;

use super::link;
use crate::context::Context;
use crate::decide::{NetworkFate, Pools, Wanted, network_fate, pools};
use crate::docker::EngineError;
use crate::error::{Error, Result};
use crate::model::{Container, Network};
use crate::project::lock_project;
use crate::ui;

/// What may go.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Only of these Compose projects; empty = of any.
    pub projects: Vec<String>,
    /// Networks that were made outside Compose, too.
    pub all: bool,
}

/// A network that stays, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// A fragment.
    pub why: String,
}

/// What will be done.
#[derive(Debug)]
pub struct Plan {
    /// Networks to take away, each with the reason.
    pub remove: Vec<(Network, String)>,
    /// The others.
    pub keep: Vec<Kept>,
    /// Address ranges now.
    pub pools: Option<Pools>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Names of networks that are gone.
    pub removed: Vec<String>,
    /// Networks that could not be taken away, and why.
    pub failed: Vec<Kept>,
    /// Why the rest was not tried: the engine has gone.
    pub gave_up: Option<Error>,
}

/// The engine's networks and all containers, running or not.
pub fn look(ctx: &Context) -> Result<(Vec<Network>, Vec<Container>), EngineError> {
    Ok((ctx.engine.all_networks()?, ctx.engine.containers()?))
}

/// Address ranges; `None` where the engine does not tell.
pub fn count_pools(ctx: &Context, networks: &[Network]) -> Option<Pools> {
    ctx.engine.info().ok().map(|info| pools(&info.pools, networks))
}

/// Looks, and takes nothing away.
pub fn plan(ctx: &Context, wish: &Wish) -> Result<Plan> {
    let (mut networks, containers) = look(ctx).map_err(|trouble| ctx.engine_error(&trouble))?;
    let pools = count_pools(ctx, &networks);
    networks.sort_by(|one, two| one.name.cmp(&two.name));
    let mut plan = Plan { remove: Vec::new(), keep: Vec::new(), pools };
    for network in networks {
        match fate_of(&network, &containers, wish) {
            NetworkFate::Remove(why) => plan.remove.push((network, why)),
            NetworkFate::Keep(why) => plan.keep.push(Kept { name: network.name, why }),
            NetworkFate::NotSelected => {}
        }
    }
    Ok(plan)
}

fn fate_of(network: &Network, containers: &[Container], wish: &Wish) -> NetworkFate {
    network_fate(network, containers, Wanted { projects: &wish.projects, all: wish.all, now: SystemTime::now() })
}

/// Takes the networks of a plan away. Somebody may have thought about it for
/// long: each is looked at once more, and not while its project is being started.
pub fn run(ctx: &Context, plan: &Plan, wish: &Wish) -> Outcome {
    let mut outcome = Outcome::default();
    for (network, _) in &plan.remove {
        let project = network.project().or(network.link().map(|link| link.project));
        let _lock = project.and_then(|project| lock_project(ctx, project));
        let containers = match ctx.engine.containers() {
            Ok(containers) => containers,
            Err(trouble) => {
                let left = plan.remove.len() - outcome.removed.len();
                let error = ctx.engine_error(&trouble).hint(format!(
                    "{} of {} networks were removed; once it answers, the same command takes the other {left}",
                    outcome.removed.len(),
                    plan.remove.len()
                ));
                return Outcome { gave_up: Some(error), ..outcome };
            }
        };
        match remove_if_unused(ctx, network, &containers, wish) {
            Ok(()) => outcome.removed.push(network.name.clone()),
            Err(why) => outcome.failed.push(Kept { name: network.name.clone(), why }),
        }
    }
    outcome
}

fn remove_if_unused(ctx: &Context, network: &Network, containers: &[Container], wish: &Wish) -> Result<(), String> {
    match fate_of(network, containers, wish) {
        NetworkFate::Remove(_) => remove(ctx, network),
        NetworkFate::Keep(why) => Err(why),
        NetworkFate::NotSelected => Ok(()),
    }
}

/// Takes it away; where the engine refuses, says who is on it ("active
/// endpoints" is all that the engine says up to 28).
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
    Err(format!("{} on it: `{}`", ui::names_are(&names), disconnect(&network.name, first)))
}

/// The command that takes a container off a network.
pub fn disconnect(network: &str, container: &str) -> String {
    format!("docker network disconnect {} {}", ui::argument(network), ui::argument(container))
}
