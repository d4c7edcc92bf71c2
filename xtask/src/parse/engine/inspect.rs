//! `GET /containers/ID/json`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

use super::containers::health_of_word;
use crate::error::{Context, Result};
use crate::model::{Binding, Health};

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
    /// `None` without a healthcheck.
    pub health: Option<Health>,
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
    #[serde(default)]
    status: String,
    log: Option<Vec<ApiCheck>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiCheck {
    output: Option<String>,
}

pub fn detail(json: &[u8]) -> Result<Detail> {
    let api: ApiInspect = serde_json::from_slice(json).context("read the engine's description of a container")?;
    let health = api.state.health.as_ref().and_then(|health| health_of_word(&health.status));
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
        health,
        check_output: last.unwrap_or_default().trim().to_owned(),
        restarts: api.restart_count,
        wanted: hosts.flat_map(wanted).collect(),
    })
}

/// Whether Podman, which has no word for it, is about to start an ended container again: its
/// restart policy has done so before, it applies to this end, and no user stopped the container.
/// Reads libpod's own description, which alone tells the last.
pub fn podman_restarts(json: &[u8]) -> Result<bool> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Libpod {
        state: LibpodState,
        #[serde(default)]
        restart_count: u64,
        #[serde(default)]
        host_config: LibpodHost,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct LibpodState {
        #[serde(default)]
        exit_code: i64,
        #[serde(default)]
        stopped_by_user: bool,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct LibpodHost {
        #[serde(default)]
        restart_policy: Policy,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Policy {
        #[serde(default)]
        name: String,
        #[serde(default)]
        maximum_retry_count: u64,
    }
    let api: Libpod = serde_json::from_slice(json).context("read Podman's description of a container")?;
    let policy = api.host_config.restart_policy;
    let applies = match policy.name.as_str() {
        "always" | "unless-stopped" => true,
        "on-failure" => {
            let has_retries = policy.maximum_retry_count == 0 || api.restart_count < policy.maximum_retry_count;
            api.state.exit_code != 0 && has_retries
        }
        _ => false,
    };
    Ok(applies && api.restart_count > 0 && !api.state.stopped_by_user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_restarts_by_policy_and_never_what_a_user_stopped() {
        let told = |policy: &str, most: u64, count: u64, code: i64, user: bool| {
            let json = serde_json::json!({ "State": { "ExitCode": code, "StoppedByUser": user }, "RestartCount": count,
                "HostConfig": { "RestartPolicy": { "Name": policy, "MaximumRetryCount": most } } });
            podman_restarts(json.to_string().as_bytes()).unwrap()
        };
        assert!(told("always", 0, 9, 1, false) && told("unless-stopped", 0, 1, 0, false));
        assert!(told("on-failure", 0, 9, 1, false) && told("on-failure", 3, 2, 1, false));
        assert!(!told("on-failure", 3, 3, 1, false) && !told("on-failure", 0, 2, 0, false));
        assert!(!told("always", 0, 9, 1, true), "`podman stop`");
        assert!(!told("always", 0, 0, 1, false) && !told("no", 0, 9, 1, false) && !told("", 0, 9, 1, false));
    }
    use crate::model::Protocol;

    #[test]
    fn a_failed_start_tells_why() {
        let json = br#"{"State":{"ExitCode":128,"Error":"no","OOMKilled":false,
            "Health":{"Status":"unhealthy","Log":[{"Output":"old"},{"Output":" refused\n"}]}},"RestartCount":2,
            "HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8000"},{"HostIp":"::1","HostPort":""}],
                "90/tcp":null}},"Config":{"Env":["POSTGRES_USER=shop","URL=a=b","BARE"]}}"#;
        let binding =
            |ip: &str| Binding { host_ip: ip.parse().unwrap(), published: 8000, target: 80, protocol: Protocol::Tcp };
        let want = Detail {
            pid: None,
            exit_code: 128,
            error: "no".into(),
            out_of_memory: false,
            health: Some(Health::Unhealthy),
            check_output: "refused".into(),
            restarts: 2,
            wanted: vec![binding("0.0.0.0"), binding("::")],
            environment: [("POSTGRES_USER", "shop"), ("URL", "a=b")].map(|(k, v)| (k.into(), v.into())).into(),
        };
        assert_eq!(detail(json).unwrap(), want);
    }

    #[test]
    fn a_crash_loop_of_podman_is_recognised_in_what_podman_answers() {
        for (list, inspect) in [
            (
                include_bytes!("../../../tests/fixtures/engines/podman-5/containers.json").as_slice(),
                include_str!("../../../tests/fixtures/engines/podman-5/inspect.json"),
            ),
            (
                include_bytes!("../../../tests/fixtures/engines/podman-6/containers.json").as_slice(),
                include_str!("../../../tests/fixtures/engines/podman-6/inspect.json"),
            ),
        ] {
            let ended = crate::parse::engine::containers(list).unwrap();
            let ended: Vec<_> = ended.iter().filter(|one| one.has_just_ended()).map(|one| one.name.as_str()).collect();
            assert_eq!(ended, ["fx-flapping"]);
            let found: serde_json::Value = serde_json::from_str(inspect).unwrap();
            let values: Vec<_> =
                found.as_array().cloned().unwrap_or_else(|| found.as_object().unwrap().values().cloned().collect());
            let restarts: Vec<_> = values
                .iter()
                .filter(|one| podman_restarts(one.to_string().as_bytes()).unwrap_or_default())
                .map(|one| one["Name"].as_str().unwrap())
                .collect();
            assert_eq!(restarts, ["/fx-flapping"]);
        }
    }

    #[test]
    fn only_a_container_that_runs_has_a_process() {
        assert_eq!(detail(br#"{"State":{"Pid":4711}}"#).unwrap().pid, Some(4711));
        assert_eq!(detail(br#"{"State":{"Pid":0}}"#).unwrap().pid, None);
    }
}
