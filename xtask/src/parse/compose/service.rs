//! Turns a merged service into a service of the model.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::by_name;
use super::node::{Data, Node, Scalar};
use super::number::integer;
use super::ports::ports;
use crate::error::{Error, Result};
use crate::model::{NetworkSettings, Place, Service, TRAEFIK_LABELS, exposed_tcp};

/// A service and what decides whether it is active.
#[derive(Debug, Clone)]
pub struct Definition {
    pub service: Service,
    /// `profiles:`; empty = always active.
    pub profiles: Vec<String>,
    /// Services that it depends on, and whether they are required.
    pub needs: Vec<(String, bool)>,
    /// Has `provider:`: a program replaces the container.
    pub provided: bool,
    /// `FILE:LINE`, for messages.
    pub place: String,
}

/// Reads a service. `environment` looks up variables that the file lists without a
/// value.
pub fn define(name: &str, node: &Node, environment: &dyn Fn(&str) -> Option<String>) -> Result<Definition> {
    if !matches!(node.data, Data::Map(_)) {
        return Err(node
            .error(&format!("services.{name}"), "must be a mapping")
            .hint("give it at least `image:` or `build:`"));
    }
    for (key, kinds, words) in KINDS {
        // A key without a value is ignored.
        let written = node.entries().iter().find(|(name, _)| name == key).map(|(_, value)| value);
        if let Some(value) = written.filter(|value| value.is_null() || !kinds.contains(&kind(value))) {
            return Err(value
                .error(&format!("services.{name}.{key}"), format!("must be {words}"))
                .hint(format!("see https://docs.docker.com/reference/compose-file/services/#{key}")));
        }
    }
    let check = node.get("healthcheck").filter(|check| checks_health(check));
    let (labels, label_places) = node.get("labels").map(traefik_labels).unwrap_or_default();
    let mut service = Service {
        name: name.to_owned(),
        image: node.get("image").and_then(Node::text).filter(|image| !image.is_empty()).map(str::to_owned),
        container_name: node.get("container_name").and_then(Node::text).filter(|n| !n.is_empty()).map(str::to_owned),
        build: node.get("build").is_some(),
        replicas: replicas(node),
        healthcheck: check.is_some(),
        check: check.map(check_words).unwrap_or_default(),
        start_interval: node.get("healthcheck").is_some_and(|check| check.get("start_interval").is_some()),
        network_mode: node.get("network_mode").and_then(Node::text).map(str::to_owned),
        environment: node.get("environment").map(|node| variables(node, environment)).unwrap_or_default(),
        depends_on: BTreeMap::new(),
        ports: Vec::new(),
        expose: exposed_tcp(node.get("expose").map(Node::texts).unwrap_or_default().into_iter()),
        networks: BTreeMap::new(),
        external: BTreeSet::new(),
        labels,
        label_places,
    };
    // Compose refuses `ports:` without a value.
    if let Some((_, node)) = node.entries().iter().find(|(key, _)| key == "ports") {
        service.ports = ports(name, node)?;
    }
    let mut needs = Vec::new();
    if let Some(node) = node.get("depends_on") {
        for (other, entry) in by_name(node.clone(), '\0').entries() {
            let condition = entry.get("condition").and_then(Node::text).unwrap_or("service_started");
            service.depends_on.insert(other.clone(), condition.to_owned());
            let required = entry.get("required").and_then(Node::text) != Some("false");
            needs.push((other.clone(), required));
        }
    }
    for other in implied(node) {
        service.depends_on.entry(other.to_owned()).or_insert_with(|| "service_started".to_owned());
        needs.push((other.to_owned(), true));
    }
    let profiles = node.get("profiles").map(Node::texts).unwrap_or_default();
    let profiles = profiles.into_iter().map(str::to_owned).collect();
    let provided = node.get("provider").is_some();
    Ok(Definition { service, profiles, needs, provided, place: node.place() })
}

