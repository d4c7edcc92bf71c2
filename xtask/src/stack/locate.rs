//! Locates the project: its compose files, folder and env files.

use std::path::{Component, Path, PathBuf};

use super::env_files::EnvFiles;
use super::options::Environment;
use crate::error::{Error, Result};
use crate::model::ComposeOptions;

/// File names that Compose looks for, in order of preference.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// A located project whose compose files were not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub dir: PathBuf,
    /// Compose files, in the order they are merged.
    pub files: Vec<PathBuf>,
    pub env_files: EnvFiles,
}

/// Like Compose: the `.env` of the first folder may name the files, and the folder of the first file
/// may have another `.env`.
pub fn locate(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<Project> {
    let directory = options.project_directory.as_deref().map(|dir| absolute(cwd, dir));
    let mut files: Vec<PathBuf> = Vec::new();
    for file in &options.files {
        files.push(local(cwd, &file.to_string_lossy())?);
    }
    let folder = |files: &[PathBuf]| {
        let of_first = || files.first().and_then(|file| file.parent()).map(Path::to_path_buf);
        directory.clone().or_else(of_first).unwrap_or_else(|| cwd.to_path_buf())
    };

    let named = named_env_files(options, cwd, env);
    let defaults = named.is_empty() && !env_file_disabled(env)?;
    let mut env_files = EnvFiles::default();
    if defaults {
        env_files.add_default(&folder(&files), env)?;
    } else if !named.is_empty() {
        env_files = EnvFiles::named(named, env)?;
    }

    if files.is_empty() {
        let lookup = |name: &str| env(name).or_else(|| env_files.get(name).map(|(value, _)| value.to_owned()));
        if let Some(list) = lookup("COMPOSE_FILE") {
            let separator = lookup("COMPOSE_PATH_SEPARATOR").filter(|separator| !separator.is_empty());
            let separator = separator.unwrap_or_else(|| if cfg!(windows) { ";" } else { ":" }.to_owned());
            for file in list.split(&separator) {
                files.push(local(cwd, file)?);
            }
        } else {
            files = discover(&folder(&[]))?;
        }
    }
    for file in &files {
        if !file.is_file() {
            return Err(Error::new(format!("compose file not found: {}", file.display()))
                .hint("correct -f or COMPOSE_FILE; paths in COMPOSE_FILE count from the current folder"));
        }
    }
    let dir = folder(&files);
    if defaults {
        env_files.add_default(&dir, env)?;
    }
    Ok(Project { dir, files, env_files })
}

/// Reads the env files of the project that `options` select.
pub fn env_files(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Result<EnvFiles> {
    locate(options, cwd, env).map(|project| project.env_files)
}

/// The compose file in `start` or the nearest folder above, and its override file.
fn discover(start: &Path) -> Result<Vec<PathBuf>> {
    for folder in start.ancestors() {
        let first = |names: [&str; 4]| names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
        if let Some(file) = first(NAMES) {
            return Ok(std::iter::once(file).chain(first(OVERRIDES)).collect());
        }
    }
    Err(Error::new(format!("no compose file in {} or any folder above it", start.display()))
        .hint("run this within the project, or name the file: `-f path/to/compose.yaml`"))
}

/// Whether Compose finds a project from `dir` without options.
pub fn is_in_project(dir: &Path, env: &Environment<'_>) -> bool {
    env("COMPOSE_FILE").is_some() || discover(dir).is_ok()
}

fn named_env_files(options: &ComposeOptions, cwd: &Path, env: &Environment<'_>) -> Vec<PathBuf> {
    if !options.env_files.is_empty() {
        return options.env_files.iter().map(|file| absolute(cwd, file)).collect();
    }
    let list = env("COMPOSE_ENV_FILES").unwrap_or_default();
    list.split(',').filter(|file| !file.is_empty()).map(|file| absolute(cwd, Path::new(file))).collect()
}

fn env_file_disabled(env: &Environment<'_>) -> Result<bool> {
    match env("COMPOSE_DISABLE_ENV_FILE").as_deref() {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(other) => {
            Err(Error::new(format!("COMPOSE_DISABLE_ENV_FILE is `{other}`, which is neither true nor false"))
                .hint("`unset COMPOSE_DISABLE_ENV_FILE`, or set it to `true` or `false`"))
        }
    }
}

/// The absolute path of a local compose file.
fn local(base: &Path, file: &str) -> Result<PathBuf> {
    if file == "-" {
        return Err(Error::new("a compose file from standard input is not supported")
            .hint("save it to a file and name that with -f"));
    }
    if is_remote(file) {
        return Err(remote(file));
    }
    Ok(absolute(base, Path::new(file)))
}

/// Whether Compose would download it.
pub(super) fn is_remote(path: &str) -> bool {
    ["oci://", "https://", "http://", "git://", "ssh://", "git@", "github.com/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

pub(super) fn remote(path: &str) -> Error {
    Error::new(format!("`{path}` is not on this machine, and only Docker Compose can fetch it"))
        .hint("is Compose installed? `docker compose version`")
}

/// `path` relative to `base`, without `.` and `..`: Compose compares such paths, and derives the
/// project's name from them.
pub(super) fn absolute(base: &Path, path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}
