//! Searches the files of a checkout for places that name a moved port.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::checkout::checkout_root;
use super::files::text_of;
use super::git;
use super::locate::Project;
use super::options::Environment;
use super::variable_uses::variable_uses;
use crate::decide::{MovedPort, ReadBy, Targets, is_generated, moved_port};
use crate::disk;
use crate::model::Stack;
use crate::parse::port_mentions::{PortMention, Syntax, file_kind, in_compose, in_text};

/// A place that names a port which has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortPlace {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// `localhost:8000`, `API_PORT=8000`.
    pub shown: String,
    /// The port that it means.
    pub moved: MovedPort,
    /// Git does not track the file: it belongs to this checkout alone.
    pub is_private: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortPlaces {
    /// Compose files first, then env files of services, then other files.
    pub places: Vec<PortPlace>,
    /// There are more files than were searched.
    pub is_partial: bool,
}

/// Larger files are data.
const LARGEST: u64 = 256 << 10;
/// Files of a checkout that are read at most.
const MOST_FILES: usize = 2000;
/// Names that are looked at where git lists none.
const MOST_ENTRIES: usize = 20_000;
/// How deep folders are searched where git lists none.
const DEEPEST: usize = 4;
/// Less than the time limit for a folder, so that many files are not taken for one that is silent.
const LIMIT: Duration = Duration::from_millis(700);

/// Searches the compose files and env files of `project`, and the files that git tracks in its
/// checkout; without git, those in the project's folder.
pub fn port_places(project: &Project, stack: &Stack, moved: &[MovedPort], env: &Environment<'_>) -> PortPlaces {
    let mut found = PortPlaces::default();
    if moved.is_empty() {
        return found;
    }
    let targets = Targets::of(stack);
    let mut of_compose: Vec<PortPlace> = Vec::new();
    let uses = variable_uses(project, env).unwrap_or_default();
    let is_set = |name: &str| env(name).is_some() || project.env_files.get(name).is_some();
    for file in &uses.files {
        let Ok(text) = text_of(file) else { continue };
        if is_generated(text.as_bytes()) {
            continue;
        }
        for one in in_compose(&text, file, &is_set).unwrap_or_default() {
            let read_by = ReadBy::Service { name: &one.service, section: &one.section, value: &one.name };
            of_compose.extend(place(file, &one.mention, moved_port(&one.mention, read_by, &targets, moved), false));
        }
    }
    // Anchors bring one place into several services.
    of_compose.sort_by(|a, b| (&a.file, a.line, &a.shown).cmp(&(&b.file, b.line, &b.shown)));
    of_compose.dedup();
    found.places = of_compose;

    // `.env` itself has its own rules: `envfile::dependents`.
    let mut env_files: Vec<PathBuf> = uses.env_files;
    env_files
        .retain(|file| !project.env_files.files().contains(file) && project.env_files.default_file() != Some(file));
    env_files.sort();
    env_files.dedup();
    let skip: BTreeSet<PathBuf> = project.env_files.files().iter().chain(&env_files).cloned().collect();

    let root = checkout_root(&project.dir).unwrap_or_else(|| project.dir.clone());
    let tracked = git::tracked_files(&root);
    let read_by = |mention: &PortMention, read_by: ReadBy<'_>| moved_port(mention, read_by, &targets, moved).cloned();
    let is_tracked = |file: &Path| {
        let inside = file.strip_prefix(&root).ok().map(slashed);
        tracked.as_ref().is_some_and(|tracked| inside.is_some_and(|name| tracked.contains(&name)))
    };
    for file in env_files {
        for mention in contents(&file).map(|bytes| in_text(&bytes, Syntax::Hash)).unwrap_or_default() {
            let private = !is_tracked(&file);
            found.places.extend(place(&file, &mention, read_by(&mention, ReadBy::EnvFile).as_ref(), private));
        }
    }
    let (others, is_partial) = mentions_in_checkout(&root, &project.dir, tracked, skip);
    found.is_partial = is_partial;
    for (file, runs_on, mention) in others {
        found.places.extend(place(&file, &mention, read_by(&mention, ReadBy::File(runs_on)).as_ref(), false));
    }
    found
}

fn place(file: &Path, mention: &PortMention, moved: Option<&MovedPort>, is_private: bool) -> Option<PortPlace> {
    let moved = moved?.clone();
    Some(PortPlace { file: file.to_path_buf(), line: mention.line, shown: mention.shown(), moved, is_private })
}

type InFile = (PathBuf, crate::parse::port_mentions::RunsOn, PortMention);

