//! Missing env files of services (`env_file:`).

use std::path::Path;

use super::files::Texts;
use super::locate::absolute;
use super::options::Environment;
use super::reader::{Merged, merged};
use super::templates::template_of;
use crate::error::Result;
use crate::model::{ComposeOptions, MissingEnvFile, Place};
use crate::parse::compose::Node;

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
            let Some(path) = required(entry) else { continue };
            // Paths in included and extended files are relative to their folder.
            let own = project.files.iter().any(|file| **file == *entry.file);
            let base = entry.file.parent().filter(|_| !own).unwrap_or(&project.dir);
            let file = absolute(base, Path::new(path));
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

/// The path of an entry, if it is required.
fn required(entry: &Node) -> Option<&str> {
    if let Some(path) = entry.text() {
        return Some(path);
    }
    let path = entry.get("path").and_then(Node::text)?;
    (entry.get("required").and_then(Node::text) != Some("false")).then_some(path)
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
}
