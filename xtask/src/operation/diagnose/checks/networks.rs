//! Networks: free address ranges, unused networks, containers whose network was removed,
//! and subnets that overlap a route of this machine.

use std::collections::BTreeSet;

use crate::decide::{Namesake, Pools, PruneVerdict, Wanted, namesakes, pools, prune_verdict, with_running_networks};
use crate::model::{Container, Network, Route};
use crate::operation::check::shared_names::REMEDY;
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Fix;
use crate::operation::networks::prune::disconnect;
use crate::{host, ui};

/// This many address ranges left, or fewer, are a warning.
const FEW_RANGES: usize = 3;

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Ok((networks, containers)) = facts.networks() else { return Vec::new() };
    let orphans = orphans(networks, containers);
    let mut found = Vec::new();
    if let Ok(info) = facts.info() {
        found.push(address_ranges(pools(&info.pools, networks), !orphans.is_empty(), pool_setting(facts.is_podman())));
    }
    if !orphans.is_empty() {
        found.push(
            Finding::new("networks.orphans", "unused networks", Status::Note, ui::clean(&orphans.join(", ")))
                .why("their projects have no containers, and each takes an address range")
                .remedy("cargo xtask prune-network")
                .fix(Fix::Networks),
        );
    }
    if let Some(project) = facts.project() {
        found.extend(containers_without_network(&project.stack.name, networks, containers));
        found.extend(foreign_containers(&project.stack.name, networks, containers));
        let all = project.containers.as_deref().unwrap_or_default();
        found.extend(ambiguous_names(&namesakes(&with_running_networks(&project.stack, all), all)));
    }
    if facts.is_local() {
        let mut networks = networks.clone();
        if facts.is_podman()
            && let Ok(mut interfaces) = facts.ctx.engine.podman_interfaces()
        {
            for network in &mut networks {
                network.interface = interfaces.remove(&network.id);
            }
        }
        found.extend(route_overlaps(&networks, &host::routes(), pool_setting(facts.is_podman())));
    }
    found
}

/// Where the engine's address ranges are set (dockerd(8), containers.conf(5)).
fn pool_setting(is_podman: bool) -> &'static str {
    if is_podman {
        "`default_subnet_pools` under `[network]` in containers.conf"
    } else {
        "`default-address-pools` in the engine's daemon.json"
    }
}

fn orphans(networks: &[Network], containers: &[Container]) -> Vec<String> {
    let wanted = Wanted { projects: &[], all: false, now: std::time::SystemTime::now() };
    let is_orphan = |network: &&Network| matches!(prune_verdict(network, containers, wanted), PruneVerdict::Remove(_));
    networks.iter().filter(is_orphan).map(|network| network.name.clone()).collect()
}

fn address_ranges(pools: Pools, has_orphans: bool, setting: &str) -> Finding {
    let (id, title) = ("networks.pools", "address ranges for networks");
    let seen = format!("{} of {} used", pools.used, pools.total);
    let status = match pools.left() {
        0 => Status::Problem,
        1..=FEW_RANGES => Status::Warning,
        _ => return Finding::ok(id, title, seen),
    };
    let found = Finding::new(id, title, status, seen)
        .why("each network of a project or worktree takes one; without one `up` fails")
        .remedy(format!(
            "`cargo xtask prune-network`; `docker compose -p NAME down` for stopped projects; or smaller {setting}"
        ));
    if has_orphans { found.fix(Fix::Networks) } else { found }
}

/// A container refers to its networks by id. If one was removed, starting it fails with
/// `network … not found`, even when a new network has that name.
fn containers_without_network(project: &str, networks: &[Network], containers: &[Container]) -> Option<Finding> {
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

/// Containers of other projects on this project's networks.
fn foreign_containers(project: &str, networks: &[Network], containers: &[Container]) -> Vec<Finding> {
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
                format!("another project is connected: {}", ui::clean(&names.join(", "))),
            )
            .why("`stop` cannot remove it: \"active endpoints\"")
            .remedy(disconnect(&network.name, first)),
        );
    }
    found
}

/// Service names that can resolve to another project's container.
fn ambiguous_names(found: &[Namesake]) -> Option<Finding> {
    let lines: Vec<String> = found.iter().map(|namesake| ui::clean(&namesake.to_string())).collect();
    (!lines.is_empty()).then(|| {
        Finding::new("networks.names", "services with the same name", Status::Warning, lines.join("\n"))
            .why("the engine resolves a name to any container with that name, even to another project's while its own is stopped")
            .remedy(REMEDY)
    })
}

/// Subnets that overlap a route, often of a VPN: one of the two is unreachable.
fn route_overlaps(networks: &[Network], routes: &[Route], setting: &str) -> Vec<Finding> {
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
                .why("traffic for that route (usually a VPN) goes to the network, or the reverse")
                .remedy(format!("set other {setting}, then remove the network and start again")),
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
        let status = |used| address_ranges(Pools { used, total: 30 }, false, "x").status;
        assert_eq!([status(26), status(27), status(30)], [Status::Ok, Status::Warning, Status::Problem]);
        assert!(address_ranges(Pools { used: 30, total: 30 }, true, "x").fixable);
    }

    #[test]
    fn a_container_whose_network_is_gone() {
        let there = network("demo_default", "172.18.0.0/16");
        let id = there.id.clone();
        let networks = [there];
        assert!(
            containers_without_network("demo", &networks, &[container("demo", &[("demo_default", &id)])]).is_none()
        );
        assert!(containers_without_network("demo", &networks, &[container("demo", &[("demo_default", "")])]).is_none());
        assert!(containers_without_network("demo", &networks, &[container("other", &[("x", "gone")])]).is_none());
        assert!(
            containers_without_network("demo", &networks, &[container("demo", &[("demo_default", "gone")])]).is_some()
        );
    }

    #[test]
    fn routes_of_others_clash_and_bridges_do_not() {
        let networks = [network("a", "172.18.0.0/16"), network("b", "10.8.0.0/24")];
        let route = |interface: &str, to: &str| Route { interface: interface.into(), to: to.parse().unwrap() };
        let all =
            [route("eth0", "192.168.1.0/24"), route("br-a0123456789a", "172.18.0.0/16"), route("tun0", "10.0.0.0/8")];
        let found = route_overlaps(&networks, &all, pool_setting(true));
        assert_eq!(found.len(), 1);
        assert!(found[0].seen.contains("tun0") && found[0].title.ends_with('b'), "{found:?}");
        assert!(found[0].remedy.as_ref().is_some_and(|remedy| remedy.contains("containers.conf")), "{found:?}");
        // Podman's own bridge.
        let podman = [Network { interface: Some("podman1".into()), ..network("p", "10.89.0.0/24") }];
        let own = [route("podman1", "10.89.0.0/24"), route("tun0", "10.8.0.0/24")];
        assert!(route_overlaps(&podman, &own, "x").is_empty());
    }

    #[test]
    fn somebody_elses_container_on_our_network() {
        let networks = [network("demo_default", "172.18.0.0/16")];
        let id = networks[0].id.clone();
        let on = [("demo_default", id.as_str())];
        assert!(foreign_containers("demo", &networks, &[container("demo", &on)]).is_empty());
        let found = foreign_containers("demo", &networks, &[container("mon", &on)]);
        assert_eq!(found[0].remedy.as_deref(), Some("docker network disconnect demo_default mon-web-1"));
    }
}