/// The mentions of every port in the files of a checkout, and whether some were not searched. A folder
/// that does not answer has none.
fn mentions_in_checkout(
    root: &Path,
    dir: &Path,
    tracked: Option<BTreeSet<String>>,
    skip: BTreeSet<PathBuf>,
) -> (Vec<InFile>, bool) {
    let (base, is_listed) = if tracked.is_some() { (root, true) } else { (dir, false) };
    let folder = base.to_path_buf();
    let search = move || {
        let end = Instant::now() + LIMIT;
        let (names, mut is_partial) = match tracked {
            Some(names) => (names.into_iter().filter(|name| file_kind(name).is_some()).collect(), false),
            None => walk(&folder, end),
        };
        let mut found = Vec::new();
        let mut names: Vec<String> = names;
        // The nearest first, because the others may be left out.
        names.sort_by_key(|name| name.matches('/').count());
        is_partial |= names.len() > MOST_FILES;
        for name in names.into_iter().take(MOST_FILES) {
            if Instant::now() > end {
                return (found, true);
            }
            let file = folder.join(&name);
            let (Some(kind), false) = (file_kind(&name), skip.contains(&file)) else { continue };
            let mentions = contents(&file).map(|bytes| in_text(&bytes, kind.syntax)).unwrap_or_default();
            found.extend(mentions.into_iter().map(|mention| (file.clone(), kind.runs_on, mention)));
        }
        (found, is_partial)
    };
    let mut answer = disk::with_timeout(base, search).unwrap_or((Vec::new(), is_listed));
    answer.0.sort_by(|a, b| (&a.0, a.2.line).cmp(&(&b.0, b.2.line)));
    answer
}

/// The bytes of a regular file that a person may have written: no link, not large, not generated, no
/// NUL in it.
fn contents(file: &Path) -> Option<Vec<u8>> {
    let metadata = file.symlink_metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return None;
    }
    let bytes = disk::read(file).ok()??;
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let is_made = head.contains("@generated") || head.contains("do not edit");
    (!is_made && !bytes.contains(&0)).then_some(bytes)
}

/// The names of files to search below a folder, relative to it; and whether there are more. Links are
/// not followed.
fn walk(folder: &Path, end: Instant) -> (Vec<String>, bool) {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut queue = std::collections::VecDeque::from([(folder.to_path_buf(), 0)]);
    while let Some((next, depth)) = queue.pop_front() {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MOST_ENTRIES || Instant::now() > end {
                return (found, true);
            }
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_file() {
                let inside = slashed(path.strip_prefix(folder).unwrap_or(&path));
                found.extend(Some(inside).filter(|inside| file_kind(inside).is_some()));
            } else if kind.is_dir() && depth < DEEPEST && is_source_folder(&name) {
                queue.push_back((path, depth + 1));
            }
        }
    }
    (found, false)
}

/// Without git's list, outputs of builds and virtual environments are left out by their usual names.
fn is_source_folder(name: &str) -> bool {
    let is_output =
        matches!(name, "node_modules" | "target" | "build" | "out" | "dist" | "venv" | "vendor" | "bin" | "obj");
    let is_hidden = name.starts_with('.') && !matches!(name, ".vscode" | ".devcontainer");
    !is_output && !is_hidden
}

/// A relative path as git prints it.
fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_a_usual_size_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), bytes).unwrap();
        };
        let url = b"url: http://localhost:8000\n";
        file("vite.config.ts", url);
        file(".vscode/settings.json", url);
        file("a/b/c/d/Makefile", url);
        file("a/b/c/d/e/Makefile", url);
        file("node_modules/x/package.json", url);
        file("build/vite.config.ts", url);
        file(".git/Makefile", url);
        file("big.http", &[url.as_slice(), &vec![b'\n'; 300 << 10]].concat());
        file("binary.http", &[url.as_slice(), b"\0"].concat());
        file("made.config.js", &[b"// @generated\n".as_slice(), url].concat());
        #[cfg(unix)]
        std::os::unix::fs::symlink("vite.config.ts", dir.path().join("link.http")).unwrap();
        let (found, is_partial) = mentions_in_checkout(dir.path(), dir.path(), None, BTreeSet::new());
        let names: Vec<String> =
            found.iter().map(|(file, ..)| slashed(file.strip_prefix(dir.path()).unwrap())).collect();
        assert_eq!(names, [".vscode/settings.json", "a/b/c/d/Makefile", "vite.config.ts"]);
        assert!(!is_partial);
        let listed = Some(BTreeSet::from(["build/vite.config.ts".to_owned(), "gone.http".to_owned()]));
        assert_eq!(mentions_in_checkout(dir.path(), dir.path(), listed, BTreeSet::new()).0.len(), 1);
    }
}
