//! Other ports, in `.env` or, for literals, in a compose file on top: a plan of
//! edits, and carrying it out so that the files are either as they were or right.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::decide::{Expect, Slot, cannot_share_port, port_difference};
use crate::envfile::{Dependents, Document, PortMove};
use crate::error::{Error, Result};
use crate::ledger::MovedValue;
use crate::model::{Affixes, ComposeOptions, PortRange, Stack, Verdict, Wanted};
use crate::operation::change::tracked::Writes;
use crate::operation::change::{dependents, overrides, proof};
use crate::operation::check::survey::{Row, Survey};
use crate::ports::too_many_replicas;
use crate::ui::{self, Format};
use crate::{disk, stack};

/// What a port is written as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The value of this variable.
    Variable(String),
    /// A literal in the compose file.
    Literal(Slot),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Variable(name) => f.write_str(name),
            What::Literal(slot) => f.write_str(&ui::clean(&slot.to_string())),
        }
    }
}

/// One port that becomes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What is changed.
    pub what: What,
    /// Its port now.
    pub from: u16,
    /// Its port then; a free one.
    pub to: u16,
    /// The file to write to, so that Compose reads it.
    pub file: PathBuf,
    /// What stands around the port in the variable's value, and stays.
    pub affixes: Affixes,
    /// How the variable was written before it was moved, when it goes back.
    pub back: Option<MovedValue>,
}

impl Move {
    /// One without anything around its number.
    pub(super) fn bare(what: What, from: u16, to: u16, file: PathBuf) -> Move {
        Move { what, from, to, file, affixes: Affixes::default(), back: None }
    }

    /// What is written: the new port, and what stood around the old one.
    pub fn value(&self) -> String {
        self.affixes.value(self.to)
    }

    /// `DB_PORT=127.0.0.1:5433 in .env`.
    pub(super) fn cause(&self, ctx: &Context, writes: Writes) -> String {
        let place = match writes {
            Writes::Environment => "the environment".to_owned(),
            _ => ctx.show(&self.file),
        };
        format!("{}={} in {place}", self.what, ui::clean(&self.value()))
    }

    /// What a port of the model has to be after this.
    pub(super) fn expects(&self, wanted: &Wanted) -> Option<Expect> {
        let variable = wanted.origin.as_ref().and_then(|origin| origin.variable.as_deref());
        let is_it = variable.is_some() && variable == self.variable();
        (is_it && wanted.mapping.published == Some(PortRange::one(self.from))).then_some(Expect::Port(self.to))
    }

    /// The variable that is changed.
    pub fn variable(&self) -> Option<&str> {
        if let What::Variable(name) = &self.what { Some(name) } else { None }
    }

    /// The entry of a compose file that is changed.
    pub fn slot(&self) -> Option<&Slot> {
        if let What::Literal(slot) = &self.what { Some(slot) } else { None }
    }

    /// Whether the port of this row is the one.
    pub fn is_of(&self, survey: &Survey, row: &Row) -> bool {
        match &self.what {
            What::Variable(name) => row.variable() == Some(name),
            What::Literal(slot) => overrides::slot_of(survey, row).as_ref() == Some(slot),
        }
    }
}

/// Plans a move for each conflict: of its variable, else of the literal. A
/// variable that the shell sets beats every file, so there nothing can be
/// written that would take effect. One that would change more than its own
/// ports is left alone: then only the host's side moves, as that of a literal.
pub fn plan(survey: &Survey, writes: Writes) -> Result<Vec<Move>> {
    planned(survey, writes, true)
}

/// The same without any variable: by a compose file on top alone.
pub fn plan_on_top(survey: &Survey, writes: Writes) -> Result<Vec<Move>> {
    planned(survey, writes, false)
}

