//! Notes about an engine on another machine.

mod mounts;

use std::sync::Once;

use crate::project::Project;
use crate::ui;

pub use mounts::{describe as describe_mount, mounts, note as note_mounts, note_loopback};

/// Notes once that this process runs in a container of the engine.
pub fn note_container_host(project: &Project) {
    static SAID: Once = Once::new();
    let Some(host) = project.host.as_ref().filter(|host| host.is_container_host) else { return };
    let seen = match host.sockets {
        Some(_) => "its containers and all sockets there were checked",
        None => "only its containers' ports are known; --probe-remote checks that machine's sockets too",
    };
    SAID.call_once(|| {
        ui::note(&format!("note: this is a container, and its engine binds ports on the machine around it: {seen}"));
    });
}
