//! The Swarm that the engine is a node of, for ports that no container explains.

use std::cell::OnceCell;

use crate::decide::{ingress_owner, may_be_swarm, name_swarm};
use crate::docker::Engine;
use crate::model::{Container, Owner, Protocol, PublishMode, Swarm, Verdict};

/// Asks the engine once, when an owner may be a service.
#[derive(Default)]
pub(super) struct SwarmFacts<'a> {
    engine: Option<&'a Engine>,
    known: OnceCell<Option<Swarm>>,
    /// Also about ports that are free now, at the cost of a request.
    about_free: bool,
}

impl<'a> SwarmFacts<'a> {
    pub(super) fn of(engine: &'a Engine) -> Self {
        SwarmFacts { engine: Some(engine), ..SwarmFacts::default() }
    }

    /// If the engine doesn't answer, the owners stay what they are.
    fn swarm(&self) -> Option<&Swarm> {
        self.known.get_or_init(|| self.engine?.swarm().ok().flatten()).as_ref()
    }

    pub(super) fn name(&self, owners: Vec<Owner>, port: u16, protocol: Protocol) -> Vec<Owner> {
        let swarm = if may_be_swarm(&owners) { self.swarm() } else { None };
        name_swarm(owners, port, protocol, swarm)
    }

    pub(super) fn also_about_free(self) -> Self {
        SwarmFacts { about_free: true, ..self }
    }

    /// The service that publishes a port through the routing mesh although nothing is seen to
    /// hold it: on another machine a socket of dockerd is not visible, and on this one it may not
    /// listen yet, or not at all (a kernel without IPVS). No container shows such a port. The
    /// engine is asked if it has containers of a Swarm, which tell for free that it is in one.
    pub(super) fn of_free(&self, port: u16, protocol: Protocol, containers: &[Container]) -> Option<Verdict> {
        let swarm = self.worth_asking(containers).then(|| self.swarm())??;
        ingress_owner(port, protocol, swarm).map(|owner| Verdict::Taken(vec![owner]))
    }

    /// Every port of the routing mesh.
    pub(super) fn ingress_ports(&self, containers: &[Container]) -> Vec<(u16, Protocol)> {
        let swarm = if self.worth_asking(containers) { self.swarm() } else { None };
        let ports = swarm.into_iter().flat_map(|swarm| &swarm.services).flat_map(|service| &service.ports);
        ports.filter(|port| port.mode == PublishMode::Ingress).map(|port| (port.published, port.protocol)).collect()
    }

    fn worth_asking(&self, containers: &[Container]) -> bool {
        self.about_free || containers.iter().any(|container| container.task.is_some())
    }
}