fn planned(survey: &Survey, writes: Writes, by_variable: bool) -> Result<Vec<Move>> {
    let ctx = &survey.ctx;
    let mut moves: BTreeMap<What, Move> = BTreeMap::new();
    let mut literals: Vec<(&Row, Move, Option<Error>)> = Vec::new();
    for row in survey.conflicts() {
        if let Verdict::NotPublished { why, .. } = &row.verdict {
            let (service, address) = (ui::clean(&row.wanted.mapping.service), row.wanted.mapping.address());
            return Err(Error::new(format!("{service} cannot publish {address}: {why}"))
                .hint("no other port helps: move these lines of `ports:`, or take them out")
                .finding());
        }
        let published = row.wanted.mapping.published.map(|range| range.first);
        let mut spoiled = None;
        match (row.variable(), published, row.suggestion) {
            (Some(variable), _, _) if by_variable && row.from_shell() && ctx.is_shell_var(variable) => {
                return Err(shadowed(variable, ctx));
            }
            (Some(variable), Some(from), Some(to)) if by_variable => {
                let what = What::Variable(variable.to_owned());
                let affixes = row.wanted.origin.as_ref().map(|origin| origin.affixes.clone()).unwrap_or_default();
                let file = file_for(survey, variable)?;
                let step = Move { affixes, ..Move::bare(what.clone(), from, to, file) };
                if moves.get(&what) == Some(&step) {
                    continue;
                }
                spoiled = spoils(survey, &step, row, writes);
                if spoiled.is_none() {
                    moves.insert(what, step);
                    continue;
                }
            }
            _ => {}
        }
        let (Some(from), Some(to)) = (published, row.suggestion) else {
            return Err(
                too_many_replicas(&survey.stack, &row.wanted.mapping).map_or_else(|| immovable(ctx, row), crowded)
            );
        };
        let slot = overrides::slot_of(survey, row).filter(|_| row.wanted.origin.is_some());
        let what = What::Literal(slot.ok_or_else(|| immovable(ctx, row))?);
        literals.push((row, Move::bare(what, from, to, PathBuf::new()), spoiled));
    }
    if let Some((row, _, spoiled)) = literals.first() {
        let fact = || spoiled.clone().unwrap_or_else(|| immovable(ctx, row));
        if survey.without_compose.is_some() {
            return Err(fact());
        }
        let place = if writes == Writes::Environment { Ok(PathBuf::new()) } else { overrides::place(survey) };
        let file = place.map_err(|why| why_not(&fact(), &why))?;
        moves.extend(literals.into_iter().map(|(_, step, _)| (step.what.clone(), Move { file: file.clone(), ..step })));
    }
    Ok(moves.into_values().collect())
}

/// Why the variable of `step` cannot be written without changing another port,
/// or an address; by our own reader, which sees what the value does everywhere.
fn spoils(survey: &Survey, step: &Move, row: &Row, writes: Writes) -> Option<Error> {
    let ctx = &survey.ctx;
    let variable = step.variable().unwrap_or_default();
    let alone = |error: Error| {
        let own = format!(
            "`\"${{{}_PORT:-{}}}:{}\"`",
            variable_name(&row.wanted.mapping.service),
            step.from,
            row.wanted.mapping.target
        );
        error
            .hint(format!("give service `{}` a variable of its own: {own}", ui::clean(&row.wanted.mapping.service)))
            .finding()
    };
    let also = survey.rows.iter().find(|other| {
        other.variable() == Some(variable)
            && other.wanted != row.wanted
            && cannot_share_port(&other.wanted.mapping, &row.wanted.mapping)
    });
    if let Some(other) = also {
        let (service, address) = (ui::clean(&other.wanted.mapping.service), other.wanted.mapping.address());
        return Some(alone(Error::new(format!(
            "{variable} also feeds {address} of service `{service}`, and the two cannot have one number"
        ))));
    }
    let read = |options: &ComposeOptions, value: Option<&str>| {
        let lookup = |name: &str| value.filter(|_| name == variable).map(str::to_owned).or_else(|| ctx.var(name));
        stack::read(options, &ctx.dir, &lookup)
    };
    let active = ctx.with_template(survey.template.as_deref()).options;
    let every = active.clone().with_every_profile();
    let (options, before) = [every, active].into_iter().find_map(|options| {
        let before = read(&options, None).ok()?;
        Some((options, before))
    })?;
    changes_more(step, &before, read(&options, Some(&step.value())), &step.cause(ctx, writes)).map(alone)
}

