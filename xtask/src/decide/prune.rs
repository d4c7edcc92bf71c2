//! Which networks are no longer needed.
//!
//! `docker network prune` only looks whether a container is connected *now*: it also
//! removes the networks of stopped projects, whose next start then fails with
//! `network … not found` (moby, `daemon/prune.go`). Here stopped containers count.

use std::time::{Duration, SystemTime};

use crate::model::{Container, Network, OF_PROXY, STACK_LABEL};

/// Which networks may be removed.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Only those of these Compose projects; empty = of any project.
    pub projects: &'a [String],
    /// Also networks that were created outside Compose.
    pub all: bool,
    pub now: SystemTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PruneVerdict {
    /// Not needed, with the reason.
    Remove(String),
    /// Needed, with the reason.
    Keep(String),
    /// It belongs to a project that was not asked for.
    NotSelected,
}

/// Networks that every engine has, and `nat` of Windows.
const OWN: [&str; 6] = ["bridge", "host", "none", "ingress", "docker_gwbridge", "nat"];
/// The customary network of a shared proxy, created by hand and external to every
/// project.
const SHARED: &str = "web";
/// Compose creates a project's networks before its containers.
const YOUNG: Duration = Duration::from_secs(30);
const ON_ITS_WAY: &str = "created a moment ago: a start may be in progress";

/// `containers` are all containers, running or not.
pub fn prune_verdict(network: &Network, containers: &[Container], wanted: Wanted<'_>) -> PruneVerdict {
    let keep = |why: &str| PruneVerdict::Keep(why.to_owned());
    let link = network.link();
    let of = network.project().or(link.map(|link| link.project));
    if !wanted.projects.is_empty() && !of.is_some_and(|of| wanted.projects.iter().any(|name| name == of)) {
        return PruneVerdict::NotSelected;
    }
    if OWN.contains(&network.name.as_str()) {
        return keep("the engine's own");
    }
    if network.scope != "local" {
        return PruneVerdict::Keep(of_swarm(network, containers));
    }
    if network.name == SHARED || (network.labels.contains_key(OF_PROXY) && link.is_none()) {
        return keep("a shared proxy's network: projects join and leave it");
    }
    let on_it = users(network, containers);
    if !on_it.is_empty() {
        return PruneVerdict::Keep(format!("in use by {}", names(&on_it)));
    }
    let age = network.created.and_then(|created| wanted.now.duration_since(created).ok());
    let is_young = wanted.projects.is_empty() && network.created.is_some() && age.is_none_or(|age| age < YOUNG);
    if let Some(link) = link {
        return if is_young {
            keep(ON_ITS_WAY)
        } else {
            PruneVerdict::Remove(format!("{} has nobody at the proxy", link.project))
        };
    }
    let Some(project) = network.project() else {
        return if wanted.all {
            PruneVerdict::Remove("created outside Compose, and no container is on it".to_owned())
        } else {
            keep("created outside Compose (--all removes it, after a question)")
        };
    };
    let of_project: Vec<&Container> =
        containers.iter().filter(|container| container.project.as_deref() == Some(project)).collect();
    if !of_project.is_empty() {
        return PruneVerdict::Keep(format!("project {project} has {}", names(&of_project)));
    }
    if is_young {
        return keep(ON_ITS_WAY);
    }
    PruneVerdict::Remove(format!("project {project} has no container"))
}

/// Networks of other nodes' containers are not known here, so none is ever removed.
fn of_swarm(network: &Network, containers: &[Container]) -> String {
    let on_it = users(network, containers);
    match network.labels.get(STACK_LABEL) {
        _ if !on_it.is_empty() => format!("in use by {}", names(&on_it)),
        Some(stack) => format!("of Swarm stack {stack} (`docker stack rm` removes it)"),
        None => "a network of the Swarm, which other nodes may use".to_owned(),
    }
}

/// The containers on a network, running or not, without the proxy that serves them.
pub fn users<'a>(network: &Network, containers: &'a [Container]) -> Vec<&'a Container> {
    let proxy = network.link().map(|link| link.proxy);
    let is_user = |container: &&Container| proxy.is_none() || container.project.as_deref() != proxy;
    containers.iter().filter(is_user).filter(|container| is_on(container, network)).collect()
}

/// By id or by name: a container that was never started has no network id.
pub fn is_on(container: &Container, network: &Network) -> bool {
    container.is_attached(network) || container.is_on(&network.name)
}

