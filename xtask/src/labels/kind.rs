//! The kind of a service, from its ports, image, healthcheck and name.

use serde::{Deserialize, Serialize};

use crate::model::{Protocol, Service};

/// The kind of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A web page.
    Web,
    /// HTTP for programs.
    Api,
    Postgres,
    /// Redis and compatible servers.
    Redis,
    /// Anything that cannot be routed by name.
    Other,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Web => "web",
            Kind::Api => "api",
            Kind::Postgres => "postgres",
            Kind::Redis => "redis",
            Kind::Other => "other",
        }
    }

    pub fn is_http(self) -> bool {
        matches!(self, Kind::Web | Kind::Api)
    }
}

/// Ports of protocols without a host name in the first message: the server speaks first
/// (MySQL, SMTP, SSH), or this proxy cannot decode the protocol.
const NOT_HTTP: [u16; 24] = [
    21, 22, 25, 53, 110, 143, 389, 443, 465, 587, 636, 993, 995, 1025, 1433, 1883, 2181, 3306, 4222, 5672, 8443, 9092,
    11211, 27017,
];

const POSTGRES: [&str; 5] = ["postgres", "postgis", "timescale", "pgvector", "pgbouncer"];
const REDIS: [&str; 4] = ["redis", "valkey", "keydb", "dragonfly"];
const PAGES: [&str; 5] = ["nginx", "httpd", "caddy", "apache", "wordpress"];
const WEB_NAMES: [&str; 10] = ["frontend", "front", "web", "app", "ui", "site", "www", "client", "dashboard", "admin"];
const API_NAMES: [&str; 7] = ["backend", "back", "api", "server", "graphql", "rest", "gateway"];
const WEB_PORTS: [u16; 6] = [80, 3000, 4200, 5173, 8080, 8081];

/// The kind of a service, and its port in the container.
pub fn kind(service: &Service) -> (Kind, Option<u16>) {
    let targets = targets(service);
    let image = image_name(service);
    let is = |names: &[&str]| names.iter().any(|name| image.contains(name));
    let first = |range: std::ops::Range<u16>| targets.iter().copied().find(|port| range.contains(port));
    let only = || if let [port] = targets[..] { Some(port) } else { None };
    let says = |word: &str| service.check.contains(word);

    if targets.contains(&5432) {
        return (Kind::Postgres, Some(5432));
    }
    if targets.contains(&6379) {
        return (Kind::Redis, Some(6379));
    }
    // Databases on another port; not their exporters and panels, which have
    // ports of their own and speak HTTP.
    if is(&POSTGRES)
        && let Some(port) = first(5400..5500)
    {
        return (Kind::Postgres, Some(port));
    }
    if is(&REDIS)
        && let Some(port) = first(6300..6500)
    {
        return (Kind::Redis, Some(port));
    }
    if says("pg_isready")
        && let Some(port) = only()
    {
        return (Kind::Postgres, Some(port));
    }
    if (says("redis-cli") || says("valkey-cli"))
        && let Some(port) = only()
    {
        return (Kind::Redis, Some(port));
    }
    match targets.iter().copied().find(|port| !NOT_HTTP.contains(port)) {
        Some(port) => (web_or_api(service, port, is(&PAGES)), Some(port)),
        None => (Kind::Other, targets.first().copied()),
    }
}

/// Decides by name first, which people chose, then by what it runs, and last by the port,
/// which frameworks choose.
fn web_or_api(service: &Service, port: u16, pages: bool) -> Kind {
    let name = service.name.to_ascii_lowercase();
    let words = || name.split(|c: char| !c.is_ascii_alphabetic());
    let named = |names: &[&str]| words().any(|word| names.contains(&word));
    match () {
        () if named(&API_NAMES) => Kind::Api,
        () if named(&WEB_NAMES) || pages => Kind::Web,
        () if ["/api", "/health", "/ready", "/live"].iter().any(|path| service.check.contains(path)) => Kind::Api,
        () if WEB_PORTS.contains(&port) => Kind::Web,
        () => Kind::Api,
    }
}

/// TCP ports in the container: the published ones in order, otherwise those it exposes.
fn targets(service: &Service) -> Vec<u16> {
    let published = service.ports.iter().map(|wanted| &wanted.mapping);
    let mut ports: Vec<u16> = Vec::new();
    for mapping in published.filter(|mapping| mapping.protocol == Protocol::Tcp) {
        if !ports.contains(&mapping.target) {
            ports.push(mapping.target);
        }
    }
    if ports.is_empty() { service.expose.clone() } else { ports }
}

/// `registry:5000/group/postgres:17` is `postgres`.
fn image_name(service: &Service) -> String {
    let image = service.image.as_deref().unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default().split([':', '@']).next().unwrap_or_default();
    name.to_ascii_lowercase()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{PortMapping, PortRange, Wanted};

    pub(crate) fn service(name: &str, image: &str, targets: &[u16]) -> Service {
        let wanted = |target: &u16| Wanted {
            mapping: PortMapping {
                service: name.to_owned(),
                host_ip: None,
                published: Some(PortRange::one(*target)),
                target: *target,
                protocol: Protocol::Tcp,
            },
            origin: None,
        };
        Service {
            name: name.to_owned(),
            image: (!image.is_empty()).then(|| image.to_owned()),
            ports: targets.iter().map(wanted).collect(),
            networks: [("default".to_owned(), "p_default".to_owned())].into(),
            ..Service::default()
        }
    }

    #[test]
    fn a_service_is_what_its_ports_image_and_name_say() {
        for (name, image, targets, want) in [
            ("frontend", "", &[80][..], (Kind::Web, Some(80))),
            ("backend", "", &[8000], (Kind::Api, Some(8000))),
            ("x", "postgres:17-alpine", &[5432], (Kind::Postgres, Some(5432))),
            ("x", "reg:5000/g/postgis:1@sha256:ab", &[5433], (Kind::Postgres, Some(5433))),
            ("x", "redis:7", &[6380], (Kind::Redis, Some(6380))),
            ("x", "postgres-exporter", &[9187], (Kind::Api, Some(9187))),
            ("redis-commander", "redis-commander", &[8081], (Kind::Web, Some(8081))),
            ("db", "mysql:8", &[3306], (Kind::Other, Some(3306))),
            ("mail", "mailpit", &[1025, 8025], (Kind::Api, Some(8025))),
            ("shop-api", "nginx", &[80], (Kind::Api, Some(80))),
            ("x", "nginx:alpine", &[8000], (Kind::Web, Some(8000))),
            ("vite", "", &[5173], (Kind::Web, Some(5173))),
            ("worker", "", &[], (Kind::Other, None)),
        ] {
            assert_eq!(kind(&service(name, image, targets)), want, "{name} {image} {targets:?}");
        }
    }

    #[test]
    fn a_healthcheck_gives_a_database_on_an_odd_port_away() {
        let mut store = service("store", "own/image", &[7000]);
        assert_eq!(kind(&store).0, Kind::Api);
        store.check = "CMD-SHELL pg_isready -p 7000".into();
        assert_eq!(kind(&store), (Kind::Postgres, Some(7000)));
        store.check = "CMD redis-cli -p 7000 ping".into();
        assert_eq!(kind(&store), (Kind::Redis, Some(7000)));
    }
}
