//! Whether a name at the proxy leads to this project's own container, and to nobody
//! else's: that something answers is no proof of it.

use std::net::IpAddr;

use super::ask::{Pool, pool};
use super::home::{Home, trouble};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::{self, LabelledContainer, Ports, Rival, hosts, rivals, routers};
use crate::model::Container;
use crate::ui;

/// Who is behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// This project's own containers, and nobody else.
    Own,
    /// None of this project's containers yet.
    Missing,
    /// The proxy does not say: why.
    Untold(String),
    /// These as well, or in their place.
    Strangers(Vec<String>),
}

/// Who is behind `host`: the routers that the containers of `project` define for it
/// are looked up at the proxy, and the addresses that it has for them compared with
/// the containers' own. Labels that were written by hand (not `generated`) may lead
/// there in other ways, which are believed.
pub(super) fn behind(
    containers: &[Container],
    project: &str,
    host: &str,
    generated: bool,
    ports: Ports,
) -> std::io::Result<Proof> {
    let own = containers
        .iter()
        .filter(|own| own.project.as_deref() == Some(project) && !own.one_off && own.state.holds_ports());
    let mut found = if generated { Proof::Missing } else { Proof::Own };
    let mut seen: Vec<String> = Vec::new();
    for container in own.clone() {
        for router in routers(&container.traefik) {
            if seen.contains(&router.name) || !hosts(&router.rule).iter().any(|named| named == host) {
                continue;
            }
            found = match pool(ports, router.transport, &router.name)? {
                Pool::NoRouter => Proof::Missing,
                Pool::Addresses(addresses) => judge(containers, project, &addresses),
                Pool::Else => Proof::Own,
            };
            if found != Proof::Own {
                return Ok(found);
            }
            seen.push(router.name);
        }
    }
    Ok(found)
}

fn judge(containers: &[Container], project: &str, addresses: &[IpAddr]) -> Proof {
    if addresses.is_empty() {
        return Proof::Missing;
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
    if strangers.is_empty() { Proof::Own } else { Proof::Strangers(strangers) }
}

/// Containers of others whose labels take names from those of `project`: Traefik drops
/// a router that two containers define a moment after it has seen the second, when a
/// start is long over, and asks services of one name in turns.
pub(super) fn refuse_rivals(ctx: &Context, home: &Home, project: &str) -> Result<()> {
    let containers = ctx.engine.containers().map_err(trouble(ctx))?;
    let found = found(home, &containers, Some(project));
    for (_, rival, whose) in found.iter().filter(|(_, rival, _)| !rival.is_harmful()) {
        ui::note(&format!("note: {}", ui::clean(&rival.fact(&whose.in_words()))));
    }
    let Some((_, rival, whose)) = found.iter().find(|(_, rival, _)| rival.is_harmful()) else { return Ok(()) };
    Err(Error::new(ui::clean(&rival.fact(&whose.in_words())))
        .hint(rival.cure())
        .hint(format!("or stop that one: `docker stop {}`", ui::argument(whose.container)))
        .finding())
}

/// All that takes names from `project`, or from any project, and from the dashboard:
/// whose names, how, and by which container. Each way of one container is told once.
pub(super) fn found<'a>(
    home: &Home,
    containers: &'a [Container],
    project: Option<&str>,
) -> Vec<(String, Rival, LabelledContainer<'a>)> {
    let seen: Vec<LabelledContainer<'a>> = labelled(home, containers);
    let mut found: Vec<(String, Rival, LabelledContainer<'_>)> = Vec::new();
    let dashboard = labels::dashboard_labels();
    let dashboard = LabelledContainer { project: &home.project, container: "", labels: &dashboard };
    let owns = seen.iter().filter(|own| project.is_none_or(|project| own.project == project));
    for own in owns.chain([&dashboard]) {
        for other in seen.iter().filter(|other| other.project != own.project || own.project.is_empty()) {
            if std::ptr::eq(own, other) {
                continue;
            }
            // The dashboard is never down.
            let is_told = |rival: &Rival| rival.is_harmful() || own.project != home.project;
            for rival in rivals(own.labels, other).into_iter().filter(is_told) {
                let is_same = |(whose, known, by): &(String, Rival, LabelledContainer<'_>)| {
                    *whose == own.project && by.container == other.container && same(known, &rival)
                };
                if !found.iter().any(is_same) {
                    found.push((own.project.to_owned(), rival, *other));
                }
            }
        }
    }
    found
}

/// Whether two say the same of one router: of the hosts that it gets one is named.
fn same(one: &Rival, two: &Rival) -> bool {
    match (one, two) {
        (Rival::Outranks { router: one, .. }, Rival::Outranks { router: two, .. })
        | (Rival::Fallback { router: one, .. }, Rival::Fallback { router: two, .. }) => one == two,
        _ => one == two,
    }
}

/// The running containers that this proxy looks at, with their labels.
pub(super) fn labelled<'a>(home: &Home, containers: &'a [Container]) -> Vec<LabelledContainer<'a>> {
    let seen = containers.iter().filter(|container| container.state.holds_ports() && home.routes(container));
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
        assert_eq!(ask(&["172.18.0.3"]), Proof::Own);
        assert_eq!(ask(&[]), Proof::Missing);
        assert_eq!(ask(&["172.18.0.3", "172.18.0.4"]), Proof::Strangers(vec!["container q-web-1".into()]));
        assert_eq!(ask(&["172.18.0.5"]), Proof::Strangers(vec!["container p-web-run-1".into()]));
        assert_eq!(ask(&["10.0.0.1"]), Proof::Strangers(vec!["10.0.0.1".into()]));
    }
}
