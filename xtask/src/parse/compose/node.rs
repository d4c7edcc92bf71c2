//! A YAML node that knows where it stands and which variables made it.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::Source;
use crate::parse::interpolate::{Use, interpolate};

/// A node of a compose file.
#[derive(Debug, Clone)]
pub struct Node {
    pub data: Data,
    /// Compose's own tag on it.
    pub tag: Tag,
    pub file: Arc<Path>,
    pub line: usize,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Data {
    /// Nothing, `~` or `null`.
    Null,
    /// Anything written as one word or text.
    Scalar(Scalar),
    /// `[…]` or `- …`.
    List(Vec<Node>),
    /// `{…}` or `key: …`, in the order of the file; keys are unique.
    Map(Vec<(String, Node)>),
}

/// A word or text.
#[derive(Debug, Clone, Default)]
pub struct Scalar {
    /// The text, after interpolation.
    pub text: String,
    /// It is a text whatever it looks like: quoted, or made by interpolation.
    pub quoted: bool,
    /// Where it begins in its line, quotes included: characters, from 0. The
    /// line is the node's.
    pub column: usize,
    /// The text before interpolation and the variables in it, where it has
    /// any.
    pub template: Option<Box<Template>>,
}

/// A text with variables.
#[derive(Debug, Clone)]
pub struct Template {
    /// The text as written.
    pub raw: String,
    pub uses: Vec<Use<Source>>,
}

/// Compose's tags for override files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// None, or one that means nothing to Compose.
    None,
    /// `!reset`: the key is removed.
    Reset,
    /// `!override`: the value replaces instead of being merged.
    Override,
}

/// Looks a variable up: its value, and where it is set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<(String, Source)> + 'a;

impl Node {
    /// `FILE:LINE`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }

    /// An error about this node.
    pub fn error(&self, path: &str, fact: impl std::fmt::Display) -> Error {
        Error::new(format!("{}: {path}: {fact}", self.place()))
    }

    /// Whether it holds nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[(String, Node)] {
        if let Data::Map(entries) = &self.data { entries } else { &[] }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        if let Data::List(items) = &self.data { items } else { &[] }
    }

    /// The value of a key that is not null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// The word or text.
    pub fn scalar(&self) -> Option<&Scalar> {
        if let Data::Scalar(scalar) = &self.data { Some(scalar) } else { None }
    }

    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// One text, or a list of them.
    pub fn texts(&self) -> Vec<&str> {
        match &self.data {
            Data::Scalar(scalar) => vec![&scalar.text],
            Data::List(items) => items.iter().filter_map(Node::text).collect(),
            Data::Null | Data::Map(_) => Vec::new(),
        }
    }

    /// Whether two nodes say the same, wherever they stand.
    pub fn same(&self, other: &Node) -> bool {
        match (&self.data, &other.data) {
            (Data::Null, Data::Null) => true,
            (Data::Scalar(one), Data::Scalar(two)) => one.text == two.text,
            (Data::List(one), Data::List(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.same(two))
            }
            (Data::Map(one), Data::Map(two)) => {
                one.len() == two.len()
                    && one.iter().all(|(key, one)| two.iter().any(|(other, two)| other == key && one.same(two)))
            }
            _ => false,
        }
    }

    /// Replaces the variables in every value below `path`. Keys have none.
    pub fn interpolate(&mut self, path: &str, lookup: &Lookup<'_>) -> Result<()> {
        match &mut self.data {
            Data::Null => {}
            Data::Scalar(scalar) => {
                if scalar.text.contains('$') {
                    let done = interpolate(&scalar.text, lookup)
                        .map_err(|error| error.within(format!("{}:{}: {path}", self.file.display(), self.line)))?;
                    let raw = std::mem::replace(&mut scalar.text, done.value);
                    scalar.template = Some(Box::new(Template { raw, uses: done.uses }));
                    scalar.quoted = true;
                }
            }
            Data::List(items) => {
                for item in items {
                    item.interpolate(path, lookup)?;
                }
            }
            Data::Map(entries) => {
                for (key, value) in entries {
                    if matches!(value.data, Data::Null) {
                        continue;
                    }
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    value.interpolate(&path, lookup)?;
                }
            }
        }
        Ok(())
    }
}
