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

/// `--userland-proxy`, from dockerd's command line (docs.docker.com, "dockerd").
pub fn userland_proxy_of_words(words: &[&str]) -> Option<bool> {
    // Go's flags take a value only after `=`.
    words.iter().rev().find_map(|word| match word.strip_prefix("--userland-proxy")? {
        "" => Some(true),
        value => match value.strip_prefix('=')? {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        },
    })
}

/// `userland-proxy`, from daemon.json.
pub fn userland_proxy_of_config(json: &[u8]) -> Option<bool> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "userland-proxy")]
        proxy: Option<bool>,
    }
    serde_json::from_slice::<Config>(json).ok()?.proxy
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

    #[test]
    fn the_userland_proxy() {
        for (words, want) in [
            (&["dockerd", "--userland-proxy=false"][..], Some(false)),
            (&["dockerd", "--userland-proxy"], Some(true)),
            (&["dockerd", "--userland-proxy=0", "--debug"], Some(false)),
            (&["dockerd", "--userland-proxy-path=/x"], None),
            (&["dockerd"], None),
        ] {
            assert_eq!(userland_proxy_of_words(words), want, "{words:?}");
        }
        assert_eq!(userland_proxy_of_config(br#"{"userland-proxy":false}"#), Some(false));
        assert_eq!((userland_proxy_of_config(b"{}"), userland_proxy_of_config(b"[")), (None, None));
    }
}
