//! Docker's Swarm mode: the services that an engine runs as part of a Swarm.

use std::fmt;

use super::{Protocol, is_engine_name};

/// Label of what `docker stack deploy` makes: the stack's name.
pub const STACK_LABEL: &str = "com.docker.stack.namespace";

/// The port by which the nodes of every Swarm talk; it cannot be chosen.
const NODES: u16 = 7946;

/// What an active Swarm says about itself and this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swarm {
    pub node: SwarmNode,
    /// All services; empty on a worker, which may not list them.
    pub services: Vec<SwarmService>,
}

/// This engine's part in the Swarm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SwarmNode {
    /// Only a manager can list and change services.
    pub is_manager: bool,
    /// Addresses of the managers.
    pub managers: Vec<String>,
    /// TCP, on a manager.
    pub management_port: u16,
    /// UDP: the traffic between containers of several nodes.
    pub data_port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SwarmService {
    pub id: String,
    pub name: String,
    /// The stack of `docker stack deploy`.
    pub stack: Option<String>,
    /// One task on every node, so it has no number of tasks to change.
    pub is_global: bool,
    pub ports: Vec<SwarmPort>,
    /// Tasks that run, and that should run, on all nodes; `None` if the engine does not say.
    pub tasks: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmPort {
    pub published: u16,
    pub target: u16,
    pub protocol: Protocol,
    pub mode: PublishMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishMode {
    /// Every node listens and forwards to any task. No container shows the port.
    Ingress,
    /// The container of a task publishes it on its own node.
    Host,
}

/// The service that a container runs a task of, according to its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmTask {
    pub service_id: String,
    pub service: String,
    pub stack: Option<String>,
}

/// A service that holds a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    pub service: SwarmService,
    pub port: SwarmPort,
    /// The managers, if this node is a worker, where the service cannot be changed.
    pub managers: Option<Vec<String>>,
}

/// A port that the engine itself listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnginePort {
    pub purpose: EnginePurpose,
    /// The engine's process, if it is visible. The kernel holds some of the ports.
    pub pid: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnginePurpose {
    SwarmManagement,
    SwarmNodes,
    SwarmData,
    /// Of an engine that is in a Swarm, and is not the one that was asked.
    OtherSwarmManagement,
    OtherSwarmNodes,
    Api,
}

impl Swarm {
    /// The service that every node listens for on this port.
    pub fn ingress(&self, port: u16, protocol: Protocol) -> Option<(&SwarmService, SwarmPort)> {
        let is_it =
            |on: &&SwarmPort| on.mode == PublishMode::Ingress && (on.published, on.protocol) == (port, protocol);
        self.services.iter().find_map(|service| Some((service, *service.ports.iter().find(is_it)?)))
    }
}

impl SwarmNode {
    /// What the engine uses the port for (docs.docker.com, "Run Docker Engine in swarm mode",
    /// open protocols and ports between the hosts).
    pub fn purpose(&self, port: u16, protocol: Protocol) -> Option<EnginePurpose> {
        match protocol {
            Protocol::Tcp if self.is_manager && port == self.management_port => Some(EnginePurpose::SwarmManagement),
            Protocol::Udp if port == self.data_port => Some(EnginePurpose::SwarmData),
            _ if port == NODES => Some(EnginePurpose::SwarmNodes),
            _ => None,
        }
    }
}

impl SwarmService {
    /// What to call it on a command line: its name, or its id if no engine would give it that name.
    pub fn reference(&self) -> &str {
        if is_engine_name(&self.name) { &self.name } else { &self.id }
    }

    /// Other ports that are no longer published once `port` isn't: `--publish-rm` goes by
    /// target port, protocol and mode.
    pub fn published_with(&self, port: SwarmPort) -> impl Iterator<Item = SwarmPort> {
        let key = |port: SwarmPort| (port.target, port.protocol, port.mode);
        self.ports.iter().copied().filter(move |other| *other != port && key(*other) == key(port))
    }
}

impl PublishMode {
    /// The engine's word.
    pub fn as_str(self) -> &'static str {
        match self {
            PublishMode::Ingress => "ingress",
            PublishMode::Host => "host",
        }
    }
}

impl EnginePurpose {
    /// What a listener of dockerd is for if the engine that was asked doesn't have it: the ports
    /// are customary, and dockerd holds no container's port there.
    pub fn of_other_engine(port: u16, protocol: Protocol) -> Option<EnginePurpose> {
        match (port, protocol) {
            (2377, Protocol::Tcp) => Some(EnginePurpose::OtherSwarmManagement),
            (NODES, _) => Some(EnginePurpose::OtherSwarmNodes),
            _ => None,
        }
    }

    pub fn is_of_other_engine(self) -> bool {
        matches!(self, EnginePurpose::OtherSwarmManagement | EnginePurpose::OtherSwarmNodes)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            EnginePurpose::SwarmManagement => "Swarm's cluster management of this engine",
            EnginePurpose::SwarmNodes => "Swarm's node communication of this engine",
            EnginePurpose::SwarmData => "Swarm's overlay traffic of this engine",
            EnginePurpose::OtherSwarmManagement => "Swarm's cluster management of another engine",
            EnginePurpose::OtherSwarmNodes => "Swarm's node communication of another engine",
            EnginePurpose::Api => "this engine's own API",
        }
    }
}

/// As `--publish-add` and `--publish-rm` take it.
impl fmt::Display for SwarmPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, mode) = (self.protocol, self.mode.as_str());
        write!(f, "published={},target={},protocol={protocol},mode={mode}", self.published, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_with_one_target_are_unpublished_together() {
        let port = |published, target, mode| SwarmPort { published, target, protocol: Protocol::Tcp, mode };
        let (ingress, host) = (PublishMode::Ingress, PublishMode::Host);
        let ports =
            vec![port(8000, 80, ingress), port(8001, 80, ingress), port(8002, 80, host), port(8003, 81, ingress)];
        let service = SwarmService { ports, ..SwarmService::default() };
        let with: Vec<u16> = service.published_with(service.ports[0]).map(|port| port.published).collect();
        assert_eq!(with, [8001]);
        assert_eq!(service.ports[2].to_string(), "published=8002,target=80,protocol=tcp,mode=host");
    }
}
