//! Plans moves of ports: by variables in `.env` or, for literals, by an override file.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::decide::{Expect, PortDifference, Slot, cannot_share_port, port_differences};
use crate::envfile::{Dependents, Document, PortMove};
use crate::error::{Error, Result};
use crate::ledger::MovedValue;
use crate::model::{Affixes, ComposeOptions, PortRange, Stack, Verdict, Wanted};
use crate::operation::change::tracked::WriteMode;
use crate::operation::change::{dependents, overrides, proof};
use crate::operation::check::project::{CheckedProject, Row};
use crate::ports::too_many_replicas;
use crate::ui::{self, Format};
use crate::{disk, stack};

/// How a port is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortSource {
    Variable(String),
    /// In the compose file.
    Literal(Slot),
}

impl fmt::Display for PortSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PortSource::Variable(name) => f.write_str(name),
            PortSource::Literal(slot) => f.write_str(&ui::clean(&slot.to_string())),
        }
    }
}

/// The change of one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub source: PortSource,
    pub from: u16,
    pub to: u16,
    /// The file to write, which Compose reads.
    pub file: PathBuf,
    /// The unchanged text around the port in the variable's value.
    pub affixes: Affixes,
    /// For a restore: how the variable was written before it was moved.
    pub back: Option<MovedValue>,
}

impl Move {
    /// A move of a value that is only a number.
    pub(super) fn number(source: PortSource, from: u16, to: u16, file: PathBuf) -> Move {
        Move { source, from, to, file, affixes: Affixes::default(), back: None }
    }

    /// The new value: the new port with the text around it.
    pub fn value(&self) -> String {
        self.affixes.value(self.to)
    }

    /// `DB_PORT=127.0.0.1:5433 in .env`.
    pub(super) fn cause(&self, ctx: &Context, writes: WriteMode) -> String {
        let place = match writes {
            WriteMode::Environment => "the environment".to_owned(),
            _ => ctx.show(&self.file),
        };
        format!("{}={} in {place}", self.source, ui::clean(&self.value()))
    }

    /// What the move should do to a port of the model; `None`: it doesn't concern it.
    pub(super) fn expectation(&self, wanted: &Wanted) -> Option<Expect> {
        let variable = wanted.origin.as_ref().and_then(|origin| origin.variable.as_deref());
        let is_same = variable.is_some() && variable == self.variable();
        (is_same && wanted.mapping.published == Some(PortRange::one(self.from))).then_some(Expect::Port(self.to))
    }

    pub fn variable(&self) -> Option<&str> {
        if let PortSource::Variable(name) = &self.source { Some(name) } else { None }
    }

    pub fn slot(&self) -> Option<&Slot> {
        if let PortSource::Literal(slot) = &self.source { Some(slot) } else { None }
    }

    pub fn applies_to(&self, project: &CheckedProject, row: &Row) -> bool {
        match &self.source {
            PortSource::Variable(name) => row.variable() == Some(name),
            PortSource::Literal(slot) => overrides::slot_of(project, row).as_ref() == Some(slot),
        }
    }
}

/// Plans a move for each conflict: of its variable, otherwise of the literal. It is an
/// error if the shell sets the variable, because no file could override that. A variable
/// that would change more than its own ports is left alone, and its port is moved like a
/// literal.
pub fn plan(project: &CheckedProject, writes: WriteMode) -> Result<Vec<Move>> {
    plan_moves(project, writes, &|_| true)
}

/// Like `plan`, but moves every port by the override file.
pub fn plan_in_override(project: &CheckedProject, writes: WriteMode) -> Result<Vec<Move>> {
    plan_moves(project, writes, &|_| false)
}

/// Like `plan`, but moves the ports of these variables by the override file.
pub fn plan_without(project: &CheckedProject, writes: WriteMode, variables: &BTreeSet<String>) -> Result<Vec<Move>> {
    plan_moves(project, writes, &|variable| !variables.contains(variable))
}

