//! Checks that the engine has bound what the model publishes. A container can run
//! without its bindings after an engine failed during a start, or after
//! `docker network disconnect`.

use std::collections::BTreeMap;

use crate::decide::is_bound;
use crate::error::{Error, Result};
use crate::model::{Container, State};
use crate::operation::check::project::CheckedProject;
use crate::ports::effective;
use crate::ui;

/// Addresses that are not bound, by service.
pub(crate) type Missing = BTreeMap<String, Vec<String>>;

pub(crate) fn missing_bindings(project: &CheckedProject, containers: &[Container]) -> Missing {
    let mut missing = Missing::new();
    for wanted in project.stack.ports() {
        let Ok(mapping) = effective(&project.publishing, &wanted.mapping) else { continue };
        let runs = |container: &&Container| {
            container.service.as_deref() == Some(&mapping.service)
                && container.state == State::Running
                && !container.one_off
        };
        if containers.iter().filter(runs).any(|container| !is_bound(&mapping, container.held())) {
            missing.entry(mapping.service.clone()).or_default().push(wanted.mapping.address());
        }
    }
    missing
}

pub(crate) fn note_recreation(missing: &Missing) {
    for (service, addresses) in missing {
        let service = ui::clean(service);
        ui::note(&format!(
            "note: {service} is running, but the engine has not bound {}: recreating its container",
            addresses.join(", ")
        ));
    }
}

pub(crate) fn check_none_missing(missing: &Missing) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let of =
        |(service, addresses): (&String, &Vec<String>)| format!("{} of {}", addresses.join(", "), ui::clean(service));
    let all: Vec<String> = missing.iter().map(of).collect();
    Err(Error::new(format!("started, but the engine has not bound {}", all.join("; ")))
        .hint("see what it publishes: `docker compose ps`; recreate containers and networks: `cargo xtask prune-network --recreate`")
        .hint("check the engine: `cargo xtask diagnose`")
        .finding())
}
