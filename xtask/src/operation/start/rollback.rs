//! Rolls back an attempt: removes the containers and networks that it created. Volumes are
//! never touched.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::docker::EngineError;
use crate::error::{Error, Result};
use crate::model::{Container, Network};
use crate::ui;

/// A project's containers and networks before an attempt.
#[derive(Debug)]
pub(crate) struct Snapshot {
    containers: Vec<Container>,
    networks: BTreeSet<String>,
}

impl Snapshot {
    pub(crate) fn take(ctx: &Context, project: &str) -> Result<Self> {
        let trouble = |trouble: EngineError| ctx.engine_error(&trouble);
        let containers = ctx.engine.containers_of(project).map_err(trouble)?;
        let networks = ctx.engine.networks_of(project).map_err(trouble)?;
        Ok(Snapshot { containers, networks: networks.into_iter().map(|network| network.id).collect() })
    }

    /// Removes new containers, then new networks. Returns the services whose old containers
    /// the attempt had replaced, which can't be restored.
    pub(crate) fn roll_back(&self, ctx: &Context, project: &str) -> Result<Vec<String>> {
        let failed = |what: &str, trouble: &EngineError| {
            Error::new(format!("{what} could not be rolled back: {}", ctx.engine_error(trouble)))
                .hint("`cargo xtask stop` removes all containers of this project; volumes stay")
        };
        let now = ctx.engine.containers_of(project).map_err(|trouble| failed("containers", &trouble))?;
        let old: BTreeSet<&str> = self.containers.iter().map(|container| container.id.as_str()).collect();
        for container in now.iter().filter(|container| !old.contains(container.id.as_str())) {
            ui::detail(&format!("removing container {}", container.name));
            ctx.engine.remove_container(&container.id).map_err(|trouble| failed(&container.name, &trouble))?;
        }
        for network in self.new_networks(ctx, project).map_err(|trouble| failed("networks", &trouble))? {
            ui::detail(&format!("removing network {}", network.name));
            ctx.engine.remove_network(&network.id).map_err(|trouble| failed(&network.name, &trouble))?;
        }
        let remaining: BTreeSet<&str> = now.iter().map(|container| container.id.as_str()).collect();
        let gone = self.containers.iter().filter(|container| !remaining.contains(container.id.as_str()));
        Ok(gone.filter_map(|container| container.service.clone()).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// For an attempt that failed before it created a container: removes its networks, because
    /// the engine has few address ranges. Errors are ignored, since the attempt's own error
    /// is reported.
    pub(crate) fn roll_back_networks(&self, ctx: &Context, project: &str) {
        let Ok(containers) = ctx.engine.containers_of(project) else { return };
        if !containers.is_empty() {
            return;
        }
        for network in self.new_networks(ctx, project).unwrap_or_default() {
            ui::detail(&format!("removing network {}", network.name));
            drop(ctx.engine.remove_network(&network.id));
        }
    }

    fn new_networks(&self, ctx: &Context, project: &str) -> Result<Vec<Network>, EngineError> {
        let networks = ctx.engine.networks_of(project)?;
        Ok(networks.into_iter().filter(|network| !self.networks.contains(&network.id)).collect())
    }
}
