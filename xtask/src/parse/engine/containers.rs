//! `GET /containers/json`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::{
    Attachment, Binding, Container, Health, PROXY_LABEL, Protocol, STACK_LABEL, State, SwarmTask, TRAEFIK_LABELS,
    is_full_id, is_project_name, is_service_name,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiContainer {
    id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    state: Option<String>,
    status: Option<String>,
    /// Since API 1.52 (Engine 29).
    health: Option<ApiHealth>,
    labels: Option<BTreeMap<String, String>>,
    ports: Option<Vec<ApiPort>>,
    network_settings: Option<ApiNetworks>,
    mounts: Option<Vec<ApiMount>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiHealth {
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiMount {
    #[serde(rename = "Type")]
    kind: Option<String>,
    name: Option<String>,
    destination: Option<String>,
}

impl ApiMount {
    /// The engine names an anonymous volume with 64 hexadecimal digits.
    fn is_unnamed(&self) -> bool {
        self.kind.as_deref() == Some("volume") && self.name.as_deref().is_some_and(is_full_id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiNetworks {
    networks: Option<BTreeMap<String, Option<ApiEndpoint>>>,
}

#[derive(Deserialize, Default)]
struct ApiEndpoint {
    #[serde(rename = "NetworkID")]
    network: Option<String>,
    #[serde(rename = "IPAddress")]
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiPort {
    #[serde(rename = "IP")]
    ip: Option<String>,
    private_port: u16,
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    kind: Option<String>,
}

/// Compose's labels are only used if Compose would accept their values.
pub fn containers(json: &[u8]) -> Result<Vec<Container>> {
    let list: Vec<ApiContainer> = serde_json::from_slice(json).context("read the engine's list of containers")?;
    Ok(list.into_iter().map(container).collect())
}

fn container(api: ApiContainer) -> Container {
    let mut labels = api.labels.unwrap_or_default();
    let status = api.status.unwrap_or_default();
    let networks = api.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let attachment = |(name, endpoint): (String, Option<ApiEndpoint>)| {
        let endpoint = endpoint.unwrap_or_default();
        let address = endpoint.address.and_then(|text| text.parse().ok());
        Attachment { name, id: endpoint.network.unwrap_or_default(), address }
    };
    let name = api.names.and_then(|names| names.into_iter().next()).unwrap_or_default();
    let podman_compose = labels.contains_key("io.podman.compose.project");
    // podman-compose 1.6.0 sets both labels, its first versions only their own.
    let mut label = |name: &str| {
        let of_docker = labels.remove(&format!("com.docker.compose.{name}"));
        of_docker.or_else(|| labels.remove(&format!("io.podman.compose.{name}")))
    };
    // Without a project the other two labels mean nothing.
    let project = label("project").filter(|name| is_project_name(name));
    let mut of_project = |name: &str| label(name).filter(|_| project.is_some());
    let service = of_project("service").filter(|name| is_service_name(name));
    let working_dir = of_project("project.working_dir").map(PathBuf::from);
    let is_once = labels.get("com.docker.compose.oneoff").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    let health = api.health.and_then(|health| health_of_word(&health.status?)).or_else(|| health(&status));
    Container {
        id: api.id,
        name: name.trim_start_matches('/').to_owned(),
        image: api.image.unwrap_or_default(),
        state: state(api.state.as_deref().unwrap_or_default()),
        health,
        exit_code: exit_code(&status),
        seconds_up: seconds_up(&status),
        status,
        project,
        service,
        working_dir,
        // Compose 5 runs a `pre_start` hook in a container that names its service (docker/compose#13862).
        one_off: is_once || labels.contains_key("com.docker.compose.hook"),
        podman_compose,
        task: task(&mut labels).map(Box::new),
        bindings: api.ports.unwrap_or_default().iter().filter_map(binding).collect(),
        networks: networks.into_iter().map(attachment).collect(),
        unnamed_volumes: api
            .mounts
            .unwrap_or_default()
            .into_iter()
            .filter(ApiMount::is_unnamed)
            .filter_map(|mount| mount.destination)
            .collect(),
        proxy: labels.remove(PROXY_LABEL),
        traefik: labels.into_iter().filter(|(key, _)| key.starts_with(TRAEFIK_LABELS)).collect(),
    }
}

/// The labels that Swarm puts on a task's container (moby, `daemon/cluster/executor/container/container.go`).
fn task(labels: &mut BTreeMap<String, String>) -> Option<SwarmTask> {
    let service_id = labels.remove("com.docker.swarm.service.id")?;
    let service = labels.remove("com.docker.swarm.service.name")?;
    Some(SwarmTask { service_id, service, stack: labels.remove(STACK_LABEL) })
}

/// A port that is only exposed has no public port.
fn binding(port: &ApiPort) -> Option<Binding> {
    let published = port.public_port.filter(|port| *port > 0)?;
    let ip = port.ip.as_deref().unwrap_or_default();
    Some(Binding {
        host_ip: ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        published,
        target: port.private_port,
        protocol: port.kind.as_deref().unwrap_or("tcp").parse().unwrap_or(Protocol::Tcp),
    })
}

fn state(word: &str) -> State {
    match word {
        "running" => State::Running,
        "paused" => State::Paused,
        "restarting" => State::Restarting,
        "removing" => State::Removing,
        // Podman 5 says `stopped` of one that its restart policy is about to start again.
        "exited" | "stopped" => State::Exited,
        "dead" => State::Dead,
        _ => State::Created,
    }
}

pub(super) fn health_of_word(word: &str) -> Option<Health> {
    [Health::Healthy, Health::Unhealthy, Health::Starting].into_iter().find(|health| health.as_str() == word)
}

/// Up to API 1.51 the list has no field for health; the status contains it in parentheses (moby,
/// `daemon/container/state.go`).
fn health(status: &str) -> Option<Health> {
    if status.contains("(healthy)") {
        Some(Health::Healthy)
    } else if status.contains("(unhealthy)") {
        Some(Health::Unhealthy)
    } else if status.contains("(health: starting)") {
        Some(Health::Starting)
    } else {
        None
    }
}

/// "Exited (0) 2 seconds ago".
fn exit_code(status: &str) -> Option<u8> {
    status.strip_prefix("Exited (")?.split_once(')')?.0.parse().ok()
}

/// "Up Less than a second", "Up 3 seconds (healthy)"; after a minute the engine no
/// longer tells seconds.
fn seconds_up(status: &str) -> Option<u64> {
    let age = status.strip_prefix("Up ")?;
    if age.starts_with("Less than") { Some(0) } else { age.split_once(" second")?.0.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_compose_is_read_with_its_labels_and_ports() {
        let json = br#"[{"Id":"ab12","Names":["/demo-web-1"],"Image":"web","State":"running",
            "Status":"Up 3 seconds (healthy)",
            "Labels":{"com.docker.compose.project":"demo","com.docker.compose.service":"web",
                "com.docker.compose.project.working_dir":"/src/demo","com.docker.compose.oneoff":"False","traefik.enable":"true",
                "xtask.proxy.network":"edge"},
            "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8000,"Type":"tcp"},
                {"IP":"::","PrivatePort":80,"PublicPort":8000,"Type":"tcp"},
                {"PrivatePort":9000,"Type":"udp"}],
            "NetworkSettings":{"Networks":{"web":{"NetworkID":"x","IPAddress":"172.18.0.3"},"demo_default":{"IPAddress":""}}}}]"#;
        let found = containers(json).unwrap().remove(0);
        assert_eq!(
            (found.name.as_str(), found.state, found.health),
            ("demo-web-1", State::Running, Some(Health::Healthy))
        );
        assert_eq!(found.working_dir, Some(PathBuf::from("/src/demo")));
        assert!(!found.one_off);
        let web = Attachment { name: "web".into(), id: "x".into(), address: "172.18.0.3".parse().ok() };
        assert_eq!(found.networks, [Attachment { name: "demo_default".into(), ..Attachment::default() }, web]);
        assert_eq!(found.proxy.as_deref(), Some("edge"));
        assert_eq!(found.traefik, BTreeMap::from([("traefik.enable".to_owned(), "true".to_owned())]));
        let published: Vec<(String, u16)> =
            found.bindings.iter().map(|b| (b.host_ip.to_string(), b.published)).collect();
        assert_eq!(published, [("0.0.0.0".to_owned(), 8000), ("::".to_owned(), 8000)]);
    }

    #[test]
    fn labels_that_are_no_names_are_not_believed() {
        let labels = |project: &str, service: &str| {
            let labels = serde_json::json!({ "com.docker.compose.project": project, "com.docker.compose.service": service,
                "com.docker.compose.project.working_dir": "/src/demo" });
            let json = serde_json::json!([{ "Id": "ab12", "Labels": labels }]).to_string();
            let found = containers(json.as_bytes()).unwrap().remove(0);
            (found.project, found.service, found.working_dir.is_some())
        };
        assert_eq!(labels("demo", "web"), (Some("demo".into()), Some("web".into()), true));
        for project in ["--all", "-x", "Demo", "de mo", "demo\n", ""] {
            assert_eq!(labels(project, "web"), (None, None, false), "{project}");
        }
        for service in ["a b", "$(x)", "we\u{202e}b", ""] {
            assert_eq!(labels("demo", service), (Some("demo".into()), None, true), "{service}");
        }
    }

    #[test]
    fn containers_of_podman_compose_are_of_their_project() {
        let found = containers(include_bytes!("../../../tests/fixtures/tools/podman-compose-1.6.json")).unwrap();
        let names: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.service.as_deref())).collect();
        assert_eq!(names, [("demo_web_1", Some("web")), ("demo_db_1", Some("db"))]);
        let is_demo = |one: &Container| one.podman_compose && one.belongs_to("demo", std::path::Path::new("/src/demo"));
        assert!(found.iter().all(is_demo));
        // Its first versions had no labels of Docker's.
        let old = br#"[{"Id":"ab12","Labels":{"io.podman.compose.project":"demo","io.podman.compose.service":"web"}}]"#;
        let found = containers(old).unwrap().remove(0);
        assert!(found.podman_compose);
        assert_eq!((found.project.as_deref(), found.service.as_deref()), (Some("demo"), Some("web")));
    }

    /// API 1.52 (Engine 29), after moby's api/docs/CHANGELOG.md. Not recorded.
    #[test]
    fn health_may_have_a_field_of_its_own() {
        let with = |status: &str, health: &str| {
            let json = format!(r#"[{{"Id":"ab12","State":"running"{status}{health}}}]"#);
            containers(json.as_bytes()).unwrap().remove(0).health
        };
        let status = r#","Status":"Up 3 seconds (unhealthy)""#;
        assert_eq!(with("", r#","Health":{"Status":"healthy","FailingStreak":0}"#), Some(Health::Healthy));
        assert_eq!(with(status, r#","Health":{"Status":"starting","FailingStreak":0}"#), Some(Health::Starting));
        assert_eq!(with("", r#","Health":{"Status":"none","FailingStreak":0}"#), None);
        assert_eq!(with(status, ""), Some(Health::Unhealthy));
        assert_eq!(with("", ""), None);
    }

    #[test]
    fn a_hook_of_compose_5_is_no_replica() {
        let json = br#"[{"Id":"ab12","State":"exited","Labels":{"com.docker.compose.project":"demo",
            "com.docker.compose.service":"web","com.docker.compose.hook":"pre_start"}}]"#;
        let found = containers(json).unwrap().remove(0);
        assert!(found.one_off && found.service.as_deref() == Some("web"));
    }

    #[test]
    fn null_lists_are_empty_ones() {
        let json =
            br#"[{"Id":"ab12","Names":null,"Labels":null,"Ports":null,"NetworkSettings":{"Networks":{"x":null}}}]"#;
        let found = containers(json).unwrap().remove(0);
        assert!(found.bindings.is_empty() && found.networks[0].name == "x" && found.networks[0].id.is_empty());
    }

    #[test]
    fn the_status_tells_age_and_exit_code() {
        for (status, seconds, code) in [
            ("Up Less than a second", Some(0), None),
            ("Up 1 second", Some(1), None),
            ("Up 4 seconds (healthy)", Some(4), None),
            ("Up About a minute", None, None),
            ("Up 3 hours", None, None),
            ("Exited (0) 2 seconds ago", None, Some(0)),
            ("Exited (137) 2 seconds ago", None, Some(137)),
        ] {
            assert_eq!((seconds_up(status), exit_code(status)), (seconds, code), "{status}");
        }
    }

    #[test]
    fn html_instead_of_json_is_an_error_and_not_a_panic() {
        assert!(containers(b"<html>").is_err());
    }
}
