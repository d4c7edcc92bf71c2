//! Compares a `.env` file with its template.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Document;
use super::edit::is_name;
use super::scan::{Assignment, Style};
use crate::error::{Error, Result};

/// A variable in a comment of the template: `#NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commented {
    pub name: String,
    /// Its value, variables not replaced.
    pub text: String,
    pub line: usize,
}

/// A variable that differs between `.env` and the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    /// Line and text in the template; `None` if it is not there.
    pub template: Option<(usize, String)>,
    /// The template has it only as a comment: an optional default.
    pub commented: bool,
    /// Line and text in the file; `None` if it is not there.
    pub file: Option<(usize, String)>,
}

impl Document {
    /// Variables in comments, without duplicates: `#NAME=value` or `# NAME=value`.
    pub fn commented(&self) -> Vec<Commented> {
        let mut found: Vec<Commented> = Vec::new();
        for (at, line) in self.bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            let Some(text) = line.trim_start().strip_prefix('#') else { continue };
            let text = text.strip_prefix(' ').unwrap_or(text);
            let name = text.split('=').next().unwrap_or_default();
            if !text.contains('=') || !is_name(name) || found.iter().any(|known| known.name == name) {
                continue;
            }
            // Parse the line without its `#`.
            let Ok(document) = Document::parse(format!("{}\n", text.trim_end())) else { continue };
            if let Some(value) = document.assigned().next().and_then(|line| line.text) {
                found.push(Commented { name: name.to_owned(), text: value, line: at + 1 });
            }
        }
        found
    }

    /// Variables of this template that none of `files` has, in the template's order.
    pub fn missing_from(&self, files: &[Document]) -> Vec<(String, usize)> {
        let lacks = |name: &str| files.iter().all(|file| file.assignments.iter().all(|a| file.text(&a.name) != name));
        let last = self.last_assigned().into_iter();
        last.filter(|line| lacks(&line.name)).map(|line| (line.name, line.line)).collect()
    }

    /// The differences between this template and `file`, variables not replaced. In the
    /// order of the template, then of the file.
    pub fn changes_in(&self, file: &Document) -> Vec<Change> {
        let theirs: BTreeMap<String, (usize, String)> =
            file.last_assigned().into_iter().map(|a| (a.name, (a.line, a.text.unwrap_or_default()))).collect();
        let mut ours: Vec<(String, usize, String, bool)> = self
            .last_assigned()
            .into_iter()
            .map(|line| (line.name, line.line, line.text.unwrap_or_default(), false))
            .collect();
        for other in self.commented() {
            if !ours.iter().any(|(name, ..)| *name == other.name) {
                ours.push((other.name, other.line, other.text, true));
            }
        }
        ours.sort_by_key(|(_, line, ..)| *line);
        let mut changes = Vec::new();
        for (name, line, text, commented) in &ours {
            let found = theirs.get(name).cloned();
            let same = found.as_ref().map_or(*commented, |(_, theirs)| theirs == text);
            if !same {
                let template = Some((*line, text.clone()));
                changes.push(Change { name: name.clone(), template, commented: *commented, file: found });
            }
        }
        for line in file.last_assigned() {
            if !ours.iter().any(|(name, ..)| *name == line.name) {
                let file = Some((line.line, line.text.unwrap_or_default()));
                changes.push(Change { name: line.name, template: None, commented: false, file });
            }
        }
        changes
    }

    /// Appends the template's lines for `names`, each with the comments directly above it.
    /// Keeps every existing byte.
    pub fn append_from(&mut self, template: &Document, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let line_break = self.line_break().as_bytes();
        let (end, start) = self.end();
        let mut bytes = self.bytes[..end].to_vec();
        bytes.extend_from_slice(start.as_bytes());
        for found in &template.assignments {
            let name = template.text(&found.name);
            let counts = template.last(&name).is_some_and(|last| last == found);
            if !counts || !names.iter().any(|wanted| *wanted == name) {
                continue;
            }
            let comments = template.comments_above(found);
            if !comments.is_empty() && !bytes.is_empty() {
                bytes.extend_from_slice(line_break);
            }
            for comment in comments {
                bytes.extend_from_slice(comment);
                bytes.extend_from_slice(line_break);
            }
            bytes.extend_from_slice(&template.written(found));
            bytes.extend_from_slice(line_break);
        }
        bytes.extend_from_slice(&self.bytes[end..]);
        let changed = Document::parse(bytes)?;
        for name in names {
            if changed.get(name).map(|entry| entry.raw) != template.get(name).map(|entry| entry.raw) {
                return Err(Error::new(format!("the template's line for {name} cannot be added as it is"))
                    .hint(format!("write the line for {name} by hand")));
            }
        }
        *self = changed;
        Ok(())
    }

    /// The lines of the assignment without the last line break; only the assignment if it
    /// shares its lines with others.
    fn written(&self, found: &Assignment) -> Vec<u8> {
        let lines = self.lines_of(found);
        let overlaps = |other: &Assignment| other.name.start < lines.end && lines.start < other.value.end;
        let shared = self.assignments.iter().any(|other| other != found && overlaps(other))
            || self.dropped.is_some_and(|start| lines.contains(&start));
        if shared {
            let equals = if found.style == Style::Inherited { "" } else { "=" };
            return format!("{}{equals}{}", self.text(&found.name), self.text(&found.value)).into_bytes();
        }
        let text = &self.bytes[lines];
        text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).to_vec()
    }

    pub(super) fn lines_of(&self, found: &Assignment) -> Range<usize> {
        let start = self.bytes[..found.name.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = &self.bytes[found.value.end..];
        let end = found.value.end + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let end = if self.bytes[..end].ends_with(b"\r") { end - 1 } else { end };
        start..end.max(found.value.end)
    }

    /// The comments directly above an assignment, up to an empty line, another assignment,
    /// or a commented one.
    fn comments_above(&self, found: &Assignment) -> Vec<&[u8]> {
        let before = &self.bytes[..self.lines_of(found).start];
        let before = before.strip_suffix(b"\n").unwrap_or_default();
        let offers = |line: &[u8]| {
            let text = line.trim_ascii_start().strip_prefix(b"#").unwrap_or_default();
            text.split(|byte| *byte == b'=')
                .next()
                .is_some_and(|name| text.contains(&b'=') && std::str::from_utf8(name).is_ok_and(is_name))
        };
        let mut comments: Vec<&[u8]> = before
            .rsplit(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .map(|line| line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line))
            .take_while(|line| line.trim_ascii_start().starts_with(b"#") && !offers(line))
            .collect();
        comments.reverse();
        comments
    }
}
