//! The variables that a reassignment moved, so that they can be restored.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::by_file;
use crate::error::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    /// The port before the first move.
    from: u16,
    /// The port now.
    to: u16,
}

/// The file in the state folder.
const FILE: &str = "moves.json";

/// Records changes of `file`: variable, port before, port after. Drops the record of a variable that
/// is back at its first port.
pub fn record(state: &Path, file: &Path, changes: &[(String, u16, u16)]) -> Result<()> {
    by_file::change(state, FILE, file, |of_file: &mut BTreeMap<String, Moved>| {
        for (variable, from, to) in changes {
            let first = of_file.get(variable).filter(|moved| moved.to == *from).map_or(*from, |moved| moved.from);
            if first == *to {
                of_file.remove(variable);
            } else {
                of_file.insert(variable.clone(), Moved { from: first, to: *to });
            }
        }
    })
}

/// The moves of `file`: variable, port before the first move, port now.
pub fn read(state: &Path, file: &Path) -> Vec<(String, u16, u16)> {
    let moved: BTreeMap<String, Moved> = by_file::read(state, FILE, file);
    moved.into_iter().map(|(variable, moved)| (variable, moved.from, moved.to)).collect()
}

/// Moves the records about files of folders: path before, path now.
pub fn move_folders(state: &Path, steps: &[(&Path, &Path)]) -> Result<()> {
    by_file::move_folders::<Moved>(state, FILE, steps)
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
        let step = |from, to| record(&state, &file, &[("A".to_owned(), from, to)]).unwrap();
        step(8000, 8001);
        step(8001, 8002);
        assert_eq!(read(&state, &file), [("A".to_owned(), 8000, 8002)]);
        step(8002, 8000);
        assert_eq!(read(&state, &file), []);
        // 9000 was written by hand in between: that is the new first port.
        step(8000, 8001);
        step(9000, 9001);
        assert_eq!(read(&state, &file), [("A".to_owned(), 9000, 9001)]);
    }

    #[test]
    fn two_folders_that_changed_places_keep_their_moves() {
        let root = tempfile::tempdir().unwrap();
        let root = crate::disk::real_path(root.path());
        let (a, b) = (root.join("a"), root.join("b"));
        for (dir, from) in [(&a, 1), (&b, 2)] {
            std::fs::create_dir(dir).unwrap();
            std::fs::write(dir.join(".env"), "").unwrap();
            record(&root, &dir.join(".env"), &[("A".to_owned(), from, 9)]).unwrap();
        }
        move_folders(&root, &[(&a, &b), (&b, &a)]).unwrap();
        assert_eq!(read(&root, &a.join(".env")), [("A".to_owned(), 2, 9)]);
        assert_eq!(read(&root, &b.join(".env")), [("A".to_owned(), 1, 9)]);
        // What came there wins over what was there.
        move_folders(&root, &[(&a, &b)]).unwrap();
        assert_eq!(read(&root, &b.join(".env")), [("A".to_owned(), 2, 9)]);
    }

    #[test]
    fn a_damaged_file_remembers_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("moves.json"), "{").unwrap();
        assert_eq!(read(dir.path(), Path::new(".env")), []);
    }
}
