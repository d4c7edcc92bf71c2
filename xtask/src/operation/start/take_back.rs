//! What an attempt made, so that it can be taken away again: containers and
//! networks that were not there before. Volumes are never touched.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::docker::EngineError;
use crate::error::{Error, Result};
use crate::model::{Container, Network};
use crate::ui;

/// Ids of a project before an attempt.
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

    /// Takes new containers, then new networks away. Returns the services
    /// whose old containers the attempt had replaced: those cannot come back.
    pub(crate) fn take_back(&self, ctx: &Context, project: &str) -> Result<Vec<String>> {
        let failed = |what: &str, trouble: &EngineError| {
            Error::new(format!("{what} could not be taken back: {}", ctx.engine_error(trouble)))
                .hint("`cargo xtask stop` takes all containers of this project away; volumes stay")
        };
        let now = ctx.engine.containers_of(project).map_err(|trouble| failed("containers", &trouble))?;
        let old: BTreeSet<&str> = self.containers.iter().map(|container| container.id.as_str()).collect();
        for container in now.iter().filter(|container| !old.contains(container.id.as_str())) {
            ui::detail(&format!("taking back container {}", container.name));
            ctx.engine.remove_container(&container.id).map_err(|trouble| failed(&container.name, &trouble))?;
        }
        for network in self.new_networks(ctx, project).map_err(|trouble| failed("networks", &trouble))? {
            ui::detail(&format!("taking back network {}", network.name));
            ctx.engine.remove_network(&network.id).map_err(|trouble| failed(&network.name, &trouble))?;
        }
        let left: BTreeSet<&str> = now.iter().map(|container| container.id.as_str()).collect();
        let gone = self.containers.iter().filter(|container| !left.contains(container.id.as_str()));
        Ok(gone.filter_map(|container| container.service.clone()).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// For an attempt that ended before it made a container: networks that
    /// nobody is on are of no use, and there are few of them. What cannot be
    /// taken back is no news beside the error that led here.
    pub(crate) fn take_back_networks(&self, ctx: &Context, project: &str) {
        let Ok(containers) = ctx.engine.containers_of(project) else { return };
        if !containers.is_empty() {
            return;
        }
        for network in self.new_networks(ctx, project).unwrap_or_default() {
            ui::detail(&format!("taking back network {}", network.name));
            drop(ctx.engine.remove_network(&network.id));
        }
    }

    fn new_networks(&self, ctx: &Context, project: &str) -> Result<Vec<Network>, EngineError> {
        let networks = ctx.engine.networks_of(project)?;
        Ok(networks.into_iter().filter(|network| !self.networks.contains(&network.id)).collect())
    }
}
