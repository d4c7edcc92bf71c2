//! The machine on which the engine binds ports, where it is not this one.

use super::person::whole_person;
use crate::context::Context;
use crate::decide::stable_hash;
use crate::host;
use crate::model::{Container, EngineHost};

/// Ports from which a Linux picks those of outgoing connections, unless told
/// otherwise (ip(7), `ip_local_port_range`).
pub const EPHEMERAL: (u16, u16) = (32_768, 60_999);

const AROUND: &str = "the machine around this container";

/// The machine of the engine, nothing of which was looked at yet; `None` where it
/// is this one.
pub(super) fn engine_host(ctx: &Context, containers: &[Container]) -> Option<EngineHost> {
    match ctx.engine.endpoint().remote_host() {
        Some(name) => Some(EngineHost { name, is_around: false, sockets: None, seed: stable_hash(&whole_person(ctx)) }),
        None if is_around(containers) => {
            Some(EngineHost { name: AROUND.to_owned(), is_around: true, sockets: None, seed: 0 })
        }
        None => None,
    }
}

/// Whether this runs in one of the engine's own containers, as in a dev container
/// that was given the engine's socket: ports are bound around it then, where
/// nothing of here is seen. Not on the network of the host, which is the engine's.
pub fn is_around(containers: &[Container]) -> bool {
    let own = host::own_container();
    let is_own = |container: &&Container| own.contains(&container.id);
    containers.iter().find(is_own).is_some_and(|container| !container.networks.iter().any(|name| name == "host"))
}
