//! Which variables a reassignment moved, so that they can go back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LIMIT;
use crate::disk;
use crate::error::{Context, Result};

/// Moves by env file and variable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moves {
    schema: u32,
    files: BTreeMap<PathBuf, BTreeMap<String, Moved>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    /// The port before the first move.
    from: u16,
    /// The port now.
    to: u16,
}

impl Moves {
    /// Remembers changes of `file`: variable, port before, port after. A
    /// variable that is back where it was is forgotten.
    pub fn record(state: &Path, file: &Path, changes: &[(String, u16, u16)]) -> Result<()> {
        disk::private_folder(state)?;
        let _lock = disk::lock(&state.join("moves.lock"), LIMIT)?;
        let mut moves = Self::read(state);
        let of_file = moves.files.entry(disk::real(file)).or_default();
        for (variable, from, to) in changes {
            let first = of_file.get(variable).filter(|moved| moved.to == *from).map_or(*from, |moved| moved.from);
            if first == *to {
                of_file.remove(variable);
            } else {
                of_file.insert(variable.clone(), Moved { from: first, to: *to });
            }
        }
        moves.files.retain(|path, moved| !moved.is_empty() && path.exists());
        moves.schema = 1;
        let json = serde_json::to_vec_pretty(&moves).context("write the moves")?;
        disk::write_atomic(&path(state), &json)
    }

    /// The moves of `file`: variable, port before the first move, port now.
    pub fn of(state: &Path, file: &Path) -> Vec<(String, u16, u16)> {
        let moved = Self::read(state).files.remove(&disk::real(file)).unwrap_or_default();
        moved.into_iter().map(|(variable, moved)| (variable, moved.from, moved.to)).collect()
    }

    /// A file that is not there, or not ours to read, remembers nothing.
    fn read(state: &Path) -> Moves {
        disk::read_own(&path(state))
            .ok()
            .flatten()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("moves.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_port_is_remembered_over_several_moves_until_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".env");
        std::fs::write(&file, "").unwrap();
        let state = dir.path().join("state");
        let step = |from, to| Moves::record(&state, &file, &[("A".to_owned(), from, to)]).unwrap();
        step(8000, 8001);
        step(8001, 8002);
        assert_eq!(Moves::of(&state, &file), [("A".to_owned(), 8000, 8002)]);
        step(8002, 8000);
        assert_eq!(Moves::of(&state, &file), []);
        // A person wrote 9000 by hand in between: that is the new start.
        step(8000, 8001);
        step(9000, 9001);
        assert_eq!(Moves::of(&state, &file), [("A".to_owned(), 9000, 9001)]);
    }

    #[test]
    fn a_damaged_file_remembers_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("moves.json"), "{").unwrap();
        assert_eq!(Moves::of(dir.path(), Path::new(".env")), []);
    }
}
