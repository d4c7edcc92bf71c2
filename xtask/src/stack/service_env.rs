//! What `env_file:` of services names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::files::Texts;
use super::locate::{Project, absolute};
use super::options::Environment;
use super::reader::{Merged, merged};
use super::templates::template_of;
use crate::disk;
use crate::envfile::Document;
use crate::error::Result;
use crate::model::{ComposeOptions, MissingEnvFile, Place};
use crate::parse::compose::{Data, Node};

/// Required files of active services that do not exist, without duplicates.
/// Source: <https://docs.docker.com/reference/compose-file/services/#env_file>
pub fn missing_env_files(
    options: &ComposeOptions,
    cwd: &Path,
    env: &Environment<'_>,
    is_active: &dyn Fn(&str) -> bool,
) -> Result<Vec<MissingEnvFile>> {
    let Merged { model, project, .. } = merged(options, cwd, env, &Texts::new())?;
    let mut found: Vec<MissingEnvFile> = Vec::new();
    for (service, node) in model.get("services").map(Node::entries).unwrap_or_default() {
        let Some(env_file) = node.get("env_file").filter(|_| is_active(service)) else { continue };
        for entry in entries(env_file) {
            let Some(file) = path(entry).filter(|_| is_required(entry)).map(|path| resolved(&project, entry, path))
            else {
                continue;
            };
            if file.exists() || found.iter().any(|known| known.file == file) {
                continue;
            }
            let place = Place { file: entry.file.to_path_buf(), line: entry.line };
            found.push(MissingEnvFile { service: service.clone(), template: template_of(&file), file, place });
        }
    }
    Ok(found)
}

/// `.env`, `[.env, x.env]`, `[{path: .env}]`.
fn entries(node: &Node) -> Vec<&Node> {
    if node.text().is_some() { vec![node] } else { node.items().iter().collect() }
}

fn path(entry: &Node) -> Option<&str> {
    entry.text().or_else(|| entry.get("path").and_then(Node::text))
}

fn is_required(entry: &Node) -> bool {
    entry.get("required").and_then(Node::text) != Some("false")
}

/// Paths in included and extended files are relative to their folder.
fn resolved(project: &Project, entry: &Node, path: &str) -> PathBuf {
    let own = project.files.iter().any(|file| **file == *entry.file);
    let base = entry.file.parent().filter(|_| !own).unwrap_or(&project.dir);
    absolute(base, Path::new(path))
}

/// The services whose containers get `variable` from `file`: they name it in `env_file:` and
/// do not set the variable in `environment:`.
pub fn env_file_readers(
    options: &ComposeOptions,
    cwd: &Path,
    env: &Environment<'_>,
    file: &Path,
    variable: &str,
) -> Result<Vec<String>> {
    let Merged { model, project, .. } = merged(options, cwd, env, &Texts::new())?;
    let reads = |node: &Node| {
        let listed = node.get("env_file").map(entries).unwrap_or_default();
        listed.iter().any(|entry| path(entry).is_some_and(|path| resolved(&project, entry, path) == file))
    };
    let sets = |node: &Node| {
        let Some(environment) = node.get("environment") else { return false };
        let of_item = |item: &Node| item.text().is_some_and(|text| text.split('=').next() == Some(variable));
        environment.get(variable).is_some() || environment.items().iter().any(of_item)
    };
    let services = model.get("services").map(Node::entries).unwrap_or_default();
    let found = services.iter().filter(|(_, node)| reads(node) && !sets(node)).map(|(name, _)| name.clone());
    Ok(found.collect())
}

/// Variables that containers read: from `env_file:`, or by name only (`environment: [NAME]`).
/// A missing file counts as its template.
pub fn container_variables(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<BTreeSet<String>> {
    let Merged { model, project, .. } = merged(options, cwd, env, &Texts::new())?;
    let mut found = BTreeSet::new();
    for (_, node) in model.get("services").map(Node::entries).unwrap_or_default() {
        for entry in node.get("env_file").map(entries).unwrap_or_default() {
            let Some(file) = path(entry).map(|path| resolved(&project, entry, path)) else { continue };
            let bytes = disk::read(&file).ok().flatten();
            let bytes = bytes.or_else(|| disk::read(&template_of(&file)?).ok()?);
            let document = bytes.and_then(|bytes| Document::parse(bytes).ok()).unwrap_or_default();
            found.extend(document.assigned().map(|line| line.name));
        }
        let Some(environment) = node.get("environment") else { continue };
        let bare = |(_, value): &&(String, Node)| matches!(value.data, Data::Null);
        found.extend(environment.entries().iter().filter(bare).map(|(name, _)| name.clone()));
        let items = environment.items().iter().filter_map(Node::text);
        found.extend(items.filter(|text| !text.contains('=')).map(str::to_owned));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_what_may_be_missing_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let text = "services:
  short: { image: a, env_file: .env }
  list: { image: a, env_file: [./.env, there.env, sub/x.env] }
  long:
    image: a
    env_file:
      - path: y.env
      - { path: optional.env, required: false }
  asleep: { image: a, env_file: z.env, profiles: [night] }
";
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        std::fs::write(dir.path().join("there.env"), "").unwrap();
        std::fs::write(dir.path().join("y.env.example"), "").unwrap();
        let options = ComposeOptions::default();
        let found = missing_env_files(&options, dir.path(), &|_| None, &|name| name != "asleep").unwrap();
        let shown: Vec<(&str, String, usize, bool)> = found
            .iter()
            .map(|missing| {
                let file = missing.file.strip_prefix(dir.path()).unwrap().to_str().unwrap().replace('\\', "/");
                (missing.service.as_str(), file, missing.place.line, missing.template.is_some())
            })
            .collect();
        let want = [("short", ".env", 2, false), ("list", "sub/x.env", 3, false), ("long", "y.env", 7, true)];
        assert_eq!(shown, want.map(|(service, file, line, has)| (service, file.to_owned(), line, has)));
    }

    #[test]
    fn what_containers_read_from_env_files_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let text = "services:
  file: { image: a, env_file: .env }
  sets: { image: a, env_file: [{path: ./.env}], environment: {REDIS_PORT: \"1\"} }
  list: { image: a, env_file: other.env, environment: [\"A=b\", BARE] }
  map: { image: a, environment: {C: d, D: } }
";
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        std::fs::write(dir.path().join(".env"), "REDIS_PORT=6379\n").unwrap();
        std::fs::write(dir.path().join("other.env.example"), "OTHER=1\n").unwrap();
        let options = ComposeOptions::default();
        let found = container_variables(&options, dir.path(), &|_| None).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["BARE", "D", "OTHER", "REDIS_PORT"]);
        let readers = |name: &str, variable: &str| {
            env_file_readers(&options, dir.path(), &|_| None, &dir.path().join(name), variable).unwrap()
        };
        assert_eq!(readers(".env", "REDIS_PORT"), ["file"]);
        assert_eq!(readers("other.env", "BARE"), [""; 0]);
        assert_eq!(readers("other.env", "OTHER"), ["list"]);
    }
}
