//! The built-in reader: computes the effective model from compose files, without Docker.
//!
//! It works in Compose's order: each document of each file is interpolated, then `extends` and
//! `include` are resolved, then it is merged on top of the previous ones.

use std::path::Path;
use std::sync::Arc;

use super::env_files::EnvFiles;
use super::files::{Loader, SERVICES, Texts, parse};
use super::include::load;
use super::locate::{Project, locate};
use super::options::Environment;
use crate::error::Result;
use crate::model::ComposeOptions;
use crate::model::{Source, Stack};
use crate::parse::compose::{
    Data, Definition, Lookup, Node, check_name, define, is_external, name_from_dir, network_settings, networks,
    normalise_name, select,
};

/// Reads the project that `options` select, like Compose in `cwd` with the environment `env`.
pub fn read(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<Stack> {
    read_with(options, cwd, env, &Texts::new())
}

/// Like `read`, with other texts for some files.
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
            // A provider replaces the container, so there is none.
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
    Ok(Stack { name, dir, files, services, networks, ..Stack::default() })
}

/// A project with its name and merged files.
pub(super) struct Merged {
    pub(super) project: Project,
    pub(super) name: String,
    pub(super) model: Node,
}

/// Reads and merges the files of the project that `options` select.
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
    let model = load(&loader, sources)?;
    Ok(Merged { project, name, model })
}

/// Like `lookup`, and the project's name as COMPOSE_PROJECT_NAME, which Compose sets for its files.
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

/// Looks in the shell, then in the env files. Compose always sets `PWD` to the current folder.
fn lookup(name: &str, cwd: &Path, env: &Environment<'_>, files: &EnvFiles) -> Option<(String, Source)> {
    if name == "PWD" {
        return Some((cwd.to_string_lossy().into_owned(), Source::Shell));
    }
    env(name)
        .map(|value| (value, Source::Shell))
        .or_else(|| files.get(name).map(|(value, source)| (value.to_owned(), source)))
}

/// The project's name: `-p`, then the environment and `.env`, then the last `name:` in the files,
/// then the project folder.
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
