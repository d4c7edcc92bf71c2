//! What the engine says of itself (docs.docker.com, Engine API: `SystemInfo`,
//! `SystemVersion`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::{NetworkSettings, Subnet};

/// Where the engine takes address ranges for new networks from: `base` cut into
/// pieces of prefix `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// The whole.
    pub base: Subnet,
    /// Length of a piece's prefix.
    pub size: u8,
}

/// `GET /info`, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// `28.5.2+dfsg4`.
    pub version: String,
    /// `Docker Desktop`, `Debian GNU/Linux 12 (bookworm)`.
    pub system: String,
    /// Where images and volumes are, on the engine's machine.
    pub root_dir: PathBuf,
    /// Runs without root.
    pub rootless: bool,
    /// `default-address-pools` of its daemon.json (IPv4); empty = the built-in
    /// ones.
    pub pools: Vec<Pool>,
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
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiPool {
    base: String,
    size: u8,
}

/// Reads it.
pub fn info(json: &[u8]) -> Result<Info> {
    let api: ApiInfo = serde_json::from_slice(json).context("read what the engine says of itself")?;
    let rootless = |option: &String| option.split(',').any(|word| word == "name=rootless");
    let pool = |pool: ApiPool| Some(Pool { base: pool.base.parse().ok()?, size: pool.size.min(32) });
    Ok(Info {
        version: api.server_version,
        system: api.operating_system,
        root_dir: api.docker_root_dir,
        rootless: api.security_options.unwrap_or_default().iter().any(rootless),
        pools: api.default_address_pools.unwrap_or_default().into_iter().filter_map(pool).collect(),
    })
}

/// `GET /version`: the oldest version of its API that the engine still speaks,
/// as major and minor number.
pub fn min_api(json: &[u8]) -> Result<Option<(u32, u32)>> {
    #[derive(Deserialize)]
    struct Version {
        #[serde(rename = "MinAPIVersion")]
        min_api: Option<String>,
    }
    let version: Version = serde_json::from_slice(json).context("read the engine's version")?;
    let numbers = version.min_api.as_deref().and_then(|text| text.split_once('.'));
    Ok(numbers.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?))))
}

/// `GET /containers/ID/json`: the first process of a container that runs.
pub fn init_pid(json: &[u8]) -> Result<Option<u32>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Container {
        state: State,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct State {
        #[serde(default)]
        pid: u32,
    }
    let container: Container = serde_json::from_slice(json).context("read what the engine says of a container")?;
    Ok(Some(container.state.pid).filter(|pid| *pid != 0))
}

/// The words behind an option of dockerd: `--option VALUE` and `--option=VALUE`.
fn values<'a>(words: &[&'a str], option: &str) -> Vec<&'a str> {
    let apart = words.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    apart.chain(joined).collect()
}

/// The configuration that dockerd was told to read.
pub fn config_file<'a>(words: &[&'a str]) -> Option<&'a str> {
    values(words, "--config-file").pop()
}

/// The address for mappings without one, from dockerd's command line:
/// `--default-network-opt bridge=com.docker.network.bridge.host_binding_ipv4=127.0.0.1`
/// (docs.docker.com, "dockerd").
pub fn host_ip_of_words(words: &[&str]) -> Option<IpAddr> {
    let of_bridge = values(words, "--default-network-opt").into_iter().filter_map(|word| word.strip_prefix("bridge="));
    let options = of_bridge.filter_map(|word| word.split_once('='));
    NetworkSettings::address(&options.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The same from daemon.json.
pub fn host_ip_of_config(json: &[u8]) -> Option<IpAddr> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "default-network-opts")]
        networks: Option<BTreeMap<String, BTreeMap<String, String>>>,
    }
    let config: Config = serde_json::from_slice(json).ok()?;
    NetworkSettings::address(config.networks?.get("bridge")?)
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
    fn only_a_container_that_runs_has_a_process() {
        assert_eq!(init_pid(br#"{"State":{"Pid":4711}}"#).unwrap(), Some(4711));
        assert_eq!(init_pid(br#"{"State":{"Pid":0}}"#).unwrap(), None);
    }

    #[test]
    fn the_oldest_api() {
        assert_eq!(min_api(br#"{"Version":"29.0.0","MinAPIVersion":"1.44"}"#).unwrap(), Some((1, 44)));
        assert_eq!(min_api(b"{}").unwrap(), None);
    }

    #[test]
    fn the_default_address_of_networks() {
        let option = "bridge=com.docker.network.bridge.host_binding_ipv4=127.0.0.1";
        let ip = Some("127.0.0.1".parse().unwrap());
        assert_eq!(host_ip_of_words(&["dockerd", "--default-network-opt", option]), ip);
        assert_eq!(host_ip_of_words(&["dockerd", &format!("--default-network-opt={option}")]), ip);
        // `--ip` is about docker0 alone.
        assert_eq!(host_ip_of_words(&["dockerd", "--ip", "127.0.0.1"]), None);
        assert_eq!(config_file(&["dockerd", "--config-file=/x.json"]), Some("/x.json"));
        let json =
            br#"{"default-network-opts":{"bridge":{"com.docker.network.bridge.host_binding_ipv4":"127.0.0.1"}}}"#;
        assert_eq!((host_ip_of_config(json), host_ip_of_config(b"{}"), host_ip_of_config(b"[")), (ip, None, None));
    }
}
