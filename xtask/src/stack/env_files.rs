//! The env files that Compose reads, their values, and the file that a value must be written to so
//! that it takes effect.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::options::Environment;
use super::templates::template_of;
use crate::disk;
use crate::envfile::{self, Document};
use crate::error::{Error, Result};
use crate::model::Source;
use crate::ui::quoted_path;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvFiles {
    files: Vec<PathBuf>,
    /// All assignments of each variable, the effective one first.
    values: BTreeMap<String, Vec<Found>>,
    default: Option<PathBuf>,
    explicit: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    value: String,
    file: usize,
    line: usize,
}

impl EnvFiles {
    /// The files in Compose's order. If they were named with `--env-file`, a later one wins; otherwise
    /// (`.env` of the current folder, then of the project's) the first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Where to create a `.env`; `None` if Compose would not read it.
    pub fn default_file(&self) -> Option<&Path> {
        self.default.as_deref().filter(|_| !self.explicit)
    }

    /// Whether `--env-file` or `COMPOSE_ENV_FILES` named them: then no `.env` is read.
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    /// The value of a variable in the files, and its line. Ignores the process environment, which
    /// overrides it.
    pub fn get(&self, name: &str) -> Option<(&str, Source)> {
        self.all(name).next()
    }

    /// All variables of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// All values of a variable in the files, the effective one first.
    pub fn all(&self, name: &str) -> impl Iterator<Item = (&str, Source)> {
        self.values.get(name).into_iter().flatten().map(|found| {
            let path = self.files[found.file].clone();
            (found.value.as_str(), Source::EnvFile { path, line: found.line })
        })
    }

    /// The value of a variable in the files read before `file`.
    pub fn before(&self, file: &Path, name: &str) -> Option<String> {
        let at = self.files.iter().position(|known| known == file).unwrap_or(self.files.len());
        self.values.get(name)?.iter().find(|found| found.file < at).map(|found| found.value.clone())
    }

    /// The file that a value for `name` must be written to: the one with the effective value, otherwise
    /// the last one, otherwise a new `.env` in the project folder.
    pub fn file_for(&self, name: &str) -> Result<&Path> {
        if let Some(found) = self.first(name) {
            return Ok(&self.files[found.file]);
        }
        if let Some(last) = self.files.last() {
            return Ok(last);
        }
        self.default.as_deref().ok_or_else(|| {
            Error::new(format!("there is no file to write {name} to: COMPOSE_DISABLE_ENV_FILE is set"))
                .hint(format!("export {name} in the shell, or `unset COMPOSE_DISABLE_ENV_FILE`"))
        })
    }

    /// Reads the files that the user named, which must exist.
    pub(super) fn named(files: Vec<PathBuf>, env: &Environment<'_>) -> Result<EnvFiles> {
        let mut these = EnvFiles { explicit: true, ..EnvFiles::default() };
        for file in files {
            if !file.exists() {
                return Err(with_template(Error::new(format!("env file not found: {}", file.display())), &file)
                    .hint("correct --env-file or COMPOSE_ENV_FILES, or leave it out to use .env"));
            }
            these.add(file, env, true)?;
        }
        Ok(these)
    }

    /// Reads the `.env` of a folder, if there is one; known values win.
    pub(super) fn add_default(&mut self, dir: &Path, env: &Environment<'_>) -> Result<()> {
        let file = dir.join(".env");
        if !self.files.contains(&file) && file.is_file() {
            self.add(file.clone(), env, false)?;
        }
        self.default = Some(file);
        Ok(())
    }

    fn first(&self, name: &str) -> Option<&Found> {
        self.values.get(name)?.first()
    }

    fn add(&mut self, file: PathBuf, env: &Environment<'_>, replace: bool) -> Result<()> {
        let earlier = |name: &str| self.first(name).map(|found| found.value.clone());
        // Compose merges `.env` of the first folder into the environment, so it
        // counts as such; files named together are only read in order.
        let shell = |name: &str| env(name).or_else(|| if replace { None } else { earlier(name) });
        let history = read_history(&file, &shell, &earlier)?;
        let index = self.files.len();
        self.files.push(file);
        let mut of_file: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for (name, value) in history {
            let found = Found { value: value.value, file: index, line: value.line };
            of_file.entry(name).or_default().insert(0, found);
        }
        for (name, found) in of_file {
            let known = self.values.entry(name).or_default();
            let at = if replace { 0 } else { known.len() };
            known.splice(at..at, found);
        }
        Ok(())
    }
}

/// Adds a hint about the template beside a missing file.
fn with_template(error: Error, file: &Path) -> Error {
    match template_of(file).filter(|_| !file.exists()) {
        Some(template) => {
            let (from, to) = (quoted_path(&template, None), quoted_path(file, None));
            error.hint(format!("make it from its template: `cp {from} {to}`"))
        }
        None => error,
    }
}

/// Reads the values and lines of one env file.
pub(super) fn read_values(
    file: &Path,
    shell: &Environment<'_>,
    earlier: &Environment<'_>,
) -> Result<BTreeMap<String, (String, usize)>> {
    let history = read_history(file, shell, earlier)?;
    Ok(history.into_iter().map(|(name, value)| (name, (value.value, value.line))).collect())
}

fn read_history(
    file: &Path,
    shell: &Environment<'_>,
    earlier: &Environment<'_>,
) -> Result<Vec<(String, envfile::Value)>> {
    let place = file.display();
    let bytes = disk::read_any_kind(file).map_err(|error| {
        let failed = Error::new(format!("failed to read {place}: {error}"));
        with_template(failed, file)
    })?;
    Document::parse(bytes).and_then(|document| document.history(shell, earlier)).map_err(|error| error.within(place))
}
