//! An engine on another machine, which others may use too.

mod mounts;
mod name;

use std::sync::Once;

use crate::context::Context;
use crate::decide::stable_hash;
use crate::flow::survey::Survey;
use crate::host;
use crate::model::{Container, EngineHost};
use crate::ports::is_around;
use crate::ui;

pub use mounts::{describe as describe_mount, mounts, note as note_mounts, note_loopback};
pub use name::{is_shared, known_name, name_checkout};

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

/// Says once that the engine is around the container that this runs in.
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
