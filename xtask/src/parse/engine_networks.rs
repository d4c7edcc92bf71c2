//! Networks of the engine and who is on them (docs.docker.com, Engine API).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::{NetworkSettings, Subnet, is_project_name};

/// The label of a network that this tool made for a proxy: the proxy's project.
pub const OF_PROXY: &str = "xtask.proxy";
/// The label of a checkout's own network with the proxy: the checkout's project.
pub const LINK: &str = "xtask.link";
/// The label of the same with the checkout's folder.
pub const LINK_FOLDER: &str = "xtask.link.folder";

/// A checkout's own network with the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// The checkout's Compose project.
    pub project: &'a str,
    /// Its folder.
    pub folder: &'a Path,
    /// The proxy's Compose project.
    pub proxy: &'a str,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Full id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `bridge`, `overlay`, `null`.
    pub driver: String,
    /// `local`, or `swarm`.
    pub scope: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its IPv4 ranges.
    pub subnets: Vec<Subnet>,
    /// When it was made.
    pub created: Option<SystemTime>,
    /// The interface on the engine's machine, where it has a name of its own.
    pub interface: Option<String>,
    /// What it says of published ports.
    pub settings: NetworkSettings,
}

impl Network {
    /// The Compose project that made it.
    pub fn project(&self) -> Option<&str> {
        project_of(&self.labels)
    }

    /// Whose network with the proxy it is, where it is one.
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

/// Anybody can write labels: what Compose would refuse is none of Compose's.
fn project_of(labels: &BTreeMap<String, String>) -> Option<&str> {
    labels.get("com.docker.compose.project").map(String::as_str).filter(|name| is_project_name(name))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiNetwork {
    id: String,
    name: String,
    #[serde(default)]
    driver: String,
    #[serde(default)]
    scope: String,
    labels: Option<BTreeMap<String, String>>,
    options: Option<BTreeMap<String, String>>,
    #[serde(default)]
    internal: bool,
    #[serde(rename = "IPAM")]
    ipam: Option<ApiIpam>,
    created: Option<String>,
    containers: Option<BTreeMap<String, ApiEndpoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiIpam {
    config: Option<Vec<ApiConfig>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiConfig {
    subnet: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiEndpoint {
    #[serde(default)]
    name: String,
}

/// `GET /networks`.
pub fn networks(json: &[u8]) -> Result<Vec<Network>> {
    let list: Vec<ApiNetwork> = serde_json::from_slice(json).context("read the engine's list of networks")?;
    Ok(list.into_iter().map(network).collect())
}

fn network(api: ApiNetwork) -> Network {
    let configs = api.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let mut options = api.options.unwrap_or_default();
    let host_ip = NetworkSettings::address(&options);
    Network {
        settings: NetworkSettings { external: false, internal: api.internal, host_ip },
        id: api.id,
        name: api.name,
        driver: api.driver,
        scope: api.scope,
        labels: api.labels.unwrap_or_default(),
        subnets: configs.into_iter().filter_map(|config| config.subnet?.parse().ok()).collect(),
        created: api.created.and_then(|text| humantime::parse_rfc3339(&text).ok()),
        interface: options.remove("com.docker.network.bridge.name"),
    }
}

/// `GET /networks/ID`: names of the containers that are on it now. Ones that are
/// stopped are not told there.
pub fn endpoints(json: &[u8]) -> Result<Vec<String>> {
    let api: ApiNetwork = serde_json::from_slice(json).context("read what the engine says of a network")?;
    Ok(api.containers.unwrap_or_default().into_values().map(|endpoint| endpoint.name).collect())
}

/// A container and the networks it is on, or will be when it is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attached {
    /// Full id.
    pub id: String,
    /// Name without the leading slash.
    pub name: String,
    /// Compose project.
    pub project: Option<String>,
    /// Whether it runs.
    pub running: bool,
    /// Networks: name, and id as far as the engine says; one that was never
    /// started has none.
    pub networks: Vec<(String, String)>,
}

/// `GET /containers/json?all=1`.
pub fn attached(json: &[u8]) -> Result<Vec<Attached>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Api {
        id: String,
        names: Option<Vec<String>>,
        state: Option<String>,
        labels: Option<BTreeMap<String, String>>,
        network_settings: Option<Settings>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Settings {
        networks: Option<BTreeMap<String, Option<Endpoint>>>,
    }
    #[derive(Deserialize)]
    struct Endpoint {
        #[serde(rename = "NetworkID", default)]
        network_id: String,
    }
    let list: Vec<Api> = serde_json::from_slice(json).context("read the engine's list of containers")?;
    let one = |api: Api| {
        let networks = api.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let id = |endpoint: Option<Endpoint>| endpoint.map(|endpoint| endpoint.network_id).unwrap_or_default();
        let name = api.names.and_then(|names| names.into_iter().next()).unwrap_or_default();
        Attached {
            id: api.id,
            name: name.trim_start_matches('/').to_owned(),
            project: api.labels.as_ref().and_then(project_of).map(str::to_owned),
            running: matches!(api.state.as_deref(), Some("running" | "paused" | "restarting")),
            networks: networks.into_iter().map(|(name, endpoint)| (name, id(endpoint))).collect(),
        }
    };
    Ok(list.into_iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_with_their_ranges_and_makers() {
        let json = br#"[{"Name":"shop_default","Id":"58959e43e919abcd","Created":"2026-11-23T16:00:24.297019663Z",
            "Scope":"local","Driver":"bridge","IPAM":{"Driver":"default","Options":null,
            "Config":[{"Subnet":"172.19.0.0/16","Gateway":"172.19.0.1"},{"Subnet":"fd00::/64"}]},
            "Containers":{},"Internal":true,"Options":{"com.docker.network.bridge.host_binding_ipv4":"127.0.0.2"},"Labels":{"com.docker.compose.project":"shop"}},
            {"Name":"none","Id":"b14a","Scope":"local","Driver":"null","IPAM":{"Config":null},"Labels":null,"Options":null},
            {"Name":"bridge","Id":"fb135be32a0a","Options":{"com.docker.network.bridge.name":"docker0"}}]"#;
        let found = networks(json).unwrap();
        assert_eq!((found[0].project(), found[0].interface().as_str()), (Some("shop"), "br-58959e43e919"));
        assert_eq!(found[0].subnets, ["172.19.0.0/16".parse().unwrap()]);
        let want = NetworkSettings { external: false, internal: true, host_ip: Some("127.0.0.2".parse().unwrap()) };
        assert_eq!((&found[0].settings, &found[1].settings), (&want, &NetworkSettings::default()));
        assert!(found[0].created.is_some() && found[1].project().is_none());
        assert_eq!(found[2].interface(), "docker0");
    }

    #[test]
    fn who_is_on_a_network_and_who_will_be() {
        let json = br#"{"Id":"a","Name":"n","Containers":{"ff":{"Name":"user","EndpointID":"57"}}}"#;
        assert_eq!(endpoints(json).unwrap(), ["user"]);
        let json =
            br#"[{"Id":"c1","Names":["/shop-api-1"],"State":"exited","Labels":{"com.docker.compose.project":"shop"},
            "NetworkSettings":{"Networks":{"shop_default":{"NetworkID":"58959e43"},"x":null}}},
            {"Id":"c2","Names":null,"State":"running"}]"#;
        let found = attached(json).unwrap();
        assert_eq!((found[0].running, found[0].project.as_deref()), (false, Some("shop")));
        assert_eq!(found[0].networks, [("shop_default".into(), "58959e43".into()), ("x".into(), String::new())]);
        assert!(found[1].running && found[1].networks.is_empty());
    }
}
