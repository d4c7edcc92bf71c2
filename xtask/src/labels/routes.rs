//! Which service gets which host name.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::DOMAIN;
use super::kind::{Kind, kind};
use crate::model::{Protocol, Service, Stack};

/// Options of a service in `xtask.toml`: `[proxy.services] backend = { … }`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteOptions {
    pub kind: Option<Kind>,
    /// Port in the container.
    pub port: Option<u16>,
    /// The part before the project's name; empty = only the project's name.
    pub host: Option<String>,
}

/// A service that gets a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub service: String,
    pub kind: Kind,
    /// Port in the container.
    pub port: u16,
    /// The part before the project's name; empty = only the project's name.
    pub prefix: String,
    /// Keys of its own networks; the proxy's is added to them.
    pub networks: Vec<String>,
    /// Published ports without a route, which `ports: !reset` removes.
    pub lost: Vec<String>,
}

impl Route {
    /// The full host name under the project's `base`.
    pub fn host(&self, base: &str) -> String {
        if self.prefix.is_empty() { format!("{base}.{DOMAIN}") } else { format!("{}.{base}.{DOMAIN}", self.prefix) }
    }
}

/// A service that publishes ports but gets no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrouted {
    pub service: String,
    pub why: String,
}

/// Whether `text` is valid in a host name: letters, digits and `-`, separated by dots.
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 200 && text.split('.').all(label)
}

/// The routes of a project. Only services that publish ports are routed, and those that
/// `options` name: others are not meant for this host.
pub fn routes(stack: &Stack, options: &BTreeMap<String, RouteOptions>) -> (Vec<Route>, Vec<Unrouted>) {
    let mut routes: Vec<(Route, bool)> = Vec::new();
    let mut unrouted = Vec::new();
    for service in &stack.services {
        let options = options.get(&service.name);
        let unwanted = options.is_some_and(|options| options.kind == Some(Kind::Other));
        if unwanted || service.ports.is_empty() && options.is_none() {
            continue;
        }
        match route(service, options) {
            Ok(route) => routes.push((route, options.is_some_and(|options| options.host.is_some()))),
            Err(why) => unrouted.push(Unrouted { service: service.name.clone(), why }),
        }
    }
    name(&mut routes);
    (routes.into_iter().map(|(route, _)| route).collect(), unrouted)
}

fn route(service: &Service, options: Option<&RouteOptions>) -> Result<Route, String> {
    let (told, told_port) = kind(service);
    let kind = options.and_then(|options| options.kind).unwrap_or(told);
    let named =
        format!("name it in xtask.toml: `[proxy.services] {} = {{ kind = \"web\", port = 8000 }}`", service.name);
    if let Some(mode) = &service.network_mode {
        return Err(format!("`network_mode: {mode}` keeps it off the proxy's network"));
    }
    if kind == Kind::Other {
        return Err(match told_port {
            Some(port) => format!("what speaks on {port} cannot be told apart by name; it keeps its port. Or {named}"),
            None => format!("its port is not known; {named}"),
        });
    }
    let default = match kind {
        Kind::Postgres => Some(5432),
        Kind::Redis => Some(6379),
        _ => None,
    };
    let port = options.and_then(|options| options.port).or(told_port).or(default);
    let port = port.ok_or_else(|| format!("its port is not known; {named}"))?;
    let lost = service.ports.iter().map(|wanted| &wanted.mapping);
    let lost = lost.filter(|mapping| mapping.target != port || mapping.protocol != Protocol::Tcp);
    Ok(Route {
        service: service.name.clone(),
        kind,
        port,
        prefix: options.and_then(|options| options.host.clone()).unwrap_or_default(),
        networks: service.networks.keys().cloned().collect(),
        lost: lost.map(|mapping| format!("{}/{}", mapping.target, mapping.protocol)).collect(),
    })
}

/// Names the routes without a configured name: the first of a kind gets the short name, the
/// others their service's name. Configured names are not used twice.
fn name(routes: &mut [(Route, bool)]) {
    let mut used: Vec<String> =
        routes.iter().filter(|(_, named)| *named).map(|(route, _)| route.prefix.clone()).collect();
    let mut order: Vec<usize> = (0..routes.len()).filter(|at| !routes[*at].1).collect();
    order.sort_by_key(|at| (rank(&routes[*at].0), *at));
    for at in order {
        let route = &mut routes[at].0;
        let short = match route.kind {
            Kind::Web => "",
            Kind::Api => "api",
            Kind::Postgres => "db",
            Kind::Redis | Kind::Other => "redis",
        };
        let own = dns_label(&route.service);
        let numbered = (2..).map(|number| format!("{own}-{number}"));
        let mut names = [short.to_owned(), own.clone()].into_iter().chain(numbered);
        // There is always a free number.
        route.prefix = names.find(|name| !used.contains(name)).unwrap_or_default();
        used.push(route.prefix.clone());
    }
}

