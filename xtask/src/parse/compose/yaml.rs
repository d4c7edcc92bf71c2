//! YAML text to nodes: anchors, merge keys (`<<`), and Compose's own tags.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, SpannedEventReceiver};

use super::node::{Data, Node, Scalar, Tag};
use crate::error::{Error, Result};

/// Maximum number of nodes from aliases: nested ones double with every line.
const ALIAS_BUDGET: usize = 100_000;
/// More than any compose file needs, and safe for recursion.
const MAX_DEPTH: usize = 64;

/// Parses the documents of a file; empty ones are left out.
pub fn documents(text: &str, file: &Arc<Path>) -> Result<Vec<Node>> {
    let mut text = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut indented = BTreeSet::new();
    let mut first = None;
    loop {
        let mut builder = Builder {
            file,
            indented: &indented,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            budget: ALIAS_BUDGET,
            error: None,
        };
        let scanned = Parser::new_from_str(&text).load(&mut builder, true);
        // The builder's own error came first: the scanner continued after it.
        if let Some(error) = builder.error {
            return Err(error);
        }
        let Err(error) = scanned else { return Ok(builder.documents) };
        let next =
            loose_line(&error, &indented).filter(|line| indented.len() < MAX_LOOSE && *line <= text.lines().count());
        // If moving lines does not help, a bracket is missing, most likely near
        // the first such line.
        let error = first.get_or_insert(error);
        let Some(loose) = next else {
            let line = error.marker().line();
            return Err(Error::new(format!("{}:{line}: not valid YAML: {}", file.display(), error.info()))
                .hint("check the indentation (spaces, no tabs), quotes and brackets around that line"));
        };
        indented.insert(loose);
        text = Cow::Owned(indent(&text, loose));
    }
}

/// The line within brackets or quotes that is indented less than YAML allows, if the
/// scanner complains about that. The library that Compose uses accepts it, and
/// `ports: [` closed by a `]` directly below is widespread.
fn loose_line(error: &ScanError, indented: &BTreeSet<usize>) -> Option<usize> {
    let line = error.marker().line();
    match error.info() {
        "invalid indentation" | "invalid indentation in flow construct" => Some(line),
        // The error names the line of the quote; the bad one is below.
        "invalid indentation in quoted scalar" => (line + 1..=line + MAX_LOOSE).find(|line| !indented.contains(line)),
        _ => None,
    }
    .filter(|line| !indented.contains(line))
}

/// Maximum number of such lines in a file; each means parsing it again.
const MAX_LOOSE: usize = 50;

/// How far to indent: more than any nesting.
const INDENT: usize = 2 * MAX_DEPTH;

/// Indents one line, in a place where leading space has no meaning.
fn indent(text: &str, line: usize) -> String {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let (before, after) = text.split_at(start);
    format!("{before}{}{after}", " ".repeat(INDENT))
}

struct Builder<'a> {
    file: &'a Arc<Path>,
    /// Lines that were indented.
    indented: &'a BTreeSet<usize>,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    budget: usize,
    error: Option<Error>,
}

/// A collection that is being filled.
struct Open {
    node: Node,
    anchor: usize,
    /// For a mapping: the key whose value comes next, its line, and whether it is an
    /// unquoted `<<`.
    key: Option<(String, usize, bool)>,
    /// Values of `<<` in order, and its line.
    merged: Vec<Node>,
    merge_line: Option<usize>,
    /// Lines of the keys, to report duplicates.
    lines: Vec<usize>,
}

