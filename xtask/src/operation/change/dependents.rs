//! Other lines of `.env` that contain a port: those that move along with it, and those that
//! are only reported.

use std::path::Path;

use crate::context::Context;
use crate::envfile::{Dependents, Document, PortMove, dependents};
use crate::error::Result;
use crate::model::Affixes;
use crate::parse::interpolate::interpolate;
use crate::stack::{self, Project};
use crate::ui::{self, Format};

/// The lines of `file` that follow the variables in `moves`. Without a template, which
/// declares dependent values, none do.
pub fn find(ctx: &Context, file: &Path, document: &Document, moves: &[PortMove]) -> Dependents {
    let template = template_of(file).unwrap_or_default();
    dependents(&template, document, &|name| ctx.var(name), moves)
}

/// A template that can't be read declares nothing; `env check` reports it.
fn template_of(file: &Path) -> Option<Document> {
    let template = stack::template_for(file)?;
    Document::parse(std::fs::read(template).ok()?).ok()
}

pub fn apply(ctx: &Context, document: &mut Document, dependents: &Dependents) -> Result<()> {
    let mut steps = dependents.follow.iter();
    steps.try_for_each(|step| document.change(&step.variable, &step.to, &|name| ctx.var(name), &|_| None))
}

/// Prints `VITE_API_URL http://localhost:8000 -> http://localhost:8001  (.env)`, and a note
/// for each other mention. With JSON, stdout is only for the report.
pub fn show(ctx: &Context, file: &Path, dependents: &Dependents) {
    let place = ctx.show(file);
    for step in &dependents.follow {
        let mask = |value: &str| ui::mask_value(&step.variable, value);
        let line = format!("{} {} -> {}  ({place})", step.variable, mask(&step.from), mask(&step.to));
        if ctx.format == Format::Json { ui::note(&line) } else { ui::out(&line) }
    }
    for mention in &dependents.mentioned {
        let (name, line) = (ui::clean(&mention.variable), mention.line);
        let value = ui::mask_value(&mention.variable, &mention.value);
        ui::note(&format!(
            "note: {place}:{line}: {name}={value} still contains {}, the old port of {}",
            mention.port, mention.of
        ));
    }
}

/// Variables that differ from their template's port: those that set a published port, or
/// have PORT in their name. A default that another of them has now is left out, because
/// mentions of it may be right.
pub fn port_moves(ctx: &Context, project: &Project, template: &Document) -> Vec<PortMove> {
    let env = |name: &str| ctx.var(name);
    let value = |name: &str| env(name).or_else(|| project.env_files.get(name).map(|(value, _)| value.to_owned()));
    let model = stack::read(&ctx.options, &ctx.dir, &env).unwrap_or_default();
    let fed = |name: &str| {
        let mut origins = model.ports().filter_map(|wanted| wanted.origin.as_ref());
        let origin = origins.find(|origin| origin.variable.as_deref() == Some(name));
        let affixes = origin.map(|origin| origin.affixes.clone());
        affixes.or_else(|| name.to_ascii_uppercase().contains("PORT").then(Affixes::default))
    };
    let assigned = template.assigned().filter_map(|line| Some((line.name, line.text?)));
    let offered = template.commented().into_iter().map(|line| (line.name, line.text));
    let ports: Vec<PortMove> = assigned
        .chain(offered)
        .filter_map(|(variable, text)| {
            let affixes = fed(&variable)?;
            let default = interpolate(&text, &|name| value(name).map(|value| (value, ()))).ok()?.value;
            let now = value(&variable)?;
            let (from, to) = (port(&default, &affixes)?, port(&now, &affixes)?);
            Some(PortMove { variable, from, to, before: default, after: now })
        })
        .collect();
    let taken: Vec<u16> = ports.iter().map(|step| step.to).collect();
    ports.into_iter().filter(|step| step.from != step.to && !taken.contains(&step.from)).collect()
}

fn port(text: &str, affixes: &Affixes) -> Option<u16> {
    let number = text.strip_prefix(affixes.before.as_str())?.strip_suffix(affixes.after.as_str())?;
    number.parse().ok().filter(|port| *port > 0)
}