/// At most three names.
fn names(containers: &[&Container]) -> String {
    let one = |container: &&Container| {
        let state = if container.state.holds_ports() { "" } else { " (stopped)" };
        let task = container.task.as_ref().map(|task| format!(" of Swarm service {}", task.service));
        format!("{}{}{state}", container.name, task.unwrap_or_default())
    };
    let shown: Vec<String> = containers.iter().take(3).map(one).collect();
    let more = containers.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attachment, State};

    fn network(name: &str, project: Option<&str>) -> Network {
        let label = |project: &str| ("com.docker.compose.project".to_owned(), project.to_owned());
        Network {
            id: format!("{name}-id"),
            name: name.into(),
            scope: "local".into(),
            labels: project.map(label).into_iter().collect(),
            ..Network::default()
        }
    }

    fn container(project: Option<&str>, running: bool, on: &[(&str, &str)]) -> Container {
        Container {
            id: "c".into(),
            name: "c-1".into(),
            project: project.map(str::to_owned),
            state: if running { State::Running } else { State::Exited },
            networks: on.iter().map(|(name, id)| Attachment::new(name, id)).collect(),
            ..Container::default()
        }
    }

    fn decide(network: &Network, containers: &[Container], projects: &[&str], all: bool) -> &'static str {
        let projects: Vec<String> = projects.iter().map(|name| (*name).to_owned()).collect();
        match prune_verdict(network, containers, Wanted { projects: &projects, all, now: SystemTime::now() }) {
            PruneVerdict::Remove(_) => "remove",
            PruneVerdict::Keep(_) => "keep",
            PruneVerdict::NotSelected => "aside",
        }
    }

    #[test]
    fn only_networks_of_projects_without_any_container_go() {
        let shop = network("shop_default", Some("shop"));
        assert_eq!(decide(&shop, &[], &[], false), "remove");
        assert_eq!(decide(&shop, &[container(Some("other"), true, &[])], &[], false), "remove");
        assert_eq!(decide(&shop, &[container(Some("shop"), false, &[])], &[], false), "keep");
        assert_eq!(decide(&shop, &[container(None, false, &[("shop_default", "")])], &[], false), "keep");
        assert_eq!(decide(&shop, &[container(None, true, &[("alias", "shop_default-id")])], &[], true), "keep");
    }

    #[test]
    fn foreign_ones_only_when_told_and_shared_and_built_in_ones_never() {
        let foreign = network("kind", None);
        assert_eq!(decide(&foreign, &[], &[], false), "keep");
        assert_eq!(decide(&foreign, &[], &[], true), "remove");
        for name in ["bridge", "host", "none", "web", "ingress"] {
            assert_eq!(decide(&network(name, None), &[], &[], true), "keep", "{name}");
            assert_eq!(decide(&network(name, Some("shop")), &[], &["shop"], true), "keep", "{name}");
        }
        let mut proxy = network("edge", None);
        proxy.labels.insert("xtask.proxy".into(), "x".into());
        assert_eq!(decide(&proxy, &[], &[], true), "keep");
        let swarm = Network { scope: "swarm".into(), ..network("n", Some("shop")) };
        assert_eq!(decide(&swarm, &[], &[], true), "keep");
    }

    #[test]
    fn a_link_goes_when_only_the_proxy_is_on_it() {
        let mut link = network("web-link.shop", None);
        for (key, value) in [("xtask.proxy", "xtask-proxy"), ("xtask.link", "shop"), ("xtask.link.folder", "/src")] {
            link.labels.insert(key.into(), value.into());
        }
        let on = |project| container(Some(project), false, &[("web-link.shop", "web-link.shop-id")]);
        assert_eq!(decide(&link, &[on("xtask-proxy"), container(Some("shop"), true, &[])], &[], false), "remove");
        assert_eq!(decide(&link, &[on("xtask-proxy"), on("shop")], &[], true), "keep");
        assert_eq!(decide(&link, &[on("xtask-proxy")], &["shop"], false), "remove");
        assert_eq!(decide(&link, &[on("xtask-proxy")], &["blog"], false), "aside");
        let young = Network { created: Some(SystemTime::now()), ..link };
        assert_eq!(decide(&young, &[on("xtask-proxy")], &[], false), "keep");
    }

    #[test]
    fn projects_that_were_not_named_are_left_out() {
        assert_eq!(decide(&network("a", Some("shop")), &[], &["demo"], false), "aside");
        assert_eq!(decide(&network("a", None), &[], &["demo"], true), "aside");
        assert_eq!(decide(&network("a", Some("demo")), &[], &["demo"], false), "remove");
    }

    #[test]
    fn a_start_on_its_way_has_a_network_and_no_container_yet() {
        let young = Network { created: Some(SystemTime::now()), ..network("a", Some("shop")) };
        assert_eq!(decide(&young, &[], &[], false), "keep");
        assert_eq!(decide(&young, &[], &["shop"], false), "remove");
        let old = Network { created: Some(SystemTime::now() - YOUNG * 2), ..young };
        assert_eq!(decide(&old, &[], &[], false), "remove");
    }
}
