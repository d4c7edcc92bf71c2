//! The engine's settings that decide what it binds. The API does not return them, so they are
//! read from its command line or configuration.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::{Endpoint, Engine};
use crate::disk;
use crate::model::{Version, WildcardBinding};
use crate::parse::dockerd::{
    config_file, host_ip_of_config, host_ip_of_words, userland_proxy_of_config, userland_proxy_of_words,
};
use crate::parse::engine::EngineKind;

/// The default host IP of new bridge networks (`--default-network-opt`, `default-network-opts`).
/// Known only for an engine on this machine.
pub fn default_host_ip(endpoint: &Endpoint) -> Option<IpAddr> {
    setting(endpoint, host_ip_of_words, host_ip_of_config)
}

/// A setting of the dockerd on this machine whose pid file is beside its socket.
fn setting<T>(
    endpoint: &Endpoint,
    of_words: impl FnOnce(&[&str]) -> Option<T>,
    of_config: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    let socket = endpoint.socket()?;
    let pid = disk::read_text(&socket.with_file_name("docker.pid")).ok()?;
    let pid: u32 = pid.trim().parse().ok()?;
    let line = disk::read_text(&PathBuf::from(format!("/proc/{pid}/cmdline"))).ok()?;
    let words: Vec<&str> = line.split('\0').collect();
    if Path::new(words.first()?).file_name()? != "dockerd" {
        return None;
    }
    of_words(&words).or_else(|| {
        let file = config_file(&words).unwrap_or("/etc/docker/daemon.json");
        of_config(disk::read_text(Path::new(file)).ok()?.as_bytes())
    })
}

/// What the engine binds for a mapping on every address; Docker's way if it does not tell.
pub fn wildcard_binding(engine: &Engine) -> WildcardBinding {
    match engine.kind() {
        // Its containers run in a virtual machine, and gvproxy listens here.
        Ok(EngineKind::Podman(_)) if cfg!(not(target_os = "linux")) => WildcardBinding::AlwaysDualStack,
        Ok(EngineKind::Podman(version)) if version >= Version(6, 0, 0) => WildcardBinding::DualStack,
        Ok(EngineKind::Podman(_)) if engine.info().is_ok_and(|info| info.rootless) => WildcardBinding::AlwaysDualStack,
        Ok(EngineKind::Podman(_)) => WildcardBinding::Ipv4,
        Ok(EngineKind::Docker) | Err(_) => {
            match setting(engine.endpoint(), userland_proxy_of_words, userland_proxy_of_config) {
                Some(false) => WildcardBinding::ByNetwork,
                _ => WildcardBinding::Separate,
            }
        }
    }
}
