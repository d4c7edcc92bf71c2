//! Networks of the engine and of a project.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use super::{Subnet, compose_project};

/// The settings of a network that decide what the engine binds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSettings {
    /// `external:`, so only the engine knows its other settings.
    pub external: bool,
    /// `internal: true`: the engine publishes no ports on it.
    pub internal: bool,
    /// The host IP for mappings that name none.
    pub host_ip: Option<IpAddr>,
    pub ipv6: bool,
    /// Other machines reach its containers at their own addresses, past `ports:`.
    pub direct: bool,
}

/// The option of a bridge network that sets the default host IP (docs.docker.com,
/// "Bridge network driver", options).
pub const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";

impl NetworkSettings {
    /// The default host IP in a driver's options; an unspecified address counts as none.
    pub fn address(options: &BTreeMap<String, String>) -> Option<IpAddr> {
        options.get(HOST_BINDING)?.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified())
    }

    /// Whether a driver with these options makes containers reachable from other machines at
    /// their own addresses (docs.docker.com, "Bridge network driver" and "Macvlan network driver").
    pub fn is_direct(driver: &str, options: &BTreeMap<String, String>) -> bool {
        let option = |name: &str| options.get(&format!("com.docker.network.bridge.{name}")).map(String::as_str);
        let is_open = |name: &str| matches!(option(name), Some("routed" | "nat-unprotected"));
        matches!(driver, "macvlan" | "ipvlan")
            || is_open("gateway_mode_ipv4")
            || is_open("gateway_mode_ipv6")
            || option("trusted_host_interfaces").is_some_and(|names| !names.is_empty())
    }
}

/// Label of a network that this tool created for a proxy: the proxy's project.
pub const OF_PROXY: &str = "xtask.proxy";
/// Label of a link, a checkout's own network with the proxy: the checkout's project.
pub const LINK: &str = "xtask.link";
/// Label of a link: the checkout's folder.
pub const LINK_FOLDER: &str = "xtask.link.folder";

/// A checkout's own network with the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// The checkout's Compose project.
    pub project: &'a str,
    pub folder: &'a Path,
    /// The proxy's Compose project.
    pub proxy: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Full id.
    pub id: String,
    pub name: String,
    /// `bridge`, `overlay`, `null`.
    pub driver: String,
    /// `local`, or `swarm`.
    pub scope: String,
    pub labels: BTreeMap<String, String>,
    /// IPv4 only.
    pub subnets: Vec<Subnet>,
    pub created: Option<SystemTime>,
    /// The interface on the engine's machine, if an option names it.
    pub interface: Option<String>,
    pub settings: NetworkSettings,
    /// Names of the running containers on it; known only if the engine was asked about
    /// this network alone.
    pub endpoints: Vec<String>,
}

impl Network {
    /// The Compose project that made it.
    pub fn project(&self) -> Option<&str> {
        compose_project(&self.labels)
    }

    /// The checkout and proxy that it links, if it is a link.
    pub fn link(&self) -> Option<Link<'_>> {
        let label = |name: &str| self.labels.get(name).map(String::as_str);
        let folder = Path::new(label(LINK_FOLDER).unwrap_or_default());
        Some(Link { project: label(LINK)?, folder, proxy: label(OF_PROXY)? })
    }

    /// The interface on the engine's machine: `br-` and the first twelve digits
    /// of the id, unless it was named (moby, `bridge_linux.go`).
    pub fn interface(&self) -> String {
        self.interface.clone().unwrap_or_else(|| format!("br-{}", self.id.get(..12).unwrap_or(&self.id)))
    }
}