/// Orders services of one kind by how likely the kind's name means them.
fn rank(route: &Route) -> usize {
    let names: &[&str] = match route.kind {
        Kind::Web => &["frontend", "web", "app", "ui", "www"],
        Kind::Api => &["api", "backend", "server"],
        Kind::Postgres => &["db", "database", "postgres"],
        Kind::Redis | Kind::Other => &["redis", "cache"],
    };
    names.iter().position(|name| *name == route.service).unwrap_or(names.len())
}

/// Turns a service's name into a part of a host name.
fn dns_label(name: &str) -> String {
    let label: String =
        name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "service".to_owned() } else { label.chars().take(60).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::kind::tests::service;
    use super::*;

    fn stack(services: Vec<Service>) -> Stack {
        Stack { name: "p".into(), services, ..Stack::default() }
    }

    fn hosts(stack: &Stack, options: &BTreeMap<String, RouteOptions>) -> Vec<(String, String, u16)> {
        let (routes, _) = routes(stack, options);
        routes.into_iter().map(|route| (route.host("shop"), route.service, route.port)).collect()
    }

    #[test]
    fn the_first_of_a_kind_gets_the_short_name() {
        let stack = stack(vec![
            service("admin", "", &[3001]),
            service("backend", "", &[8000, 9229]),
            service("billing_api", "", &[8001]),
            service("frontend", "", &[80]),
            service("postgres", "postgres:17", &[5432]),
            service("redis", "redis:7", &[6379]),
            service("sessions", "redis:7", &[6379]),
            service("worker", "", &[]),
        ]);
        let want = [
            ("admin.shop.localhost", "admin", 3001),
            ("api.shop.localhost", "backend", 8000),
            ("billing-api.shop.localhost", "billing_api", 8001),
            ("shop.localhost", "frontend", 80),
            ("db.shop.localhost", "postgres", 5432),
            ("redis.shop.localhost", "redis", 6379),
            ("sessions.shop.localhost", "sessions", 6379),
        ];
        let want = want.map(|(host, service, port)| (host.to_owned(), service.to_owned(), port));
        assert_eq!(hosts(&stack, &BTreeMap::new()), want);
        assert_eq!(routes(&stack, &BTreeMap::new()).0[1].lost, ["9229/tcp"]);
    }

    #[test]
    fn settings_win_and_may_route_what_publishes_nothing() {
        let stack = stack(vec![service("a", "", &[3306]), service("frontend", "", &[80]), service("quiet", "", &[])]);
        let options =
            |kind, port, host: &str| RouteOptions { kind: Some(kind), port: Some(port), host: Some(host.into()) };
        let options = BTreeMap::from([
            ("a".to_owned(), options(Kind::Web, 8000, "")),
            ("quiet".to_owned(), options(Kind::Api, 1, "q.x")),
            ("frontend".to_owned(), RouteOptions { port: Some(81), ..RouteOptions::default() }),
        ]);
        let want = [
            ("shop.localhost", "a", 8000),
            ("frontend.shop.localhost", "frontend", 81),
            ("q.x.shop.localhost", "quiet", 1),
        ];
        assert_eq!(hosts(&stack, &options), want.map(|(h, s, p)| (h.to_owned(), s.to_owned(), p)));
    }

    #[test]
    fn what_cannot_be_routed_is_told() {
        let mut host = service("host", "", &[80]);
        host.network_mode = Some("host".into());
        let (routes, unrouted) = routes(&stack(vec![service("db", "mysql", &[3306]), host]), &BTreeMap::new());
        assert_eq!(routes, []);
        assert!(unrouted[0].why.contains("3306") && unrouted[1].why.contains("network_mode: host"), "{unrouted:?}");
    }

    #[test]
    fn host_names_are_checked() {
        for (text, good) in [
            ("performia", true),
            ("wt-1.performia", true),
            ("", false),
            ("A", false),
            ("a..b", false),
            ("-a", false),
            ("a`b", false),
        ] {
            assert_eq!(is_host(text), good, "{text}");
        }
    }
}
