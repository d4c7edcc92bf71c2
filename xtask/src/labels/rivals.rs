//! Rivals: routers and services of other projects that compete for the requests of this
//! project. Any container that Traefik sees can define any name, host and priority.

use std::collections::{BTreeMap, BTreeSet};

use super::labelled::LabelledContainer;
use super::matching::can_match;
use super::names::{HOST_VARIABLE, NETWORK_VARIABLE};
use super::rule::{Router, Transport, hosts, part, routers, same_host};

/// How another project's labels conflict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rival {
    /// A router of the same name: Traefik drops both.
    Router(String),
    /// A service of the same name: Traefik balances between the containers of both.
    Service(String),
    /// A host that both want.
    Host(String),
    /// A router that gets the requests for `host` instead of the project's own.
    Outranks {
        router: String,
        /// The project's host.
        host: String,
    },
    /// A router that gets the requests for `host` while the project's own router is gone,
    /// because its service is down.
    Fallback {
        router: String,
        /// The project's host.
        host: String,
    },
}

impl Rival {
    /// Whether it does harm even while the project's service runs.
    pub fn is_harmful(&self) -> bool {
        !matches!(self, Rival::Fallback { .. })
    }

    /// The message; `whose` names the other container.
    pub fn fact(&self, whose: &str) -> String {
        match self {
            Rival::Router(router) => {
                format!("router `{router}` is in {whose} as well: the proxy drops both, and their names lead nowhere")
            }
            Rival::Service(service) => {
                format!("service `{service}` is in {whose} as well: the proxy divides the requests between both")
            }
            Rival::Host(host) => format!("{host} leads to {whose} as well: one of them never gets a request"),
            Rival::Outranks { router, host } => {
                format!("router `{router}` of {whose} gets the requests for {host}: it comes first at the proxy")
            }
            Rival::Fallback { router, host } => format!(
                "router `{router}` of {whose} can match {host} too: it answers while the service of that name is down"
            ),
        }
    }

    /// The label of the project's own router to report.
    pub(super) fn label<'a>(&self, own: &'a [Router]) -> &'a str {
        let is_it = |router: &&Router| match self {
            Rival::Router(name) => router.name == *name,
            Rival::Service(name) => router.service.as_ref() == Some(name),
            Rival::Host(host) | Rival::Outranks { host, .. } | Rival::Fallback { host, .. } => {
                hosts(&router.rule).contains(host)
            }
        };
        own.iter().find(is_it).or(own.first()).map_or("", |router| router.label.as_str())
    }

    pub fn cure(&self) -> String {
        match self {
            Rival::Router(_) | Rival::Service(_) => {
                "begin names of routers and services with ${COMPOSE_PROJECT_NAME}-: \
                 `cargo xtask proxy labels --write` does"
                    .to_owned()
            }
            Rival::Host(_) => {
                format!("another name for this one: `host` under [proxy] in xtask.toml, or {HOST_VARIABLE}=NAME")
            }
            Rival::Outranks { .. } | Rival::Fallback { .. } => {
                format!("have its rule name hosts, or give it a proxy of its own: {NETWORK_VARIABLE}=NAME")
            }
        }
    }
}

/// How `theirs` conflicts with the routers of `own`, worst first.
pub fn rivals(own: &BTreeMap<String, String>, theirs: &LabelledContainer<'_>) -> Vec<Rival> {
    let (ours, others) = (routers(own), routers(theirs.labels));
    let mut found = BTreeSet::new();
    for other in &others {
        for our in &ours {
            found.extend(between(our, other));
        }
    }
    let known = services(own);
    let shared = services(theirs.labels).into_iter().filter(|service| known.contains(service));
    found.extend(shared.map(|(_, name)| Rival::Service(name)));
    found.into_iter().collect()
}

fn services(labels: &BTreeMap<String, String>) -> BTreeSet<(Transport, String)> {
    let name = |label: &String| part(label, "services").map(|(transport, name, _)| (transport, name.to_owned()));
    labels.keys().filter_map(name).collect()
}

fn between(our: &Router, other: &Router) -> Option<Rival> {
    if our.transport == other.transport && our.name == other.name {
        return Some(Rival::Router(our.name.clone()));
    }
    if let Some(host) = same_host(our, other) {
        return Some(Rival::Host(host));
    }
    if !meet(our, other) {
        return None;
    }
    let host = hosts(&our.rule).into_iter().find(|host| can_match(&other.rule, host.as_str()))?;
    let router = other.name.clone();
    Some(if comes_first(other, our) { Rival::Outranks { router, host } } else { Rival::Fallback { router, host } })
}

/// Whether one connection can reach both. A TCP router without TLS on an HTTP entry point
/// gets all connections (Traefik, `pkg/server/router/tcp`: TCP routers are asked first).
fn meet(our: &Router, other: &Router) -> bool {
    let shared = entries(our).iter().any(|entry| entries(other).contains(entry));
    let kinds = match (our.transport, other.transport) {
        (Transport::Http, Transport::Tcp) => !our.tls && !other.tls,
        (Transport::Tcp, Transport::Http) => false,
        _ => our.tls == other.tls,
    };
    shared && kinds
}

