//! The lossless `.env` document: reads as Compose reads, changes one value and
//! leaves every other byte alone.

mod edit;
mod scan;
mod value;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::Result;
use crate::parse::interpolate::interpolate;
use scan::{Assignment, Style};

/// A `.env` file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    bytes: Vec<u8>,
    assignments: Vec<Assignment>,
}

/// The assignment of a variable that counts: its last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Line, from 1.
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
    /// The value.
    pub value: String,
    /// Line that sets it, from 1.
    pub line: usize,
}

/// Looks a variable up outside the file.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Document {
    /// Reads a file. Bytes that are no UTF-8 are kept: Compose accepts them
    /// in comments and values.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Document> {
        let bytes = bytes.into();
        let assignments = scan::scan(&bytes)?;
        Ok(Document { bytes, assignments })
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
        let value = value::unquote(&raw, found.style);
        Some(Entry { line: found.line, raw, value })
    }

    /// Every variable with its value. A variable within a value is looked for
    /// in `shell`, then in the lines above, then in `earlier`: the env files
    /// read before this one.
    pub fn values(&self, shell: &Lookup<'_>, earlier: &Lookup<'_>) -> Result<BTreeMap<String, Value>> {
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        for found in &self.assignments {
            let name = self.text(&found.name);
            let value = match found.style {
                Style::Inherited => match shell(&name) {
                    Some(value) => value,
                    None => continue,
                },
                Style::Single => value::unquote(&self.text(&found.value), found.style),
                Style::Plain | Style::Double => {
                    let text = value::unquote(&self.text(&found.value), found.style);
                    let lookup = |wanted: &str| {
                        shell(wanted)
                            .or_else(|| values.get(wanted).map(|known| known.value.clone()))
                            .or_else(|| earlier(wanted))
                            .map(|value| (value, ()))
                    };
                    interpolate(&text, &lookup).map_err(|error| error.within(format!("line {}", found.line)))?.value
                }
            };
            values.insert(name.into_owned(), Value { value, line: found.line });
        }
        Ok(values)
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

    fn text(&self, range: &Range<usize>) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes[range.clone()])
    }
}
