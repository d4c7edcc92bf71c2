//! `GET /networks` and `GET /networks/NAME`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::{Network, NetworkSettings};

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
    #[serde(default, rename = "EnableIPv6")]
    ipv6: bool,
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
    Ok(list.into_iter().map(from_api).collect())
}

/// `GET /libpod/networks/json` of Podman: the interface of each network, by the network's id.
pub fn podman_interfaces(json: &[u8]) -> Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct PodmanNetwork {
        id: String,
        #[serde(default)]
        network_interface: String,
    }
    let list: Vec<PodmanNetwork> = serde_json::from_slice(json).context("read Podman's list of networks")?;
    Ok(list.into_iter().map(|network| (network.id, network.network_interface)).collect())
}

/// `GET /networks/NAME`.
pub fn network(json: &[u8]) -> Result<Network> {
    serde_json::from_slice(json).map(from_api).context("read the engine's description of a network")
}

fn from_api(api: ApiNetwork) -> Network {
    let configs = api.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let mut options = api.options.unwrap_or_default();
    let host_ip = NetworkSettings::address(&options);
    let direct = NetworkSettings::is_direct(&api.driver, &options);
    Network {
        settings: NetworkSettings { external: false, internal: api.internal, host_ip, ipv6: api.ipv6, direct },
        id: api.id,
        name: api.name,
        driver: api.driver,
        scope: api.scope,
        labels: api.labels.unwrap_or_default(),
        subnets: configs.into_iter().filter_map(|config| config.subnet?.parse().ok()).collect(),
        created: api.created.and_then(|text| humantime::parse_rfc3339(&text).ok()),
        interface: options.remove("com.docker.network.bridge.name"),
        endpoints: api.containers.unwrap_or_default().into_values().map(|endpoint| endpoint.name).collect(),
    }
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
        let want = NetworkSettings {
            internal: true,
            host_ip: Some("127.0.0.2".parse().unwrap()),
            ..NetworkSettings::default()
        };
        assert_eq!((&found[0].settings, &found[1].settings), (&want, &NetworkSettings::default()));
        assert!(found[0].created.is_some() && found[1].project().is_none());
        assert_eq!(found[2].interface(), "docker0");
    }

    #[test]
    fn who_is_on_a_network() {
        let json = br#"{"Id":"a","Name":"n","Labels":null,"Containers":{"ff":{"Name":"user","EndpointID":"57"}}}"#;
        assert_eq!(network(json).unwrap().endpoints, ["user"]);
    }

    #[test]
    fn podman_tells_its_interfaces() {
        let json = br#"[{"name":"podman","id":"2f25","driver":"bridge","network_interface":"podman0","subnets":[]},{"id":"x"}]"#;
        let want = [("2f25", "podman0"), ("x", "")].map(|(id, name)| (id.to_owned(), name.to_owned()));
        assert_eq!(podman_interfaces(json).unwrap(), BTreeMap::from(want));
        assert!(podman_interfaces(b"{}").is_err());
    }
}
