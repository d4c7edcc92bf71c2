//! What a project's networks say of its published ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// A network, as far as it decides what the engine binds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSettings {
    /// `external:`, so only the engine knows the rest.
    pub external: bool,
    /// `internal: true`: the engine publishes nothing on it.
    pub internal: bool,
    /// The address for mappings that name none.
    pub host_ip: Option<IpAddr>,
}

/// The option of a bridge network that sets that address (docs.docker.com,
/// "Bridge network driver", options).
pub const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";

impl NetworkSettings {
    /// The address that options of a driver set; the unspecified one is as none.
    pub fn address(options: &BTreeMap<String, String>) -> Option<IpAddr> {
        options.get(HOST_BINDING)?.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified())
    }
}