fn plan_moves(project: &CheckedProject, writes: WriteMode, may_write: &dyn Fn(&str) -> bool) -> Result<Vec<Move>> {
    let ctx = &project.ctx;
    let mut moves: BTreeMap<PortSource, Move> = BTreeMap::new();
    let mut literals: Vec<(&Row, Move, Option<Error>)> = Vec::new();
    for row in project.conflicts() {
        if let Verdict::NotPublished { why, .. } = &row.verdict {
            let (service, address) = (ui::clean(&row.wanted.mapping.service), row.wanted.mapping.address());
            return Err(Error::new(format!("{service} cannot publish {address}: {why}"))
                .hint("another port does not help: move these lines of `ports:` to another service, or remove them")
                .finding());
        }
        let published = row.wanted.mapping.published.map(|range| range.first);
        let mut side_effect = None;
        match (row.variable(), published, row.suggestion) {
            (Some(variable), _, _) if may_write(variable) && row.from_shell() && ctx.is_shell_var(variable) => {
                return Err(shadowed_by_shell(variable, ctx));
            }
            (Some(variable), Some(from), Some(to)) if may_write(variable) => {
                let source = PortSource::Variable(variable.to_owned());
                let affixes = row.wanted.origin.as_ref().map(|origin| origin.affixes.clone()).unwrap_or_default();
                let file = file_for(project, variable)?;
                let step = Move { affixes, ..Move::number(source.clone(), from, to, file) };
                if moves.get(&source) == Some(&step) {
                    continue;
                }
                side_effect = find_side_effect(project, &step, row, writes);
                if side_effect.is_none() {
                    moves.insert(source, step);
                    continue;
                }
            }
            _ => {}
        }
        let (Some(from), Some(to)) = (published, row.suggestion) else {
            return Err(too_many_replicas(&project.stack, &row.wanted.mapping)
                .map_or_else(|| cannot_move(ctx, row), too_many_replicas_error));
        };
        let slot = overrides::slot_of(project, row).filter(|_| row.wanted.origin.is_some());
        let source = PortSource::Literal(slot.ok_or_else(|| cannot_move(ctx, row))?);
        literals.push((row, Move::number(source, from, to, PathBuf::new()), side_effect));
    }
    if let Some((row, _, side_effect)) = literals.first() {
        let fact = || side_effect.clone().unwrap_or_else(|| cannot_move(ctx, row));
        if project.compose_trouble.is_some() {
            return Err(fact());
        }
        let place =
            if writes == WriteMode::Environment { Ok(PathBuf::new()) } else { overrides::override_path(project) };
        let file = place.map_err(|why| no_override_error(&fact(), &why))?;
        moves.extend(
            literals.into_iter().map(|(_, step, _)| (step.source.clone(), Move { file: file.clone(), ..step })),
        );
    }
    Ok(moves.into_values().collect())
}

/// Why writing the variable of `step` would change another port or an address. Our own
/// reader finds this out, because it sees every use of the value.
fn find_side_effect(project: &CheckedProject, step: &Move, row: &Row, writes: WriteMode) -> Option<Error> {
    let ctx = &project.ctx;
    let variable = step.variable().unwrap_or_default();
    let with_hint = |error: Error| {
        let own = format!(
            "`\"${{{}_PORT:-{}}}:{}\"`",
            variable_name(&row.wanted.mapping.service),
            step.from,
            row.wanted.mapping.target
        );
        error
            .hint(format!("give service `{}` its own variable: {own}", ui::clean(&row.wanted.mapping.service)))
            .finding()
    };
    let also = project.rows.iter().find(|other| {
        other.variable() == Some(variable)
            && other.wanted != row.wanted
            && cannot_share_port(&other.wanted.mapping, &row.wanted.mapping)
    });
    if let Some(other) = also {
        let (service, address) = (ui::clean(&other.wanted.mapping.service), other.wanted.mapping.address());
        return Some(with_hint(Error::new(format!(
            "{variable} also sets {address} of service `{service}`, and the two cannot use the same port"
        ))));
    }
    let read = |options: &ComposeOptions, value: Option<&str>| {
        let lookup = |name: &str| value.filter(|_| name == variable).map(str::to_owned).or_else(|| ctx.var(name));
        stack::read(options, &ctx.dir, &lookup)
    };
    let active = ctx.with_template(project.template.as_deref()).options;
    let every = active.clone().with_every_profile();
    let (options, before) = [every, active].into_iter().find_map(|options| {
        let before = read(&options, None).ok()?;
        Some((options, before))
    })?;
    // A target port that moves along is judged with the whole model, if there is one.
    let is_judged_later = |difference: &PortDifference| {
        project.config().is_some()
            && difference.is_target_only()
            && project.stack.service(difference.service()).is_some()
    };
    let after = read(&options, Some(&step.value()));
    other_changes(step, &before, after, &step.cause(ctx, writes), &is_judged_later).map(with_hint)
}

/// An error if the new value would change more than the port of `step`, leaving out what
/// `is_allowed` accepts.
fn other_changes(
    step: &Move,
    before: &Stack,
    after: Result<Stack>,
    cause: &str,
    is_allowed: &dyn Fn(&PortDifference) -> bool,
) -> Option<Error> {
    match after {
        Ok(after) => {
            let expect = |wanted: &Wanted| step.expectation(wanted).unwrap_or(Expect::Same);
            let found = port_differences(before, &after, &expect);
            found.iter().find(|difference| !is_allowed(difference)).map(|found| proof::refusal(cause, found))
        }
        Err(error) => Some(error.within(cause)),
    }
}

