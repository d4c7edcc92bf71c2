//! Mistakes in labels that cause a 404 or 504 without an error message, or an answer from
//! another worktree.

use std::collections::{BTreeMap, BTreeSet};

use super::clashes::{across, within};
use super::finding::{Finding, finding, is_off};
use super::labelled::LabelledContainer;
use super::link::is_link;
use super::names::NETWORK_VARIABLE;
use super::rule::{Router, Transport, hosts, part, routers};
use crate::model::{Service, Stack};

/// Entry points of the proxy.
const ENTRYPOINTS: [&str; 4] = ["web", "websecure", "postgres", "redis"];

/// Checks all labels of a project. `network` is the proxy's; `exposed` holds the ports that
/// the images of services expose, as far as known; `running` are containers of other
/// projects.
pub fn lint(
    stack: &Stack,
    network: &str,
    exposed: &BTreeMap<String, Vec<u16>>,
    running: &[LabelledContainer<'_>],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let labelled: Vec<(&Service, Vec<Router>)> =
        stack.services.iter().filter(|s| !s.labels.is_empty()).map(|s| (s, routers(&s.labels))).collect();
    for (service, routers) in &labelled {
        let mut sink = Sink { service, findings: &mut findings };
        keys(&mut sink);
        if is_off(service) {
            if !routers.is_empty() {
                let label = routers[0].label.clone();
                sink.add(
                    &label,
                    "the proxy only takes containers with `traefik.enable=true`: this one gets no route",
                    "add the label `traefik.enable=true`",
                );
            }
            continue;
        }
        on_network(&mut sink, network);
        service_names(&mut sink, &stack.name);
        port(&mut sink, routers, exposed.get(&service.name).map(Vec::as_slice));
        for router in routers {
            rule(&mut sink, router);
            named(&mut sink, router, &stack.name);
        }
    }
    let on: Vec<(&Service, Vec<Router>)> = labelled.into_iter().filter(|(service, _)| !is_off(service)).collect();
    within(&on, &mut findings);
    across(&on, running.iter().filter(|other| other.project != stack.name), &mut findings);
    findings
        .sort_by(|one, two| (&one.service, &one.place, &one.message).cmp(&(&two.service, &two.place, &two.message)));
    findings.dedup();
    findings
}

struct Sink<'a> {
    service: &'a Service,
    findings: &'a mut Vec<Finding>,
}

impl Sink<'_> {
    fn add(&mut self, label: &str, message: impl Into<String>, cure: impl Into<String>) {
        self.findings.push(finding(self.service, label, message, cure));
    }
}

/// Compose interpolates the values of a mapping, never its keys.
fn keys(sink: &mut Sink<'_>) {
    for key in sink.service.labels.keys().filter(|key| key.contains('$')) {
        sink.add(
            key,
            format!("the key `{key}` stays as it is: in a mapping Compose only replaces variables in values"),
            "write the labels as a list: `- \"KEY=VALUE\"`",
        );
    }
}

fn on_network(sink: &mut Sink<'_>, network: &str) {
    let service = sink.service;
    let first = service.labels.keys().next().cloned().unwrap_or_default();
    let label = service.labels.iter().find(|(key, _)| key.eq_ignore_ascii_case("traefik.docker.network"));
    // A checkout's own link counts as well.
    let link = label.map(|(_, value)| value.as_str()).filter(|value| is_link(network, value));
    let network = link.unwrap_or(network);
    if !service.networks.values().any(|name| name == network) {
        sink.add(
            &first,
            format!("`{}` is not on the proxy's network `{network}`: requests end with 504", service.name),
            format!(
                "`networks: [default, {network}]`, and at the end of the file `networks: {{{network}: {{external: true}}}}`"
            ),
        );
    }
    if let Some((key, value)) = label.filter(|(_, value)| *value != network) {
        sink.add(
            key,
            format!("`{key}={value}` is not the proxy's network: the proxy leaves this container to another one (404)"),
            format!("`{key}={network}`; it wants the network's name, not its key in the file ({NETWORK_VARIABLE})"),
        );
    }
}

