//! `GET /info` and `GET /version`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::{Pool, SwarmNode, Version};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// `28.5.2+dfsg4`.
    pub version: String,
    /// `Docker Desktop`, `Debian GNU/Linux 12 (bookworm)`.
    pub system: String,
    /// Folder of images and volumes, on the engine's machine.
    pub root_dir: PathBuf,
    /// Runs without root.
    pub rootless: bool,
    /// `default-address-pools` of its daemon.json (IPv4); empty = the built-in ones.
    pub pools: Vec<Pool>,
    /// While it is an active node of a Swarm.
    pub swarm: Option<SwarmNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiInfo {
    #[serde(default)]
    server_version: String,
    #[serde(default)]
    operating_system: String,
    #[serde(default)]
    docker_root_dir: PathBuf,
    security_options: Option<Vec<String>>,
    default_address_pools: Option<Vec<ApiPool>>,
    swarm: Option<ApiSwarm>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiSwarm {
    #[serde(rename = "NodeID")]
    node_id: Option<String>,
    local_node_state: Option<String>,
    control_available: Option<bool>,
    remote_managers: Option<Vec<ApiManager>>,
    cluster: Option<ApiCluster>,
}

#[derive(Deserialize)]
struct ApiManager {
    #[serde(rename = "NodeID")]
    node_id: Option<String>,
    #[serde(rename = "Addr")]
    address: Option<String>,
}

/// Only a manager has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiCluster {
    data_path_port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiPool {
    base: String,
    size: u8,
}

/// `GET /info`.
pub fn info(json: &[u8]) -> Result<Info> {
    let api: ApiInfo = serde_json::from_slice(json).context("read the engine's description of itself")?;
    let rootless = |option: &String| option.split(',').any(|word| word == "name=rootless");
    let pool = |pool: ApiPool| Some(Pool { base: pool.base.parse().ok()?, size: pool.size.min(32) });
    Ok(Info {
        version: api.server_version,
        system: api.operating_system,
        root_dir: api.docker_root_dir,
        rootless: api.security_options.unwrap_or_default().iter().any(rootless),
        pools: api.default_address_pools.unwrap_or_default().into_iter().filter_map(pool).collect(),
        swarm: api.swarm.and_then(swarm),
    })
}

/// `inactive`, `pending`, `error` and `locked` are nodes without services.
fn swarm(api: ApiSwarm) -> Option<SwarmNode> {
    api.local_node_state.filter(|state| state == "active")?;
    let known = api.remote_managers.unwrap_or_default();
    let own = known.iter().find(|manager| manager.node_id.is_some() && manager.node_id == api.node_id);
    let port = own.and_then(|own| own.address.as_deref()?.rsplit_once(':')?.1.parse().ok());
    let data_port = api.cluster.and_then(|cluster| cluster.data_path_port).filter(|port| *port > 0);
    Some(SwarmNode {
        is_manager: api.control_available.unwrap_or_default(),
        management_port: port.unwrap_or(2377),
        data_port: data_port.unwrap_or(4789),
        managers: known.into_iter().filter_map(|manager| manager.address).collect(),
    })
}

/// Which engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Docker, or another engine that behaves like it.
    Docker,
    Podman(Version),
}

/// Of the `Server` header: Podman says `Libpod/6.1.1 (linux)`.
pub fn kind_of_server(header: &str) -> EngineKind {
    let version = header.strip_prefix("Libpod/").and_then(|rest| rest.split(' ').next()?.parse().ok());
    version.map_or(EngineKind::Docker, EngineKind::Podman)
}

/// API versions that the engine supports; `None` if one cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineVersion {
    /// The highest.
    pub api: Option<Version>,
    /// The oldest.
    pub min_api: Option<Version>,
    /// By its components: a proxy in between may drop the header that says so.
    pub kind: EngineKind,
}

/// `GET /version`.
pub fn version(json: &[u8]) -> Result<EngineVersion> {
    #[derive(Deserialize)]
    struct ApiVersion {
        #[serde(rename = "ApiVersion")]
        api: String,
        #[serde(rename = "MinAPIVersion")]
        min_api: Option<String>,
        #[serde(rename = "Components")]
        components: Option<Vec<ApiComponent>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ApiComponent {
        #[serde(default)]
        name: String,
        #[serde(default)]
        version: String,
    }
    let found: ApiVersion = serde_json::from_slice(json).context("read the engine's version")?;
    let podman = found.components.iter().flatten().find(|component| component.name == "Podman Engine");
    let podman = podman.and_then(|component| component.version.parse().ok());
    Ok(EngineVersion {
        api: found.api.parse().ok(),
        min_api: found.min_api.and_then(|text| text.parse().ok()),
        kind: podman.map_or(EngineKind::Docker, EngineKind::Podman),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_describes_itself() {
        let json = br#"{"ServerVersion":"28.5.2","OperatingSystem":"Debian","DockerRootDir":"/var/lib/docker",
            "SecurityOptions":["name=seccomp,profile=builtin","name=rootless"],
            "DefaultAddressPools":[{"Base":"10.99.0.0/24","Size":26},{"Base":"fd00::/80","Size":96}]}"#;
        let found = info(json).unwrap();
        assert!(found.rootless);
        assert_eq!(found.pools, [Pool { base: "10.99.0.0/24".parse().unwrap(), size: 26 }]);
        let plain =
            info(br#"{"SecurityOptions":["name=seccomp,profile=rootless"],"DefaultAddressPools":null}"#).unwrap();
        assert!(!plain.rootless && plain.pools.is_empty());
        assert!(info(b"<html>").is_err());
    }

    #[test]
    fn the_versions_of_the_api() {
        let found = version(br#"{"Version":"29.0.0","ApiVersion":"1.52","MinAPIVersion":"1.44"}"#).unwrap();
        assert_eq!(
            found,
            EngineVersion { api: Some(Version(1, 52, 0)), min_api: Some(Version(1, 44, 0)), kind: EngineKind::Docker }
        );
        assert_eq!(version(br#"{"ApiVersion":"1.41"}"#).unwrap().min_api, None);
    }

    #[test]
    fn podman_is_told_from_docker() {
        let podman = EngineKind::Podman(Version(6, 1, 1));
        assert_eq!(kind_of_server("Libpod/6.1.1 (linux)"), podman);
        for header in ["Docker/28.5.2 (linux)", "Libpod/x", "", "nginx"] {
            assert_eq!(kind_of_server(header), EngineKind::Docker, "{header}");
        }
        let json = br#"{"ApiVersion":"1.44","Components":[{"Name":"Conmon","Version":"conmon version 2.1.13"},
            {"Name":"Podman Engine","Version":"6.1.1"}]}"#;
        assert_eq!(version(json).unwrap().kind, podman);
        assert_eq!(
            version(br#"{"ApiVersion":"1.51","Components":[{"Name":"Engine","Version":"28.5.2"}]}"#).unwrap().kind,
            EngineKind::Docker
        );
    }
}
