//! The Swarm that the engine is a node of, for ports that no container explains.

use std::cell::OnceCell;

use crate::decide::{ingress_owner, may_be_swarm, name_swarm};
use crate::docker::Engine;
use crate::model::{Container, Owner, Protocol, Swarm, Verdict};

/// Asks the engine once, when an owner may be a service.
#[derive(Default)]
pub(super) struct SwarmFacts<'a> {
    engine: Option<&'a Engine>,
    known: OnceCell<Option<Swarm>>,
}

impl<'a> SwarmFacts<'a> {
    pub(super) fn of(engine: &'a Engine) -> Self {
        SwarmFacts { engine: Some(engine), known: OnceCell::new() }
    }

    /// If the engine doesn't answer, the owners stay what they are.
    fn swarm(&self) -> Option<&Swarm> {
        self.known.get_or_init(|| self.engine?.swarm().ok().flatten()).as_ref()
    }

    pub(super) fn name(&self, owners: Vec<Owner>, port: u16, protocol: Protocol) -> Vec<Owner> {
        let swarm = if may_be_swarm(&owners) { self.swarm() } else { None };
        name_swarm(owners, port, protocol, swarm)
    }

    /// On another machine a socket of dockerd is not visible, and the engine lists no binding.
    /// It is asked only if it has containers of a Swarm.
    pub(super) fn elsewhere(&self, port: u16, protocol: Protocol, containers: &[Container]) -> Option<Verdict> {
        let swarm = containers.iter().any(|container| container.task.is_some()).then(|| self.swarm())??;
        ingress_owner(port, protocol, swarm).map(|owner| Verdict::Taken(vec![owner]))
    }
}
