//! The stacks and services of the Swarm that the engine is a node of.

use std::collections::BTreeMap;

use console::style;
use serde::Serialize;

use crate::context::Context;
use crate::model::{Container, PublishMode, SwarmPort, SwarmService};
use crate::ui::{self, Column};

/// Empty outside a Swarm.
#[derive(Debug, Clone, Default)]
pub struct Stacks {
    /// Services by stack; those without a stack under `None`.
    stacks: BTreeMap<Option<String>, Vec<SwarmService>>,
    /// The managers, if this node is a worker: only what runs here is known.
    managers: Option<Vec<String>>,
}

/// Asks the engine only if it has containers of a Swarm: a manager without any lists nothing.
pub(super) fn stacks(ctx: &Context, containers: &[Container]) -> Stacks {
    if !containers.iter().any(|container| container.task.is_some()) {
        return Stacks::default();
    }
    let swarm = ctx.engine.swarm().ok().flatten();
    let (services, managers) = match swarm {
        Some(swarm) if swarm.node.is_manager => (swarm.services, None),
        Some(swarm) => (by_containers(containers), Some(swarm.node.managers)),
        None => (by_containers(containers), None),
    };
    let mut stacks: BTreeMap<Option<String>, Vec<SwarmService>> = BTreeMap::new();
    for service in services {
        stacks.entry(service.stack.clone()).or_default().push(service);
    }
    for services in stacks.values_mut() {
        services.sort_by(|one, two| one.name.cmp(&two.name));
    }
    Stacks { stacks, managers }
}

/// The services whose tasks run on this node, with the ports that its containers publish.
fn by_containers(containers: &[Container]) -> Vec<SwarmService> {
    let mut services: BTreeMap<&str, SwarmService> = BTreeMap::new();
    for container in containers {
        let Some(task) = container.task.as_ref().filter(|_| container.state.holds_ports()) else { continue };
        let service = services.entry(&task.service_id).or_insert_with(|| SwarmService {
            id: task.service_id.clone(),
            name: task.service.clone(),
            stack: task.stack.clone(),
            ..SwarmService::default()
        });
        for binding in container.held() {
            let port = SwarmPort {
                published: binding.published,
                target: binding.target,
                protocol: binding.protocol,
                mode: PublishMode::Host,
            };
            if !service.ports.contains(&port) {
                service.ports.push(port);
            }
        }
    }
    services.into_values().collect()
}

#[derive(Debug, Serialize)]
pub(super) struct StackReport {
    /// `null` for services outside a stack.
    stack: Option<String>,
    services: Vec<ServiceReport>,
}

#[derive(Debug, Serialize)]
struct ServiceReport {
    service: String,
    /// Tasks on all nodes; `null` on a worker.
    running: Option<u64>,
    desired: Option<u64>,
    ports: Vec<PortReport>,
}

#[derive(Debug, Serialize)]
struct PortReport {
    published: u16,
    target: u16,
    protocol: &'static str,
    mode: &'static str,
}

impl Stacks {
    pub(super) fn json(&self) -> Vec<StackReport> {
        let port = |port: &SwarmPort| PortReport {
            published: port.published,
            target: port.target,
            protocol: port.protocol.as_str(),
            mode: port.mode.as_str(),
        };
        let service = |service: &SwarmService| ServiceReport {
            service: ui::clean(&service.name),
            running: service.tasks.map(|tasks| tasks.0),
            desired: service.tasks.map(|tasks| tasks.1),
            ports: service.ports.iter().map(port).collect(),
        };
        let report = |(stack, services): (&Option<String>, &Vec<SwarmService>)| StackReport {
            stack: stack.as_deref().map(ui::clean),
            services: services.iter().map(service).collect(),
        };
        self.stacks.iter().map(report).collect()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (stack, services) in &self.stacks {
            let head = match stack {
                Some(stack) => format!("{}  Swarm stack", style(ui::clean(stack)).bold()),
                None => style("Swarm services outside a stack").bold().to_string(),
            };
            lines.push(head);
            let cells: Vec<Vec<String>> = services.iter().map(cells).collect();
            lines.extend(ui::table(&[Column::Left; 3], &cells).into_iter().map(|line| format!("  {line}")));
        }
        if let Some(managers) = &self.managers {
            let managers = ui::clean(&managers.join(", "));
            lines.push(format!("  of the Swarm only what runs here is shown: this node is a worker of {managers}"));
        }
        lines
    }
}

fn cells(service: &SwarmService) -> Vec<String> {
    let port = |port: &SwarmPort| format!("{}->{}/{}", port.published, port.target, port.protocol);
    let ports: Vec<String> = service.ports.iter().map(port).collect();
    let state = match service.tasks {
        None => style("runs here".to_owned()).green(),
        Some((_, 0)) => style("scaled to 0".to_owned()).dim(),
        Some((running, desired)) if running < desired => style(format!("running {running}/{desired}")).yellow(),
        Some((running, desired)) => style(format!("running {running}/{desired}")).green(),
    };
    vec![ui::clean(&service.name), ports.join(" "), state.to_string()]
}
