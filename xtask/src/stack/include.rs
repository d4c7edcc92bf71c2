//! Merges files, and resolves `include:`, which merges files of other projects with their own
//! folder and `.env`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::env_files::read_values;
use super::extends;
use super::files::{Loader, SERVICES, parse, services_mut};
use super::locate::{absolute, is_remote, remote};
use crate::error::{Error, Result};
use crate::model::Source;
use crate::parse::compose::{Data, Definition, Node, Tag, check_ports, merge, strip_tags};

pub(super) fn load(loader: &Loader<'_>, sources: Vec<(Vec<Node>, Arc<Path>)>) -> Result<Node> {
    let mut merged: Option<Node> = None;
    let mut left: usize = sources.iter().map(|(documents, _)| documents.len()).sum();
    for (documents, file) in sources {
        if documents.is_empty() && merged.is_none() {
            return Err(Error::new(format!("{}: empty compose file", file.display())).hint(SERVICES));
        }
        for mut document in documents {
            if !matches!(document.data, Data::Map(_)) {
                return Err(document.error("compose file", "must be a mapping with the key `services`").hint(SERVICES));
            }
            document.interpolate("", loader.lookup)?;
            extends::apply(loader, &mut document, &file)?;
            apply(loader, &mut document, &file)?;
            let mut both = match merged {
                Some(base) => merge(base, document),
                None => document,
            };
            strip_tags(&mut both);
            left -= 1;
            // The final result is checked as a whole anyway.
            if left > 0 || !loader.included.is_empty() {
                check_ports(both.get("services").map(Node::entries).unwrap_or_default())?;
            }
            merged = Some(both);
        }
    }
    merged.ok_or_else(|| Error::new("empty compose file"))
}

fn apply(loader: &Loader<'_>, document: &mut Node, file: &Arc<Path>) -> Result<()> {
    let Some(list) = document.get("include").cloned() else {
        return Ok(());
    };
    if !matches!(list.data, Data::List(_)) {
        return Err(list.error("include", "must be a list").hint("write `include:`, then one `- path` per line"));
    }
    let own: Vec<String> = services_mut(document)?
        .map(|services| services.iter().map(|(name, _)| name.clone()).collect())
        .unwrap_or_default();
    let mut added: Vec<(String, Node)> = Vec::new();
    let mut resources: Vec<(&str, Vec<(String, Node)>)> = RESOURCES.map(|section| (section, Vec::new())).into();
    for item in list.items() {
        let model = load_entry(loader, item, file)?;
        for (section, entries) in &mut resources {
            let more = model.get(section).map(Node::entries).unwrap_or_default();
            entries.extend(more.iter().cloned());
        }
        for (name, service) in model.get("services").map(Node::entries).unwrap_or_default() {
            let place = item.place();
            if own.contains(name) {
                return Err(Definition::conflict(name, &place));
            }
            match added.iter().find(|(known, _)| known == name) {
                Some((_, known)) if known.same(service) => {}
                Some(_) => return Err(Definition::conflict(name, &place)),
                None => added.push((name.clone(), service.clone())),
            }
        }
    }
    for (section, more) in resources {
        add(document, section, more, file, list.line);
    }
    if let Data::Map(entries) = &mut document.data {
        entries.retain(|(key, _)| key != "include");
        if !entries.iter().any(|(key, _)| key == "services") {
            let services =
                Node { data: Data::Map(Vec::new()), tag: Tag::None, file: Arc::clone(file), line: list.line };
            entries.push(("services".to_owned(), services));
        }
        for (_, services) in entries.iter_mut().filter(|(key, _)| key == "services") {
            match &mut services.data {
                Data::Map(services) => services.append(&mut added),
                other => *other = Data::Map(std::mem::take(&mut added)),
            }
        }
    }
    Ok(())
}

/// Sections with names that an included file adds, besides services.
const RESOURCES: [&str; 2] = ["networks", "volumes"];

/// Adds missing entries to a section of the document.
fn add(document: &mut Node, section: &str, more: Vec<(String, Node)>, file: &Arc<Path>, line: usize) {
    let Data::Map(entries) = &mut document.data else { return };
    if more.is_empty() {
        return;
    }
    let at = entries.iter().position(|(key, _)| key == section).unwrap_or_else(|| {
        let node = Node { data: Data::Map(Vec::new()), tag: Tag::None, file: Arc::clone(file), line };
        entries.push((section.to_owned(), node));
        entries.len() - 1
    });
    let node = &mut entries[at].1;
    if node.is_null() {
        node.data = Data::Map(Vec::new());
    }
    if let Data::Map(known) = &mut node.data {
        for (key, value) in more {
            if !known.iter().any(|(other, _)| *other == key) {
                known.push((key, value));
            }
        }
    }
}

fn load_entry(loader: &Loader<'_>, item: &Node, file: &Arc<Path>) -> Result<Node> {
    let paths =
        if item.text().is_some() { item.texts() } else { item.get("path").map(Node::texts).unwrap_or_default() };
    let [first, ..] = paths[..] else {
        return Err(item.error("include", "names no file").hint("add `path: FILE`"));
    };
    if let Some(path) = paths.iter().find(|path| is_remote(path)) {
        return Err(remote(path));
    }
    let main = absolute(&loader.base, Path::new(first));
    let folder = item.get("project_directory").and_then(Node::text).filter(|folder| !folder.is_empty());
    let base = match folder {
        Some(folder) => absolute(&loader.base, Path::new(folder)),
        None => main.parent().unwrap_or(&loader.base).to_path_buf(),
    };
    let mut included = loader.included.clone();
    included.push(file.to_path_buf());
    if included.contains(&main) {
        return Err(item
            .error("include", format!("{} includes itself", main.display()))
            .hint("remove one of these `include:` entries"));
    }

    let env_files = item.get("env_file").map(Node::texts).unwrap_or_default();
    let env_files: Vec<PathBuf> = if env_files.is_empty() {
        Some(base.join(".env")).filter(|file| file.is_file()).into_iter().collect()
    } else {
        env_files.iter().map(|file| absolute(&loader.base, Path::new(file))).collect()
    };
    let mut own: BTreeMap<String, (String, Source)> = BTreeMap::new();
    for path in env_files {
        let outer = |name: &str| (loader.lookup)(name).map(|(value, _)| value);
        let values = read_values(&path, &outer, &|name| own.get(name).map(|(value, _)| value.clone()))
            .map_err(|error| Error::within(error, item.place()))?;
        for (name, (value, line)) in values {
            own.insert(name, (value, Source::EnvFile { path: path.clone(), line }));
        }
    }
    let lookup = |name: &str| (loader.lookup)(name).or_else(|| own.get(name).cloned());

    let mut sources = Vec::with_capacity(paths.len());
    for path in &paths {
        let path: Arc<Path> = Arc::from(absolute(&loader.base, Path::new(path)));
        let documents =
            parse(&path, loader.texts).map_err(|error| error.within(format!("{}: include", item.place())))?;
        sources.push((documents, path));
    }
    load(&Loader { base, lookup: &lookup, texts: loader.texts, included }, sources)
}
