//! The URLs of each service, as reached from this machine.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::context::Context;
use crate::model::{Binding, Container, Protocol, Service};
use crate::project::Project;
use crate::stack::Settings;
use crate::ui;

/// The application protocol on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceProtocol {
    /// HTTP, or unknown.
    Http,
    Https,
    Postgres,
    /// Redis or a compatible server.
    Redis,
}

impl ServiceProtocol {
    /// Whether every server of the protocol answers our first message.
    pub(crate) fn has_known_answer(self) -> bool {
        matches!(self, ServiceProtocol::Postgres | ServiceProtocol::Redis)
    }
}

/// Determined by the target port, and by the image if the port is unusual.
pub(crate) fn service_protocol(service: Option<&Service>, target: u16) -> ServiceProtocol {
    let image = service.and_then(|service| service.image.as_deref()).unwrap_or_default();
    // registry:5000/group/postgres:17 -> postgres
    let name = image.rsplit('/').next().unwrap_or_default().split([':', '@']).next().unwrap_or_default();
    let is = |names: &[&str]| names.iter().any(|known| name.contains(known));
    match target {
        5432 => ServiceProtocol::Postgres,
        6379 => ServiceProtocol::Redis,
        443 | 8443 => ServiceProtocol::Https,
        // Servers on a non-default target port. Their exporters and web interfaces have
        // similar image names, but speak HTTP on ports outside these ranges.
        _ if is(&["postgres", "postgis"]) && (5400..5500).contains(&target) => ServiceProtocol::Postgres,
        _ if is(&["redis", "valkey"]) && (6300..6500).contains(&target) => ServiceProtocol::Redis,
        _ => ServiceProtocol::Http,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ServiceUrls {
    pub service: String,
    pub urls: Vec<String>,
}

/// The URLs of every service that publishes a TCP port, from the engine's bindings.
pub fn urls(ctx: &Context, project: &Project, containers: &[Container]) -> Vec<ServiceUrls> {
    let of_service = |service: &Service| {
        let own = containers.iter().filter(|container| container.service.as_deref() == Some(&service.name));
        let urls = service_urls(ctx, &project.settings, service, own.flat_map(Container::held));
        (!urls.is_empty()).then(|| ServiceUrls { service: service.name.clone(), urls })
    };
    project.stack.services.iter().filter_map(of_service).collect()
}

/// The URLs of one service from its bindings, each followed by the paths in the settings.
pub fn service_urls<'a>(
    ctx: &Context,
    settings: &Settings,
    service: &Service,
    bindings: impl Iterator<Item = &'a Binding>,
) -> Vec<String> {
    // The loopback of another machine can't be reached from here.
    let remote = ctx.engine.endpoint().is_remote();
    let reachable = |binding: &&Binding| !(remote && binding.host_ip.is_loopback());
    let mut bindings: Vec<&Binding> =
        bindings.filter(|binding| binding.protocol == Protocol::Tcp).filter(reachable).collect();
    bindings.sort_by_key(|binding| (binding.target, binding.published, binding.host_ip));
    let mut urls: Vec<String> = Vec::new();
    for binding in bindings {
        let base = base_url(ctx, service, binding);
        let http = base.starts_with("http");
        if !urls.contains(&base) {
            let paths = settings.urls.get(&service.name).filter(|_| http).into_iter().flatten();
            let further: Vec<String> = paths.map(|path| url_with_path(&base, path)).collect();
            urls.push(base);
            urls.extend(further);
        }
    }
    urls
}

pub fn url_with_path(base: &str, path: &str) -> String {
    format!("{base}/{}", ui::url_part(path.trim_start_matches('/'), ui::URL_PATH))
}

fn base_url(ctx: &Context, service: &Service, binding: &Binding) -> String {
    url(service, binding.target, &host(ctx, binding.host_ip), binding.published)
}

/// Well-known ports of protocols that are neither HTTP nor have a URL scheme.
const NO_HTTP: [u16; 16] = [21, 22, 25, 53, 110, 143, 389, 465, 587, 993, 1025, 1433, 1521, 2181, 9092, 11211];

/// The URL that a service will probably have on this machine once it is started.
pub fn likely_url(service: &Service, target: u16, port: u16) -> String {
    match target {
        3306 => format!("mysql://localhost:{port}"),
        5672 => format!("amqp://localhost:{port}"),
        27017 => format!("mongodb://localhost:{port}"),
        _ if NO_HTTP.contains(&target) => format!("localhost:{port}"),
        _ => url(service, target, "localhost", port),
    }
}

fn url(service: &Service, target: u16, host: &str, port: u16) -> String {
    match service_protocol(Some(service), target) {
        ServiceProtocol::Postgres => {
            let (user, database) = postgres_account(&service.environment);
            format!("postgres://{}@{host}:{port}/{}", ui::url_part(user, ""), ui::url_part(database, ""))
        }
        ServiceProtocol::Redis => format!("redis://{host}:{port}"),
        ServiceProtocol::Https if port == 443 => format!("https://{host}"),
        ServiceProtocol::Https => format!("https://{host}:{port}"),
        ServiceProtocol::Http if port == 80 => format!("http://{host}"),
        ServiceProtocol::Http => format!("http://{host}:{port}"),
    }
}

/// User and database of a PostgreSQL service with this environment
/// (hub.docker.com/_/postgres).
pub fn postgres_account(environment: &BTreeMap<String, String>) -> (&str, &str) {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let user = variable("POSTGRES_USER").map_or("postgres", String::as_str);
    (user, variable("POSTGRES_DB").map_or(user, String::as_str))
}

fn host(ctx: &Context, ip: IpAddr) -> String {
    let endpoint = ctx.engine.endpoint();
    if let Some(host) = endpoint.remote_host().filter(|_| ip.is_unspecified()) {
        return host;
    }
    match ip {
        _ if ip.is_unspecified() || ip == IpAddr::from([127, 0, 0, 1]) => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_determined_by_port_and_image() {
        let with = |image: &str| Service { image: Some(image.into()), ..Service::default() };
        for (image, target, want) in [
            ("postgres:17-alpine", 5432, ServiceProtocol::Postgres),
            ("reg:5000/x/postgis@sha256:ab", 5432, ServiceProtocol::Postgres),
            ("postgres-exporter", 9187, ServiceProtocol::Http),
            ("redis:7", 6379, ServiceProtocol::Redis),
            ("redis/redis-stack:latest", 8001, ServiceProtocol::Http),
            ("nginx", 443, ServiceProtocol::Https),
            ("own", 8000, ServiceProtocol::Http),
        ] {
            assert_eq!(service_protocol(Some(&with(image)), target), want, "{image} {target}");
        }
        assert_eq!(service_protocol(None, 5432), ServiceProtocol::Postgres);
    }
}