/// The words of a test; a string is a shell command.
fn check_words(check: &Node) -> String {
    match check.get("test").map(|test| &test.data) {
        Some(Data::Scalar(scalar)) => format!("CMD-SHELL {}", scalar.text),
        Some(Data::List(items)) => items.iter().filter_map(Node::text).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn traefik_labels(node: &Node) -> (BTreeMap<String, String>, BTreeMap<String, Place>) {
    let by_name = by_name(node.clone(), '=');
    let traefik = || by_name.entries().iter().filter(|(key, _)| key.starts_with(TRAEFIK_LABELS));
    let value = |node: &Node| node.scalar().map(plain_text).unwrap_or_default();
    let labels = traefik().map(|(key, node)| (key.clone(), value(node))).collect();
    let place = |node: &Node| Place { file: node.file.to_path_buf(), line: node.line };
    (labels, traefik().map(|(key, node)| (key.clone(), place(node))).collect())
}

/// The networks of a service: keys and names at the engine. `networks` is the
/// project's top-level section.
pub fn networks(service: &Node, project: &str, networks: Option<&Node>) -> BTreeMap<String, String> {
    if service.get("network_mode").is_some() {
        return BTreeMap::new();
    }
    let listed = service.get("networks").map(|node| by_name(node.clone(), '\0'));
    let mut keys: Vec<String> = listed.iter().flat_map(Node::entries).map(|(key, _)| key.clone()).collect();
    if keys.is_empty() {
        keys.push("default".to_owned());
    }
    let name = |key: &str| {
        let network = networks.and_then(|networks| networks.get(key));
        let named = |node: &Node| node.get("name").and_then(Node::text).map(str::to_owned);
        let external = network.and_then(|network| network.get("external"));
        let own = || if network.is_some_and(is_external) { key.to_owned() } else { format!("{project}_{key}") };
        network.and_then(named).or_else(|| external.and_then(named)).unwrap_or_else(own)
    };
    keys.into_iter().map(|key| (key.clone(), name(&key))).collect()
}

pub fn is_external(network: &Node) -> bool {
    network.get("external").is_some_and(|external| external.text() != Some("false"))
}

/// Settings of these services' networks, by their names at the engine.
pub fn network_settings(services: &[Service], networks: Option<&Node>) -> BTreeMap<String, NetworkSettings> {
    let is_true = |node: &Node| node.text().is_none_or(|text| text == "true");
    let settings = |key: &String| {
        let network = networks?.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)?;
        let external = is_external(network);
        let options = network.get("driver_opts").map(|node| variables(node, &|_| None)).unwrap_or_default();
        let internal = network.get("internal").is_some_and(is_true);
        let ipv6 = network.get("enable_ipv6").is_some_and(is_true);
        let host_ip = NetworkSettings::address(&options);
        let driver = network.get("driver").and_then(Node::text).unwrap_or_default();
        let direct = NetworkSettings::is_direct(driver, &options);
        Some(NetworkSettings { external, internal, host_ip, ipv6, direct })
    };
    let used = services.iter().flat_map(|service| &service.networks);
    used.map(|(key, name)| (name.clone(), settings(key).unwrap_or_default())).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    List,
    Mapping,
}

fn kind(node: &Node) -> Kind {
    match node.data {
        Data::List(_) => Kind::List,
        Data::Map(_) => Kind::Mapping,
        Data::Null | Data::Scalar(_) => Kind::Text,
    }
}

/// What the keys that are read here may contain.
const KINDS: [(&str, &[Kind], &str); 10] = [
    ("image", &[Kind::Text], "a text"),
    ("build", &[Kind::Text, Kind::Mapping], "a path or a mapping"),
    ("network_mode", &[Kind::Text], "a text"),
    ("profiles", &[Kind::List], "a list"),
    ("healthcheck", &[Kind::Mapping], "a mapping"),
    ("environment", &[Kind::List, Kind::Mapping], "a list or a mapping"),
    ("depends_on", &[Kind::List, Kind::Mapping], "a list or a mapping"),
    ("labels", &[Kind::List, Kind::Mapping], "a list or a mapping"),
    ("networks", &[Kind::List, Kind::Mapping], "a list or a mapping"),
    ("expose", &[Kind::List], "a list"),
];

/// Services that keys other than `depends_on` make it depend on.
fn implied(node: &Node) -> Vec<&str> {
    let namespaces = ["network_mode", "ipc", "pid"];
    let mut names: Vec<&str> =
        namespaces.iter().filter_map(|key| node.get(key).and_then(Node::text)?.strip_prefix("service:")).collect();
    if let Some(links) = node.get("links") {
        names.extend(links.texts().iter().filter_map(|link| link.split(':').next()));
    }
    if let Some(volumes) = node.get("volumes_from") {
        let volumes = volumes.texts();
        let own = volumes.into_iter().filter(|from| !from.starts_with("container:"));
        names.extend(own.filter_map(|from| from.split(':').next()));
    }
    names
}

/// Whether it has a test that is not disabled.
fn checks_health(node: &Node) -> bool {
    let disabled = node.get("disable").and_then(Node::text) == Some("true");
    let test = node.get("test").is_some_and(|test| match &test.data {
        Data::Scalar(scalar) => !scalar.text.is_empty(),
        Data::List(items) => items.first().and_then(Node::text).is_some_and(|first| first != "NONE"),
        Data::Null | Data::Map(_) => false,
    });
    test && !disabled
}

fn replicas(node: &Node) -> Option<u32> {
    let deployed = || node.get("deploy").and_then(|deploy| deploy.get("replicas"));
    node.get("scale").or_else(deployed).and_then(Node::text)?.parse().ok()
}

fn variables(node: &Node, environment: &dyn Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let by_name = by_name(node.clone(), '=');
    let value = |(name, node): &(String, Node)| {
        let value = match &node.data {
            Data::Scalar(scalar) => plain_text(scalar),
            _ => environment(name)?,
        };
        Some((name.clone(), value))
    };
    by_name.entries().iter().filter_map(value).collect()
}

/// The text of a value that YAML reads as a number: `1.50` is 1.5, `0x10` is 16.
fn plain_text(scalar: &Scalar) -> String {
    let text = scalar.text.as_str();
    if scalar.quoted {
        return text.to_owned();
    }
    if let Some(number) = integer(text) {
        return number.to_string();
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    match text.parse::<f64>() {
        Ok(value) if number => value.to_string(),
        _ => match text {
            "True" | "TRUE" => "true".to_owned(),
            "False" | "FALSE" => "false".to_owned(),
            _ => text.to_owned(),
        },
    }
}

impl Definition {
    /// The error about a service that both an included and an including file define.
    pub fn conflict(name: &str, place: &str) -> Error {
        Error::new(format!("{place}: services.{name} conflicts with an included service"))
            .hint("change an included service in an override file: `include: [{path: [theirs.yaml, mine.yaml]}]`")
    }
}
