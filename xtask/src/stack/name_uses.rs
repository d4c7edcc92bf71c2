//! Where a project's files use the fixed name of one of its containers, other than as a host name on
//! the project's own networks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::Texts;
use super::options::Environment;
use super::reader::{Merged, merged};
use crate::error::Result;
use crate::labels::LINK_VARIABLE;
use crate::model::ComposeOptions;
use crate::parse::compose::{Node, is_external, networks};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// The service whose container has the fixed name.
    pub service: String,
    pub name: String,
    pub how: How,
    pub file: PathBuf,
    pub line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// A key that refers to a container of any project: `services.api.network_mode`.
    Key(String),
    /// The service is on this shared network, where others find it by its name.
    Network(String),
}

/// Keys that accept `container:NAME`.
const NAMESPACES: [&str; 3] = ["network_mode", "ipc", "pid"];

/// All uses in the project that `options` select, in all profiles.
pub fn name_uses(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<Vec<NameUse>> {
    let Merged { model, name: project, .. } = merged(options, cwd, env, &Texts::new())?;
    let services = model.get("services").map(Node::entries).unwrap_or_default();
    let listed = model.get("networks");
    let names: BTreeMap<&str, &str> = services
        .iter()
        .filter_map(|(service, node)| Some((node.get("container_name")?.text()?, service.as_str())))
        .collect();
    let mut found = Vec::new();
    for (by, node) in services {
        for (key, target, place) in targets(node) {
            let Some(service) = names.get(target) else { continue };
            found.push(NameUse {
                service: (*service).to_owned(),
                name: target.to_owned(),
                how: How::Key(format!("services.{by}.{key}")),
                file: place.file.to_path_buf(),
                line: place.line,
            });
        }
        let Some(fixed) = node.get("container_name") else { continue };
        for (key, network) in networks(node, &project, listed) {
            if listed.and_then(|listed| listed.get(&key)).is_some_and(is_shared) {
                found.push(NameUse {
                    service: by.clone(),
                    name: fixed.text().unwrap_or_default().to_owned(),
                    how: How::Network(network),
                    file: fixed.file.to_path_buf(),
                    line: fixed.line,
                });
            }
        }
    }
    Ok(found)
}

/// References of a service to containers of any project: key, name and node.
fn targets(service: &Node) -> Vec<(&'static str, &str, &Node)> {
    let mut found = Vec::new();
    for key in NAMESPACES {
        let Some(node) = service.get(key) else { continue };
        found.extend(node.text().and_then(|text| Some((key, text.strip_prefix("container:")?, node))));
    }
    for item in service.get("volumes_from").map(Node::items).unwrap_or_default() {
        let rest = item.text().and_then(|text| text.strip_prefix("container:"));
        found.extend(rest.and_then(|rest| Some(("volumes_from", rest.split(':').next()?, item))));
    }
    for item in service.get("external_links").map(Node::items).unwrap_or_default() {
        let name = item.text().and_then(|text| text.split(':').next());
        found.extend(name.map(|name| ("external_links", name, item)));
    }
    found
}

/// Whether a network is external and shared with other checkouts. The proxy's is a checkout's own if
/// `start` sets it, and a network with the project's name in it exists once per checkout.
fn is_shared(network: &Node) -> bool {
    let template = network.get("name").and_then(Node::scalar).and_then(|scalar| scalar.template.as_ref());
    let own = ["COMPOSE_PROJECT_NAME", LINK_VARIABLE];
    let is_own = template.is_some_and(|template| template.uses.iter().any(|used| own.contains(&used.name.as_str())));
    is_external(network) && !is_own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_another_projects_container_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let text = "\
services:
  db: {image: x, container_name: shop-db, networks: [back, shared]}
  mine: {image: x, container_name: shop-mine, networks: [own, proxy]}
  api:
    image: x
    network_mode: container:shop-db
  b: {image: x, pid: 'container:shop-db', ipc: 'service:db'}
  c: {image: x, volumes_from: ['container:shop-db:ro', db], external_links: ['shop-db:db', other]}
  d: {image: x, network_mode: 'container:somebodys'}
networks:
  back:
  shared: {external: true}
  own: {external: true, name: '${COMPOSE_PROJECT_NAME}-net'}
  proxy: {external: true, name: '${PROXY_LINK:-${PROXY_NETWORK:-web}}'}
";
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        let found = name_uses(&ComposeOptions::default(), dir.path(), &|_| None).unwrap();
        let lines: Vec<(String, usize)> = found
            .iter()
            .map(|used| match &used.how {
                How::Key(key) => (key.clone(), used.line),
                How::Network(network) => (format!("on {network}"), used.line),
            })
            .collect();
        let want = [
            ("on shared", 2),
            ("services.api.network_mode", 6),
            ("services.b.pid", 7),
            ("services.c.volumes_from", 8),
            ("services.c.external_links", 8),
        ];
        assert_eq!(lines, want.map(|(what, line)| (what.to_owned(), line)));
        assert!(found.iter().all(|used| (used.service.as_str(), used.name.as_str()) == ("db", "shop-db")));
    }
}