/// Without a port label Traefik takes the lowest exposed port; without exposed ports there
/// is no route.
fn port(sink: &mut Sink<'_>, routers: &[Router], exposed: Option<&[u16]>) {
    let service = sink.service;
    let mut known: BTreeSet<u16> = service.ports.iter().map(|wanted| wanted.mapping.target).collect();
    known.extend(&service.expose);
    known.extend(exposed.into_iter().flatten());
    // Unless the image is known, it may expose more than the one known port.
    if known.len() == 1 && (exposed.is_some() || service.image.is_none()) {
        return;
    }
    for transport in [Transport::Http, Transport::Tcp] {
        let Some(router) = routers.iter().find(|router| router.transport == transport) else { continue };
        let has = service.labels.keys().filter_map(|label| part(label, "services")).any(|(of, _, option)| {
            of == transport && (option == "loadbalancer.server.port" || option == "loadbalancer.server.url")
        });
        // A service of the file provider or of another container sets its own.
        let elsewhere = router.service.as_ref().is_some_and(|name| name.contains('@'));
        if has || elsewhere {
            continue;
        }
        let what = match known.len() {
            0 => "its image exposes no port that is known here".to_owned(),
            1 => "its image may expose others than the one that is known here".to_owned(),
            _ => {
                let ports: Vec<String> = known.iter().map(u16::to_string).collect();
                format!("it exposes {}, of which the lowest would be taken", ports.join(", "))
            }
        };
        let name = router.service.as_deref().unwrap_or(&router.name);
        let example = known.first().copied().unwrap_or(8000);
        sink.add(
            &router.label,
            format!("no `loadbalancer.server.port` for `{}`: {what}", service.name),
            format!("`traefik.{}.services.{name}.loadbalancer.server.port={example}`", transport.as_str()),
        );
    }
}

fn rule(sink: &mut Sink<'_>, router: &Router) {
    let Router { name, rule, .. } = router;
    if ["Host(", "HostSNI("].iter().any(|matcher| {
        rule.match_indices(matcher)
            .any(|(at, _)| rule[at + matcher.len()..].split(')').next().is_some_and(|i| i.contains(',')))
    }) {
        sink.add(
            &router.label,
            format!("`{rule}` is a rule of Traefik 2: the router `{name}` is dropped"),
            "one name each, with `||` between: Host(`a.localhost`) || Host(`b.localhost`)",
        );
    }
    let catch_all = hosts(rule).iter().any(|host| host == "*");
    if router.transport == Transport::Tcp && !router.tls && !rule.is_empty() && !catch_all {
        sink.add(
            &router.label,
            format!("the router `{name}` needs TLS to know the host, and has none: it is dropped"),
            format!("`traefik.tcp.routers.{name}.tls=true`"),
        );
    }
    for entry in router.entrypoints.iter().filter(|entry| !ENTRYPOINTS.contains(&entry.as_str())) {
        sink.add(
            &router.label,
            format!("the proxy has no entry point `{entry}`: the router `{name}` is dropped"),
            format!("one of {}", ENTRYPOINTS.join(", ")),
        );
    }
}

/// Routers and services are global: a second worktree defines them again.
fn named(sink: &mut Sink<'_>, router: &Router, project: &str) {
    let layer = router.transport.as_str();
    if !router.name.contains(project) && !router.name.contains('$') {
        sink.add(
            &router.label,
            format!(
                "the router `{}` has the same name in every worktree of this project: with two of them both are dropped (404)",
                router.name
            ),
            format!("`traefik.{layer}.routers.${{COMPOSE_PROJECT_NAME}}-{}.…`", router.name),
        );
    }
}