/// What the new value would change besides the port of `step`.
fn changes_more(step: &Move, before: &Stack, after: Result<Stack>, cause: &str) -> Option<Error> {
    match after {
        Ok(after) => {
            let expect = |wanted: &Wanted| step.expects(wanted).unwrap_or(Expect::Same);
            port_difference(before, &after, &expect).map(|difference| proof::refusal(cause, &difference))
        }
        Err(error) => Some(error.within(cause)),
    }
}

/// No file on top: the other way is a variable.
fn why_not(fact: &Error, why: &Error) -> Error {
    let error = Error::new(format!("{}; {why}", fact.message()));
    let error = why.hints().iter().fold(error, Error::hint);
    fact.hints().iter().fold(error, |error, hint| error.hint(format!("or {hint}"))).finding()
}

/// With no `.env` yet, the one that the template becomes.
pub(crate) fn file_for(survey: &Survey, variable: &str) -> Result<PathBuf> {
    survey.env_files.file_for(variable).map(Path::to_path_buf)
}

/// Why a value in a file would have no effect.
pub(crate) fn shadowed(variable: &str, ctx: &Context) -> Error {
    let value = ctx.var(variable).unwrap_or_default();
    Error::new(format!("the shell sets {variable}={}, which beats any value in .env", ui::mask_value(variable, &value)))
        .hint(format!("`unset {variable}`, then run this again"))
        .hint(format!("or give it another value there: `export {variable}=…`"))
}

fn immovable(ctx: &Context, row: &Row) -> Error {
    let mapping = &row.wanted.mapping;
    let address = mapping.address();
    let error = match (&row.wanted.origin, row.suggestion) {
        (Some(origin), Some(port)) => Error::new(format!(
            "service `{}` publishes {address} as a literal in {}:{}",
            mapping.service,
            ctx.show(&origin.file),
            origin.line
        ))
        .hint(format!(
            "make it a variable: `\"${{{}_PORT:-{}}}:{}\"`, then run this again; {port} is free",
            variable_name(&mapping.service),
            mapping.published.map(|range| range.first).unwrap_or_default(),
            mapping.target
        )),
        (_, Some(_)) => Error::new(format!("no variable feeds {address} of service `{}`", mapping.service))
            .hint("give it one: `\"${NAME:-8000}:8000\"`"),
        (_, None) => Error::new(format!("no other port could be found for {address} of service `{}`", mapping.service))
            .hint("widen port_range in xtask.toml, or stop the holder: `cargo xtask check-ports --stop-holders`"),
    };
    error.finding()
}

fn crowded(why: String) -> Error {
    Error::new(why)
        .hint("give it a port for each: `\"8000-8001:80\"`; or one container (`scale:`, `deploy.replicas`)")
        .finding()
}

fn variable_name(service: &str) -> String {
    service.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// The moves as lines: `BACKEND_PORT 8000 -> 8001`. In JSON stdout is for the
/// report alone, so they are notes.
pub fn show(ctx: &Context, moves: &[Move], writes: Writes) {
    for step in moves {
        let place = if writes == Writes::Environment { "for this run".to_owned() } else { ctx.show(&step.file) };
        let value = |port: u16| ui::clean(&step.affixes.value(port));
        let line = format!("{} {} -> {}  ({place})", step.what, value(step.from), value(step.to));
        if ctx.format == Format::Json { ui::note(&line) } else { ui::out(&line) }
    }
    // What really followed `apply` has said.
    if ctx.dry_run {
        let files: BTreeSet<&Path> = moves.iter().map(|step| step.file.as_path()).collect();
        for file in files {
            if let Ok(document) = disk::read(file).and_then(|bytes| Document::parse(bytes.unwrap_or_default())) {
                dependents::show(ctx, file, &dependents_of(ctx, file, &document, moves));
            }
        }
    }
}

/// Other lines of `file` that go with its moves.
pub(crate) fn dependents_of(ctx: &Context, file: &Path, document: &Document, moves: &[Move]) -> Dependents {
    let of_file = moves.iter().filter(|step| step.file == file);
    let port_move = |step: &Move| {
        let (before, after) = (step.affixes.value(step.from), step.value());
        Some(PortMove { variable: step.variable()?.to_owned(), from: step.from, to: step.to, before, after })
    };
    let moves: Vec<PortMove> = of_file.filter_map(port_move).collect();
    dependents::of(ctx, file, document, &moves)
}
