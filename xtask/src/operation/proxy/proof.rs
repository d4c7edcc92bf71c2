//! Proves that the proxy routes a name to this project's containers and to no others. An
//! answer alone does not prove it.

use std::net::IpAddr;

use super::ask::{Pool, pool};
use super::instance::{Instance, engine_error};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::{self, LabelledContainer, Ports, Rival, hosts, rivals, routers};
use crate::model::Container;
use crate::ui;

/// The backends of a name at the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Backends {
    /// Only this project's containers.
    Own,
    /// No backends yet.
    None,
    /// The proxy could not be asked; the reason.
    Unknown(String),
    /// These others as well, or instead.
    Foreign(Vec<String>),
}

/// The backends of `host`. Takes the routers that the containers of `project` define for it,
/// asks the proxy for their server addresses, and compares those with the containers'.
/// Hand-written labels (not `generated`) may route in other ways, which are trusted.
pub(super) fn backends(
    containers: &[Container],
    project: &str,
    host: &str,
    generated: bool,
    ports: Ports,
) -> std::io::Result<Backends> {
    let own = containers
        .iter()
        .filter(|own| own.project.as_deref() == Some(project) && !own.one_off && own.state.holds_ports());
    let mut found = if generated { Backends::None } else { Backends::Own };
    let mut seen: Vec<String> = Vec::new();
    for container in own.clone() {
        for router in routers(&container.traefik) {
            if seen.contains(&router.name) || !hosts(&router.rule).iter().any(|named| named == host) {
                continue;
            }
            found = match pool(ports, router.transport, &router.name)? {
                Pool::NoRouter => Backends::None,
                Pool::Addresses(addresses) => judge(containers, project, &addresses),
                Pool::Other => Backends::Own,
            };
            if found != Backends::Own {
                return Ok(found);
            }
            seen.push(router.name);
        }
    }
    Ok(found)
}

fn judge(containers: &[Container], project: &str, addresses: &[IpAddr]) -> Backends {
    if addresses.is_empty() {
        return Backends::None;
    }
    let has =
        |container: &&Container, address: &IpAddr| container.networks.iter().any(|on| on.address == Some(*address));
    let is_own = |container: &Container| container.project.as_deref() == Some(project) && !container.one_off;
    let stranger = |address: &IpAddr| {
        let mut holders = containers.iter().filter(|container| has(container, address));
        if holders.clone().any(is_own) {
            return None;
        }
        let name = |container: &Container| format!("container {}", ui::clean(&container.name));
        Some(holders.next().map_or_else(|| address.to_string(), name))
    };
    let strangers: Vec<String> = addresses.iter().filter_map(stranger).collect();
    if strangers.is_empty() { Backends::Own } else { Backends::Foreign(strangers) }
}

/// Refuses to start while other containers' labels take names of `project`. Traefik drops a
/// router that two containers define only after it has seen the second, when the start is
/// over, and balances between services with the same name.
pub(super) fn refuse_rivals(ctx: &Context, instance: &Instance, project: &str) -> Result<()> {
    let containers = ctx.engine.containers().map_err(engine_error(ctx))?;
    let found = find_rivals(instance, &containers, Some(project));
    for (_, rival, whose) in found.iter().filter(|(_, rival, _)| !rival.is_harmful()) {
        ui::note(&format!("note: {}", ui::clean(&rival.fact(&whose.in_words()))));
    }
    let Some((_, rival, whose)) = found.iter().find(|(_, rival, _)| rival.is_harmful()) else { return Ok(()) };
    Err(Error::new(ui::clean(&rival.fact(&whose.in_words())))
        .hint(rival.cure())
        .hint(format!("or stop that container: `docker stop {}`", ui::argument(whose.container)))
        .finding())
}

/// Everything that takes names from `project` (`None`: from any project) or from the
/// dashboard: the project that loses names, how, and to which container. Without duplicates.
pub(super) fn find_rivals<'a>(
    instance: &Instance,
    containers: &'a [Container],
    project: Option<&str>,
) -> Vec<(String, Rival, LabelledContainer<'a>)> {
    let seen: Vec<LabelledContainer<'a>> = labelled(instance, containers);
    let mut found: Vec<(String, Rival, LabelledContainer<'_>)> = Vec::new();
    let dashboard = labels::dashboard_labels();
    let dashboard = LabelledContainer { project: &instance.project, container: "", labels: &dashboard };
    let owns = seen.iter().filter(|own| project.is_none_or(|project| own.project == project));
    for own in owns.chain([&dashboard]) {
        for other in seen.iter().filter(|other| other.project != own.project || own.project.is_empty()) {
            if std::ptr::eq(own, other) {
                continue;
            }
            // A fallback is no matter for the dashboard, which is never down.
            let is_told = |rival: &Rival| rival.is_harmful() || own.project != instance.project;
            for rival in rivals(own.labels, other).into_iter().filter(is_told) {
                let is_same = |(whose, known, by): &(String, Rival, LabelledContainer<'_>)| {
                    *whose == own.project && by.container == other.container && is_same_router(known, &rival)
                };
                if !found.iter().any(is_same) {
                    found.push((own.project.to_owned(), rival, *other));
                }
            }
        }
    }
    found
}

/// Whether two rivals are about the same router; they may name different hosts.
fn is_same_router(one: &Rival, two: &Rival) -> bool {
    match (one, two) {
        (Rival::Outranks { router: one, .. }, Rival::Outranks { router: two, .. })
        | (Rival::Fallback { router: one, .. }, Rival::Fallback { router: two, .. }) => one == two,
        _ => one == two,
    }
}

/// The running containers whose labels this proxy reads.
pub(super) fn labelled<'a>(instance: &Instance, containers: &'a [Container]) -> Vec<LabelledContainer<'a>> {
    let seen = containers.iter().filter(|container| container.state.holds_ports() && instance.watches(container));
    let labelled = |container: &'a Container| LabelledContainer {
        project: container.project.as_deref().unwrap_or_default(),
        container: &container.name,
        labels: &container.traefik,
    };
    seen.map(labelled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attachment, State};

    fn container(project: &str, name: &str, address: &str) -> Container {
        Container {
            name: name.into(),
            project: Some(project.into()),
            state: State::Running,
            networks: vec![Attachment { address: address.parse().ok(), ..Attachment::new("web-link.p", "") }],
            ..Container::default()
        }
    }

    #[test]
    fn addresses_say_whose_container_answers() {
        let mut run = container("p", "p-web-run-1", "172.18.0.5");
        run.one_off = true;
        let all = [container("p", "p-web-1", "172.18.0.3"), container("q", "q-web-1", "172.18.0.4"), run];
        let ask = |addresses: &[&str]| {
            let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            judge(&all, "p", &addresses)
        };
        assert_eq!(ask(&["172.18.0.3"]), Backends::Own);
        assert_eq!(ask(&[]), Backends::None);
        assert_eq!(ask(&["172.18.0.3", "172.18.0.4"]), Backends::Foreign(vec!["container q-web-1".into()]));
        assert_eq!(ask(&["172.18.0.5"]), Backends::Foreign(vec!["container p-web-run-1".into()]));
        assert_eq!(ask(&["10.0.0.1"]), Backends::Foreign(vec!["10.0.0.1".into()]));
    }
}
