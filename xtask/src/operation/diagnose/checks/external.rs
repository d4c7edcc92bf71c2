//! Networks and volumes that the project expects to exist: `up` fails without them.

use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::ui;

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(project) = facts.project() else { return Vec::new() };
    let mut found = Vec::new();
    let networks: Vec<&String> =
        project.stack.networks.iter().filter(|(_, settings)| settings.external).map(|(name, _)| name).collect();
    if let Ok((there, _)) = facts.networks() {
        // By name or id, as Compose looks it up.
        let is_missing =
            |name: &&&String| !there.iter().any(|network| network.name == ***name || network.id == ***name);
        found.extend(networks.iter().filter(is_missing).map(|name| missing("network", name)));
    }
    let volumes = &project.stack.external_volumes;
    if !volumes.is_empty()
        && let Ok(there) = facts.ctx.engine.volumes()
    {
        found.extend(volumes.iter().filter(|name| !there.contains(name)).map(|name| missing("volume", name)));
    }
    let count = networks.len() + volumes.len();
    if count > 0 && found.is_empty() && facts.info().is_ok() {
        let seen = format!("{} and {} exist", ui::count(networks.len(), "network"), ui::count(volumes.len(), "volume"));
        found.push(Finding::ok("external.exists", "external networks and volumes", seen));
    }
    found
}

fn missing(kind: &'static str, name: &str) -> Finding {
    let title = format!("external {kind} {}", ui::clean(name));
    Finding::new("external.missing", title, Status::Problem, "does not exist")
        .why("the project marks it as `external:`, so `docker compose up` does not create it, and fails")
        .remedy(format!("docker {kind} create {}", ui::argument(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_makes_it_can_be_typed() {
        let remedy = |kind, name| missing(kind, name).remedy.unwrap();
        assert_eq!(remedy("network", "web"), "docker network create web");
        let quoted = if cfg!(windows) { "\"a b\"" } else { "'a b'" };
        assert_eq!(remedy("volume", "a b"), format!("docker volume create {quoted}"));
    }
}
