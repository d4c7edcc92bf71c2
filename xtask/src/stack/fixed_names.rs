//! Finds the fixed names in a project's files.

use std::path::Path;

use super::files::Texts;
use super::options::Environment;
use super::reader::{Merged, merged};
use crate::error::Result;
use crate::model::{ComposeOptions, FixedName, Named};
use crate::parse::compose::Node;

/// Every fixed name of the project that `options` select, in all profiles: the project's own, then
/// containers, networks and volumes in the order of the files. A name with COMPOSE_PROJECT_NAME in
/// it is not fixed; `external` networks and volumes are shared on purpose.
pub fn fixed_names(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<Vec<FixedName>> {
    let Merged { model, .. } = merged(options, cwd, env, &Texts::new())?;
    let section = |name: &str| model.get(name).map(Node::entries).unwrap_or_default();
    let mut found = Vec::new();
    found.extend(fixed(&model, "name", Named::Project));
    for (name, service) in section("services") {
        found.extend(fixed(service, "container_name", Named::Container(name.clone())));
    }
    for (name, network) in section("networks").iter().filter(|(_, network)| !is_external(network)) {
        found.extend(fixed(network, "name", Named::Network(name.clone())));
    }
    for (name, volume) in section("volumes").iter().filter(|(_, volume)| !is_external(volume)) {
        found.extend(fixed(volume, "name", Named::Volume(name.clone())));
    }
    Ok(found)
}

fn fixed(node: &Node, key: &str, what: Named) -> Option<FixedName> {
    let node = node.get(key)?;
    let scalar = node.scalar().filter(|scalar| !scalar.text.is_empty())?;
    let uses = scalar.template.iter().flat_map(|template| &template.uses);
    if uses.into_iter().any(|used| used.name == "COMPOSE_PROJECT_NAME") {
        return None;
    }
    Some(FixedName { what, value: scalar.text.clone(), file: node.file.to_path_buf(), line: node.line })
}

/// `external: true`, or the old `external: {name: …}`.
fn is_external(node: &Node) -> bool {
    node.get("external").is_some_and(|external| external.text() != Some("false"))
}
