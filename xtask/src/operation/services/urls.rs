//! How each service is reached from here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::context::Context;
use crate::model::{Binding, Container, Protocol, Service};
use crate::project::Project;
use crate::stack::Settings;
use crate::ui;

/// What speaks on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// HTTP, or something that we do not know.
    Http,
    /// HTTPS.
    Https,
    /// PostgreSQL.
    Postgres,
    /// Redis and its kin.
    Redis,
}

/// Told by the port in the container, and where that is unusual by the image.
pub(crate) fn speech(service: Option<&Service>, target: u16) -> Speech {
    let image = service.and_then(|service| service.image.as_deref()).unwrap_or_default();
    // registry:5000/group/postgres:17 -> postgres
    let name = image.rsplit('/').next().unwrap_or_default().split([':', '@']).next().unwrap_or_default();
    let is = |names: &[&str]| names.iter().any(|known| name.contains(known));
    match target {
        5432 => Speech::Postgres,
        6379 => Speech::Redis,
        443 | 8443 => Speech::Https,
        // Servers moved to another port inside; not their exporters and panels,
        // which speak HTTP on ports of four digits and an own image name.
        _ if is(&["postgres", "postgis"]) && (5400..5500).contains(&target) => Speech::Postgres,
        _ if is(&["redis", "valkey"]) && (6300..6500).contains(&target) => Speech::Redis,
        _ => Speech::Http,
    }
}

/// The URLs of one service.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ServiceUrls {
    /// The service.
    pub service: String,
    /// Its URLs, the shortest first.
    pub urls: Vec<String>,
}

/// URLs of every service that publishes a TCP port, by what the engine really
/// published.
pub fn urls(ctx: &Context, project: &Project, containers: &[Container]) -> Vec<ServiceUrls> {
    let of_service = |service: &Service| {
        let own = containers.iter().filter(|container| container.service.as_deref() == Some(&service.name));
        let urls = service_urls(ctx, &project.settings, service, own.flat_map(Container::held));
        (!urls.is_empty()).then(|| ServiceUrls { service: service.name.clone(), urls })
    };
    project.stack.services.iter().filter_map(of_service).collect()
}

/// The URLs of one service by its bindings, each followed by the further paths
/// that the settings name.
pub fn service_urls<'a>(
    ctx: &Context,
    settings: &Settings,
    service: &Service,
    bindings: impl Iterator<Item = &'a Binding>,
) -> Vec<String> {
    // The loopback of another machine is not to be reached from here.
    let remote = ctx.engine.endpoint().is_remote();
    let reachable = |binding: &&Binding| !(remote && binding.host_ip.is_loopback());
    let mut bindings: Vec<&Binding> =
        bindings.filter(|binding| binding.protocol == Protocol::Tcp).filter(reachable).collect();
    bindings.sort_by_key(|binding| (binding.target, binding.published, binding.host_ip));
    let mut urls: Vec<String> = Vec::new();
    for binding in bindings {
        let base = base(ctx, service, binding);
        let http = base.starts_with("http");
        if !urls.contains(&base) {
            let paths = settings.urls.get(&service.name).filter(|_| http).into_iter().flatten();
            let further: Vec<String> = paths.map(|path| further(&base, path)).collect();
            urls.push(base);
            urls.extend(further);
        }
    }
    urls
}

/// A further path of a URL.
pub fn further(base: &str, path: &str) -> String {
    format!("{base}/{}", ui::url_part(path.trim_start_matches('/'), ui::URL_PATH))
}

fn base(ctx: &Context, service: &Service, binding: &Binding) -> String {
    url(service, binding.target, &host(ctx, binding.host_ip), binding.published)
}

/// Well-known ports of what speaks neither HTTP nor has a URL of its own.
const NO_HTTP: [u16; 16] = [21, 22, 25, 53, 110, 143, 389, 465, 587, 993, 1025, 1433, 1521, 2181, 9092, 11211];

/// The URL that a service will most likely have on this machine, before it has
/// ever been started.
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
    match speech(Some(service), target) {
        Speech::Postgres => {
            let (user, database) = postgres_account(&service.environment);
            format!("postgres://{}@{host}:{port}/{}", ui::url_part(user, ""), ui::url_part(database, ""))
        }
        Speech::Redis => format!("redis://{host}:{port}"),
        Speech::Https if port == 443 => format!("https://{host}"),
        Speech::Https => format!("https://{host}:{port}"),
        Speech::Http if port == 80 => format!("http://{host}"),
        Speech::Http => format!("http://{host}:{port}"),
    }
}

/// User and database of a PostgreSQL service with this environment, as its image
/// has them (hub.docker.com/_/postgres).
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
    fn what_speaks_is_told_by_image_and_port() {
        let with = |image: &str| Service { image: Some(image.into()), ..Service::default() };
        for (image, target, want) in [
            ("postgres:17-alpine", 5432, Speech::Postgres),
            ("reg:5000/x/postgis@sha256:ab", 5432, Speech::Postgres),
            ("postgres-exporter", 9187, Speech::Http),
            ("redis:7", 6379, Speech::Redis),
            ("redis/redis-stack:latest", 8001, Speech::Http),
            ("nginx", 443, Speech::Https),
            ("own", 8000, Speech::Http),
        ] {
            assert_eq!(speech(Some(&with(image)), target), want, "{image} {target}");
        }
        assert_eq!(speech(None, 5432), Speech::Postgres);
    }
}