/// Entry points of a router; without any it is on the default one.
fn entries(router: &Router) -> Vec<&str> {
    let named: Vec<&str> = router.entrypoints.iter().map(String::as_str).filter(|entry| !entry.is_empty()).collect();
    if named.is_empty() { vec!["web"] } else { named }
}

/// Whether `one` is asked before `two`; the order of equals is undefined.
pub(super) fn comes_first(one: &Router, two: &Router) -> bool {
    one.transport != two.transport || rank(one) >= rank(two)
}

/// Traefik's priority: the label, or the length of the rule; the lowest for a TCP
/// catch-all.
fn rank(router: &Router) -> i64 {
    let is_catch_all = router.transport == Transport::Tcp && hosts(&router.rule).iter().any(|host| host == "*");
    let length = i64::try_from(router.rule.len()).unwrap_or(i64::MAX);
    router.priority.unwrap_or(if is_catch_all { -1 } else { length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lines: &[&str]) -> BTreeMap<String, String> {
        let pair = |line: &&str| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
        lines.iter().map(pair).collect()
    }

    fn own() -> BTreeMap<String, String> {
        labels(&[
            "traefik.http.routers.p-web.rule=Host(`p.localhost`)",
            "traefik.http.routers.p-web.entrypoints=web",
            "traefik.http.routers.p-web.priority=2000000000",
            "traefik.http.services.p-web.loadbalancer.server.port=80",
            "traefik.tcp.routers.p-db.rule=HostSNI(`db.p.localhost`)",
            "traefik.tcp.routers.p-db.entrypoints=postgres",
            "traefik.tcp.routers.p-db.tls=true",
            "traefik.tcp.routers.p-db.priority=2000000000",
        ])
    }

    fn found(theirs: &[&str]) -> Vec<Rival> {
        let theirs = labels(theirs);
        rivals(&own(), &LabelledContainer { project: "q", container: "q-x-1", labels: &theirs })
    }

    #[test]
    fn names_of_routers_and_services_are_global() {
        let router = found(&["traefik.http.routers.p-web.rule=Host(`q.localhost`)"]);
        assert_eq!(router, [Rival::Router("p-web".into())]);
        let service = found(&["traefik.http.services.p-web.loadbalancer.server.port=81"]);
        assert_eq!(service, [Rival::Service("p-web".into())]);
        // HTTP and TCP routers have separate names.
        assert_eq!(found(&["traefik.tcp.services.p-web.loadbalancer.server.port=81"]), []);
    }

    #[test]
    fn a_catch_all_comes_after_us_unless_it_says_more() {
        let rule = "traefik.http.routers.q.rule=PathPrefix(`/`)";
        let fallback = [Rival::Fallback { router: "q".into(), host: "p.localhost".into() }];
        let outranks = [Rival::Outranks { router: "q".into(), host: "p.localhost".into() }];
        assert_eq!(found(&[rule]), fallback);
        assert_eq!(found(&[rule, "traefik.http.routers.q.priority=0"]), fallback);
        assert_eq!(found(&[rule, "traefik.http.routers.q.priority=9999"]), fallback);
        assert_eq!(found(&[rule, "traefik.http.routers.q.priority=2000000000"]), outranks);
        assert_eq!(found(&[rule, "traefik.http.routers.q.entrypoints=websecure"]), []);
        assert_eq!(found(&["traefik.http.routers.q.rule=Host(`q.localhost`) && PathPrefix(`/`)"]), []);
        assert_eq!(found(&["traefik.http.routers.q.rule=HostRegexp(`.+`)"]), fallback);
        // Plain TCP on an HTTP port gets all connections, whatever the priority.
        let plain = ["traefik.tcp.routers.q.rule=HostSNI(`*`)", "traefik.tcp.routers.q.entrypoints=web"];
        assert_eq!(found(&plain), outranks);
        let secure = [&plain[..], &["traefik.tcp.routers.q.tls=true"]].concat();
        assert_eq!(found(&secure), []);
    }

    #[test]
    fn databases_have_rivals_too() {
        let on = |rule: &str, more: &[&str]| {
            let rule = format!("traefik.tcp.routers.q.rule={rule}");
            let all = [&[rule.as_str(), "traefik.tcp.routers.q.entrypoints=postgres"], more].concat();
            found(&all)
        };
        let tls = "traefik.tcp.routers.q.tls=true";
        let host = || "db.p.localhost".to_owned();
        assert_eq!(on("HostSNI(`*`)", &[tls]), [Rival::Fallback { router: "q".into(), host: host() }]);
        assert_eq!(on("HostSNI(`*`)", &[]), []);
        let first = on("HostSNI(`*`)", &[tls, "traefik.tcp.routers.q.priority=2000000001"]);
        assert_eq!(first, [Rival::Outranks { router: "q".into(), host: host() }]);
        assert!(first[0].is_harmful());
        assert_eq!(on("HostSNI(`db.p.localhost`)", &[tls]), [Rival::Host(host())]);
        assert_eq!(on("HostSNI(`db.q.localhost`)", &[tls]), []);
    }
}
