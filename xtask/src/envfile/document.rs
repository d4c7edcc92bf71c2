//! A `.env` file and its values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::scan::{self, Assignment, Style};
use super::value::unquote;
use crate::error::Result;
use crate::parse::interpolate::interpolate_as;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) assignments: Vec<Assignment>,
    /// Start of the last line, if Compose drops it.
    pub(super) dropped: Option<usize>,
}

/// The effective assignment of a variable: the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub line: usize,
    /// The value as written, with quotes and without a comment.
    pub raw: String,
    /// The value without quotes and escapes, variables not replaced; see
    /// [`Document::values`].
    pub value: String,
}

/// A value with its variables replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub value: String,
    pub line: usize,
}

/// One assignment of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub name: String,
    /// Line of the name.
    pub line: usize,
    /// The value without quotes and escapes, variables not replaced; a literal dollar sign
    /// is `$$`. `None` for a line without `=`, whose value comes from the shell.
    pub text: Option<String>,
}

/// Looks up a variable outside the file.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Document {
    /// Keeps bytes that are not UTF-8: Compose accepts them in comments and values.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Document> {
        let bytes = bytes.into();
        let (assignments, dropped) = scan::scan(&bytes)?;
        Ok(Document { bytes, assignments, dropped })
    }

    /// The bytes of the file; unchanged unless something was set.
    pub fn render(&self) -> &[u8] {
        &self.bytes
    }

    /// The last assignment of `name`. A line `NAME` without `=` assigns nothing.
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

    /// Every variable with its value. Variables within values are looked up in `shell`,
    /// then in the lines above, then in `earlier`, the env files read before this one.
    pub fn values(&self, shell: &Lookup<'_>, earlier: &Lookup<'_>) -> Result<BTreeMap<String, Value>> {
        Ok(self.history(shell, earlier)?.into_iter().collect())
    }

    /// The value of every assignment in the order of the file; the last one of a variable
    /// counts.
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

    /// All assignments in the order of the file.
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

    /// The effective assignment of each variable, in the order of the file.
    pub(super) fn last_assigned(&self) -> Vec<Assigned> {
        let mut all: Vec<Assigned> = self.assigned().collect();
        let mut seen = std::collections::BTreeSet::new();
        all.reverse();
        all.retain(|found| seen.insert(found.name.clone()));
        all.reverse();
        all
    }

    /// The names of all variables, without duplicates, in the order of the file.
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
