//! Whether the engine has bound what the model publishes. A container can run
//! without: an engine that fails in the middle of a start leaves that, and so
//! does `docker network disconnect`.

use std::collections::BTreeMap;

use crate::decide::is_bound;
use crate::error::{Error, Result};
use crate::model::{Container, State};
use crate::operation::check::project::CheckedProject;
use crate::ports::effective;
use crate::ui;

/// Addresses that are missing, by service.
pub(crate) type Missing = BTreeMap<String, Vec<String>>;

/// What each running container lacks.
pub(crate) fn missing(project: &CheckedProject, containers: &[Container]) -> Missing {
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

/// Says what is done about it.
pub(crate) fn note(missing: &Missing) {
    for (service, addresses) in missing {
        let service = ui::clean(service);
        ui::note(&format!(
            "note: {service} runs, and the engine has not bound {}: its container is made anew",
            addresses.join(", ")
        ));
    }
}

/// An error where something is missing.
pub(crate) fn check(missing: &Missing) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let of =
        |(service, addresses): (&String, &Vec<String>)| format!("{} of {}", addresses.join(", "), ui::clean(service));
    let all: Vec<String> = missing.iter().map(of).collect();
    Err(Error::new(format!("started, but the engine has not bound {}", all.join("; ")))
        .hint("`docker compose ps` shows what it publishes; `cargo xtask prune-network --recreate` makes containers and networks anew")
        .hint("`cargo xtask diagnose` looks at the engine")
        .finding())
}
