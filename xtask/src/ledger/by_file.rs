//! What is remembered by file and variable, as JSON in the state folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::leases::LIMIT;
use crate::disk;
use crate::error::{Context, Result};

#[derive(Serialize, Deserialize)]
struct ByFile<T> {
    schema: u32,
    files: BTreeMap<PathBuf, BTreeMap<String, T>>,
}

/// What the file `name` of the folder `state` remembers of `file`, by variable. One
/// that is not there, damaged, or not ours to read remembers nothing.
pub(super) fn read<T: DeserializeOwned>(state: &Path, name: &str, file: &Path) -> BTreeMap<String, T> {
    read_all(state, name).remove(&disk::real_path(file)).unwrap_or_default()
}

fn read_all<T: DeserializeOwned>(state: &Path, name: &str) -> BTreeMap<PathBuf, BTreeMap<String, T>> {
    let bytes = disk::read_own(&state.join(name)).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).map(|all: ByFile<T>| all.files).unwrap_or_default()
}

/// Changes it. Files that are gone, and those of which nothing is left to remember,
/// are forgotten.
pub(super) fn change<T: Serialize + DeserializeOwned>(
    state: &Path,
    name: &str,
    file: &Path,
    change: impl FnOnce(&mut BTreeMap<String, T>),
) -> Result<()> {
    disk::private_folder(state)?;
    let _lock = disk::lock(&state.join("moves.lock"), LIMIT)?;
    let mut files = read_all(state, name);
    change(files.entry(disk::real_path(file)).or_default());
    files.retain(|path, variables| !variables.is_empty() && path.exists());
    let json = serde_json::to_vec_pretty(&ByFile { schema: 1, files }).context(format!("write {name}"))?;
    disk::write_atomic(&state.join(name), &json)
}
