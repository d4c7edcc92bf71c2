//! Reads the routers that labels define.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// HTTP, routed by the `Host` header.
    Http,
    /// TLS, routed by the server name in its first message.
    Tcp,
}

impl Transport {
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Http => "http",
            Transport::Tcp => "tcp",
        }
    }
}

/// A router that labels define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// HTTP or TCP.
    pub transport: Transport,
    /// Global to a Traefik.
    pub name: String,
    /// Empty if it is not set.
    pub rule: String,
    pub entrypoints: Vec<String>,
    pub service: Option<String>,
    /// Whether it terminates TLS.
    pub tls: bool,
    /// `None` also for 0, which is unset to Traefik.
    pub priority: Option<i64>,
    /// The label to report: the rule's, or another one of this router.
    pub label: String,
}

/// The routers of one container. As in Traefik, keys are case-insensitive except names.
pub fn routers(labels: &BTreeMap<String, String>) -> Vec<Router> {
    let mut routers: BTreeMap<(Transport, String), Router> = BTreeMap::new();
    for (label, value) in labels {
        let Some((transport, name, option)) = part(label, "routers") else { continue };
        let router = routers.entry((transport, name.to_owned())).or_insert_with(|| Router {
            transport,
            name: name.to_owned(),
            rule: String::new(),
            entrypoints: Vec::new(),
            service: None,
            tls: false,
            priority: None,
            label: label.clone(),
        });
        match option.as_str() {
            "rule" => {
                router.rule.clone_from(value);
                router.label.clone_from(label);
            }
            "entrypoints" => router.entrypoints = value.split(',').map(|entry| entry.trim().to_owned()).collect(),
            "service" => router.service = Some(value.clone()),
            "priority" => router.priority = value.parse().ok().filter(|priority| *priority != 0),
            "tls" => router.tls = value.eq_ignore_ascii_case("true"),
            _ => router.tls |= option.starts_with("tls."),
        }
    }
    routers.into_values().collect()
}

/// Splits `traefik.http.SECTION.NAME.OPTION` into transport, name and option (lower case).
pub(super) fn part<'a>(label: &'a str, section: &str) -> Option<(Transport, &'a str, String)> {
    let mut words = label.splitn(5, '.');
    let is = |word: Option<&str>, want: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(want));
    if !is(words.next(), "traefik") {
        return None;
    }
    let transport = match words.next()?.to_ascii_lowercase().as_str() {
        "http" => Transport::Http,
        "tcp" => Transport::Tcp,
        _ => return None,
    };
    if !is(words.next(), section) {
        return None;
    }
    let name = words.next()?;
    Some((transport, name, words.next().unwrap_or_default().to_ascii_lowercase()))
}

/// The names in `Host(…)` and `HostSNI(…)` of a rule, in lower case.
pub fn hosts(rule: &str) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for matcher in ["Host(", "HostSNI("] {
        for (at, _) in rule.match_indices(matcher) {
            let inside = &rule[at + matcher.len()..];
            let inside = inside.split(')').next().unwrap_or_default();
            let names = inside.split(',').map(|name| name.trim().trim_matches(['`', '"']).to_ascii_lowercase());
            hosts.extend(names.filter(|name| is_host(name)));
        }
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Whether it is a valid host name or `*`. Anybody can write rules, and hosts are printed in
/// URLs and commands.
fn is_host(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
    name.starts_with(|c: char| c != '-') && name.chars().all(plain)
}

/// A host that two routers of different names claim on the same entry point, if both rules
/// only match the host, or are equal.
pub(super) fn same_host(one: &Router, two: &Router) -> Option<String> {
    let meet = one.entrypoints.is_empty()
        || two.entrypoints.is_empty()
        || one.entrypoints.iter().any(|entry| two.entrypoints.contains(entry));
    let plain = |rule: &str| !rule.contains("&&") && !rule.contains("Path");
    // On one entry point there may be one router with TLS and one without.
    let comparable = one.rule == two.rule || (plain(&one.rule) && plain(&two.rule));
    if one.transport != two.transport || !meet || !comparable || one.tls != two.tls {
        return None;
    }
    let theirs = hosts(&two.rule);
    hosts(&one.rule).into_iter().find(|host| theirs.contains(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_routers() {
        let labels = [
            ("traefik.http.routers.a.rule", "Host(`A.localhost`) || Host(`b.localhost`)"),
            ("traefik.HTTP.Routers.a.entryPoints", "web, websecure"),
            ("traefik.http.routers.a.tls.options", "x@file"),
            ("traefik.tcp.routers.p.rule", "HostSNI(`db.localhost`)"),
            ("traefik.http.services.a.loadbalancer.server.port", "1"),
            ("traefik.udp.routers.u.rule", "x"),
            ("traefik.http.routers", "x"),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let found = routers(&labels);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (found[0].tls, found[0].entrypoints.as_slice()),
            (true, ["web".to_owned(), "websecure".to_owned()].as_slice())
        );
        assert_eq!(hosts(&found[0].rule), ["a.localhost", "b.localhost"]);
        assert_eq!(hosts(&found[1].rule), ["db.localhost"]);
        assert_eq!(hosts("Host(`a`, `b`) && PathPrefix(`/x`)"), ["a", "b"]);
        assert_eq!(hosts("Host(`$x`, `a b`, `-o`, `b;c`, `*`)"), ["*"]);
        assert_eq!(hosts("HostRegexp(`x`) || Host("), [""; 0]);
    }
}
