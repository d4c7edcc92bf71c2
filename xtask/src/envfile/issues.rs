//! Lines that Compose reads differently than they look.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{Assignment, Style};
use super::{Document, Lookup};
use crate::parse::interpolate::mentions;

/// An issue with one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Empty if it is about the file.
    pub variable: String,
    pub line: usize,
    pub what: IssueKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueKind {
    /// A later line sets the variable again; that line counts.
    Duplicate { counts: usize },
    /// `A= # why`: without a value before it the comment is the value.
    CommentIsValue,
    /// `A=1<TAB># why`: only a space ends a value, so the comment belongs to it.
    TabBeforeComment,
    /// `pa$word`: `$word` is not set, so it becomes empty.
    ExpandsToNothing {
        /// The variable that is not set.
        name: String,
        /// A line below that sets it, too late.
        below: Option<usize>,
    },
    /// A line without `=`: the value comes from the shell, if it is set there.
    Inherited,
    /// The last line has neither `=` nor a line break: Compose drops it.
    Dropped,
    /// Some lines end in CRLF, some in LF; this is the first that differs.
    MixedLineEnds,
}

impl Document {
    /// All issues, sorted by line. `known` looks up a variable in the shell and in the env
    /// files read before.
    pub fn issues(&self, known: &Lookup<'_>) -> Vec<Issue> {
        let mut found = Vec::new();
        let assigned: Vec<_> = self.assigned().collect();
        let last: BTreeMap<&str, usize> = assigned.iter().map(|line| (line.name.as_str(), line.line)).collect();
        let mut above: BTreeSet<&str> = BTreeSet::new();
        for (line, written) in assigned.iter().zip(&self.assignments) {
            let mut add = |what| found.push(Issue { variable: line.name.clone(), line: line.line, what });
            let counts = last.get(line.name.as_str()).copied().unwrap_or(line.line);
            if counts != line.line {
                add(IssueKind::Duplicate { counts });
            }
            if let Some(what) = self.misread(written) {
                add(what);
            }
            for mention in mentions(line.text.as_deref().unwrap_or_default()) {
                if mention.bare && !above.contains(mention.name) && known(mention.name).is_none() {
                    let below = last.get(mention.name).copied().filter(|below| *below > line.line);
                    add(IssueKind::ExpandsToNothing { name: mention.name.to_owned(), below });
                }
            }
            if line.text.is_some() {
                above.insert(&line.name);
            }
        }
        found.extend(self.dropped());
        found.extend(self.mixed_line_ends());
        found.sort_by_key(|issue| issue.line);
        found
    }

    fn misread(&self, found: &Assignment) -> Option<IssueKind> {
        let raw = &self.bytes[found.value.clone()];
        let blank_before = self.bytes[..found.value.start].last().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        match found.style {
            Style::Inherited => Some(IssueKind::Inherited),
            // `A=#fff` is a colour.
            Style::Plain if raw.starts_with(b"#") && blank_before => Some(IssueKind::CommentIsValue),
            Style::Plain if raw.windows(2).any(|pair| pair == b"\t#") => Some(IssueKind::TabBeforeComment),
            _ => None,
        }
    }

    fn dropped(&self) -> Option<Issue> {
        let start = self.dropped?;
        let text = String::from_utf8_lossy(&self.bytes[start..]);
        let name = text.strip_prefix("export ").unwrap_or(&text).trim().to_owned();
        let line = self.bytes[..start].split(|byte| *byte == b'\n').count();
        Some(Issue { variable: name, line, what: IssueKind::Dropped })
    }

    fn mixed_line_ends(&self) -> Option<Issue> {
        let lines = || self.bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let first = lines().next()?.ends_with(b"\r\n");
        let at = lines().position(|line| line.ends_with(b"\r\n") != first)?;
        Some(Issue { variable: String::new(), line: at + 1, what: IssueKind::MixedLineEnds })
    }
}
