//! Bind mounts of folders and files of this machine.

use std::path::{Path, PathBuf};

use super::files::Texts;
use super::options::Environment;
use super::reader::{Merged, merged};
use crate::error::Result;
use crate::model::{ComposeOptions, Place};
use crate::parse::compose::Node;

/// A bind mount with a source in the project or in the home folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    pub service: String,
    /// As written.
    pub source: String,
    pub place: Place,
}

/// Every bind mount of the project that `options` select, in all profiles, whose source is relative
/// to the project or the home folder, or lies in the project. Other absolute paths may be on the
/// engine's machine.
/// Source: <https://docs.docker.com/reference/compose-file/services/#volumes>
pub fn bind_mounts(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<Vec<BindMount>> {
    let Merged { model, project, .. } = merged(options, cwd, env, &Texts::new())?;
    let is_here = |source: &str| source.starts_with(['.', '~']) || PathBuf::from(source).starts_with(&project.dir);
    let mut found = Vec::new();
    for (service, node) in model.get("services").map(Node::entries).unwrap_or_default() {
        for volume in node.get("volumes").map(Node::items).unwrap_or_default() {
            let Some(source) = source(volume).filter(|source| is_here(source)) else { continue };
            let place = Place { file: volume.file.to_path_buf(), line: volume.line };
            found.push(BindMount { service: service.clone(), source: source.to_owned(), place });
        }
    }
    Ok(found)
}

/// The source of `./data:/data:ro`, or of a mapping with `type: bind`.
fn source(volume: &Node) -> Option<&str> {
    if let Some(short) = volume.text() {
        // A single letter is a drive on every system: `C:\data:/data` (compose-go,
        // format/volume.go, `isWindowsDrive`).
        let drive =
            if short.starts_with(|c: char| c.is_ascii_alphabetic()) && short[1..].starts_with(':') { 2 } else { 0 };
        return short[drive..].find(':').map(|end| &short[..drive + end]);
    }
    let is_bind = volume.get("type").and_then(Node::text) == Some("bind");
    volume.get("source").and_then(Node::text).filter(|_| is_bind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_of_a_drive_belongs_to_the_path() {
        for (volume, want) in [
            (r"C:\data:/data:ro", Some(r"C:\data")),
            ("c:/data:/data", Some("c:/data")),
            ("./data:/data", Some("./data")),
            ("data:/data", Some("data")),
            (r"C:\data", None),
            ("/data", None),
            ("", None),
        ] {
            let yaml = format!("services: {{web: {{image: web, volumes: ['{volume}']}}}}\n");
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("compose.yaml"), yaml).unwrap();
            let merged = merged(&ComposeOptions::default(), dir.path(), &|_| None, &Texts::new()).unwrap();
            let services = merged.model.get("services").map(Node::entries).unwrap_or_default();
            let volumes = services[0].1.get("volumes").map(Node::items).unwrap_or_default();
            assert_eq!(source(&volumes[0]), want, "{volume}");
        }
    }

    #[test]
    fn what_lies_in_the_project_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let text = "services:
  web:
    image: web
    volumes:
      - ./site:/srv:ro
      - data:/data
      - /var/run/docker.sock:/var/run/docker.sock
      - ~/.npmrc:/root/.npmrc
      - /anonymous
      - { type: bind, source: ../shared, target: /shared }
      - { type: volume, source: data, target: /more }
      - ${PWD}/in:/in
volumes: { data: {} }
";
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        let found = bind_mounts(&ComposeOptions::default(), dir.path(), &|_| None).unwrap();
        let shown: Vec<(String, usize)> = found
            .iter()
            .map(|mount| (mount.source.replace(&*dir.path().to_string_lossy(), "DIR"), mount.place.line))
            .collect();
        let want = [("./site", 5), ("~/.npmrc", 8), ("../shared", 10), ("DIR/in", 12)];
        assert_eq!(shown, want.map(|(source, line)| (source.to_owned(), line)));
    }
}