/// Combines both reasons: no variable can be written, and no override file either.
fn no_override_error(fact: &Error, why: &Error) -> Error {
    let error = Error::new(format!("{}; {why}", fact.message()));
    let error = why.hints().iter().fold(error, Error::hint);
    fact.hints().iter().fold(error, |error, hint| error.hint(format!("or {hint}"))).finding()
}

/// The file to write `variable` to: without a `.env`, the one that the template becomes.
pub(crate) fn file_for(project: &CheckedProject, variable: &str) -> Result<PathBuf> {
    project.env_files.file_for(variable).map(Path::to_path_buf)
}

pub(crate) fn shadowed_by_shell(variable: &str, ctx: &Context) -> Error {
    let value = ctx.var(variable).unwrap_or_default();
    Error::new(format!(
        "the shell sets {variable}={}, which overrides any value in .env",
        ui::mask_value(variable, &value)
    ))
    .hint(format!("`unset {variable}`, then run this again"))
    .hint(format!("or set another value in the shell: `export {variable}=…`"))
}

fn cannot_move(ctx: &Context, row: &Row) -> Error {
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
            "use a variable instead: `\"${{{}_PORT:-{}}}:{}\"`, then run this again; {port} is free",
            variable_name(&mapping.service),
            mapping.published.map(|range| range.first).unwrap_or_default(),
            mapping.target
        )),
        (_, Some(_)) => Error::new(format!("no variable sets {address} of service `{}`", mapping.service))
            .hint("use one: `\"${NAME:-8000}:8000\"`"),
        (_, None) => Error::new(format!("no free port was found for {address} of service `{}`", mapping.service))
            .hint("widen port_range in xtask.toml, or stop the holder: `cargo xtask check-ports --stop-holders`"),
    };
    error.finding()
}

fn too_many_replicas_error(why: String) -> Error {
    Error::new(why)
        .hint("publish one port per container: `\"8000-8001:80\"`; or run one container (`scale:`, `deploy.replicas`)")
        .finding()
}

fn variable_name(service: &str) -> String {
    service.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Prints each move: `BACKEND_PORT 8000 -> 8001`. With JSON they are notes on stderr, because
/// stdout is only for the report.
pub fn show(ctx: &Context, moves: &[Move], writes: WriteMode) {
    for step in moves {
        let place = if writes == WriteMode::Environment { "for this run".to_owned() } else { ctx.show(&step.file) };
        let value = |port: u16| ui::clean(&step.affixes.value(port));
        let line = format!("{} {} -> {}  ({place})", step.source, value(step.from), value(step.to));
        if ctx.format == Format::Json { ui::note(&line) } else { ui::out(&line) }
    }
    // `apply` has already printed the dependent lines.
    if ctx.dry_run {
        let files: BTreeSet<&Path> = moves.iter().map(|step| step.file.as_path()).collect();
        for file in files {
            if let Ok(document) = disk::read(file).and_then(|bytes| Document::parse(bytes.unwrap_or_default())) {
                dependents::show(ctx, file, &dependents_of(ctx, file, &document, moves));
            }
        }
    }
}

/// Points at lines of `.env` that would have followed these variables, whose ports moved by the
/// override file instead.
pub fn note_left_behind(ctx: &Context, moves: &[Move], variables: &BTreeSet<String>) {
    for step in moves.iter().filter(|step| step.variable().is_some_and(|name| variables.contains(name))) {
        let document = disk::read(&step.file).and_then(|bytes| Document::parse(bytes.unwrap_or_default()));
        let Ok(document) = document else { continue };
        let found = dependents_of(ctx, &step.file, &document, std::slice::from_ref(step));
        dependents::show(ctx, &step.file, &found.left_behind(step.from, step.variable().unwrap_or_default()));
    }
}

/// The lines of `file` that depend on its moves.
pub(crate) fn dependents_of(ctx: &Context, file: &Path, document: &Document, moves: &[Move]) -> Dependents {
    let of_file = moves.iter().filter(|step| step.file == file);
    let port_move = |step: &Move| {
        let (before, after) = (step.affixes.value(step.from), step.value());
        Some(PortMove { variable: step.variable()?.to_owned(), from: step.from, to: step.to, before, after })
    };
    let moves: Vec<PortMove> = of_file.filter_map(port_move).collect();
    dependents::find(ctx, file, document, &moves)
}
