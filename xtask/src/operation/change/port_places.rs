//! Places outside of `.env` that name the number which a port has in the compose file, its template,
//! the main checkout, or had before a move. They are reported and never edited.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::moves::{Move, PortSource};
use super::tracked::WriteMode;
use crate::context::Context;
use crate::decide::{MovedPort, Slot, is_generated, published, slots};
use crate::envfile::{Document, PortMove};
use crate::model::{Affixes, ComposeOptions, Stack, Wanted};
use crate::project::Project;
use crate::stack::{self, PortPlace, PortPlaces};
use crate::{disk, ui};

/// Lines that a move prints at most; `env check` prints all.
const MOST_LINES: usize = 8;

/// A place in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceReport {
    file: String,
    line: usize,
    /// What stands there: `localhost:8000`, `API_PORT=8000`.
    text: String,
    service: String,
    variable: Option<String>,
    from: u16,
    to: u16,
}

/// The places that name the old number of a port in `moves`; `project` is as it was before them, or
/// as it is now.
pub(crate) fn of_moves(project: &Project, moves: &[Move]) -> PortPlaces {
    if moves.is_empty() {
        return PortPlaces::default();
    }
    let ctx = project.ctx.with_template(project.template.as_deref());
    find(&ctx, &project.stack, moves)
}

/// The places that name another number of a port than the one it has.
pub(crate) fn of_project(ctx: &Context, model: &Stack) -> PortPlaces {
    find(ctx, model, &[])
}

fn find(ctx: &Context, model: &Stack, moves: &[Move]) -> PortPlaces {
    let Ok(located) = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name)) else {
        return PortPlaces::default();
    };
    let moved = moved_ports(ctx, &located, model, moves);
    stack::port_places(&located, model, &moved, &|name| ctx.var(name))
}

/// Prints a note for each place, up to a limit.
pub(crate) fn note(project: &Project, moves: &[Move], writes: WriteMode) {
    // Ports of one run are known to this run alone.
    print(&project.ctx, &of_moves(project, moves).places, writes != WriteMode::Environment);
}

/// The same for variables that were set.
pub(crate) fn note_variables(ctx: &Context, moves: &[PortMove]) {
    let to_move = |step: &PortMove| Move {
        source: PortSource::Variable(step.variable.clone()),
        from: step.from,
        to: step.to,
        file: PathBuf::new(),
        affixes: Affixes::default(),
        back: None,
    };
    let moves: Vec<Move> = moves.iter().map(to_move).collect();
    if let (false, Ok(model)) = (moves.is_empty(), stack::read(&ctx.options, &ctx.dir, &|name| ctx.var(name))) {
        print(ctx, &find(ctx, &model, &moves).places, true);
    }
}

fn print(ctx: &Context, places: &[PortPlace], are_kept: bool) {
    for place in places.iter().take(MOST_LINES) {
        ui::note(&format!("note: {}:{} {}", ctx.show(&place.file), place.line, sentence(place)));
    }
    if let Some(more @ 1..) = places.len().checked_sub(MOST_LINES) {
        let all = if are_kept { ": `cargo xtask env check` lists all" } else { "" };
        ui::note(&format!("note: and {}{all}", ui::count(more, "more place")));
    }
}

/// `names localhost:8000, but BACKEND_PORT is now 8003`.
pub(crate) fn sentence(place: &PortPlace) -> String {
    let MovedPort { to, service, variable, .. } = &place.moved;
    let port = match variable {
        Some(variable) => ui::clean(variable),
        None => format!("the port of service `{}`", ui::clean(service)),
    };
    format!("names {}, but {port} is now {to}", ui::clean(&place.shown))
}

pub(crate) fn report(ctx: &Context, places: &[PortPlace]) -> Vec<PlaceReport> {
    let of_place = |place: &PortPlace| {
        let MovedPort { from, to, service, variable } = place.moved.clone();
        PlaceReport {
            file: ctx.show(&place.file),
            line: place.line,
            text: ui::clean(&place.shown),
            service: ui::clean(&service),
            variable: variable.as_deref().map(ui::clean),
            from,
            to,
        }
    };
    places.iter().map(of_place).collect()
}

