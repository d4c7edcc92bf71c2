//! An engine on another machine, which others may use too.

mod mounts;
mod name;
mod probe;

use std::sync::Once;

use crate::context::Context;
use crate::decide::stable_hash;
use crate::flow::survey::Survey;
use crate::host;
use crate::model::{Container, EngineHost};
use crate::ui;

pub use mounts::{describe as describe_mount, mounts, note as note_mounts, note_loopback};
pub use name::{is_shared, known_name, name_checkout};
pub use probe::probe;

/// Ports from which a Linux picks those of outgoing connections, unless told
/// otherwise (ip(7), `ip_local_port_range`).
pub const EPHEMERAL: (u16, u16) = (32_768, 60_999);

/// The machine of the engine, nothing of which was looked at yet; `None` where it
/// is this one.
pub fn engine_host(ctx: &Context, containers: &[Container]) -> Option<EngineHost> {
    match ctx.engine.endpoint().remote_host() {
        Some(name) => Some(EngineHost { name, is_around: false, sockets: None, seed: stable_hash(&whole_person(ctx)) }),
        None if is_around(containers) => {
            Some(EngineHost { name: AROUND.to_owned(), is_around: true, sockets: None, seed: 0 })
        }
        None => None,
    }
}

const AROUND: &str = "the machine around this container";

/// Whether this runs in one of the engine's own containers, as in a dev container
/// that was given the engine's socket: ports are bound around it then, where
/// nothing of here is seen. Not on the network of the host, which is the engine's.
pub fn is_around(containers: &[Container]) -> bool {
    let own = host::own_container();
    let is_own = |container: &&Container| own.contains(&container.id);
    containers.iter().find(is_own).is_some_and(|container| !container.is_on("host"))
}

/// Says so, once.
pub fn note_around(found: &Survey) {
    static SAID: Once = Once::new();
    let Some(host) = found.host.as_ref().filter(|host| host.is_around) else { return };
    let seen = match host.sockets {
        Some(_) => "its containers and all that is bound there were looked at",
        None => "only what its containers have is seen, --probe-remote looks at that machine too",
    };
    SAID.call_once(|| {
        ui::note(&format!("note: this is a container, and its engine binds ports on the machine around it: {seen}"));
    });
}

/// The person's name, as the system has it.
fn person(ctx: &Context) -> String {
    let names = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(|name| ctx.var(name));
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}

/// The person and the machine: two people may have one name, and one two
/// machines.
fn whole_person(ctx: &Context) -> String {
    format!("{}@{}", person(ctx), host::name().unwrap_or_default())
}
