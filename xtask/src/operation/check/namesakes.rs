//! Says which names can lead a project's services to another project.

use crate::project::Project;
use crate::{decide, ui};

/// What helps.
pub(crate) const CURE: &str = "a network for each checkout: `cargo xtask start --traefik` makes one for the proxy; \
    any other has one with `name: ${COMPOSE_PROJECT_NAME}-NETWORK`, or without `external: true` and `name:`";

/// Before the services start: what they ask for by mistake may be written to.
pub fn warn(project: &Project) {
    let namesakes = decide::namesakes(&project.stack, project.containers.as_deref().unwrap_or_default());
    for namesake in &namesakes {
        ui::warn(&ui::clean(&namesake.to_string()));
    }
    if !namesakes.is_empty() {
        ui::note(&format!("hint: {CURE}"));
    }
}
