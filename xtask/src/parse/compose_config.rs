//! The output of `docker compose config --format json`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::{NetworkSettings, PortMapping, PortRange, Service, Stack, TRAEFIK_LABELS, Wanted, exposed_tcp};

/// Reads the effective model. It does not contain the project's folder and files; the
/// caller knows them.
pub fn parse(json: &[u8]) -> Result<Stack> {
    let config: Config = serde_json::from_slice(json).map_err(|error| {
        Error::new(format!("cannot read the output of `docker compose config`: {error}"))
            .hint("this needs Compose 2.26 or newer: see `docker compose version`")
    })?;
    let networks = config.networks.unwrap_or_default();
    let volumes = config.volumes.unwrap_or_default();
    let external = |key: &str| {
        let volume = volumes.get(key).filter(|volume| volume["external"] == true)?;
        Some(volume["name"].as_str().map_or_else(|| key.to_owned(), unescape))
    };
    let mut external_volumes = BTreeSet::new();
    let mut services = Vec::new();
    for (name, service) in config.services.unwrap_or_default() {
        let mounts = service.volumes.iter().flatten().filter(|mount| mount["type"] == "volume");
        external_volumes.extend(mounts.filter_map(|mount| external(mount["source"].as_str()?)));
        services.push(service.into_service(name, &networks)?);
    }
    let used = services.iter().flat_map(|service| &service.networks);
    let settings = used.filter_map(|(key, name)| Some((name.clone(), networks.get(key)?.settings()))).collect();
    Ok(Stack {
        name: config.name.unwrap_or_default(),
        services,
        networks: settings,
        external_volumes,
        ..Stack::default()
    })
}

#[derive(Deserialize)]
struct Config {
    name: Option<String>,
    services: Option<BTreeMap<String, JsonService>>,
    networks: Option<BTreeMap<String, JsonNetwork>>,
    volumes: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct JsonNetwork {
    name: Option<String>,
    #[serde(default)]
    external: bool,
    #[serde(default)]
    internal: bool,
    #[serde(default)]
    enable_ipv6: Option<bool>,
    driver: Option<String>,
    driver_opts: Option<BTreeMap<String, Value>>,
}

impl JsonNetwork {
    fn settings(&self) -> NetworkSettings {
        let options = self.driver_opts.iter().flatten();
        let options = options.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
        let host_ip = NetworkSettings::address(&options);
        NetworkSettings {
            external: self.external,
            internal: self.internal,
            host_ip,
            ipv6: self.enable_ipv6 == Some(true),
            direct: NetworkSettings::is_direct(self.driver.as_deref().unwrap_or_default(), &options),
        }
    }
}

#[derive(Deserialize)]
struct JsonService {
    image: Option<String>,
    container_name: Option<String>,
    build: Option<Value>,
    scale: Option<u32>,
    deploy: Option<JsonDeploy>,
    healthcheck: Option<JsonHealthcheck>,
    network_mode: Option<String>,
    environment: Option<BTreeMap<String, Value>>,
    depends_on: Option<BTreeMap<String, JsonDependency>>,
    ports: Option<Vec<JsonPort>>,
    expose: Option<Vec<Value>>,
    networks: Option<BTreeMap<String, Value>>,
    volumes: Option<Vec<Value>>,
    labels: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct JsonDeploy {
    replicas: Option<u32>,
}

#[derive(Deserialize)]
struct JsonHealthcheck {
    test: Option<Value>,
    #[serde(default)]
    disable: bool,
    start_interval: Option<Value>,
}

#[derive(Deserialize)]
struct JsonDependency {
    condition: Option<String>,
}

#[derive(Deserialize)]
struct JsonPort {
    host_ip: Option<String>,
    /// A string since Compose 2.3, a number before.
    published: Option<Value>,
    target: Option<u32>,
    protocol: Option<String>,
}

impl JsonService {
    fn into_service(self, name: String, networks: &BTreeMap<String, JsonNetwork>) -> Result<Service> {
        let mut ports = Vec::new();
        for port in self.ports.unwrap_or_default() {
            ports.push(Wanted { mapping: port.into_mapping(&name)?, origin: None });
        }
        let environment = self.environment.unwrap_or_default();
        let depends_on = self.depends_on.unwrap_or_default();
        let start_interval = self.healthcheck.as_ref().is_some_and(|check| check.start_interval.is_some());
        let check = self.healthcheck.filter(JsonHealthcheck::is_active);
        let expose: Vec<String> = self.expose.unwrap_or_default().iter().filter_map(text).collect();
        let real = |key: String| {
            let name = networks.get(&key).and_then(|network| network.name.as_deref()).map(unescape);
            (key.clone(), name.unwrap_or(key))
        };
        let keys: Vec<String> = self.networks.unwrap_or_default().into_keys().collect();
        let is_external = |key: &&String| networks.get(*key).is_some_and(|network| network.external);
        // Keys of labels may contain dollars, which are not interpolated in a map.
        let label = |(key, value): (String, Value)| (unescape(&key), text(&value).unwrap_or_default());
        let labels = self.labels.unwrap_or_default().into_iter().map(label);
        Ok(Service {
            name,
            image: self.image.map(|image| unescape(&image)),
            container_name: self.container_name.map(|name| unescape(&name)),
            build: self.build.is_some(),
            replicas: self.scale.or(self.deploy.and_then(|deploy| deploy.replicas)),
            healthcheck: check.is_some(),
            check: check.map(|check| check.words()).unwrap_or_default(),
            start_interval,
            network_mode: self.network_mode.map(|mode| unescape(&mode)),
            environment: environment.into_iter().filter_map(|(name, value)| Some((name, text(&value)?))).collect(),
            depends_on: depends_on
                .into_iter()
                .map(|(name, dependency)| (name, dependency.condition.unwrap_or_else(|| "service_started".to_owned())))
                .collect(),
            ports,
            expose: exposed_tcp(expose.iter().map(String::as_str)),
            external: keys.iter().filter(is_external).cloned().collect(),
            networks: keys.into_iter().map(real).collect(),
            labels: labels.filter(|(key, _)| key.starts_with(TRAEFIK_LABELS)).collect(),
            label_places: BTreeMap::new(),
        })
    }
}

impl JsonHealthcheck {
    fn is_active(&self) -> bool {
        let test = match &self.test {
            Some(Value::Array(words)) => words.first().is_some_and(|word| word != "NONE"),
            Some(Value::String(word)) => !word.is_empty(),
            _ => false,
        };
        test && !self.disable
    }

