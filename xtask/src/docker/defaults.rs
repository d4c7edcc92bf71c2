//! The engine's own defaults for networks that are yet to be made. Its API does
//! not tell them: they stand on its command line or in its configuration.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::Endpoint;
use crate::disk;
use crate::parse::dockerd::{config_file, host_ip_of_config, host_ip_of_words};

/// The address that bridge networks get for mappings that name none
/// (`--default-network-opt`, `default-network-opts`), as far as it can be told
/// of an engine on this machine: its process id lies beside its socket.
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
