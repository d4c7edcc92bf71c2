//! Networks: address ranges left, networks that nobody needs, containers whose
//! network is gone, and ranges that a route of this machine claims as well.

use std::collections::BTreeSet;

use crate::decide::{Namesake, NetworkFate, Pools, Wanted, namesakes, network_fate, pools, with_running_networks};
use crate::model::{Container, Network, Route};
use crate::operation::check::namesakes::CURE;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Mend;
use crate::operation::diagnose::scene::Scene;
use crate::operation::networks::prune::disconnect;
use crate::{host, ui};

/// So few address ranges left are a warning.
const FEW: usize = 3;

pub(crate) fn check(scene: &Scene) -> Vec<Finding> {
    let Ok((networks, containers)) = scene.networks() else { return Vec::new() };
    let orphans = orphans(networks, containers);
    let mut found = Vec::new();
    if let Ok(info) = scene.info() {
        found.push(ranges(pools(&info.pools, networks), !orphans.is_empty()));
    }
    if !orphans.is_empty() {
        found.push(
            Finding::new(
                "networks.orphans",
                "networks that nobody needs",
                Status::Note,
                ui::clean(&orphans.join(", ")),
            )
            .why("their projects have no container left, and each takes an address range")
            .remedy("cargo xtask prune-network")
            .mend(Mend::Networks),
        );
    }
    if let Some(project) = scene.project() {
        found.extend(stale(&project.stack.name, networks, containers));
        found.extend(strangers(&project.stack.name, networks, containers));
        let all = project.containers.as_deref().unwrap_or_default();
        found.extend(mistaken(&namesakes(&with_running_networks(&project.stack, all), all)));
    }
    if scene.is_local() {
        found.extend(routes(networks, &host::routes()));
    }
    found
}

fn orphans(networks: &[Network], containers: &[Container]) -> Vec<String> {
    let wanted = Wanted { projects: &[], all: false, now: std::time::SystemTime::now() };
    let is_orphan = |network: &&Network| matches!(network_fate(network, containers, wanted), NetworkFate::Remove(_));
    networks.iter().filter(is_orphan).map(|network| network.name.clone()).collect()
}

fn ranges(pools: Pools, has_orphans: bool) -> Finding {
    let (id, title) = ("networks.pools", "address ranges for networks");
    let seen = format!("{} of {} used", pools.used, pools.total);
    let status = match pools.left() {
        0 => Status::Problem,
        1..=FEW => Status::Warning,
        _ => return Finding::ok(id, title, seen),
    };
    let found = Finding::new(id, title, status, seen)
        .why("each project and worktree takes one a network; without one `up` fails")
        .remedy("`cargo xtask prune-network`; `docker compose -p NAME down` for projects at rest; or smaller `default-address-pools` in the engine's daemon.json");
    if has_orphans { found.mend(Mend::Networks) } else { found }
}

/// A container remembers its networks by id. Where one is gone, `start` fails
/// with `network … not found` for ever, also with a new network of that name.
fn stale(project: &str, networks: &[Network], containers: &[Container]) -> Option<Finding> {
    let ids: BTreeSet<&str> = networks.iter().map(|network| network.id.as_str()).collect();
    let is_stale = |container: &&Container| {
        container.project.as_deref() == Some(project)
            && container.networks.iter().any(|on| !on.id.is_empty() && !ids.contains(on.id.as_str()))
    };
    let names: Vec<String> = containers.iter().filter(is_stale).map(|container| ui::clean(&container.name)).collect();
    if names.is_empty() {
        return None;
    }
    Some(
        Finding::new(
            "networks.stale",
            "networks of containers",
            Status::Problem,
            format!("{}: the network was removed", names.join(", ")),
        )
        .why("they cannot be started: `network … not found`")
        .remedy("cargo xtask prune-network --recreate"),
    )
}

/// Somebody else's containers on this project's networks.
fn strangers(project: &str, networks: &[Network], containers: &[Container]) -> Vec<Finding> {
    let mut found = Vec::new();
    for network in networks.iter().filter(|network| network.project() == Some(project)) {
        let is_stranger =
            |container: &&Container| container.project.as_deref() != Some(project) && container.is_attached(network);
        let names: Vec<&str> = containers.iter().filter(is_stranger).map(|one| one.name.as_str()).collect();
        let Some(first) = names.first() else { continue };
        found.push(
            Finding::new(
                "networks.endpoints",
                format!("network {}", ui::clean(&network.name)),
                Status::Note,
                format!("{} of another project is on it", ui::clean(&names.join(", "))),
            )
            .why("`stop` cannot remove it then: \"active endpoints\"")
            .remedy(disconnect(&network.name, first)),
        );
    }
    found
}

