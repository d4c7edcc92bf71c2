//! An engine on another machine, which others may use too.

mod mounts;

use std::sync::Once;

use crate::project::Project;
use crate::ui;

pub use mounts::{describe as describe_mount, mounts, note as note_mounts, note_loopback};

/// Says once that the engine is around the container that this runs in.
pub fn note_container_host(project: &Project) {
    static SAID: Once = Once::new();
    let Some(host) = project.host.as_ref().filter(|host| host.is_container_host) else { return };
    let seen = match host.sockets {
        Some(_) => "its containers and all that is bound there were looked at",
        None => "only what its containers have is seen, --probe-remote looks at that machine too",
    };
    SAID.call_once(|| {
        ui::note(&format!("note: this is a container, and its engine binds ports on the machine around it: {seen}"));
    });
}
