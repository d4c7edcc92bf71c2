//! Recreates a project with broken networks: removes its containers and networks, and starts
//! it again. Repairs `network … not found`, networks that "need to be recreated", and networks
//! that hang. Named volumes stay.

use super::launch;
use super::steps::{Ending, Options, bring_up};
use crate::context::Context;
use crate::docker::EngineError;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::{Container, Network};
use crate::operation::networks::prune::{KeptNetwork, Outcome, disconnect, remove};
use crate::operation::stop::compose_down::{compose_down, down_command, warn_unnamed_volumes};
use crate::project::{self, Project, lock_project};
use crate::stack::OnConflict;
use crate::ui;

#[derive(Debug)]
pub struct Recreation {
    project: Project,
    /// The project's existing networks.
    pub networks: Vec<Network>,
    /// The services with containers, which are started again; empty: all.
    services: Vec<String>,
    containers: Vec<Container>,
}

impl Recreation {
    /// It is an error if another project's container is on one of the networks: it would be
    /// disconnected, or prevent the network's removal.
    pub fn plan(ctx: &Context) -> Result<Recreation> {
        let project = project::resolve_started(ctx)?;
        let ctx = &project.ctx;
        project.require_ready()?;
        project.refuse_other_manager()?;
        let trouble = |trouble: EngineError| ctx.engine_error(&trouble);
        let name = project.stack.name.clone();
        let mut networks = ctx.engine.all_networks().map_err(trouble)?;
        networks.retain(|network| network.project() == Some(&name));
        let containers = ctx.engine.containers().map_err(trouble)?;
        refuse_foreign_containers(&name, &networks, &containers)?;
        let own = project.containers_now()?;
        let is_known = |service: &String| project.stack.service(service).is_some();
        let mut services: Vec<String> = own
            .iter()
            .filter(|container| !container.one_off)
            .filter_map(|container| container.service.clone())
            .collect();
        services.retain(is_known);
        services.sort();
        services.dedup();
        Ok(Recreation { project, networks, services, containers: own })
    }

    /// The steps as shell commands.
    pub fn lines(&self) -> Vec<String> {
        let ctx = &self.project.ctx;
        let remove = |network: &Network| format!("docker network rm {}", ui::clean(&network.name));
        let mut lines = vec![down(ctx).line()];
        lines.extend(self.networks.iter().map(remove));
        let up = ["up", "-d"].into_iter().chain(self.services.iter().map(String::as_str));
        lines.push(ctx.compose().command(up).line());
        lines
    }

    /// Warns about data in anonymous volumes.
    pub fn warn(&self) {
        warn_unnamed_volumes(&self.containers);
    }

    /// Recreates the project, and waits until every service is ready.
    pub(crate) fn run(self) -> Result<(Outcome, Ending)> {
        let ctx = &self.project.ctx;
        let mut outcome = Outcome::default();
        let turn = lock_project(ctx, &self.project.stack.name);
        compose_down(ctx, &self.project.stack.name, &down(ctx))?;
        // Compose silently leaves a network that it could not remove.
        for network in &self.networks {
            match remove(ctx, network) {
                Ok(()) => outcome.removed.push(network.name.clone()),
                Err(why) => outcome.failed.push(KeptNetwork { name: network.name.clone(), why }),
            }
        }
        // `bring_up` takes the turn itself.
        drop(turn);
        let options = Options {
            on_conflict: Some(OnConflict::Fail),
            up: launch::Options { services: self.services, ..launch::Options::default() },
            // As it was started before.
            named_start: ctx.names.is_some().then_some(true),
            ..Options::default()
        };
        Ok((outcome, bring_up(ctx, &options)?))
    }
}

fn down(ctx: &Context) -> Command {
    down_command::<&str>(ctx, [])
}

fn refuse_foreign_containers(project: &str, networks: &[Network], containers: &[Container]) -> Result<()> {
    let foreign: Vec<(&Network, &Container)> = networks
        .iter()
        .flat_map(|network| containers.iter().map(move |container| (network, container)))
        .filter(|(network, container)| container.project.as_deref() != Some(project) && container.is_attached(network))
        .collect();
    let Some((network, _)) = foreign.first() else { return Ok(()) };
    let names: Vec<String> = foreign.iter().map(|(_, container)| ui::clean(&container.name)).collect();
    let error = Error::new(format!(
        "network {} cannot be recreated while another project is on it: {} (\"active endpoints\")",
        ui::clean(&network.name),
        names.join(", ")
    ));
    let hint =
        |(network, container): &(&Network, &Container)| format!("`{}`", disconnect(&network.name, &container.name));
    Err(foreign.iter().map(hint).fold(error, Error::hint).finding())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attachment;

    #[test]
    fn a_container_of_another_project_on_the_network_is_named_with_a_remedy() {
        let network = Network { id: "n1".into(), name: "demo_default".into(), ..Network::default() };
        let attached = |name: &str, project: Option<&str>, id: &str| Container {
            name: name.into(),
            project: project.map(str::to_owned),
            networks: vec![Attachment::new("demo_default", id)],
            ..Container::default()
        };
        let networks = [network];
        refuse_foreign_containers("demo", &networks, &[attached("demo-web-1", Some("demo"), "n1")]).unwrap();
        // A container can refer to a removed network of the same name.
        refuse_foreign_containers("demo", &networks, &[attached("x", None, "n0")]).unwrap();
        let error =
            refuse_foreign_containers("demo", &networks, &[attached("grafana", Some("mon"), "n1")]).unwrap_err();
        assert_eq!(error.hints(), ["`docker network disconnect demo_default grafana`"]);
    }
}
