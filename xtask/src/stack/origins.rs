//! From the reader's ports to those of `docker compose config`.

use crate::model::{PortMapping, Stack, Wanted};

/// Gives the ports of `stack`, which came from `docker compose config`, the
/// origins that the reader found. Ports match by all they say; where the two
/// differ in the host IP or in the published port only, the closest one that
/// is left is taken, as long as there is no doubt.
pub fn attach_origins(stack: &mut Stack, from: &Stack) {
    for service in &mut stack.services {
        let Some(known) = from.service(&service.name) else {
            continue;
        };
        let mut left: Vec<&Wanted> = known.ports.iter().collect();
        let tests: [fn(&PortMapping, &PortMapping) -> bool; 3] = [
            |one, two| one == two,
            |one, two| same_target(one, two) && one.published == two.published,
            |one, two| same_target(one, two) && one.host_ip == two.host_ip,
        ];
        for (index, matches) in tests.into_iter().enumerate() {
            for wanted in service.ports.iter_mut().filter(|wanted| wanted.origin.is_none()) {
                let fitting: Vec<usize> = (0..left.len())
                    .filter(|at| left[*at].origin.is_some() && matches(&wanted.mapping, &left[*at].mapping))
                    .collect();
                if let [at, ref more @ ..] = fitting[..]
                    && (index == 0 || more.is_empty())
                {
                    wanted.origin.clone_from(&left.remove(at).origin);
                }
            }
        }
    }
}

fn same_target(one: &PortMapping, two: &PortMapping) -> bool {
    one.target == two.target && one.protocol == two.protocol
}