/// Names that can lead to another project.
fn mistaken(found: &[Namesake]) -> Option<Finding> {
    let lines: Vec<String> = found.iter().map(|namesake| ui::clean(&namesake.to_string())).collect();
    (!lines.is_empty()).then(|| {
        Finding::new("networks.names", "services of one name", Status::Warning, lines.join("\n"))
            .why("the engine answers a name with any container of that name, and with another project's while its own is stopped")
            .remedy(CURE)
    })
}

/// A VPN that claims the same addresses: one of the two is not reached.
fn routes(networks: &[Network], routes: &[Route]) -> Vec<Finding> {
    let bridges: BTreeSet<String> = networks.iter().map(Network::interface).collect();
    let foreign: Vec<&Route> = routes.iter().filter(|route| !bridges.contains(&route.interface)).collect();
    let mut found = Vec::new();
    for network in networks.iter().filter(|network| network.scope == "local") {
        let clash = network
            .subnets
            .iter()
            .find_map(|subnet| Some((subnet, foreign.iter().find(|route| route.to.overlaps(*subnet))?)));
        let Some((subnet, route)) = clash else { continue };
        let seen = format!("{subnet} overlaps the route to {} over {}", route.to, ui::clean(&route.interface));
        found.push(
            Finding::new("networks.route", format!("network {}", ui::clean(&network.name)), Status::Warning, seen)
                .why("addresses behind that route (a VPN, as a rule) are taken for the network's, or the reverse")
                .remedy("other `default-address-pools` in the engine's daemon.json, then remove the network and start again"),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attachment;

    fn network(name: &str, subnet: &str) -> Network {
        Network {
            id: format!("{name}0123456789ab"),
            name: name.into(),
            labels: [("com.docker.compose.project".to_owned(), "demo".to_owned())].into(),
            scope: "local".into(),
            subnets: vec![subnet.parse().unwrap()],
            ..Network::default()
        }
    }

    fn container(project: &str, on: &[(&str, &str)]) -> Container {
        Container {
            name: format!("{project}-web-1"),
            project: Some(project.into()),
            networks: on.iter().map(|(name, id)| Attachment::new(name, id)).collect(),
            ..Container::default()
        }
    }

    #[test]
    fn few_ranges_are_a_warning_and_none_a_problem() {
        let status = |used| ranges(Pools { used, total: 30 }, false).status;
        assert_eq!([status(26), status(27), status(30)], [Status::Ok, Status::Warning, Status::Problem]);
        assert!(ranges(Pools { used: 30, total: 30 }, true).fixable);
    }

    #[test]
    fn a_container_whose_network_is_gone() {
        let there = network("demo_default", "172.18.0.0/16");
        let id = there.id.clone();
        let networks = [there];
        assert!(stale("demo", &networks, &[container("demo", &[("demo_default", &id)])]).is_none());
        assert!(stale("demo", &networks, &[container("demo", &[("demo_default", "")])]).is_none());
        assert!(stale("demo", &networks, &[container("other", &[("x", "gone")])]).is_none());
        assert!(stale("demo", &networks, &[container("demo", &[("demo_default", "gone")])]).is_some());
    }

    #[test]
    fn routes_of_others_clash_and_bridges_do_not() {
        let networks = [network("a", "172.18.0.0/16"), network("b", "10.8.0.0/24")];
        let route = |interface: &str, to: &str| Route { interface: interface.into(), to: to.parse().unwrap() };
        let all =
            [route("eth0", "192.168.1.0/24"), route("br-a0123456789a", "172.18.0.0/16"), route("tun0", "10.0.0.0/8")];
        let found = routes(&networks, &all);
        assert_eq!(found.len(), 1);
        assert!(found[0].seen.contains("tun0") && found[0].title.ends_with('b'), "{found:?}");
    }

    #[test]
    fn somebody_elses_container_on_our_network() {
        let networks = [network("demo_default", "172.18.0.0/16")];
        let id = networks[0].id.clone();
        let on = [("demo_default", id.as_str())];
        assert!(strangers("demo", &networks, &[container("demo", &on)]).is_empty());
        let found = strangers("demo", &networks, &[container("mon", &on)]);
        assert_eq!(found[0].remedy.as_deref(), Some("docker network disconnect demo_default mon-web-1"));
    }
}
