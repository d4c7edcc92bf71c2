//! Values that belong to other values: `VITE_API_URL=http://localhost:8000`
//! names the port of BACKEND_PORT.
//!
//! The template is the contract. Where it declares a value by interpolation
//! (`http://localhost:${BACKEND_PORT}`), a literal in `.env` that said the same
//! moves along; where nothing declares it, a mention of the old port is only
//! pointed out.

use std::collections::BTreeMap;

use super::{Assigned, Document, Lookup};
use crate::parse::interpolate::{interpolate, mentions as variables};

/// What a move of ports means for the other lines of `.env`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependents {
    /// Values that must move along.
    pub follow: Vec<Follow>,
    /// Values that name an old port, and that nothing declares: to be looked at.
    pub mentioned: Vec<Mention>,
}

/// A variable whose port becomes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMove {
    pub variable: String,
    /// The port before.
    pub from: u16,
    /// The port after.
    pub to: u16,
    /// Its value before: the port, and what stands around it.
    pub before: String,
    pub after: String,
}

/// A literal that said what the template's interpolation said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    pub variable: String,
    /// Its line in `.env`, from 1.
    pub line: usize,
    /// Its value now.
    pub from: String,
    /// Its value then.
    pub to: String,
}

/// A value that names a port which is not the one any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub variable: String,
    pub line: usize,
    /// Its value as written.
    pub value: String,
    pub port: u16,
    /// The variable whose port that was.
    pub of: String,
}

/// A literal in `.env` that does not say what the template's interpolation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub variable: String,
    /// Its line in `.env`, from 1.
    pub line: usize,
    pub template_line: usize,
    /// The template's text, variables not replaced.
    pub declared: String,
    pub value: String,
    /// What the template makes it with the values of today.
    pub expected: String,
}

/// What follows when each variable of `moves` goes from one port to another.
/// `shell` is the process environment.
pub fn dependents(template: &Document, env: &Document, shell: &Lookup<'_>, moves: &[PortMove]) -> Dependents {
    let mut before: Given = values(env, shell);
    let mut after = env.clone();
    for step in moves {
        before.insert(step.variable.clone(), step.before.clone());
        // A name that cannot be written cannot have been moved either.
        drop(after.set(&step.variable, &step.after));
    }
    let defaults = values(template, shell);
    let declared = declared(template);
    let lines: BTreeMap<String, Assigned> = literals(env);
    let mut follow: Vec<Follow> = Vec::new();
    // One that follows may move another: until nothing more does.
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

/// Values of `env` that name the first port of a move; those of the variables
/// that move are left out.
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

/// Literals of `env` that the template declares by interpolation and that say
/// something else: what it says with another number in the place of one, or
/// what it says with all its own defaults. A value of quite another shape was
/// somebody's choice.
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

/// A document that cannot be evaluated gives nothing: whoever reads the project
/// says why.
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

/// What the template makes of other variables, also where it only offers it.
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

/// Assignments that name no variable.
fn literals(env: &Document) -> BTreeMap<String, Assigned> {
    let literal = |line: &Assigned| line.text.as_deref().is_some_and(|text| variables(text).is_empty());
    env.last_assigned().into_iter().filter(literal).map(|line| (line.name.clone(), line)).collect()
}

/// Stands for a number; no text of people holds it.
const NUMBER: char = '\u{f8ff}';

/// Whether `value` is what `text` makes with other numbers in the place of
/// those that its variables have.
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

/// `:8000` within a text, or 8000 as all of a variable that is called a port.
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
