//! Adds the reader's origins to the ports of `docker compose config`.

use std::collections::HashMap;

use crate::model::{PortMapping, Stack, Wanted};

/// Copies the origins that the reader found (`from`) to the ports of `stack`, which comes from
/// `docker compose config`. Equal ports match first; the rest matches if only the host IP or only
/// the published port differs, and the match is unique.
pub fn attach_origins(stack: &mut Stack, from: &Stack) {
    for service in &mut stack.services {
        let Some(known) = from.service(&service.name) else { continue };
        service.label_places.clone_from(&known.label_places);
        let mut left: HashMap<&PortMapping, Vec<&Wanted>> = HashMap::with_capacity(known.ports.len());
        for wanted in known.ports.iter().rev() {
            left.entry(&wanted.mapping).or_default().push(wanted);
        }
        for wanted in &mut service.ports {
            if let Some(same) = left.get_mut(&wanted.mapping).and_then(Vec::pop) {
                wanted.origin.clone_from(&same.origin);
            }
        }
        // Few are left, if any.
        let mut left: Vec<&Wanted> = left.into_values().flatten().collect();
        for matches in [same_published, same_host_ip] {
            for wanted in service.ports.iter_mut().filter(|wanted| wanted.origin.is_none()) {
                let mut fitting = (0..left.len()).filter(|at| matches(&wanted.mapping, &left[*at].mapping));
                if let (Some(at), None) = (fitting.next(), fitting.next()) {
                    wanted.origin.clone_from(&left.swap_remove(at).origin);
                }
            }
        }
    }
}

fn same_published(one: &PortMapping, two: &PortMapping) -> bool {
    same_target(one, two) && one.published == two.published
}

fn same_host_ip(one: &PortMapping, two: &PortMapping) -> bool {
    same_target(one, two) && one.host_ip == two.host_ip
}

fn same_target(one: &PortMapping, two: &PortMapping) -> bool {
    one.target == two.target && one.protocol == two.protocol
}
