//! Values that depend on others: `VITE_API_URL=http://localhost:8000` contains the port
//! of BACKEND_PORT.
//!
//! The template is the contract. If it declares a value by interpolation
//! (`http://localhost:${BACKEND_PORT}`), a literal in `.env` with that value changes along
//! with the port. Without a declaration, a mention of the old port is only reported.

use std::collections::BTreeMap;

use super::{Assigned, Document, Lookup};
use crate::parse::interpolate::{interpolate, mentions as variables};

/// The effect of port moves on the other lines of `.env`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependents {
    /// Values that must change too.
    pub follow: Vec<Follow>,
    /// Values that contain an old port without a declaration: to be checked by hand.
    pub mentioned: Vec<Mention>,
}

impl Dependents {
    /// The same if the port of the variable `of` moves and its value does not: nothing follows.
    #[must_use]
    pub fn left_behind(self, port: u16, of: &str) -> Dependents {
        let mention = |step: Follow| Mention {
            variable: step.variable,
            line: step.line,
            value: step.from,
            port,
            of: of.to_owned(),
        };
        let mut mentioned: Vec<Mention> = self.follow.into_iter().map(mention).chain(self.mentioned).collect();
        mentioned.sort_by_key(|mention| mention.line);
        Dependents { follow: Vec::new(), mentioned }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMove {
    pub variable: String,
    pub from: u16,
    pub to: u16,
    /// Its value before: the port and the text around it.
    pub before: String,
    pub after: String,
}

/// A literal that equals the value declared in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    pub variable: String,
    pub line: usize,
    pub from: String,
    pub to: String,
}

/// A value that contains a port which has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub variable: String,
    pub line: usize,
    /// Its value as written.
    pub value: String,
    pub port: u16,
    /// The variable that had that port.
    pub of: String,
}

/// A literal in `.env` that differs from the value declared in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub variable: String,
    pub line: usize,
    pub template_line: usize,
    /// The template's text with variables.
    pub declared: String,
    pub value: String,
    /// The declared value with the current values of its variables.
    pub expected: String,
}

/// The effect of `moves`. `shell` is the process environment.
pub fn dependents(template: &Document, env: &Document, shell: &Lookup<'_>, moves: &[PortMove]) -> Dependents {
    let mut before: Given = values(env, shell);
    let mut after = env.clone();
    for step in moves {
        before.insert(step.variable.clone(), step.before.clone());
        // A variable that cannot be set was not moved.
        drop(after.set(&step.variable, &step.after));
    }
    let defaults = values(template, shell);
    let declared = declared(template);
    let lines: BTreeMap<String, Assigned> = literals(env);
    let mut follow: Vec<Follow> = Vec::new();
    // A changed value may change another: repeat until nothing changes.
    loop {
        let now = values(&after, shell);
        let next = declared.iter().find_map(|(name, _, text)| {
            let line = lines.get(name)?;
            let moved = moves.iter().any(|step| step.variable == *name);
            if moved || shell(name).is_some() || follow.iter().any(|known| known.variable == *name) {
                return None;
            }
            let value = before.get(name)?.clone();
            let old = evaluate(text, shell, &before, &defaults)?;
            let new = evaluate(text, shell, &now, &defaults)?;
            (old == value && new != old).then(|| Follow {
                variable: name.clone(),
                line: line.line,
                from: value,
                to: new,
            })
        });
        let Some(next) = next else { break };
        if after.set(&next.variable, &next.to).is_err() {
            break;
        }
        follow.push(next);
    }
    follow.sort_by_key(|step| step.line);
    let mut mentioned = mentions(env, moves);
    mentioned.retain(|mention| !follow.iter().any(|step| step.variable == mention.variable));
    Dependents { follow, mentioned }
}

/// Values of `env` that contain the old port of a move, except those of the moved
/// variables.
pub fn mentions(env: &Document, moves: &[PortMove]) -> Vec<Mention> {
    let mut found = Vec::new();
    for line in env.last_assigned() {
        let Some(text) = line.text else { continue };
        if moves.iter().any(|step| step.variable == line.name) {
            continue;
        }
        for PortMove { variable: of, from, .. } in moves {
            if names_port(&line.name, &text, *from) {
                let (variable, of) = (line.name.clone(), of.clone());
                found.push(Mention { variable, line: line.line, value: text.replace("$$", "$"), port: *from, of });
                break;
            }
        }
    }
    found
}

