//! Services of two projects that have the same name on one network. The engine
//! resolves a name to any container of that name on the asking container's networks,
//! whatever its project, and always to the other one while its own is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::{Container, Stack};

/// A name that can resolve to the wrong project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Namesake {
    pub network: String,
    pub name: String,
    /// The services or containers on that network that may look the name up.
    pub askers: Vec<String>,
    /// The container or service that they may reach by mistake.
    pub answers: String,
}

impl fmt::Display for Namesake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Namesake { network, name, askers, answers } = self;
        let askers = askers.join(", ");
        write!(f, "on network `{network}` the name `{name}` can lead {askers} to {answers}")
    }
}

/// Names that services of `stack` share with running containers of other projects, on
/// networks that both are on, seen from either side. Networks of this project that
/// others joined count as well.
pub fn namesakes(stack: &Stack, containers: &[Container]) -> Vec<Namesake> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in &stack.services {
        for network in service.networks.values() {
            members.entry(network).or_default().push(&service.name);
        }
    }
    let names: BTreeSet<&str> = stack
        .services
        .iter()
        .flat_map(|service| [Some(service.name.as_str()), service.container_name.as_deref()])
        .flatten()
        .collect();
    let is_other = |container: &&Container| container.project.as_deref() != Some(&stack.name);
    let others: Vec<&Container> = containers.iter().filter(is_other).collect();
    let mut found = BTreeSet::new();
    for (network, own) in members {
        let is_on = |other: &&&Container| other.state.holds_ports() && other.is_on(network);
        for other in others.iter().filter(is_on) {
            let theirs = [other.service.as_deref(), Some(other.name.as_str())];
            found.extend(theirs.into_iter().flatten().filter(|name| names.contains(name)).map(|name| Namesake {
                network: network.to_owned(),
                name: name.to_owned(),
                askers: own.iter().map(|service| format!("`{service}`")).collect(),
                answers: whose(other),
            }));
            // The other way round, only containers of a project can be misled.
            let Some(project) = other.project.as_deref() else { continue };
            let has = |name: &str| {
                let of_project = others.iter().filter(|one| one.project.as_deref() == Some(project));
                of_project.clone().any(|one| one.service.as_deref() == Some(name))
            };
            found.extend(own.iter().filter(|name| other.service.as_deref() != Some(**name) && has(name)).map(|name| {
                Namesake {
                    network: network.to_owned(),
                    name: (*name).to_owned(),
                    askers: vec![whose(other)],
                    answers: format!("`{name}` of this project"),
                }
            }));
        }
    }
    found.into_iter().collect()
}

/// `stack` with the networks that its running containers are really on: they may have
/// been started with other files.
#[must_use]
pub fn with_running_networks(stack: &Stack, containers: &[Container]) -> Stack {
    let mut stack = stack.clone();
    let own = containers.iter().filter(|own| own.project.as_ref() == Some(&stack.name) && own.state.holds_ports());
    for container in own {
        let service = stack.services.iter_mut().find(|service| container.service.as_ref() == Some(&service.name));
        let Some(service) = service else { continue };
        for network in container.networks.iter().map(|attachment| &attachment.name) {
            if service.networks.values().all(|known| known != network) {
                service.networks.insert(network.clone(), network.clone());
            }
        }
    }
    stack
}

fn whose(container: &Container) -> String {
    let project = container.project.as_ref().map(|project| format!(" of project {project}"));
    format!("container {}{}", container.name, project.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attachment, Service, State};

    fn stack() -> Stack {
        let service = |name: &str, networks: &[&str]| Service {
            name: name.into(),
            networks: networks.iter().map(|network| ((*network).to_owned(), (*network).to_owned())).collect(),
            ..Service::default()
        };
        let services = vec![service("api", &["p_default", "web"]), service("db", &["p_default"])];
        Stack { name: "p".into(), services, ..Stack::default() }
    }

    fn container(project: &str, service: &str, networks: &[&str]) -> Container {
        Container {
            name: format!("{project}-{service}-1"),
            project: Some(project.into()),
            service: Some(service.into()),
            state: State::Running,
            networks: networks.iter().map(|network| Attachment::new(network, "")).collect(),
            ..Container::default()
        }
    }

    fn told(containers: &[Container]) -> Vec<String> {
        namesakes(&stack(), containers).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_on_a_shared_network_is_told_with_who_may_ask_and_who_answers() {
        let theirs = container("q", "db", &["q_default", "web"]);
        let want = "on network `web` the name `db` can lead `api` to container q-db-1 of project q";
        assert_eq!(told(std::slice::from_ref(&theirs)), [want]);
        // We have the name and they do not: they look it up.
        let all = [container("q", "worker", &["web"]), container("q", "api", &["q_default"])];
        let want =
            "on network `web` the name `api` can lead container q-worker-1 of project q to `api` of this project";
        assert_eq!(told(&all), [want]);
        let stopped = Container { state: State::Exited, ..theirs.clone() };
        assert_eq!(told(&[stopped]), [""; 0]);
        // On a network that the files do not mention.
        let all = [container("p", "db", &["edge"]), container("q", "db", &["edge"])];
        assert_eq!(told(&all), [""; 0]);
        assert_eq!(namesakes(&with_running_networks(&stack(), &all), &all).len(), 1);
    }

    #[test]
    fn own_containers_and_networks_of_others_are_no_matter() {
        let all = [
            container("p", "db", &["p_default", "web"]),
            container("q", "db", &["q_default"]),
            container("q", "other", &["web"]),
        ];
        assert_eq!(told(&all), [""; 0]);
    }

    #[test]
    fn a_fixed_name_counts_and_a_stranger_on_an_own_network() {
        let mut stack = stack();
        stack.services[1].container_name = Some("shop-db".into());
        let stranger = Container { name: "shop-db".into(), project: None, ..container("", "", &["p_default"]) };
        let found = namesakes(&stack, &[stranger]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].askers.len()), ("shop-db", 2));
    }
}