/// Traefik merges services of one name and balances requests between them.
fn service_names(sink: &mut Sink<'_>, project: &str) {
    let service = sink.service;
    let mut seen: Vec<(Transport, &str)> = Vec::new();
    for label in service.labels.keys() {
        let Some((transport, name, _)) = part(label, "services") else { continue };
        if name.contains(project) || name.contains('$') || seen.contains(&(transport, name)) {
            continue;
        }
        seen.push((transport, name));
        sink.add(
            label,
            format!(
                "the service `{name}` has the same name in every worktree of this project: they would share the requests"
            ),
            format!("`traefik.{}.services.${{COMPOSE_PROJECT_NAME}}-{name}.…`", transport.as_str()),
        );
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::model::Place;

    use super::super::kind::tests::service;
    use super::*;

    /// A service on network `web` with one port and these labels, each on its own line.
    pub(crate) fn labelled(name: &str, labels: &[(&str, &str)]) -> Service {
        let mut service = service(name, "", &[8000]);
        service.networks.insert("web".into(), "web".into());
        for (at, (key, value)) in labels.iter().enumerate() {
            service.labels.insert((*key).to_owned(), (*value).to_owned());
            service.label_places.insert((*key).to_owned(), Place { file: "c.yml".into(), line: at + 1 });
        }
        service
    }

    pub(crate) fn messages(services: Vec<Service>, running: &[LabelledContainer<'_>]) -> Vec<String> {
        let stack = Stack { name: "p".into(), services, ..Stack::default() };
        let line = |f: Finding| format!("{}:{} {}", f.service, f.place.map_or(0, |place| place.line), f.message);
        lint(&stack, "web", &BTreeMap::new(), running).into_iter().map(line).collect()
    }

    pub(crate) const ON: (&str, &str) = ("traefik.enable", "true");

    #[track_caller]
    pub(crate) fn one(found: &[String], words: &str) {
        assert!(found.len() == 1 && found[0].contains(words), "{found:#?}");
    }

    #[test]
    fn good_labels_have_no_findings() {
        let labels = [ON, ("traefik.http.routers.p-a.rule", "Host(`a.localhost`)"), ("traefik.docker.network", "web")];
        assert_eq!(messages(vec![labelled("a", &labels)], &[]), [""; 0]);
    }

    #[test]
    fn each_mistake_is_found_with_its_line() {
        let rule = ("traefik.http.routers.p-a.rule", "Host(`a.localhost`)");
        one(&messages(vec![labelled("a", &[rule])], &[]), "a:1 the proxy only takes containers with");
        let key = ("traefik.http.routers.${COMPOSE_PROJECT_NAME}-a.rule", "Host(`a.localhost`)");
        one(&messages(vec![labelled("a", &[ON, key])], &[]), "a:2 the key `traefik.http.routers.${COMPOSE");
        let network = ("traefik.docker.network", "p_web");
        one(&messages(vec![labelled("a", &[ON, rule, network])], &[]), "a:3 `traefik.docker.network=p_web`");
        let mut off = labelled("a", &[ON, rule]);
        off.networks.remove("web");
        one(&messages(vec![off], &[]), "is not on the proxy's network `web`");
        let mut several = labelled("a", &[ON, rule]);
        several.expose = vec![9229];
        one(&messages(vec![several], &[]), "a:2 no `loadbalancer.server.port` for `a`: it exposes 8000, 9229");
        let global = ("traefik.http.routers.a.rule", "Host(`a.localhost`)");
        one(
            &messages(vec![labelled("a", &[ON, global])], &[]),
            "a:2 the router `a` has the same name in every worktree",
        );
        let merged = ("traefik.http.services.a.loadbalancer.server.port", "8000");
        one(&messages(vec![labelled("a", &[ON, rule, merged])], &[]), "they would share the requests");
        let old = ("traefik.http.routers.p-a.rule", "Host(`a.localhost`,`b.localhost`)");
        one(&messages(vec![labelled("a", &[ON, old])], &[]), "is a rule of Traefik 2");
        let plain = ("traefik.tcp.routers.p-a.rule", "HostSNI(`db.localhost`)");
        one(&messages(vec![labelled("a", &[ON, plain])], &[]), "and has none");
        let entry = ("traefik.http.routers.p-a.entrypoints", "https");
        one(&messages(vec![labelled("a", &[ON, rule, entry])], &[]), "has no entry point `https`");
    }

    #[test]
    fn an_image_that_exposes_nothing_or_several_needs_a_port() {
        let mut a = labelled("a", &[ON, ("traefik.http.routers.p-a.rule", "Host(`a.localhost`)")]);
        a.ports.clear();
        one(&messages(vec![a.clone()], &[]), "exposes no port that is known here");
        let stack = Stack { name: "p".into(), services: vec![a], ..Stack::default() };
        assert_eq!(lint(&stack, "web", &[("a".to_owned(), vec![80])].into(), &[]), []);
        assert_eq!(lint(&stack, "web", &[("a".to_owned(), vec![80, 443])].into(), &[]).len(), 1);
    }

    #[test]
    fn a_network_of_the_checkout_with_the_proxy_is_the_proxys() {
        let link = ("traefik.docker.network", "web-link.p");
        let mut a = labelled("a", &[ON, ("traefik.http.routers.p-a.rule", "Host(`a.localhost`)"), link]);
        one(&messages(vec![a.clone()], &[]), "is not on the proxy's network `web-link.p`");
        a.networks.insert("web".into(), "web-link.p".into());
        assert_eq!(messages(vec![a], &[]), [""; 0]);
    }
}