/// Ports of `model` (only those of `moves`, if there are any) with the other numbers that files may
/// know them by. A number that another port of the project has now is left out.
fn moved_ports(ctx: &Context, located: &stack::Project, model: &Stack, moves: &[Move]) -> Vec<MovedPort> {
    let mut known: Vec<BTreeMap<Slot, u16>> = Vec::new();
    known.extend(default_model(ctx, located, model, moves).as_ref().map(published));
    known.extend(main_model(ctx, located, model).as_ref().map(published));
    let mut now: BTreeSet<u16> = BTreeSet::new();
    let mut found: Vec<MovedPort> = Vec::new();
    for service in &model.services {
        for (slot, wanted) in slots(service).into_iter().zip(&service.ports) {
            let Some(port) = wanted.mapping.published.filter(|range| range.is_one()) else { continue };
            let step = moves.iter().find(|step| is_of(step, &slot, wanted));
            let to = step.filter(|step| step.from == port.first).map_or(port.first, |step| step.to);
            now.insert(to);
            if step.is_none() && !moves.is_empty() {
                continue;
            }
            let others = known.iter().filter_map(|ports| ports.get(&slot).copied()).chain(step.map(|step| step.from));
            // A port that is moved by itself is not the variable's any more.
            let by_itself = step.is_some_and(|step| step.slot().is_some());
            let origin = wanted.origin.as_ref().filter(|_| !by_itself);
            let variable = origin.and_then(|origin| origin.variable.clone());
            found.extend(others.map(|from| MovedPort {
                from,
                to,
                service: service.name.clone(),
                variable: variable.clone(),
            }));
        }
    }
    found.retain(|port| !now.contains(&port.from));
    found.sort();
    found.dedup();
    found
}

fn is_of(step: &Move, slot: &Slot, wanted: &Wanted) -> bool {
    match step.variable() {
        Some(name) => wanted.origin.as_ref().is_some_and(|origin| origin.variable.as_deref() == Some(name)),
        None => step.slot() == Some(slot),
    }
}

/// The project with the ports that nobody chose: those of the compose file and the template, without
/// our own file on top.
fn default_model(ctx: &Context, located: &stack::Project, model: &Stack, moves: &[Move]) -> Option<Stack> {
    let variables = port_variables(model, moves);
    let template = stack::template_in(&located.dir).and_then(|file| disk::read(&file).ok()?);
    let template = template.and_then(|bytes| Document::parse(bytes).ok()?.values(&|_| None, &|_| None).ok());
    let template = template.unwrap_or_default();
    let lookup = |name: &str| match name {
        "COMPOSE_DISABLE_ENV_FILE" => Some("1".to_owned()),
        "COMPOSE_ENV_FILES" | stack::COMPOSE_FILE => None,
        name if variables.contains(name) => template.get(name).map(|found| found.value.clone()),
        name => ctx.var(name).or_else(|| located.env_files.get(name).map(|(value, _)| value.to_owned())),
    };
    let is_ours = |file: &&PathBuf| disk::read(file).ok().flatten().is_some_and(|bytes| is_generated(&bytes));
    let options = ComposeOptions {
        files: located.files.iter().filter(|file| !is_ours(file)).cloned().collect(),
        project_name: Some(model.name.clone()).filter(|name| !name.is_empty()),
        profiles: ctx.options.profiles.clone(),
        env_files: Vec::new(),
        project_directory: Some(located.dir.clone()),
    };
    stack::read(&options, &ctx.dir, &lookup).ok()
}

/// The project as the main checkout has it, if this is a linked worktree.
fn main_model(ctx: &Context, located: &stack::Project, model: &Stack) -> Option<Stack> {
    let checkout = stack::checkout(&located.dir)?;
    let main = checkout.main?.join(located.dir.strip_prefix(&checkout.root).ok()?);
    let variables = port_variables(model, &[]);
    let options = ComposeOptions { project_name: None, env_files: Vec::new(), ..ctx.options.clone() };
    let mut env = ctx.env.clone();
    // What this program added is about this checkout.
    env.retain(|name, _| !variables.contains(name) && !ctx.set.contains_key(name));
    let dir = main.clone();
    let read = move || {
        let lookup = |name: &str| env.get(name).cloned();
        stack::read(&options, &dir, &lookup).ok()
    };
    disk::with_timeout(&main, read).flatten()
}

/// The variables that set published ports.
fn port_variables(model: &Stack, moves: &[Move]) -> BTreeSet<String> {
    let of_model = model.ports().filter_map(|wanted| wanted.origin.as_ref()?.variable.clone());
    of_model.chain(moves.iter().filter_map(|step| step.variable().map(str::to_owned))).collect()
}
