//! Routers that conflict with each other, within a project and with other projects.

use std::collections::BTreeSet;

use super::finding::{Finding, finding, is_off};
use super::labelled::LabelledContainer;
use super::rivals::{comes_first, rivals};
use super::rule::{Router, same_host};
use crate::model::{Service, Stack};

struct Owned<'a> {
    service: &'a Service,
    router: &'a Router,
}

/// Conflicts between routers of one project.
pub(super) fn within(labelled: &[(&Service, Vec<Router>)], findings: &mut Vec<Finding>) {
    let ours: Vec<Owned<'_>> = labelled
        .iter()
        .flat_map(|(service, routers)| routers.iter().map(move |router| Owned { service, router }))
        .collect();
    for (at, one) in ours.iter().enumerate() {
        for two in &ours[..at] {
            if (one.router.transport, &one.router.name) == (two.router.transport, &two.router.name) {
                findings.push(finding(
                    one.service,
                    &one.router.label,
                    format!(
                        "the router `{}` is defined by `{}` too: both are dropped (404)",
                        one.router.name, two.service.name
                    ),
                    "give each router a name of its own",
                ));
            } else if let Some(host) = same_host(one.router, two.router) {
                findings.push(finding(
                    one.service,
                    &one.router.label,
                    format!(
                        "`{host}` is routed by `{}` of `{}` too: one of them never gets a request",
                        two.router.name, two.service.name
                    ),
                    "another Host, or a PathPrefix in one of the rules",
                ));
            } else if let Some((first, last)) = shadowed(one, two) {
                findings.push(finding(
                    last.service,
                    &last.router.label,
                    format!(
                        "the router `{}` never gets a request: `{}` of `{}` has a higher priority, and matches all that it matches",
                        last.router.name, first.router.name, first.service.name
                    ),
                    format!(
                        "`traefik.{}.routers.{}.priority={}`",
                        last.router.transport.as_str(),
                        last.router.name,
                        first.router.priority.unwrap_or_default() + 1
                    ),
                ));
            }
        }
    }
}

/// Two routers of one host where the one with a path never matches because the other has
/// a higher priority: first the one that wins, then the one that never gets a request.
fn shadowed<'a>(one: &'a Owned<'a>, two: &'a Owned<'a>) -> Option<(&'a Owned<'a>, &'a Owned<'a>)> {
    let (first, last) = if comes_first(one.router, two.router) { (one, two) } else { (two, one) };
    let narrower = format!("{} && ", first.router.rule);
    let alike = (first.router.transport, first.router.tls) == (last.router.transport, last.router.tls);
    let meet = first.router.entrypoints == last.router.entrypoints;
    (alike && meet && last.router.rule.starts_with(&narrower)).then_some((first, last))
}

/// Conflicts with routers of other projects. Those that only answer while a service is
/// down are not mistakes; see [`fallbacks`].
pub(super) fn across<'a>(
    labelled: &[(&Service, Vec<Router>)],
    running: impl Iterator<Item = &'a LabelledContainer<'a>>,
    findings: &mut Vec<Finding>,
) {
    for other in running {
        for (service, routers) in labelled {
            for rival in rivals(&service.labels, other).iter().filter(|rival| rival.is_harmful()) {
                findings.push(finding(service, rival.label(routers), rival.fact(&other.in_words()), rival.cure()));
            }
        }
    }
}

/// Routers of other projects that answer for a name of this one while its service is
/// down, one sentence each.
pub fn fallbacks(stack: &Stack, running: &[LabelledContainer<'_>]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for other in running.iter().filter(|other| other.project != stack.name) {
        let rivals = stack.services.iter().filter(|s| !is_off(s)).flat_map(|service| rivals(&service.labels, other));
        found.extend(rivals.filter(|rival| !rival.is_harmful()).map(|rival| rival.fact(&other.in_words())));
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::lint::tests::{ON, labelled, messages, one};
    use super::*;

    #[test]
    fn clashes_within_a_project_and_with_others_are_found() {
        let a = labelled("a", &[ON, ("traefik.http.routers.p-x.rule", "Host(`a.localhost`)")]);
        let b = labelled("b", &[ON, ("traefik.http.routers.p-x.rule", "Host(`b.localhost`)")]);
        one(&messages(vec![a.clone(), b], &[]), "b:2 the router `p-x` is defined by `a` too");
        let c = labelled("c", &[ON, ("traefik.http.routers.p-c.rule", "Host(`A.localhost`)")]);
        one(&messages(vec![a.clone(), c], &[]), "c:2 `a.localhost` is routed by `p-x` of `a` too");
        let path = "Host(`a.localhost`) && PathPrefix(`/api`)";
        let d = labelled("d", &[ON, ("traefik.http.routers.p-d.rule", path)]);
        assert_eq!(messages(vec![a.clone(), d], &[]), [""; 0]);

        let theirs = |router: &str, host: &str| {
            BTreeMap::from([(format!("traefik.http.routers.{router}.rule"), format!("Host(`{host}`)"))])
        };
        let (same, host) = (theirs("p-x", "z.localhost"), theirs("q-x", "a.localhost"));
        let other = |labels| LabelledContainer { project: "q", container: "q-web-1", labels };
        one(&messages(vec![a.clone()], &[other(&same)]), "router `p-x` is in container q-web-1 (project q) as well");
        one(&messages(vec![a.clone()], &[other(&host)]), "a.localhost leads to container q-web-1 (project q) as well");
        let own = LabelledContainer { project: "p", ..other(&host) };
        assert_eq!(messages(vec![a.clone()], &[own]), [""; 0]);
        let all =
            BTreeMap::from([("traefik.http.routers.q.rule".to_owned(), "PathPrefix(`/`) && !Path(`/x`)".to_owned())]);
        one(
            &messages(vec![a.clone()], &[other(&all)]),
            "router `q` of container q-web-1 (project q) gets the requests",
        );
        // With a higher rank ours comes first.
        let mut first = a;
        first.labels.insert("traefik.http.routers.p-x.priority".into(), "99".into());
        assert_eq!(messages(vec![first.clone()], &[other(&all)]), [""; 0]);
        let stack = Stack { name: "p".into(), services: vec![first.clone()], ..Stack::default() };
        one(&fallbacks(&stack, &[other(&all)]), "answers while the service of that name is down");
        let path = ("traefik.http.routers.p-y.rule", "Host(`a.localhost`) && PathPrefix(`/api`)");
        one(&messages(vec![first, labelled("y", &[ON, path])], &[]), "y:2 the router `p-y` never gets a request");
    }
}
