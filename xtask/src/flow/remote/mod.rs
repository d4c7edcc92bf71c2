//! An engine on another machine, which others may use too.

mod mounts;
mod name;
mod probe;

use crate::context::Context;
use crate::decide::stable_hash;
use crate::host;
use crate::model::EngineHost;

pub use mounts::{describe as describe_mount, mounts, note as note_mounts, note_loopback};
pub use name::{is_shared, known_name, name_checkout};
pub use probe::probe;

/// Ports from which a Linux picks those of outgoing connections, unless told
/// otherwise (ip(7), `ip_local_port_range`).
pub const EPHEMERAL: (u16, u16) = (32_768, 60_999);

/// The machine of the engine, nothing of which was looked at yet; `None` where it
/// is this one.
pub fn engine_host(ctx: &Context) -> Option<EngineHost> {
    let name = ctx.engine.endpoint().remote_host()?;
    Some(EngineHost { name, sockets: None, seed: stable_hash(&whole_person(ctx)) })
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
