//! `GET /containers/ID/json`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::Binding;

/// The details that explain a container's state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Its main process on the engine's machine, while it runs.
    pub pid: Option<u32>,
    /// Exit code of its last run.
    pub exit_code: i64,
    /// The engine's error from its last start, otherwise empty.
    pub error: String,
    /// The kernel killed it because memory ran out.
    pub out_of_memory: bool,
    /// Output of the last healthcheck, otherwise empty.
    pub check_output: String,
    /// How often its restart policy restarted it.
    pub restarts: u64,
    /// What it publishes whenever it runs, without ranges and ports that the engine picks.
    pub wanted: Vec<Binding>,
    /// Its environment, including what its image sets.
    pub environment: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct ApiConfig {
    env: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiInspect {
    state: ApiState,
    #[serde(default)]
    restart_count: u64,
    #[serde(default)]
    host_config: ApiHostConfig,
    #[serde(default)]
    config: ApiConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiHostConfig {
    port_bindings: Option<BTreeMap<String, Option<Vec<ApiHostPort>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiHostPort {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

/// Without a host IP the engine may bind both address families.
fn wanted((target, host): (&str, &ApiHostPort)) -> Vec<Binding> {
    let (number, protocol) = target.split_once('/').unwrap_or((target, "tcp"));
    let (Ok(target), Ok(protocol), Ok(published)) = (number.parse(), protocol.parse(), host.host_port.parse()) else {
        return Vec::new();
    };
    let every = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let addresses = host.host_ip.parse().map_or_else(|_| every.to_vec(), |ip| vec![ip]);
    addresses
        .into_iter()
        .map(|host_ip| Binding { host_ip, published, target, protocol })
        .filter(|b| b.published > 0)
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiState {
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    error: String,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    health: Option<ApiHealth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiHealth {
    log: Option<Vec<ApiCheck>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiCheck {
    output: Option<String>,
}

pub fn detail(json: &[u8]) -> Result<Detail> {
    let api: ApiInspect = serde_json::from_slice(json).context("read the engine's description of a container")?;
    let last = api.state.health.and_then(|health| health.log?.pop()).and_then(|check| check.output);
    let bindings = api.host_config.port_bindings.unwrap_or_default();
    let hosts = bindings.iter().flat_map(|(target, hosts)| hosts.iter().flatten().map(|host| (target.as_str(), host)));
    let environment = api.config.env.unwrap_or_default();
    let environment = environment.iter().filter_map(|entry| entry.split_once('='));
    Ok(Detail {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        pid: Some(api.state.pid).filter(|pid| *pid != 0),
        exit_code: api.state.exit_code,
        error: api.state.error,
        out_of_memory: api.state.oom_killed,
        check_output: last.unwrap_or_default().trim().to_owned(),
        restarts: api.restart_count,
        wanted: hosts.flat_map(wanted).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Protocol;

    #[test]
    fn a_failed_start_tells_why() {
        let json = br#"{"State":{"ExitCode":128,"Error":"no","OOMKilled":false,
            "Health":{"Log":[{"Output":"old"},{"Output":" refused\n"}]}},"RestartCount":2,
            "HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8000"},{"HostIp":"::1","HostPort":""}],
                "90/tcp":null}},"Config":{"Env":["POSTGRES_USER=shop","URL=a=b","BARE"]}}"#;
        let binding =
            |ip: &str| Binding { host_ip: ip.parse().unwrap(), published: 8000, target: 80, protocol: Protocol::Tcp };
        let want = Detail {
            pid: None,
            exit_code: 128,
            error: "no".into(),
            out_of_memory: false,
            check_output: "refused".into(),
            restarts: 2,
            wanted: vec![binding("0.0.0.0"), binding("::")],
            environment: [("POSTGRES_USER", "shop"), ("URL", "a=b")].map(|(k, v)| (k.into(), v.into())).into(),
        };
        assert_eq!(detail(json).unwrap(), want);
    }

    #[test]
    fn only_a_container_that_runs_has_a_process() {
        assert_eq!(detail(br#"{"State":{"Pid":4711}}"#).unwrap().pid, Some(4711));
        assert_eq!(detail(br#"{"State":{"Pid":0}}"#).unwrap().pid, None);
    }
}
