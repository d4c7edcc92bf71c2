//! A `.env` file as it is read, and what it says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::scan::{self, Assignment, Style};
use super::value::unquote;
use crate::error::Result;
use crate::parse::interpolate::interpolate_as;

/// A `.env` file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) assignments: Vec<Assignment>,
    /// Where the last line begins, if Compose drops it.
    pub(super) dropped: Option<usize>,
}

/// The assignment of a variable that counts: its last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub line: usize,
    /// The value as written, with its quotes and without a comment.
    pub raw: String,
    /// The value without quotes and escapes. Variables in it are not
    /// replaced: that takes [`Document::values`].
    pub value: String,
}

/// The value of a variable, with the variables in it replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub value: String,
    /// Line that sets it, from 1.
    pub line: usize,
}

/// One assignment, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub name: String,
    /// Line of the name, from 1.
    pub line: usize,
    /// The value without quotes and escapes, its variables not yet replaced; a
    /// dollar sign that stands for itself is `$$`. `None` for a line without
    /// `=`, whose value the shell has.
    pub text: Option<String>,
}

/// Looks a variable up outside the file.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Document {
    /// Reads a file. Bytes that are no UTF-8 are kept: Compose accepts them
    /// in comments and values.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Document> {
        let bytes = bytes.into();
        let (assignments, dropped) = scan::scan(&bytes)?;
        Ok(Document { bytes, assignments, dropped })
    }

    /// The file; the very bytes that were read as long as nothing was set.
    pub fn render(&self) -> &[u8] {
        &self.bytes
    }

    /// The last assignment of `name`. A line `NAME` without `=` assigns
    /// nothing.
    pub fn get(&self, name: &str) -> Option<Entry> {
        let found = self
            .assignments
            .iter()
            .rev()
            .find(|found| found.style != Style::Inherited && self.text(&found.name) == name)?;
        let raw = self.text(&found.value).into_owned();
        let value = unquote(&raw, found.style);
        Some(Entry { line: found.line, raw, value })
    }

    /// Every variable with its value. A variable within a value is looked for
    /// in `shell`, then in the lines above, then in `earlier`: the env files
    /// read before this one.
    pub fn values(&self, shell: &Lookup<'_>, earlier: &Lookup<'_>) -> Result<BTreeMap<String, Value>> {
        Ok(self.history(shell, earlier)?.into_iter().collect())
    }

    /// The same for every assignment, in the order of the file: of several for
    /// one variable the last counts.
    pub fn history(&self, shell: &Lookup<'_>, earlier: &Lookup<'_>) -> Result<Vec<(String, Value)>> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut history = Vec::with_capacity(self.assignments.len());
        for Assigned { name, line, text } in self.assigned() {
            let value = match text {
                None => match shell(&name) {
                    Some(value) => value,
                    None => continue,
                },
                Some(text) => {
                    let lookup = |wanted: &str| {
                        shell(wanted)
                            .or_else(|| values.get(wanted).cloned())
                            .or_else(|| earlier(wanted))
                            .map(|value| (value, ()))
                    };
                    interpolate_as(&text, &name, &lookup).map_err(|error| error.within(format!("line {line}")))?.value
                }
            };
            values.insert(name.clone(), value.clone());
            history.push((name, Value { value, line }));
        }
        Ok(history)
    }

    /// Every assignment, in the order of the file.
    pub fn assigned(&self) -> impl Iterator<Item = Assigned> {
        self.assignments.iter().map(|found| {
            let text = unquote(&self.text(&found.value), found.style);
            let text = match found.style {
                Style::Inherited => None,
                Style::Single => Some(text.replace('$', "$$")),
                Style::Plain | Style::Double => Some(text),
            };
            Assigned { name: self.text(&found.name).into_owned(), line: found.line, text }
        })
    }

    /// The assignment of each variable that counts, in the order of the file.
    pub(super) fn last_assigned(&self) -> Vec<Assigned> {
        let mut all: Vec<Assigned> = self.assigned().collect();
        let mut seen = std::collections::BTreeSet::new();
        all.reverse();
        all.retain(|found| seen.insert(found.name.clone()));
        all.reverse();
        all
    }

    /// Every variable that is assigned, each once, in the order of the file.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for found in &self.assignments {
            let name = self.text(&found.name).into_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    pub(super) fn text(&self, range: &Range<usize>) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes[range.clone()])
    }
}
