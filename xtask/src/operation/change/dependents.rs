//! Other lines of `.env` that belong to a port: what moves along with it, and
//! what is only pointed out.

use std::path::Path;

use crate::context::Context;
use crate::envfile::{Dependents, Document, PortMove, dependents};
use crate::error::Result;
use crate::model::Affixes;
use crate::parse::interpolate::interpolate;
use crate::stack::{self, Project};
use crate::ui::{self, Format};

/// What follows in `file` when each variable of `moves` goes from one port to
/// another. Without a template beside it nothing follows: nobody declared it.
pub fn of(ctx: &Context, file: &Path, document: &Document, moves: &[PortMove]) -> Dependents {
    let template = template_of(file).unwrap_or_default();
    dependents(&template, document, &|name| ctx.var(name), moves)
}

/// A template that cannot be read declares nothing; `env check` says why.
fn template_of(file: &Path) -> Option<Document> {
    let template = stack::template_for(file)?;
    Document::parse(std::fs::read(template).ok()?).ok()
}

/// Changes the lines that follow.
pub fn write(ctx: &Context, document: &mut Document, dependents: &Dependents) -> Result<()> {
    let mut steps = dependents.follow.iter();
    steps.try_for_each(|step| document.change(&step.variable, &step.to, &|name| ctx.var(name), &|_| None))
}

/// `VITE_API_URL http://localhost:8000 -> http://localhost:8001  (.env)`, and a
/// note for each mention. In JSON stdout is for the report alone.
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
            "note: {place}:{line}: {name}={value} still names {}, the port that {} had",
            mention.port, mention.of
        ));
    }
}

/// Variables whose template says one port and whose value is another. Those that
/// feed a published port, and those called PORT. A default that another of them
/// has now is left out: to name it may be right.
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
