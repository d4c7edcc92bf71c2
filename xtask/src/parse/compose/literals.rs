//! Published ports that are written as numbers, with the number's position in the
//! file. `adopt` turns them into variables.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::node::{Data, Node, Scalar, Tag};
use super::yaml::documents;
use crate::error::Result;

/// A published port that does not come from a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Literal(Literal),
    /// An entry that cannot become one variable.
    Left {
        service: String,
        line: usize,
        why: &'static str,
    },
}

/// A published port written as a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    pub service: String,
    pub line: usize,
    pub published: u16,
    /// The container's port; `None` if that is a variable or a range.
    pub target: Option<u16>,
    /// Byte range of the number's digits in the file.
    pub digits: Range<usize>,
    /// Byte range of the whole scalar, quotes included.
    pub entry: Range<usize>,
    pub quotes: Quotes,
}

/// Whether a scalar has quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// Or it is a block scalar, in which they would be text.
    There,
    /// Unquoted in a line of its own, where `${…}` needs no quotes.
    Absent,
    /// Unquoted within `[…]` or `{…}`, where braces need quotes.
    Needed,
}

impl Literal {
    /// The edits that make it a variable: byte ranges and their new text, last first.
    /// `quote` adds quotes in any case.
    pub fn edits(&self, variable: &str, quote: bool) -> Vec<(Range<usize>, String)> {
        let number = (self.digits.clone(), format!("${{{variable}:-{}}}", self.published));
        if self.quotes == Quotes::There || (self.quotes == Quotes::Absent && !quote) {
            return vec![number];
        }
        let mark = |at: usize| (at..at, "\"".to_owned());
        vec![mark(self.entry.end), number, mark(self.entry.start)]
    }
}

