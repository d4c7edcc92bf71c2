//! Records by file and variable, as JSON in the state folder.

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

/// The records about `file` in the file `name` of the folder `state`, by variable. Empty if that file
/// is missing, damaged or not trusted.
pub(super) fn read<T: DeserializeOwned>(state: &Path, name: &str, file: &Path) -> BTreeMap<String, T> {
    read_all(state, name).remove(&disk::real_path(file)).unwrap_or_default()
}

fn read_all<T: DeserializeOwned>(state: &Path, name: &str) -> BTreeMap<PathBuf, BTreeMap<String, T>> {
    let bytes = disk::read_own(&state.join(name)).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).map(|all: ByFile<T>| all.files).unwrap_or_default()
}

/// Changes the records about `file`. Drops records of files that are gone, and empty ones.
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

/// Moves the records about files of folders that are at other paths now: path before, path now. All
/// at once, because two folders may have changed places.
pub(super) fn move_folders<T: Serialize + DeserializeOwned>(
    state: &Path,
    name: &str,
    steps: &[(&Path, &Path)],
) -> Result<()> {
    disk::private_folder(state)?;
    let _lock = disk::lock(&state.join("moves.lock"), LIMIT)?;
    let files: BTreeMap<PathBuf, BTreeMap<String, T>> = read_all(state, name);
    let moved = |path: &Path| steps.iter().find_map(|(from, to)| Some(to.join(path.strip_prefix(from).ok()?)));
    let (left, stay): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| moved(path).is_some());
    if left.is_empty() {
        return Ok(());
    }
    // What is known about a file that came there wins over the one that was there before.
    let left = left.into_iter().map(|(path, variables)| (moved(&path).unwrap_or(path), variables));
    let files: BTreeMap<_, _> = stay.into_iter().chain(left).collect();
    let json = serde_json::to_vec_pretty(&ByFile { schema: 1, files }).context(format!("write {name}"))?;
    disk::write_atomic(&state.join(name), &json)
}