    fn words(&self) -> String {
        match &self.test {
            Some(Value::Array(words)) => words.iter().filter_map(text).collect::<Vec<_>>().join(" "),
            Some(word) => text(word).unwrap_or_default(),
            None => String::new(),
        }
    }
}

impl JsonPort {
    fn into_mapping(self, service: &str) -> Result<PortMapping> {
        let fail = |what: &str, value: &str| Error::new(format!("services.{service}.ports: invalid {what}: `{value}`"));
        let host_ip = match self.host_ip.as_deref() {
            None | Some("") => None,
            Some(ip) => Some(ip.parse::<IpAddr>().map_err(|_| fail("IP address", ip))?),
        };
        let target = self.target.unwrap_or_default();
        let target = u16::try_from(target)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| fail("container port", &target.to_string()))?;
        let published = self.published.as_ref().and_then(text).unwrap_or_default();
        let published = published_range(&published).map_err(|()| fail("host port", &published))?;
        let protocol = self.protocol.unwrap_or_default();
        let protocol = protocol.parse().map_err(|()| fail("protocol", &protocol))?;
        Ok(PortMapping { service: service.to_owned(), host_ip, published, target, protocol })
    }
}

/// `None` for an absent port and for 0: the engine picks one.
fn published_range(text: &str) -> Result<Option<PortRange>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |word: &str| word.parse::<u16>().map_err(drop);
    let (first, last) = (number(first)?, number(last)?);
    if first <= last { Ok(PortRange::new(first, last)) } else { Err(()) }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(unescape(text)),
        other => Some(other.to_string()),
    }
}

/// Undoes the doubling of dollars: `config` escapes them so that its output is a valid
/// compose file.
fn unescape(text: &str) -> String {
    text.replace("$$", "$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_every_kind() {
        let json = br#"{"name":"p","networks":{},"services":{
            "b":{"image":"x$$y","build":{"context":"/p"},"network_mode":"host","ports":null,
                 "environment":{"A":null,"B":"1$$","C":2},"depends_on":{"a":{"condition":"service_healthy","required":true}},
                 "healthcheck":{"test":["CMD","true"],"start_interval":"0s"}},
            "a":{"healthcheck":{"disable":true},"ports":[
                {"mode":"ingress","target":8000,"published":"8000","protocol":"tcp"},
                {"mode":"ingress","host_ip":"::1","target":80,"published":9100,"protocol":"udp"},
                {"mode":"ingress","target":80,"published":"9100-9110","protocol":"tcp"},
                {"mode":"ingress","target":3001,"protocol":"tcp"},
                {"mode":"ingress","target":6379,"published":"0","protocol":"tcp"}]}}}"#;
        let stack = parse(json).unwrap();
        assert_eq!(stack.name, "p");
        let addresses: Vec<_> = stack.ports().map(|wanted| wanted.mapping.address()).collect();
        assert_eq!(addresses, ["8000", "[::1]:9100/udp", "9100-9110", "random", "random"]);
        let b = stack.service("b").unwrap();
        assert_eq!((b.image.as_deref(), b.build, b.healthcheck), (Some("x$y"), true, true));
        assert_eq!(b.environment, BTreeMap::from([("B".into(), "1$".into()), ("C".into(), "2".into())]));
        assert_eq!(b.depends_on["a"], "service_healthy");
        assert!(b.start_interval && !stack.service("a").unwrap().start_interval);
        assert!(!stack.service("a").unwrap().healthcheck);
    }

    #[test]
    fn external_volumes_are_those_that_a_service_mounts() {
        let json = br#"{"name":"p","volumes":{"data":{"name":"shared","external":true},"own":{"name":"p_own"},
            "other":{"name":"unused","external":true},"none":null},
            "services":{"a":{"volumes":[{"type":"volume","source":"data","target":"/d"},{"type":"volume","source":"own","target":"/o"},
            {"type":"bind","source":"other","target":"/b"},{"type":"volume","target":"/t"}]}}}"#;
        assert_eq!(parse(json).unwrap().external_volumes, BTreeSet::from(["shared".to_owned()]));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for port in [r#"{"target":80,"published":"abc"}"#, r#"{"target":70000}"#, r#"{"target":80,"protocol":"x"}"#] {
            let json = format!(r#"{{"name":"p","services":{{"a":{{"ports":[{port}]}}}}}}"#);
            assert!(parse(json.as_bytes()).is_err(), "{port}");
        }
        assert!(parse(b"name: p\n").unwrap_err().hints()[0].contains("2.26"));
    }
}
