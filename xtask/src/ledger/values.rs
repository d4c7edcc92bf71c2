//! How moved variables were written before, so that `--restore-ports` restores the exact bytes of a
//! file.
//!
//! Separate from `moves.json`: older versions read and write that file, and would drop unknown
//! fields.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::by_file;
use crate::envfile::WrittenForm;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedValue {
    /// How it was written before the first move.
    pub was: WrittenForm,
    /// How this tool wrote it. If it differs now, the user changed it.
    pub now: WrittenForm,
    /// The file did not exist.
    #[serde(default)]
    pub made: bool,
}

/// The file in the state folder.
const FILE: &str = "moved-values.json";

/// Records a change of `file`. Keeps the value before the first change; drops the record of a variable
/// that is restored.
pub fn record(state: &Path, file: &Path, variable: &str, change: MovedValue) -> Result<()> {
    by_file::change(state, FILE, file, |of_file: &mut BTreeMap<String, MovedValue>| {
        let first = of_file.remove(variable).filter(|kept| kept.now == change.was);
        let kept = match first {
            Some(first) => MovedValue { now: change.now, ..first },
            None => change,
        };
        if kept.was != kept.now {
            of_file.insert(variable.to_owned(), kept);
        }
    })
}

/// The records about `file` by variable.
pub fn read(state: &Path, file: &Path) -> BTreeMap<String, MovedValue> {
    by_file::read(state, FILE, file)
}

/// Moves the records about files of folders: path before, path now.
pub fn move_folders(state: &Path, steps: &[(&Path, &Path)]) -> Result<()> {
    by_file::move_folders::<MovedValue>(state, FILE, steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_remembered_over_several_moves_until_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".env");
        std::fs::write(&file, "").unwrap();
        let value = |text: &str| WrittenForm::Value(text.to_owned());
        let step = |was: WrittenForm, now: WrittenForm| {
            record(dir.path(), &file, "A", MovedValue { was, now, made: false }).unwrap();
            read(dir.path(), &file).remove("A")
        };
        step(value("${H}:1"), value("${H}:2"));
        let kept = step(value("${H}:2"), value("${H}:3")).unwrap();
        assert_eq!((kept.was, kept.now), (value("${H}:1"), value("${H}:3")));
        assert_eq!(step(value("${H}:3"), value("${H}:1")), None);
        // Another value was written by hand in between: that is the new first value.
        step(WrittenForm::Absent("\n".into()), value("1"));
        assert_eq!(step(value("'5'"), value("'6'")).unwrap().was, value("'5'"));
        record(dir.path(), &file, "B", MovedValue { was: value("7"), now: value("8"), made: false }).unwrap();
        move_folders(dir.path(), &[(dir.path(), Path::new("/elsewhere"))]).unwrap();
        assert_eq!(read(dir.path(), Path::new("/elsewhere/.env")).len(), 2);
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(read(dir.path(), &file), BTreeMap::new());
    }
}