/// Every published port of a file that is not a variable, in the order of the file,
/// also of services whose profile is not active.
pub fn literals(text: &str, file: &Arc<Path>) -> Result<Vec<Found>> {
    let source = Source::new(text);
    let mut found: Vec<(Range<usize>, Found)> = Vec::new();
    for document in documents(text, file)? {
        for (service, node) in document.get("services").map(Node::entries).unwrap_or_default() {
            let ports = node.get("ports").filter(|ports| ports.tag != Tag::Reset);
            for item in ports.map(Node::items).unwrap_or_default() {
                if item.tag != Tag::Reset
                    && let Some(one) = source.port(service, item)
                    // Services may share an entry through an anchor.
                    && found.iter().all(|(place, _)| *place != one.0)
                {
                    found.push(one);
                }
            }
        }
    }
    found.sort_by_key(|(place, _)| place.start);
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

struct Source<'a> {
    text: &'a str,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    fn new(text: &'a str) -> Self {
        let first = text.len() - text.trim_start_matches('\u{feff}').len();
        // In YAML a lone carriage return ends a line too.
        let bytes = text.as_bytes();
        let ends = |at: &usize| bytes[*at] == b'\n' || bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
        let lines = std::iter::once(first).chain((first..bytes.len()).filter(ends).map(|at| at + 1)).collect();
        Source { text, lines }
    }

    /// The finding about an entry and its position; `None` if it publishes no fixed
    /// port, or a variable.
    fn port(&self, service: &str, item: &Node) -> Option<(Range<usize>, Found)> {
        let (node, scalar, part, target) = match &item.data {
            Data::Scalar(scalar) => {
                let (published, target) = parts(&scalar.text)?;
                (item, scalar, published, scalar.text[target].split('/').next().and_then(|text| text.parse().ok()))
            }
            Data::Map(_) => {
                let node = item.get("published")?;
                let scalar = node.scalar()?;
                let target = item.get("target").and_then(Node::text).and_then(|text| text.parse().ok());
                (node, scalar, 0..scalar.text.len(), target)
            }
            Data::Null | Data::List(_) => return None,
        };
        let published = &scalar.text[part.clone()];
        let entry = self.entry(node, scalar);
        let place = entry.clone().unwrap_or(self.start(node, scalar)..self.text.len());
        let left = |why| Some((place.clone(), Found::Left { service: service.to_owned(), line: node.line, why }));
        if published.is_empty() || published == "0" || is_made_of_variables(published) {
            return None;
        }
        if published.contains('$') {
            return left("a variable makes only part of the published port");
        }
        if published.contains('-') {
            return left("a range cannot be one variable");
        }
        let digits = published.bytes().all(|byte| byte.is_ascii_digit());
        // Some YAML parsers read a leading zero as octal, others do not.
        let Some(number) = published.parse().ok().filter(|_| digits && !published.starts_with('0')) else {
            return left("the published port is not a plain number");
        };
        let Some(entry) = entry else {
            return left("the entry has escapes, or more than one line");
        };
        let quoted = !scalar.block && self.text[entry.clone()].starts_with(['"', '\'']);
        let start = entry.start + usize::from(quoted) + part.start;
        let quotes = if quoted || scalar.block {
            Quotes::There
        } else if self.is_in_block(&entry, matches!(item.data, Data::Map(_))) {
            Quotes::Absent
        } else {
            Quotes::Needed
        };
        let literal = Literal {
            service: service.to_owned(),
            line: node.line,
            published: number,
            target,
            digits: start..start + part.len(),
            entry,
            quotes,
        };
        Some((place, Found::Literal(literal)))
    }

    /// The byte at which a scalar begins, after its anchor and tag.
    fn start(&self, node: &Node, scalar: &Scalar) -> usize {
        let line = self.lines.get(node.line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let start = line + self.text[line..].chars().take(scalar.column).map(char::len_utf8).sum::<usize>();
        let mut rest = &self.text[start..];
        while rest.starts_with(['&', '!']) {
            rest = rest.find(char::is_whitespace).map_or("", |end| rest[end..].trim_start());
        }
        self.text.len() - rest.len()
    }

    /// Byte range of a scalar, quotes included, if it is written without escapes.
    fn entry(&self, node: &Node, scalar: &Scalar) -> Option<Range<usize>> {
        let start = self.start(node, scalar);
        let quote = self.text[start..].chars().next().filter(|c| !scalar.block && matches!(c, '"' | '\''));
        let inner = start + usize::from(quote.is_some());
        let after = self.text.get(inner..)?.strip_prefix(scalar.text.as_str())?;
        let end = inner + scalar.text.len();
        match quote {
            None => Some(start..end),
            Some(quote) => after.starts_with(quote).then_some(start..end + 1),
        }
    }

    /// Whether only `- ` (for an entry) or its own key (`published:`) precedes it in its
    /// line.
    fn is_in_block(&self, entry: &Range<usize>, is_value: bool) -> bool {
        let line = self.lines.iter().rev().find(|line| **line <= entry.start).copied().unwrap_or_default();
        let before = self.text[line..entry.start].trim();
        let before =
            before.split([' ', '\t']).filter(|word| !word.starts_with(['&', '!'])).collect::<Vec<_>>().join(" ");
        if is_value {
            matches!(before.trim_start_matches('-').trim_start(), "published:" | "\"published\":" | "'published':")
        } else {
            before.ends_with('-') && before.bytes().all(|byte| byte == b'-' || byte == b' ')
        }
    }
}

/// The published and the target part of `[[IP:]PUBLISHED:]TARGET[/PROTOCOL]`, variables
/// not replaced; `None` if no port is published on purpose.
fn parts(text: &str) -> Option<(Range<usize>, Range<usize>)> {
    let mut depth = 0_usize;
    let mut colons = Vec::new();
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => colons.push(at),
            _ => {}
        }
    }
    let (last, before) = colons.split_last()?;
    let start = before.last().map_or(0, |colon| colon + 1);
    Some((start..*last, last + 1..text.len()))
}

