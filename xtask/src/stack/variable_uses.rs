//! Where the compose files use variables, including files that they include and extend.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Texts, parse};
use super::locate::{Project, absolute, is_remote};
use super::options::Environment;
use crate::error::Result;
use crate::parse::compose::{Data, Node};
use crate::parse::interpolate::{interpolate, mentions};

/// One use of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableUse {
    pub name: String,
    /// As written: `${BACKEND_PORT:-8000}`.
    pub text: String,
    /// The default in it.
    pub default: Option<String>,
    pub file: PathBuf,
    /// Line of the value, from 1.
    pub line: usize,
    /// Path of keys: `services.backend.ports`.
    pub path: String,
}

/// The variables in the compose files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VariableUses {
    /// All uses in the order of the files.
    pub places: Vec<VariableUse>,
    /// Variables that are passed on by their name alone: `environment: [TOKEN]`.
    pub passed: Vec<String>,
    /// Files in `env_file:` of services: all their variables count as used.
    pub env_files: Vec<PathBuf>,
    /// The compose files that were read, including included and extended ones.
    pub files: Vec<PathBuf>,
}

/// Reads the compose files of `project`. Included or extended files that cannot be read are left out:
/// reading the model reports why.
pub fn variable_uses(project: &Project, env: &Environment<'_>) -> Result<VariableUses> {
    let lookup = |name: &str| {
        env(name).or_else(|| project.env_files.get(name).map(|(value, _)| value.to_owned())).map(|value| (value, ()))
    };
    let expand = |text: &str| interpolate(text, &lookup).map(|done| done.value).ok();
    let mut walk = Walk { expand: &expand, found: VariableUses::default(), seen: Vec::new() };
    for file in &project.files {
        walk.file(file, &project.dir)?;
    }
    Ok(VariableUses { files: walk.seen, ..walk.found })
}

struct Walk<'a> {
    expand: &'a dyn Fn(&str) -> Option<String>,
    found: VariableUses,
    seen: Vec<PathBuf>,
}

impl Walk<'_> {
    /// Paths in `file` are relative to `base`.
    fn file(&mut self, file: &Path, base: &Path) -> Result<()> {
        if self.seen.iter().any(|seen| seen == file) {
            return Ok(());
        }
        self.seen.push(file.to_path_buf());
        for document in parse(&Arc::from(file), &Texts::new())? {
            self.node(&document, "");
            for item in document.get("include").map(Node::items).unwrap_or_default() {
                let path = item.get("path").unwrap_or(item);
                for other in self.paths(path, base) {
                    let folder = item.get("project_directory").and_then(|node| self.paths(node, base).pop());
                    let folder = folder.or_else(|| other.parent().map(Path::to_path_buf)).unwrap_or_default();
                    drop(self.file(&other, &folder));
                }
            }
            for section in ["secrets", "configs"] {
                for (_, entry) in document.get(section).map(Node::entries).unwrap_or_default() {
                    self.found.passed.extend(entry.get("environment").and_then(Node::text).map(str::to_owned));
                }
            }
            for (_, service) in document.get("services").map(Node::entries).unwrap_or_default() {
                let args = service.get("build").and_then(|build| build.get("args"));
                for node in [service.get("environment"), args].into_iter().flatten() {
                    self.found.passed.extend(passed(node));
                }
                if let Some(node) = service.get("env_file") {
                    let listed = self.env_files(node, base);
                    self.found.env_files.extend(listed);
                }
                if let Some(node) = service.get("extends").and_then(|node| node.get("file")) {
                    for other in self.paths(node, base) {
                        let folder = other.parent().map(Path::to_path_buf).unwrap_or_default();
                        drop(self.file(&other, &folder));
                    }
                }
            }
        }
        Ok(())
    }

    fn paths(&self, node: &Node, base: &Path) -> Vec<PathBuf> {
        let texts = node.texts().into_iter().filter_map(|text| (self.expand)(text));
        texts.filter(|text| !is_remote(text)).map(|text| absolute(base, Path::new(&text))).collect()
    }

    /// A path, a list of them, or a list of mappings with `path`.
    fn env_files(&self, node: &Node, base: &Path) -> Vec<PathBuf> {
        let listed = node.items().iter().filter_map(|item| item.get("path"));
        listed.flat_map(|item| self.paths(item, base)).chain(self.paths(node, base)).collect()
    }

    fn node(&mut self, node: &Node, path: &str) {
        match &node.data {
            Data::Null => {}
            Data::Scalar(scalar) => {
                for mention in mentions(&scalar.text) {
                    self.found.places.push(VariableUse {
                        name: mention.name.to_owned(),
                        text: mention.text.to_owned(),
                        default: mention.default.map(str::to_owned),
                        file: node.file.to_path_buf(),
                        line: node.line,
                        path: path.to_owned(),
                    });
                }
            }
            Data::List(items) => items.iter().for_each(|item| self.node(item, path)),
            Data::Map(entries) => {
                for (key, value) in entries {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.node(value, &path);
                }
            }
        }
    }
}

/// Names without a value: `- TOKEN`, `TOKEN:`.
fn passed(node: &Node) -> impl Iterator<Item = String> {
    let items = node.items().iter().filter_map(Node::text).filter(|text| !text.contains(['=', '$']));
    let entries = node.entries().iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str());
    items.chain(entries).map(str::to_owned)
}
