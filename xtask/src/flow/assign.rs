//! Other ports, in `.env` or, for literals, in a compose file on top: a plan of
//! edits, and carrying it out so that the files are either as they were or right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::decide::{Slot, exclude};
use crate::disk;
use crate::envfile::{Dependents, Document};
use crate::error::{Error, Result};
use crate::flow::overrides;
use crate::flow::survey::{Row, Survey, crowd, is_free, survey};
use crate::flow::{dependents, env};
use crate::ledger::Moves;
use crate::model::Verdict;
use crate::ui::{self, Format};

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
}

impl Move {
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
/// written that would take effect.
pub fn plan(ctx: &Context, survey: &Survey) -> Result<Vec<Move>> {
    let mut moves: BTreeMap<What, Move> = BTreeMap::new();
    let mut literals: Vec<(&Row, Move)> = Vec::new();
    for row in survey.conflicts() {
        if let Verdict::NotPublished { why, .. } = &row.verdict {
            let (service, address) = (ui::clean(&row.wanted.mapping.service), row.wanted.mapping.address());
            return Err(Error::new(format!("{service} cannot publish {address}: {why}"))
                .hint("no other port helps: move these lines of `ports:`, or take them out")
                .finding());
        }
        let published = row.wanted.mapping.published.map(|range| range.first);
        match (row.variable(), published, row.suggestion) {
            (Some(variable), _, _) if row.from_shell() && ctx.is_shell_var(variable) => {
                return Err(shadowed(variable, ctx));
            }
            (Some(variable), Some(from), Some(to)) => {
                let file = file_for(survey, variable)?;
                let what = What::Variable(variable.to_owned());
                moves.insert(what.clone(), Move { what, from, to, file });
            }
            (_, Some(from), Some(to)) => {
                let slot = overrides::slot_of(survey, row).filter(|_| row.wanted.origin.is_some());
                let what = What::Literal(slot.ok_or_else(|| immovable(ctx, row))?);
                literals.push((row, Move { what, from, to, file: PathBuf::new() }));
            }
            _ => {
                return Err(crowd(&survey.stack, &row.wanted.mapping).map_or_else(|| immovable(ctx, row), crowded));
            }
        }
    }
    if let Some((row, _)) = literals.first() {
        if survey.without_compose.is_some() {
            return Err(immovable(ctx, row));
        }
        let place = if ctx.no_write { Ok(PathBuf::new()) } else { overrides::place(ctx, survey) };
        let file = place.map_err(|why| why_not(ctx, row, &why))?;
        moves.extend(literals.into_iter().map(|(_, step)| (step.what.clone(), Move { file: file.clone(), ..step })));
    }
    Ok(moves.into_values().collect())
}

/// No file on top: the other way is a variable.
fn why_not(ctx: &Context, row: &Row, why: &Error) -> Error {
    let fact = immovable(ctx, row);
    let error = Error::new(format!("{}; {why}", fact.message()));
    let error = why.hints().iter().fold(error, Error::hint);
    fact.hints().iter().fold(error, |error, hint| error.hint(format!("or {hint}"))).finding()
}

/// With no `.env` yet, the one that the template becomes.
fn file_for(survey: &Survey, variable: &str) -> Result<PathBuf> {
    survey.env_files.file_for(variable).map(Path::to_path_buf)
}

/// Why a value in a file would have no effect.
pub(super) fn shadowed(variable: &str, ctx: &Context) -> Error {
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
pub fn show(ctx: &Context, moves: &[Move]) {
    for step in moves {
        let place = if ctx.no_write { "for this run".to_owned() } else { ctx.show(&step.file) };
        let line = format!("{} {} -> {}  ({place})", step.what, step.from, step.to);
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
fn dependents_of(ctx: &Context, file: &Path, document: &Document, moves: &[Move]) -> Dependents {
    let of_file = moves.iter().filter(|step| step.file == file);
    let moves: Vec<_> = of_file.filter_map(|step| Some((step.variable()?.to_owned(), step.from, step.to))).collect();
    dependents::of(ctx, file, document, &moves)
}

/// Writes the moves, and has Compose prove that they took effect; if they did
/// not, every file is put back as it was.
pub fn apply(ctx: &Context, moves: &[Move]) -> Result<()> {
    let (variables, literals): (Vec<&Move>, Vec<&Move>) = moves.iter().partition(|step| step.variable().is_some());
    let files: BTreeSet<&Path> = variables.iter().map(|step| step.file.as_path()).collect();
    let before: Vec<(&Path, Option<Vec<u8>>)> =
        files.into_iter().map(|file| Ok((file, disk::read(file)?))).collect::<Result<_>>()?;
    let written = before.iter().map(|(file, bytes)| Ok((*file, write(ctx, file, bytes.as_deref(), moves)?)));
    let written = written.collect::<Result<Vec<_>>>();
    let proved = written.and_then(|followed| {
        if !variables.is_empty() {
            prove(&survey(ctx)?, &variables)?;
        }
        move_literals(ctx, &literals)?;
        Ok(followed)
    });
    match proved {
        Ok(followed) => followed.iter().for_each(|(file, followed)| dependents::show(ctx, file, followed)),
        Err(error) => {
            for (file, bytes) in &before {
                disk::put(file, bytes.as_deref())?;
            }
            return Err(error);
        }
    }
    // Only a convenience (`start --restore-ports`) is lost with it.
    if let Err(error) = remember(ctx, &variables) {
        ui::detail(&format!("the move was not remembered: {error}"));
    }
    Ok(())
}

/// Proves itself, and puts back what it wrote.
fn move_literals(ctx: &Context, moves: &[&Move]) -> Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let moves = moves.iter().filter_map(|step| Some((step.slot()?.clone(), step.to))).collect();
    overrides::apply(ctx, &overrides::Request { moves, ..overrides::Request::default() })
}

fn remember(ctx: &Context, moves: &[&Move]) -> Result<()> {
    let state = ctx.state_dir()?;
    moves.iter().try_for_each(|step| {
        let variable = step.variable().unwrap_or_default().to_owned();
        Moves::record(&state, &step.file, &[(variable, step.from, step.to)])
    })
}

fn write(ctx: &Context, file: &Path, before: Option<&[u8]>, moves: &[Move]) -> Result<Dependents> {
    let mut document = Document::parse(before.unwrap_or_default()).map_err(|error| error.within(file.display()))?;
    let follow = dependents_of(ctx, file, &document, moves);
    for step in moves.iter().filter(|step| step.file == file) {
        let Some(variable) = step.variable() else { continue };
        document.set(variable, &step.to.to_string())?;
    }
    dependents::write(&mut document, &follow)?;
    disk::write_atomic(file, document.render())?;
    Ok(follow)
}

/// Every variable must now feed its new port.
fn prove(after: &Survey, moves: &[&Move]) -> Result<()> {
    for step in moves {
        let rows = after.rows.iter().filter(|row| step.is_of(after, row));
        for row in rows {
            let now = row.wanted.mapping.published.map(|range| range.first);
            if now != Some(step.to) {
                let now = now.map_or_else(|| "none".to_owned(), |port| port.to_string());
                return Err(Error::new(format!(
                    "{}={} does not take effect: Compose still uses {now}",
                    step.what, step.to
                ))
                .hint("`docker compose config --environment` shows what Compose reads"));
            }
        }
    }
    Ok(())
}

/// Moves of earlier runs that could go back now: the old port is free again,
/// and the file still has the port that we wrote. In a checkout that is not the
/// only one the old ports are the main one's.
pub fn restorable(ctx: &Context, survey: &Survey) -> Vec<Move> {
    if survey.second {
        return Vec::new();
    }
    let Ok(state) = ctx.state_dir() else { return Vec::new() };
    let variables: BTreeMap<&str, u16> = survey
        .rows
        .iter()
        .filter(|row| !row.from_shell())
        .filter_map(|row| Some((row.variable()?, row.wanted.mapping.published?.first)))
        .collect();
    let mut back = Vec::new();
    for (variable, now) in variables {
        let Ok(file) = file_for(survey, variable) else { continue };
        let moved = Moves::of(&state, &file).into_iter().find(|(name, _, to)| name == variable && *to == now);
        if let Some((_, first, _)) = moved {
            let what = What::Variable(variable.to_owned());
            back.push(Move { what, from: now, to: first, file });
        }
    }
    match overrides::moved(ctx, survey) {
        Ok(literals) => back.extend(literals.into_iter().map(|moved| Move {
            what: What::Literal(moved.slot),
            from: moved.now,
            to: moved.own,
            file: moved.file,
        })),
        Err(error) => ui::detail(&format!("which literals are moved cannot be told: {error}")),
    }
    back.retain(|step| could_be(survey, step));
    back
}

/// Whether all that the move is of could be published on its port.
fn could_be(survey: &Survey, step: &Move) -> bool {
    // One of an inactive profile is not looked at, and stays.
    survey.rows.iter().any(|row| step.is_of(survey, row))
        && survey.rows.iter().all(|row| {
            if step.is_of(survey, row) {
                is_free(survey, &row.wanted.mapping, step.to)
            } else {
                let mapping = &row.wanted.mapping;
                let meets = |own: &&Row| step.is_of(survey, own) && exclude(&own.wanted.mapping, mapping);
                let has_it = mapping.published.is_some_and(|range| range.contains(step.to));
                !has_it || !survey.rows.iter().any(|own| meets(&own))
            }
        })
}

/// Makes `.env` from its template where there is none yet, so that people have
/// the file the guide speaks of.
pub fn env_from_template(ctx: &Context, survey: &Survey) -> Result<()> {
    let (Some(template), Some(file)) = (&survey.template, survey.env_files.default_file()) else { return Ok(()) };
    env::make(ctx, template, file)
}
