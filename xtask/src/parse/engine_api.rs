//! Answers of the engine's HTTP API (docs.docker.com, Engine API 1.41 and
//! later), as far as ports and health are concerned.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::{
    Binding, Container, Health, PROXY_LABEL, Protocol, State, TRAEFIK_LABELS, exposed_tcp, is_project_name,
    is_service_name,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiContainer {
    id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    state: Option<String>,
    status: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    ports: Option<Vec<ApiPort>>,
    network_settings: Option<ApiNetworks>,
    mounts: Option<Vec<ApiMount>>,
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
    /// The engine itself names a volume by 64 hexadecimal digits.
    fn is_unnamed(&self) -> bool {
        let made_up = |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.kind.as_deref() == Some("volume") && self.name.as_deref().is_some_and(made_up)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiNetworks {
    networks: Option<BTreeMap<String, serde_json::Value>>,
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

/// `GET /containers/json`.
pub fn containers(json: &[u8]) -> Result<Vec<Container>> {
    let list: Vec<ApiContainer> = serde_json::from_slice(json).context("read the engine's list of containers")?;
    Ok(list.into_iter().map(container).collect())
}

fn container(api: ApiContainer) -> Container {
    let mut labels = api.labels.unwrap_or_default();
    let status = api.status.unwrap_or_default();
    let networks = api.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let address = |(name, endpoint): (&String, &serde_json::Value)| {
        Some((name.clone(), endpoint.get("IPAddress")?.as_str()?.parse().ok()?))
    };
    let name = api.names.and_then(|names| names.into_iter().next()).unwrap_or_default();
    // Anybody can write labels: what Compose would refuse is none of Compose's,
    // and without a project the other two mean nothing.
    let project = labels.remove("com.docker.compose.project").filter(|name| is_project_name(name));
    let mut of_project = |label: &str| labels.remove(label).filter(|_| project.is_some());
    let service = of_project("com.docker.compose.service").filter(|name| is_service_name(name));
    let working_dir = of_project("com.docker.compose.project.working_dir").map(PathBuf::from);
    Container {
        id: api.id,
        name: name.trim_start_matches('/').to_owned(),
        image: api.image.unwrap_or_default(),
        state: state(api.state.as_deref().unwrap_or_default()),
        health: health(&status),
        status,
        project,
        service,
        working_dir,
        one_off: labels.get("com.docker.compose.oneoff").is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
        bindings: api.ports.unwrap_or_default().iter().filter_map(binding).collect(),
        addresses: networks.iter().filter_map(address).collect(),
        networks: networks.into_keys().collect(),
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
        "exited" => State::Exited,
        "dead" => State::Dead,
        _ => State::Created,
    }
}

/// The list has no field for health; the status says it in brackets (moby,
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiListedImage {
    id: String,
    repo_tags: Option<Vec<String>>,
}

/// `GET /images/json`: a name of each, or its id where it has none.
pub fn images(json: &[u8]) -> Result<Vec<String>> {
    let list: Vec<ApiListedImage> = serde_json::from_slice(json).context("read the engine's list of images")?;
    let name = |image: ApiListedImage| {
        let tags = image.repo_tags.unwrap_or_default();
        tags.into_iter().find(|tag| !tag.contains("<none>")).unwrap_or(image.id)
    };
    Ok(list.into_iter().map(name).collect())
}

/// Why a container is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Exit code of its last run.
    pub exit_code: i64,
    /// The engine's error of its last start, else empty.
    pub error: String,
    /// The kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// Output of the last healthcheck, else empty.
    pub check_output: String,
    /// How often its restart policy brought it back.
    pub restarts: u64,
    /// Ports of the host that it publishes whenever it runs, as far as they were
    /// named: a range, or one that the engine picks, is left out.
    pub published: Vec<u16>,
    /// Its environment, also what its image sets.
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
    host_port: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiState {
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

/// `GET /containers/ID/json`.
pub fn detail(json: &[u8]) -> Result<Detail> {
    let api: ApiInspect = serde_json::from_slice(json).context("read what the engine says of a container")?;
    let last = api.state.health.and_then(|health| health.log?.pop()).and_then(|check| check.output);
    let bindings = api.host_config.port_bindings.unwrap_or_default();
    let published = bindings.into_values().flatten().flatten();
    let environment = api.config.env.unwrap_or_default();
    let environment = environment.iter().filter_map(|entry| entry.split_once('='));
    Ok(Detail {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        exit_code: api.state.exit_code,
        error: api.state.error,
        out_of_memory: api.state.oom_killed,
        check_output: last.unwrap_or_default().trim().to_owned(),
        restarts: api.restart_count,
        published: published.filter_map(|binding| binding.host_port.parse::<u16>().ok()).collect(),
    })
}

/// A network of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    /// Full id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its labels.
    #[serde(default, deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
}

/// The engine writes `null` for an empty map.
fn nullable<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// `GET /networks/NAME`.
pub fn network(json: &[u8]) -> Result<Network> {
    serde_json::from_slice(json).context("read what the engine says of a network")
}

/// What the engine is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EngineVersion {
    /// Highest version of its API, `1.51`.
    pub api_version: String,
}

/// `GET /version`.
pub fn version(json: &[u8]) -> Result<EngineVersion> {
    serde_json::from_slice(json).context("read the engine's version")
}

/// An image of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Full id.
    pub id: String,
    /// Label `org.opencontainers.image.version`.
    pub version: Option<String>,
    /// TCP ports that it exposes.
    pub exposed: Vec<u16>,
}

/// `GET /images/NAME/json`.
pub fn image(json: &[u8]) -> Result<Image> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ApiImage {
        id: String,
        config: Option<ApiConfig>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ApiConfig {
        labels: Option<BTreeMap<String, String>>,
        exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    }
    let api: ApiImage = serde_json::from_slice(json).context("read what the engine says of an image")?;
    let (labels, exposed) = api.config.map(|config| (config.labels, config.exposed_ports)).unwrap_or_default();
    let exposed = exposed.unwrap_or_default();
    Ok(Image {
        id: api.id,
        version: labels.unwrap_or_default().remove("org.opencontainers.image.version"),
        exposed: exposed_tcp(exposed.keys().map(String::as_str)),
    })
}

/// `GET /networks`.
pub fn networks(json: &[u8]) -> Result<Vec<Network>> {
    serde_json::from_slice(json).context("read the engine's list of networks")
}

/// `GET /volumes`: names, sorted.
pub fn volumes(json: &[u8]) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct List {
        volumes: Option<Vec<Volume>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Volume {
        name: String,
    }
    let list: List = serde_json::from_slice(json).context("read the engine's list of volumes")?;
    let mut names: Vec<String> = list.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect();
    names.sort();
    Ok(names)
}

/// The text of an error answer: `{"message": …}`.
pub fn error_message(json: &[u8]) -> String {
    #[derive(Deserialize)]
    struct ApiError {
        message: String,
    }
    serde_json::from_slice::<ApiError>(json)
        .map_or_else(|_| String::from_utf8_lossy(json).trim().to_owned(), |error| error.message)
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
        assert_eq!(found.networks, ["demo_default", "web"]);
        assert_eq!(found.addresses, BTreeMap::from([("web".to_owned(), "172.18.0.3".parse().unwrap())]));
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
    fn null_lists_are_empty_ones() {
        let json = br#"[{"Id":"ab12","Names":null,"Labels":null,"Ports":null}]"#;
        assert_eq!(containers(json).unwrap()[0].bindings, []);
    }

    #[test]
    fn images_and_networks_with_and_without_labels() {
        let json = br#"{"Id":"sha256:1","Config":{"Labels":{"org.opencontainers.image.version":"v3.7.1"},
            "ExposedPorts":{"80/tcp":{},"53/udp":{}}}}"#;
        let want = Image { id: "sha256:1".into(), version: Some("v3.7.1".into()), exposed: vec![80] };
        assert_eq!(image(json).unwrap(), want);
        assert_eq!(image(br#"{"Id":"a","Config":{"Labels":null}}"#).unwrap().exposed, [0; 0]);
        assert_eq!(network(br#"{"Id":"a","Name":"web","Labels":null}"#).unwrap().labels, BTreeMap::new());
    }

    #[test]
    fn a_failed_start_tells_why() {
        let json = br#"{"State":{"ExitCode":128,"Error":"no","OOMKilled":false,
            "Health":{"Log":[{"Output":"old"},{"Output":" refused\n"}]}},"RestartCount":2,
            "HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8000"},{"HostIp":"::1","HostPort":""}],
                "90/tcp":null}},"Config":{"Env":["POSTGRES_USER=shop","URL=a=b","BARE"]}}"#;
        let want = Detail {
            exit_code: 128,
            error: "no".into(),
            out_of_memory: false,
            check_output: "refused".into(),
            restarts: 2,
            published: vec![8000],
            environment: [("POSTGRES_USER", "shop"), ("URL", "a=b")].map(|(k, v)| (k.into(), v.into())).into(),
        };
        assert_eq!(detail(json).unwrap(), want);
    }

    #[test]
    fn html_instead_of_json_is_an_error_and_not_a_panic() {
        assert!(containers(b"<html>").is_err());
        assert_eq!(error_message(b"<html> "), "<html>");
    }
}
