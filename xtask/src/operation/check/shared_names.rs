//! Warns about names that can resolve to another project's services.

use crate::project::Project;
use crate::{decide, ui};

pub(crate) const REMEDY: &str = "a network for each checkout: `cargo xtask start --traefik` makes one for the proxy; \
    for any other use `name: ${COMPOSE_PROJECT_NAME}-NETWORK`, or remove `external: true` and `name:`";

/// Called before the services start, because they may write to the wrong service.
pub fn warn(project: &Project) {
    let namesakes = decide::namesakes(&project.stack, project.containers.as_deref().unwrap_or_default());
    for namesake in &namesakes {
        ui::warn(&ui::clean(&namesake.to_string()));
    }
    if !namesakes.is_empty() {
        ui::note(&format!("hint: {REMEDY}"));
    }
}
