//! The built-in reader: compose files to the effective model, without Docker.
//!
//! Its order is Compose's: each document of each file is interpolated, then
//! `extends`, then `include`, then merged on top of what came before.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::env_files::EnvFiles;
use super::locate::{Project, locate};
use super::options::Environment;
use super::{extends, include};
use crate::disk;
use crate::error::{Error, Result};
use crate::model::ComposeOptions;
use crate::model::{Source, Stack};
use crate::parse::compose::{
    Data, Definition, Lookup, Node, Tag, check_name, check_ports, define, documents, is_external, merge, name_from_dir,
    network_settings, networks, normalise_name, select, strip_tags,
};

/// What a compose file needs at least.
const SERVICES: &str = "it needs at least `services:` with one service";

/// Compose files as they would be, by path; what is not in it is read from the
/// disk.
pub type Texts = BTreeMap<PathBuf, String>;

/// Reads the project that `options` mean, as Compose run in `cwd` with the
/// environment `env` would.
pub fn read(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<Stack> {
    read_with(options, cwd, env, &Texts::new())
}

/// The same, as if some files had another text.
pub fn read_with(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>, texts: &Texts) -> Result<Stack> {
    let Merged { project, name, model } = merged(options, cwd, env, texts)?;
    let Project { dir, files, env_files } = project;
    let environment = |wanted: &str| with_name(&name, wanted, cwd, env, &env_files).map(|(value, _)| value);
    let mut definitions: Vec<Definition> = Vec::new();
    if let Some(services) = model.get("services") {
        if !matches!(services.data, Data::Map(_)) {
            return Err(services.error("services", "must be a mapping").hint(SERVICES));
        }
        for (service_name, service) in services.entries() {
            let mut definition = define(service_name, service, &environment)?;
            // A program that stands in for a container is in none.
            if !definition.provided {
                let listed = model.get("networks");
                let on = networks(service, &name, listed);
                let shared = |key: &&String| listed.and_then(|listed| listed.get(key)).is_some_and(is_external);
                definition.service.external = on.keys().filter(shared).cloned().collect();
                definition.service.networks = on;
            }
            definitions.push(definition);
        }
    }
    let profiles = if options.profiles.is_empty() {
        let list = environment("COMPOSE_PROFILES").unwrap_or_default();
        list.split(',').map(|profile| profile.trim().to_owned()).filter(|profile| !profile.is_empty()).collect()
    } else {
        options.profiles.clone()
    };
    let services = select(definitions, &profiles)?;
    let networks = network_settings(&services, model.get("networks"));
    Ok(Stack { name, dir, files, services, networks })
}

/// A project whose files were merged, and its name.
pub(super) struct Merged {
    pub(super) project: Project,
    pub(super) name: String,
    pub(super) model: Node,
}

/// Reads and merges the files of the project that `options` mean.
pub(super) fn merged(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>, texts: &Texts) -> Result<Merged> {
    let project = locate(options, cwd, env)?;
    let variable = |name: &str| lookup(name, cwd, env, &project.env_files);

    let mut sources = Vec::with_capacity(project.files.len());
    for file in &project.files {
        let file: Arc<Path> = Arc::from(file.as_path());
        sources.push((parse(&file, texts)?, file));
    }
    let name = name(options, &project.dir, &sources, &variable)?;
    let variable = |wanted: &str| with_name(&name, wanted, cwd, env, &project.env_files);
    let loader = Loader { base: project.dir.clone(), lookup: &variable, texts, included: Vec::new() };
    let model = loader.load(sources)?;
    Ok(Merged { project, name, model })
}

/// Compose lets files use the name it has settled on.
fn with_name(
    name: &str,
    wanted: &str,
    cwd: &Path,
    env: &Environment<'_>,
    files: &EnvFiles,
) -> Option<(String, Source)> {
    if wanted == "COMPOSE_PROJECT_NAME" {
        return Some((name.to_owned(), Source::Shell));
    }
    lookup(wanted, cwd, env, files)
}

/// The shell first, then the env files. Compose always knows the current
/// folder as `PWD`.
fn lookup(name: &str, cwd: &Path, env: &Environment<'_>, files: &EnvFiles) -> Option<(String, Source)> {
    if name == "PWD" {
        return Some((cwd.to_string_lossy().into_owned(), Source::Shell));
    }
    env(name)
        .map(|value| (value, Source::Shell))
        .or_else(|| files.get(name).map(|(value, source)| (value.to_owned(), source)))
}

/// `-p`, then the environment and `.env`, then `name:` of the last file that
/// has one, then the project folder.
fn name(
    options: &ComposeOptions,
    dir: &Path,
    sources: &[(Vec<Node>, Arc<Path>)],
    lookup: &Lookup<'_>,
) -> Result<String> {
    let given = options.project_name.clone().filter(|name| !name.is_empty());
    let given = given.or_else(|| Some(lookup("COMPOSE_PROJECT_NAME")?.0).filter(|name| !name.is_empty()));
    if let Some(name) = given {
        check_name(&name)?;
        return Ok(name);
    }
    let nodes = sources.iter().flat_map(|(documents, _)| documents).rev();
    let written = nodes.filter_map(|node| node.get("name")).find(|node| node.text() != Some(""));
    let Some(node) = written else {
        return name_from_dir(dir);
    };
    let mut node = node.clone();
    node.interpolate("name", lookup)?;
    let name = normalise_name(node.text().unwrap_or_default());
    if name.is_empty() {
        return Err(node
            .error("name", "gives the project no name")
            .hint("use lower-case letters, digits, `-` and `_`"));
    }
    Ok(name)
}

/// Reads and parses one file.
pub(super) fn parse(file: &Arc<Path>, texts: &Texts) -> Result<Vec<Node>> {
    match texts.get(file.as_ref()) {
        Some(text) => documents(text, file),
        None => documents(&text_of(file)?, file),
    }
}

/// A compose file as text.
pub fn text_of(file: &Path) -> Result<String> {
    let place = crate::ui::clean(&file.display().to_string());
    let bytes = disk::bounded(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(format!("there is no file {place}"))
            .hint("correct the path; it counts from the folder of the project"),
        _ => Error::new(format!("failed to read {place}: {error}")),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        Error::new(format!("{place}:{line}: not UTF-8")).hint("save the file as UTF-8")
    })
}

