//! A YAML node that knows its position and the variables in it.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::Source;
use crate::parse::interpolate::{Use, interpolate};

#[derive(Debug, Clone)]
pub struct Node {
    pub data: Data,
    /// Its tag, if Compose knows it.
    pub tag: Tag,
    pub file: Arc<Path>,
    pub line: usize,
}

#[derive(Debug, Clone)]
pub enum Data {
    /// Nothing, `~` or `null`.
    Null,
    /// Anything that is not a list or mapping.
    Scalar(Scalar),
    /// `[…]` or `- …`.
    List(Vec<Node>),
    /// `{…}` or `key: …`, in the order of the file; keys are unique.
    Map(Vec<(String, Node)>),
}

#[derive(Debug, Clone, Default)]
pub struct Scalar {
    /// The text, after interpolation.
    pub text: String,
    /// It is a string whatever it looks like: quoted, or a result of interpolation.
    pub quoted: bool,
    /// Written as a literal or folded block (`|`, `>`), in which quotes are text.
    pub block: bool,
    /// Column where it begins, quotes included: characters, from 0. The line is the
    /// node's.
    pub column: usize,
    /// The text before interpolation, if it has variables.
    pub template: Option<Box<Template>>,
}

#[derive(Debug, Clone)]
pub struct Template {
    pub raw: String,
    pub uses: Vec<Use<Source>>,
}

/// Compose's tags for override files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// None, or one that Compose ignores.
    None,
    /// `!reset`: the key is removed.
    Reset,
    /// `!override`: the value replaces instead of being merged.
    Override,
}

/// Looks up a variable: its value, and where it is set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<(String, Source)> + 'a;

impl Node {
    /// `FILE:LINE`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }

    pub fn error(&self, path: &str, fact: impl std::fmt::Display) -> Error {
        Error::new(format!("{}: {path}: {fact}", self.place()))
    }

    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// The entries of a mapping; otherwise none.
    pub fn entries(&self) -> &[(String, Node)] {
        if let Data::Map(entries) = &self.data { entries } else { &[] }
    }

    /// The items of a list; otherwise none.
    pub fn items(&self) -> &[Node] {
        if let Data::List(items) = &self.data { items } else { &[] }
    }

    /// The value of a key, unless it is null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        if let Data::Scalar(scalar) = &self.data { Some(scalar) } else { None }
    }

    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// Its text, or the texts of its items.
    pub fn texts(&self) -> Vec<&str> {
        match &self.data {
            Data::Scalar(scalar) => vec![&scalar.text],
            Data::List(items) => items.iter().filter_map(Node::text).collect(),
            Data::Null | Data::Map(_) => Vec::new(),
        }
    }

    /// Whether two nodes are equal apart from their positions.
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

    /// Replaces the variables in every value; Compose does not look at keys.
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
