//! Options of dockerd on its command line and in daemon.json.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use crate::model::NetworkSettings;

/// The values of an option: `--option VALUE` and `--option=VALUE`.
fn values<'a>(words: &[&'a str], option: &str) -> Vec<&'a str> {
    let apart = words.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    apart.chain(joined).collect()
}

/// The configuration file named on the command line.
pub fn config_file<'a>(words: &[&'a str]) -> Option<&'a str> {
    values(words, "--config-file").pop()
}

/// The default host IP of mappings, from dockerd's command line:
/// `--default-network-opt bridge=com.docker.network.bridge.host_binding_ipv4=127.0.0.1`
/// (docs.docker.com, "dockerd").
pub fn host_ip_of_words(words: &[&str]) -> Option<IpAddr> {
    let of_bridge = values(words, "--default-network-opt").into_iter().filter_map(|word| word.strip_prefix("bridge="));
    let options = of_bridge.filter_map(|word| word.split_once('='));
    NetworkSettings::address(&options.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The default host IP of mappings, from daemon.json.
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
    fn the_default_address_of_networks() {
        let option = "bridge=com.docker.network.bridge.host_binding_ipv4=127.0.0.1";
        let ip = Some("127.0.0.1".parse().unwrap());
        assert_eq!(host_ip_of_words(&["dockerd", "--default-network-opt", option]), ip);
        assert_eq!(host_ip_of_words(&["dockerd", &format!("--default-network-opt={option}")]), ip);
        // `--ip` only applies to docker0.
        assert_eq!(host_ip_of_words(&["dockerd", "--ip", "127.0.0.1"]), None);
        assert_eq!(config_file(&["dockerd", "--config-file=/x.json"]), Some("/x.json"));
        let json =
            br#"{"default-network-opts":{"bridge":{"com.docker.network.bridge.host_binding_ipv4":"127.0.0.1"}}}"#;
        assert_eq!((host_ip_of_config(json), host_ip_of_config(b"{}"), host_ip_of_config(b"[")), (ip, None, None));
    }
}