impl<'input> SpannedEventReceiver<'input> for Builder<'_> {
    fn on_event(&mut self, event: Event<'input>, span: Span) {
        if self.error.is_none()
            && let Err(error) = self.event(event, span.start)
        {
            self.error = Some(error);
        }
    }
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, start: Marker) -> Result<()> {
        let line = start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(text, style, tag.as_deref(), start);
                self.insert(node, anchor, style == ScalarStyle::Plain)
            }
            Event::SequenceStart(anchor, tag) => self.start(Data::List(Vec::new()), anchor, tag.as_deref(), line),
            Event::MappingStart(anchor, tag) => self.start(Data::Map(Vec::new()), anchor, tag.as_deref(), line),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let node = self.finish(open.node, open.merged)?;
                    self.insert(node, open.anchor, false)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(self.error(line, "an alias to an anchor that contains it"));
                };
                let size = size(node, self.budget);
                self.budget = self.budget.checked_sub(size).ok_or_else(|| self.error(line, "too many aliases"))?;
                let node = node.clone();
                self.insert(node, 0, false)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn scalar(&self, text: Cow<'_, str>, style: ScalarStyle, tag: Option<&saphyr_parser::Tag>, start: Marker) -> Node {
        let string = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        let quoted = style != ScalarStyle::Plain || string;
        let data = if !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
            Data::Null
        } else {
            let moved = if self.indented.contains(&start.line()) { INDENT } else { 0 };
            let column = start.col().saturating_sub(moved);
            let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
            Data::Scalar(Scalar { text: text.into_owned(), quoted, block, column, template: None })
        };
        Node { data, tag: compose_tag(tag), file: Arc::clone(self.file), line: start.line() }
    }

    fn start(&mut self, data: Data, anchor: usize, tag: Option<&saphyr_parser::Tag>, line: usize) -> Result<()> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.error(line, "nested too deeply"));
        }
        let node = Node { data, tag: compose_tag(tag), file: Arc::clone(self.file), line };
        self.open.push(Open { node, anchor, key: None, merged: Vec::new(), merge_line: None, lines: Vec::new() });
        Ok(())
    }

    /// Adds a finished node to the innermost open collection.
    fn insert(&mut self, node: Node, anchor: usize, plain: bool) -> Result<()> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            if !node.is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        match &mut open.node.data {
            Data::List(items) => items.push(node),
            Data::Map(entries) => match open.key.take() {
                None => {
                    let line = node.line;
                    let key = match node.data {
                        Data::Scalar(scalar) => scalar.text,
                        Data::Null => "null".to_owned(),
                        Data::List(_) | Data::Map(_) => {
                            return Err(self.error(line, "a key must be a word or text"));
                        }
                    };
                    let merge = plain && key == "<<";
                    if let Some(first) = open.merge_line.filter(|_| merge) {
                        let cure = "write one `<<` with a list: `<<: [*a, *b]`";
                        let error = self.error(line, &format!("the key `<<` is already in line {first}"));
                        return Err(error.hint(cure));
                    }
                    if merge {
                        open.merge_line = Some(line);
                    }
                    open.key = Some((key, line, merge));
                }
                Some((_, _, true)) => match node.data {
                    Data::List(items) => open.merged.extend(items),
                    _ => open.merged.push(node),
                },
                Some((key, line, false)) => {
                    if let Some(first) = entries.iter().position(|(known, _)| *known == key) {
                        let first = open.lines[first];
                        return Err(self.error(line, &format!("the key `{key}` is already in line {first}")));
                    }
                    entries.push((key, node));
                    open.lines.push(line);
                }
            },
            Data::Null | Data::Scalar(_) => {}
        }
        Ok(())
    }

    /// Adds missing keys from `<<`; earlier sources win.
    fn finish(&self, mut node: Node, merged: Vec<Node>) -> Result<Node> {
        let Data::Map(entries) = &mut node.data else {
            return Ok(node);
        };
        for source in merged {
            let line = source.line;
            let Data::Map(more) = source.data else {
                return Err(self.error(line, "`<<` needs a mapping or a list of mappings"));
            };
            for (key, value) in more {
                if !entries.iter().any(|(known, _)| *known == key) {
                    entries.push((key, value));
                }
            }
        }
        Ok(node)
    }

    fn error(&self, line: usize, fact: &str) -> Error {
        Error::new(format!("{}:{line}: {fact}", self.file.display()))
            .hint("compare that line with the reference: https://docs.docker.com/reference/compose-file/")
    }
}

fn compose_tag(tag: Option<&saphyr_parser::Tag>) -> Tag {
    match tag.filter(|tag| tag.handle == "!").map(|tag| tag.suffix.as_str()) {
        Some("reset") => Tag::Reset,
        Some("override") => Tag::Override,
        _ => Tag::None,
    }
}

/// Number of nodes in `node`, itself included, counted up to `limit` + 1.
fn size(node: &Node, limit: usize) -> usize {
    let mut total = 1;
    let children: Box<dyn Iterator<Item = &Node>> = match &node.data {
        Data::List(items) => Box::new(items.iter()),
        Data::Map(entries) => Box::new(entries.iter().map(|(_, value)| value)),
        Data::Null | Data::Scalar(_) => return total,
    };
    for child in children {
        if total > limit {
            break;
        }
        total += size(child, limit - total);
    }
    total
}
