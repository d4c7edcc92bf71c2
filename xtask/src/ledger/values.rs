//! How the variables that a reassignment moved were written before, so that
//! `--restore-ports` gives a file the very bytes it had.
//!
//! Beside `moves.json` and not in it: older programs read and write that one,
//! and would drop what they do not know.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::by_file;
use crate::envfile::WrittenForm;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedValue {
    /// How it stood before the first move.
    pub was: WrittenForm,
    /// How we wrote it. Where it stands otherwise now, a person changed it.
    pub now: WrittenForm,
    /// There was no file.
    #[serde(default)]
    pub made: bool,
}

/// The file in the state folder.
const FILE: &str = "moved-values.json";

/// Remembers a change of `file`. What was there before an earlier change
/// stays remembered; a variable that is back is forgotten.
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

/// What is remembered of `file`, by variable.
pub fn read(state: &Path, file: &Path) -> BTreeMap<String, MovedValue> {
    by_file::read(state, FILE, file)
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
        // A person wrote something else in between: that is the new start.
        step(WrittenForm::Absent("\n".into()), value("1"));
        assert_eq!(step(value("'5'"), value("'6'")).unwrap().was, value("'5'"));
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(read(dir.path(), &file), BTreeMap::new());
    }
}