/// Literals of `env` that differ from the value declared in the template, if only a
/// number differs or the literal is the template's value with its own defaults. A value
/// of another shape was chosen on purpose.
pub fn stale(template: &Document, env: &Document, shell: &Lookup<'_>) -> Vec<Stale> {
    let now = values(env, shell);
    let defaults = values(template, shell);
    let lines = literals(env);
    let mut found = Vec::new();
    for (name, template_line, text) in declared(template) {
        let (Some(line), None) = (lines.get(&name), shell(&name)) else { continue };
        let (Some(value), Some(expected)) = (now.get(&name).cloned(), evaluate(&text, shell, &now, &defaults)) else {
            continue;
        };
        let by_default = || evaluate(&text, &|_| None, &defaults, &Given::new());
        if value != expected
            && (by_default().as_ref() == Some(&value) || same_shape(&text, &value, shell, &now, &defaults))
        {
            found.push(Stale { variable: name, line: line.line, template_line, declared: text, value, expected });
        }
    }
    found
}

type Given = BTreeMap<String, String>;

/// Empty for a document that cannot be evaluated: reading the project reports why.
fn values(document: &Document, shell: &Lookup<'_>) -> Given {
    let values = document.values(shell, &|_| None).unwrap_or_default();
    values.into_iter().map(|(name, value)| (name, value.value)).collect()
}

fn evaluate(text: &str, shell: &Lookup<'_>, values: &Given, defaults: &Given) -> Option<String> {
    let lookup = |name: &str| {
        let value = shell(name).or_else(|| values.get(name).cloned()).or_else(|| defaults.get(name).cloned());
        value.map(|value| (value, ()))
    };
    interpolate(text, &lookup).ok().map(|done| done.value)
}

/// The values that the template declares with variables, commented ones included.
fn declared(template: &Document) -> Vec<(String, usize, String)> {
    let lines = template.last_assigned().into_iter().filter_map(|line| Some((line.name, line.line, line.text?)));
    let mut all: Vec<(String, usize, String)> = lines.collect();
    for offered in template.commented() {
        if !all.iter().any(|(name, ..)| *name == offered.name) {
            all.push((offered.name, offered.line, offered.text));
        }
    }
    all.retain(|(_, _, text)| !variables(text).is_empty());
    all
}

/// Assignments without variables.
fn literals(env: &Document) -> BTreeMap<String, Assigned> {
    let literal = |line: &Assigned| line.text.as_deref().is_some_and(|text| variables(text).is_empty());
    env.last_assigned().into_iter().filter(literal).map(|line| (line.name.clone(), line)).collect()
}

/// Placeholder for a number; a private-use character that no text contains.
const NUMBER: char = '\u{f8ff}';

/// Whether `value` equals the expansion of `text`, apart from numbers in variables.
fn same_shape(text: &str, value: &str, shell: &Lookup<'_>, values: &Given, defaults: &Given) -> bool {
    let is_number = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let lookup = |name: &str| {
        let found = shell(name).or_else(|| values.get(name).cloned()).or_else(|| defaults.get(name).cloned());
        let default = || variables(text).iter().find(|m| m.name == name).and_then(|m| m.default).map(str::to_owned);
        let found = found.or_else(default)?;
        Some((if is_number(&found) { NUMBER.to_string() } else { found }, ()))
    };
    let Ok(shape) = interpolate(text, &lookup) else { return false };
    let mut rest = value;
    let mut parts = shape.value.split(NUMBER);
    let first = parts.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    for part in parts {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        match rest[digits..].strip_prefix(part) {
            Some(after) if digits > 0 => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// Whether it contains `:8000`, or is 8000 and the variable's name says port.
fn names_port(name: &str, text: &str, port: u16) -> bool {
    let port = port.to_string();
    if text == port {
        return name.to_ascii_uppercase().contains("PORT");
    }
    text.match_indices(&port).any(|(at, _)| {
        let after = text[at + port.len()..].chars().next();
        text[..at].ends_with(':') && !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
    })
}
