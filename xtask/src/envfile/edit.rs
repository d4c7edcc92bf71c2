//! Sets one variable of a `.env` file.

use std::ops::Range;

use super::scan::{Assignment, Style};
use super::{Document, value};
use crate::error::{Error, Result};

impl Document {
    /// Sets `name` so that Compose reads exactly `value`. Only the value of the last
    /// assignment changes; a variable that is not in the file gets a line at the end.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        if !is_name(name) {
            return Err(Error::new(format!("`{name}` is not a name for a variable"))
                .hint("use letters, digits and `_`, and no digit first"));
        }
        if value.contains('\0') {
            return Err(Error::new(format!("a value for {name} cannot contain a NUL character")));
        }
        let (range, text) = match self.last(name) {
            Some(found) => self.replacement(found, value),
            None => self.addition(name, value),
        };
        let mut bytes = Vec::with_capacity(self.bytes.len() + text.len());
        bytes.extend_from_slice(&self.bytes[..range.start]);
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(&self.bytes[range.end..]);
        let changed = Document::parse(bytes)?;
        // Reading it back must give the same value, whatever surrounds it.
        let nothing = |_: &str| None;
        let read = changed.last_value(name, &nothing);
        if read.as_deref() != Some(value) {
            return Err(Error::new(format!("cannot write the value of {name} so that it reads back the same"))
                .hint(format!("write the line for {name} by hand")));
        }
        *self = changed;
        Ok(())
    }

    pub(super) fn last(&self, name: &str) -> Option<&Assignment> {
        self.assignments.iter().rev().find(|found| self.text(&found.name) == name)
    }

    fn last_value(&self, name: &str, lookup: &super::Lookup<'_>) -> Option<String> {
        let found = self.last(name)?;
        let text = value::unquote(&self.text(&found.value), found.style);
        match found.style {
            Style::Inherited => None,
            Style::Single => Some(text),
            Style::Plain | Style::Double => {
                let lookup = |wanted: &str| lookup(wanted).map(|value| (value, ()));
                crate::parse::interpolate::interpolate(&text, &lookup).ok().map(|done| done.value)
            }
        }
    }

    /// The range and text to write for a new value of `found`.
    fn replacement(&self, found: &Assignment, value: &str) -> (Range<usize>, String) {
        let text = value::quote(value, found.style);
        if found.style == Style::Inherited {
            return (found.value.clone(), format!("={text}"));
        }
        if found.style != Style::Plain {
            return (found.value.clone(), text);
        }
        // In `A=8000<TAB># why` and `A= # why` Compose reads the comment as
        // part of the value; it was meant as a comment, so make it one.
        let raw = &self.bytes[found.value.clone()];
        let start = found.value.start;
        let text = if text.is_empty() && raw.contains(&b'#') { "\"\"".to_owned() } else { text };
        match self.bytes[..start].last() {
            Some(b' ') if raw.starts_with(b"#") => return (start - 1..start - 1, text),
            Some(b'\t') if raw.starts_with(b"#") => return (start..start, format!("{text} ")),
            _ => {}
        }
        match raw.windows(2).position(|pair| pair == b"\t#") {
            Some(tab) => (start..start + tab + 1, format!("{text}\t ")),
            None => (found.value.clone(), self.before_comment(found, text)),
        }
    }

    /// Quotes an empty value before a comment, which would become the value otherwise.
    fn before_comment(&self, found: &Assignment, text: String) -> String {
        let rest = &self.bytes[found.value.end..];
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or(rest);
        if text.is_empty() && line.contains(&b'#') { "\"\"".to_owned() } else { text }
    }

    /// The line for a new variable.
    fn addition(&self, name: &str, value: &str) -> (Range<usize>, String) {
        let (at, start) = self.end();
        let line_break = self.line_break();
        (at..at, format!("{start}{name}={}{line_break}", value::quote(value, Style::Plain)))
    }

    /// Where new lines go and the line break to add before them: at the end, but before a
    /// last line that Compose drops. A line break after that line would make it count.
    pub(super) fn end(&self) -> (usize, &'static str) {
        match self.dropped {
            Some(start) => (self.indented_from(start), ""),
            None if self.bytes.is_empty() || self.bytes.ends_with(b"\n") => (self.bytes.len(), ""),
            None => (self.bytes.len(), self.line_break()),
        }
    }

    /// The start of the line of `at`, if there is only white space between.
    fn indented_from(&self, at: usize) -> usize {
        let bom = if self.bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let line = self.bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(bom, |end| end + 1);
        let is_blank = std::str::from_utf8(&self.bytes[line..at]).is_ok_and(|text| text.trim().is_empty());
        if is_blank { line } else { at }
    }

    /// The line break of the last line that has one.
    pub(super) fn line_break(&self) -> &'static str {
        let last = self.bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        if self.bytes[..last].ends_with(b"\r") { "\r\n" } else { "\n" }
    }
}

/// Whether Compose and every shell accept `name` for a variable.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