/// Loads files that are merged with each other: those of the project, or those
/// of one `include`.
pub(super) struct Loader<'a> {
    /// Folder that relative paths count from.
    pub(super) base: PathBuf,
    /// Variables.
    pub(super) lookup: &'a Lookup<'a>,
    /// Files that are not read from the disk.
    pub(super) texts: &'a Texts,
    /// Files whose `include` led here.
    pub(super) included: Vec<PathBuf>,
}

impl Loader<'_> {
    /// Merges files into one mapping without tags.
    pub(super) fn load(&self, sources: Vec<(Vec<Node>, Arc<Path>)>) -> Result<Node> {
        let mut merged: Option<Node> = None;
        let mut left: usize = sources.iter().map(|(documents, _)| documents.len()).sum();
        for (documents, file) in sources {
            if documents.is_empty() && merged.is_none() {
                return Err(Error::new(format!("{}: empty compose file", file.display())).hint(SERVICES));
            }
            for mut document in documents {
                if !matches!(document.data, Data::Map(_)) {
                    return Err(document
                        .error("compose file", "must be a mapping with the key `services`")
                        .hint(SERVICES));
                }
                document.interpolate("", self.lookup)?;
                extends::apply(self, &mut document, &file)?;
                include::apply(self, &mut document, &file)?;
                let mut both = match merged {
                    Some(base) => merge(base, document),
                    None => document,
                };
                strip_tags(&mut both);
                left -= 1;
                // The last one of the project is looked at as a whole anyway.
                if left > 0 || !self.included.is_empty() {
                    check_ports(both.get("services").map(Node::entries).unwrap_or_default())?;
                }
                merged = Some(both);
            }
        }
        merged.ok_or_else(|| Error::new("empty compose file"))
    }
}

/// The services of a document, to be changed.
pub(super) fn services_mut(document: &mut Node) -> Result<Option<&mut Vec<(String, Node)>>> {
    let Data::Map(entries) = &mut document.data else {
        return Ok(None);
    };
    let Some((_, services)) = entries.iter_mut().find(|(key, _)| key == "services") else {
        return Ok(None);
    };
    if matches!(services.data, Data::Null) || services.tag == Tag::Reset {
        return Ok(None);
    }
    if !matches!(services.data, Data::Map(_)) {
        return Err(services.error("services", "must be a mapping").hint(SERVICES));
    }
    let Data::Map(services) = &mut services.data else {
        return Ok(None);
    };
    Ok(Some(services))
}
