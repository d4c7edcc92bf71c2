//! A project whose networks are broken: containers down, networks away, up
//! again. Heals `network … not found`, networks that "need to be recreated", and
//! ones that hang. Named volumes stay.

use super::launch;
use super::steps::{Ending, Options, bring_up};
use crate::context::Context;
use crate::docker::EngineError;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::{Container, Network};
use crate::operation::networks::prune::{Kept, Outcome, disconnect, remove};
use crate::operation::stop::compose_down::{down, take_down, warn_unnamed};
use crate::project::{self, Project, lock_project};
use crate::stack::OnConflict;
use crate::ui;

/// What will be done.
#[derive(Debug)]
pub struct Recreation {
    found: Project,
    /// The project's networks, as they are.
    pub networks: Vec<Network>,
    /// The services that have containers: these come up again. Empty = all.
    services: Vec<String>,
    containers: Vec<Container>,
}

impl Recreation {
    /// Looks at the project. An error where a container of somebody else is on
    /// its networks: it would be cut off, or keep the network from going.
    pub fn plan(ctx: &Context) -> Result<Recreation> {
        let found = project::resolve_started(ctx)?;
        let ctx = &found.ctx;
        found.ready()?;
        let trouble = |trouble: EngineError| ctx.engine_error(&trouble);
        let name = found.stack.name.clone();
        let mut networks = ctx.engine.all_networks().map_err(trouble)?;
        networks.retain(|network| network.project() == Some(&name));
        let containers = ctx.engine.containers().map_err(trouble)?;
        refuse_strangers(&name, &networks, &containers)?;
        let own = found.containers_now()?;
        let is_known = |service: &String| found.stack.service(service).is_some();
        let mut services: Vec<String> = own
            .iter()
            .filter(|container| !container.one_off)
            .filter_map(|container| container.service.clone())
            .collect();
        services.retain(is_known);
        services.sort();
        services.dedup();
        Ok(Recreation { found, networks, services, containers: own })
    }

    /// The steps, as a person would type them.
    pub fn lines(&self) -> Vec<String> {
        let ctx = &self.found.ctx;
        let remove = |network: &Network| format!("docker network rm {}", ui::clean(&network.name));
        let mut lines = vec![whole(ctx).line()];
        lines.extend(self.networks.iter().map(remove));
        let up = ["up", "-d"].into_iter().chain(self.services.iter().map(String::as_str));
        lines.push(ctx.compose().command(up).line());
        lines
    }

    /// Says whose data would not be found again.
    pub fn warn(&self) {
        warn_unnamed(&self.containers);
    }

    /// Does it, and waits until every service is well.
    pub(crate) fn run(self) -> Result<(Outcome, Ending)> {
        let ctx = &self.found.ctx;
        let mut outcome = Outcome::default();
        let lock = lock_project(ctx, &self.found.stack.name);
        take_down(ctx, &self.found.stack.name, &whole(ctx))?;
        // Compose leaves a network that it could not remove, and says nothing.
        for network in &self.networks {
            match remove(ctx, network) {
                Ok(()) => outcome.removed.push(network.name.clone()),
                Err(why) => outcome.failed.push(Kept { name: network.name.clone(), why }),
            }
        }
        // Starting takes the lock itself.
        drop(lock);
        let options = Options {
            on_conflict: Some(OnConflict::Fail),
            up: launch::Options { services: self.services, ..launch::Options::default() },
            // As it was started.
            by_name: ctx.names.is_some().then_some(true),
            ..Options::default()
        };
        Ok((outcome, bring_up(ctx, &options)?))
    }
}

fn whole(ctx: &Context) -> Command {
    down::<&str>(ctx, [])
}

fn refuse_strangers(project: &str, networks: &[Network], containers: &[Container]) -> Result<()> {
    let strangers: Vec<(&Network, &Container)> = networks
        .iter()
        .flat_map(|network| containers.iter().map(move |container| (network, container)))
        .filter(|(network, container)| container.project.as_deref() != Some(project) && container.is_attached(network))
        .collect();
    let Some((network, _)) = strangers.first() else { return Ok(()) };
    let names: Vec<String> = strangers.iter().map(|(_, container)| ui::clean(&container.name)).collect();
    let error = Error::new(format!(
        "network {} cannot be made anew: {} of another project is on it (\"active endpoints\")",
        ui::clean(&network.name),
        names.join(", ")
    ));
    let hint =
        |(network, container): &(&Network, &Container)| format!("`{}`", disconnect(&network.name, &container.name));
    Err(strangers.iter().map(hint).fold(error, Error::hint).finding())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attachment;

    #[test]
    fn somebody_elses_container_on_the_network_is_named_with_the_way_out() {
        let network = Network { id: "n1".into(), name: "demo_default".into(), ..Network::default() };
        let on_it = |name: &str, project: Option<&str>, id: &str| Container {
            name: name.into(),
            project: project.map(str::to_owned),
            networks: vec![Attachment::new("demo_default", id)],
            ..Container::default()
        };
        let networks = [network];
        refuse_strangers("demo", &networks, &[on_it("demo-web-1", Some("demo"), "n1")]).unwrap();
        // A network of that name that is gone is none of ours.
        refuse_strangers("demo", &networks, &[on_it("x", None, "n0")]).unwrap();
        let error = refuse_strangers("demo", &networks, &[on_it("grafana", Some("mon"), "n1")]).unwrap_err();
        assert_eq!(error.hints(), ["`docker network disconnect demo_default grafana`"]);
    }
}