/// Whether it is `${NAME…}` once or several times and nothing else: `${BIND}${PORT}`.
fn is_made_of_variables(text: &str) -> bool {
    let mut rest = text;
    while let Some(first) = crate::parse::interpolate::mentions(rest).first() {
        let Some(after) = rest.strip_prefix(first.text) else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<Found> {
        literals(text, &Arc::from(Path::new("compose.yaml"))).unwrap()
    }

    /// The file with variables instead of all literals.
    fn edited(text: &str) -> String {
        let mut out = text.to_owned();
        for found in found(text).iter().rev() {
            if let Found::Literal(literal) = found {
                let name = format!("{}_{}", literal.service.to_uppercase(), literal.target.unwrap_or(0));
                for (range, with) in literal.edits(&name, false) {
                    out.replace_range(range, &with);
                }
            }
        }
        out
    }

    #[test]
    fn numbers_become_variables_and_nothing_else_changes() {
        for (before, after) in [
            ("- \"8000:80\" # why", "- \"${A_80:-8000}:80\" # why"),
            ("- '8000:80/udp'", "- '${A_80:-8000}:80/udp'"),
            ("- 8000:80", "- ${A_80:-8000}:80"),
            ("-   127.0.0.1:8000:80", "-   127.0.0.1:${A_80:-8000}:80"),
            ("- \"[::1]:8000:80\"", "- \"[::1]:${A_80:-8000}:80\""),
            ("- \"${IP:-127.0.0.1}:8000:80\"", "- \"${IP:-127.0.0.1}:${A_80:-8000}:80\""),
            ("- \"8000:${T:-80}\"", "- \"${A_0:-8000}:${T:-80}\""),
            ("- &p \"8000:80\"", "- &p \"${A_80:-8000}:80\""),
            ("- !!str 8000:80", "- !!str ${A_80:-8000}:80"),
            ("- >-\n        8000:80", "- >-\n        ${A_80:-8000}:80"),
            (
                "- target: 80\n        published: |-\n          8000",
                "- target: 80\n        published: |-\n          ${A_80:-8000}",
            ),
            ("- {target: 80, published: 8000}", "- {target: 80, published: \"${A_80:-8000}\"}"),
            ("- target: 80\n        published: 8000", "- target: 80\n        published: ${A_80:-8000}"),
            ("- published: \"8000\"\n        target: 80", "- published: \"${A_80:-8000}\"\n        target: 80"),
        ] {
            let file = |ports: &str| format!("# ü\nservices:\n  a:\n    image: x\n    ports:\n      {ports}\n");
            assert_eq!(edited(&file(before)), file(after));
            assert_eq!(found(&file(after)), [], "{after}");
        }
        assert_eq!(
            edited("\u{feff}{services: {a: {ports: [8000:80, \"81:80\"]}}}"),
            "\u{feff}{services: {a: {ports: [\"${A_80:-8000}:80\", \"${A_80:-81}:80\"]}}}"
        );
    }

    #[test]
    fn lines_that_the_scanner_needed_moved_keep_their_place() {
        let file = "services:\n  a:\n    ports: [\n    \"8000:80\",\n  \"9000:90\",\n]\n";
        assert_eq!(
            edited(file),
            "services:\n  a:\n    ports: [\n    \"${A_80:-8000}:80\",\n  \"${A_90:-9000}:90\",\n]\n"
        );
    }

    #[test]
    fn what_publishes_nothing_fixed_is_no_finding_and_what_cannot_be_one_variable_is_named() {
        let one = |port: &str| {
            let mut found = found(&format!("services:\n  a:\n    ports:\n      - {port}\n"));
            assert!(found.len() <= 1);
            found.pop()
        };
        for port in
            ["80", "\"80\"", "127.0.0.1::80", "0:80", "$P:80", "\"${P:-8000}:80\"", "$A${B:-1}:80", "{target: 80}"]
        {
            assert_eq!(one(port), None, "{port}");
        }
        for port in ["8000-8001:80-81", "\"80${N}:80\"", "{target: 80, published: 0x50}", "\"80\\x300:80\"", "080:80"] {
            assert!(matches!(one(port), Some(Found::Left { line: 4, .. })), "{port}: {:?}", one(port));
        }
    }

    #[test]
    fn an_entry_that_two_services_share_is_found_once() {
        let file = "x-p: &p [\"8000:80\"]\nservices:\n  a: {ports: *p}\n  b: {ports: *p}\n";
        assert_eq!(found(file).len(), 1);
        assert!(edited(file).starts_with("x-p: &p [\"${A_80:-8000}:80\"]"));
    }

    #[test]
    fn what_is_reset_stays() {
        assert_eq!(found("services:\n  a:\n    ports: !reset [\"8000:80\"]\n"), []);
    }

    /// The ports of every service, with defaults only.
    fn ports(text: &str) -> Vec<crate::model::PortMapping> {
        let mut found = Vec::new();
        for mut document in documents(text, &Arc::from(Path::new("compose.yaml"))).unwrap() {
            document.interpolate("", &|_| None).unwrap();
            for (name, node) in document.get("services").map(Node::entries).unwrap_or_default() {
                let service = super::super::define(name, node, &|_| None).unwrap().service;
                found.extend(service.ports.into_iter().map(|wanted| wanted.mapping));
            }
        }
        found
    }

    /// An entry of a block list; `\u{1}` stands for the list's indentation.
    fn entry() -> impl Strategy<Value = String> {
        let host = prop::sample::select(vec!["", "127.0.0.1:", "[::1]:", "${IP:-0.0.0.0}:", ":"]);
        let quote = prop::sample::select(vec!["\"", "'", ""]);
        let anchor = prop::sample::select(vec!["", "!!str ", "&p "]);
        let protocol = prop::sample::select(vec!["", "/udp", "/tcp"]);
        let comment = prop::sample::select(vec!["", " # 1:1", "   # ü \"8000:80\""]);
        let short = (host, quote, anchor, protocol, comment, 1..u16::MAX, 1..u16::MAX).prop_map(
            |(host, quote, anchor, protocol, comment, published, target)| match host {
                ":" => format!("{anchor}{quote}{target}{protocol}{quote}{comment}"),
                // Unquoted brackets begin a list.
                "[::1]:" if quote.is_empty() => format!("\"{host}{published}:{target}{protocol}\"{comment}"),
                _ => format!("{anchor}{quote}{host}{published}:{target}{protocol}{quote}{comment}"),
            },
        );
        let long = (prop::sample::select(vec!["\"", "'", ""]), 1..u16::MAX, 1..u16::MAX, 0..3_u8).prop_map(
            |(quote, published, target, form)| match form {
                0 => format!("{{target: {target}, published: {quote}{published}{quote}}}"),
                1 => format!("target: {target} # in\n\u{1}  published: {quote}{published}{quote} # out"),
                _ => format!("published: {quote}{published}{quote}\n\u{1}  target: {target}"),
            },
        );
        prop_oneof![3 => short, 1 => long]
    }

    proptest! {
        #[test]
        fn whatever_the_form_the_ports_stay_and_no_number_is_left(
            entries in prop::collection::vec(entry(), 1..6), indent in 2..9_usize, crlf: bool, flow: bool,
        ) {
            let space = " ".repeat(indent);
            let lines: String = if flow {
                // Comments and mappings of several lines only work in block lists.
                let words: Vec<&str> = entries.iter().filter(|entry| !entry.contains(['#', '\n'])).map(String::as_str).collect();
                // Braces need quotes there.
                let words: Vec<&str> = words.into_iter().filter(|word| !word.contains('$') || word.ends_with(['"', '\''])).collect();
                format!(" [{}]\n", words.join(", "))
            } else {
                let lines: Vec<String> =
                    entries.iter().map(|entry| format!("{space}- {}", entry.replace('\u{1}', &space))).collect();
                let lines = lines.join("\n") + "\n";
                format!("\n{lines}")
            };
            let text = format!("# ü\nservices:\n a:\n  image: x\n  ports:{lines}");
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            let after = edited(&text);
            prop_assert_eq!(ports(&after), ports(&text), "{}", after);
            prop_assert_eq!(found(&after), [], "{}", after);
            prop_assert_eq!(after.lines().count(), text.lines().count());
        }
    }
}
