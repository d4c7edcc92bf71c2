//! Other ports in `.env`: a plan of edits, and carrying it out so that the file
//! is either as it was or right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::disk;
use crate::envfile::Document;
use crate::error::{Context as _, Error, Result};
use crate::flow::survey::{Row, Survey, survey};
use crate::ledger::Moves;
use crate::stack::EnvFiles;
use crate::ui;

/// One variable that gets another port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The variable.
    pub variable: String,
    /// Its port now.
    pub from: u16,
    /// Its port then; a free one.
    pub to: u16,
}

/// What a reassignment will write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The env file.
    pub file: PathBuf,
    /// The moves, one a variable.
    pub moves: Vec<Move>,
}

/// Plans a move for each conflict that has a variable. A variable that the
/// shell sets beats every file, so there nothing can be written that would take
/// effect; a conflict that no variable feeds cannot be moved either.
pub fn plan(ctx: &Context, survey: &Survey) -> Result<Plan> {
    let mut moves: BTreeMap<String, Move> = BTreeMap::new();
    let mut fixed: Vec<&Row> = Vec::new();
    for row in survey.conflicts() {
        let published = row.wanted.mapping.published.map(|range| range.first);
        match (row.variable(), published, row.suggestion) {
            (Some(variable), _, _) if row.from_shell() => return Err(shadowed(variable, ctx)),
            (Some(variable), Some(from), Some(to)) => {
                moves.insert(variable.to_owned(), Move { variable: variable.to_owned(), from, to });
            }
            _ => fixed.push(row),
        }
    }
    if let Some(row) = fixed.first() {
        return Err(immovable(ctx, row));
    }
    Ok(Plan { file: survey.env_files.write_to.clone(), moves: moves.into_values().collect() })
}

fn shadowed(variable: &str, ctx: &Context) -> Error {
    let value = ctx.var(variable).unwrap_or_default();
    Error::new(format!("the shell sets {variable}={}, which beats any value in .env", ui::clean(&value)))
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

fn variable_name(service: &str) -> String {
    service.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// The plan as lines: `BACKEND_PORT 8000 -> 8001`. As notes where stdout is
/// for something else.
pub fn show(plan: &Plan, file: &str, as_notes: bool) {
    for step in &plan.moves {
        let line = format!("{} {} -> {}  ({file})", step.variable, step.from, step.to);
        if as_notes { ui::note(&line) } else { ui::out(&line) }
    }
}

/// Writes the moves, and has Compose prove that they took effect; if they did
/// not, the file is put back as it was.
pub fn apply(ctx: &Context, plan: &Plan) -> Result<()> {
    if plan.moves.is_empty() {
        return Ok(());
    }
    let before = read(&plan.file)?;
    write(&plan.file, before.as_deref(), &plan.moves)?;
    let proved = survey(ctx).and_then(|after| prove(&after, &plan.moves));
    if let Err(error) = proved {
        put_back(&plan.file, before.as_deref())?;
        return Err(error.within(format!("{} was left as it was", ctx.show(&plan.file))));
    }
    // Only a convenience (`start --restore-ports`) is lost with it.
    if let Err(error) = Moves::record(ctx.state_dir()?.as_path(), &plan.file, &changes(&plan.moves)) {
        ui::detail(&format!("the move was not remembered: {error}"));
    }
    Ok(())
}

fn changes(moves: &[Move]) -> Vec<(String, u16, u16)> {
    moves.iter().map(|step| (step.variable.clone(), step.from, step.to)).collect()
}

fn read(file: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(format!("failed to read `{}`: {error}", file.display()))),
    }
}

fn write(file: &Path, before: Option<&[u8]>, moves: &[Move]) -> Result<()> {
    let mut document = Document::parse(before.unwrap_or_default()).map_err(|error| error.within(file.display()))?;
    for step in moves {
        document.set(&step.variable, &step.to.to_string())?;
    }
    disk::write_atomic(file, document.render())
}

fn put_back(file: &Path, before: Option<&[u8]>) -> Result<()> {
    match before {
        Some(bytes) => disk::write_atomic(file, bytes),
        None => std::fs::remove_file(file).context(format!("remove `{}`", file.display())),
    }
}

/// Every variable must now feed its new port.
fn prove(after: &Survey, moves: &[Move]) -> Result<()> {
    for step in moves {
        let rows = after.rows.iter().filter(|row| row.variable() == Some(&step.variable));
        for row in rows {
            let now = row.wanted.mapping.published.map(|range| range.first);
            if now != Some(step.to) {
                let now = now.map_or_else(|| "none".to_owned(), |port| port.to_string());
                return Err(Error::new(format!("{}={} does not take effect: Compose still uses {now}", step.variable, step.to))
                    .hint("`docker compose config --environment` shows what Compose reads"));
            }
        }
    }
    Ok(())
}

/// Moves of earlier runs that could go back now: the old port is free again,
/// and the file still has the port that we wrote.
pub fn restorable(ctx: &Context, survey: &Survey) -> Vec<Move> {
    let Ok(state) = ctx.state_dir() else { return Vec::new() };
    let file = &survey.env_files.write_to;
    let moved = Moves::of(&state, file);
    let current: BTreeMap<&str, u16> = survey
        .rows
        .iter()
        .filter_map(|row| Some((row.variable()?, row.wanted.mapping.published?.first)))
        .collect();
    let free = |variable: &str, port: u16| {
        let mut rows = survey.rows.iter().filter(|row| row.variable() == Some(variable));
        let others = survey.rows.iter().filter(|row| row.variable() != Some(variable));
        let wanted_by_another = others.filter_map(|row| row.wanted.mapping.published).any(|range| range.contains(port));
        !wanted_by_another && rows.all(|row| crate::flow::survey::is_free(ctx, survey, &row.wanted.mapping, port))
    };
    let back = |(variable, from, to): (String, u16, u16)| {
        (current.get(variable.as_str()) == Some(&to) && free(&variable, from)).then_some(Move { variable, from: to, to: from })
    };
    moved.into_iter().filter_map(back).collect()
}

/// Puts the variables of `moves` back, and forgets that they were moved.
pub fn restore(ctx: &Context, survey: &Survey, moves: Vec<Move>) -> Result<Plan> {
    let plan = Plan { file: survey.env_files.write_to.clone(), moves };
    if !ctx.dry_run {
        apply(ctx, &plan)?;
    }
    Ok(plan)
}

/// Makes `.env` from its template, so that people have the file the guide
/// speaks of. Returns the template's path when it did.
pub fn env_from_template(ctx: &Context, files: &EnvFiles, template: Option<&Path>) -> Result<Option<PathBuf>> {
    let Some(template) = template else { return Ok(None) };
    let bytes = std::fs::read(template).context(format!("read `{}`", ctx.show(template)))?;
    // A template with a mistake must not become a `.env` with one.
    Document::parse(bytes.clone()).map_err(|error| error.within(ctx.show(template)))?;
    disk::write_atomic(&files.write_to, &bytes)?;
    Ok(Some(template.to_path_buf()))
}
