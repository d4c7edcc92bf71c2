//! The engine's defaults for new networks. The API does not return them, so they are read from
//! its command line or configuration.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::Endpoint;
use crate::disk;
use crate::parse::dockerd::{config_file, host_ip_of_config, host_ip_of_words};

/// The default host IP of new bridge networks (`--default-network-opt`, `default-network-opts`).
/// Known only for an engine on this machine, whose pid file is beside its socket.
pub fn default_host_ip(endpoint: &Endpoint) -> Option<IpAddr> {
    let socket = endpoint.socket()?;
    let pid = disk::read_text(&socket.with_file_name("docker.pid")).ok()?;
    let pid: u32 = pid.trim().parse().ok()?;
    let line = disk::read_text(&PathBuf::from(format!("/proc/{pid}/cmdline"))).ok()?;
    let words: Vec<&str> = line.split('\0').collect();
    if Path::new(words.first()?).file_name()? != "dockerd" {
        return None;
    }
    host_ip_of_words(&words).or_else(|| {
        let usual = || Some("/etc/docker/daemon.json");
        let file = config_file(&words).or_else(usual)?;
        host_ip_of_config(disk::read_text(Path::new(file)).ok()?.as_bytes())
    })
}
