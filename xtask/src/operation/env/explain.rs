//! Where the value of one variable comes from, and what it does.

use std::path::PathBuf;

use serde::Serialize;

use super::files::EnvProject;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::{Source, Stack, Wanted};
use crate::parse::interpolate::{interpolate, mentions};
use crate::stack;
use crate::ui::{self, Column};

/// All that is known of a variable.
#[derive(Debug, Serialize)]
pub struct Explained {
    schema: u32,
    variable: String,
    /// `null` where nothing sets it, even if a default stands in.
    value: Option<String>,
    /// Whatever gives it a value, the one that wins first.
    sources: Vec<Given>,
    /// Values in env files and places in compose files that name it.
    uses: Vec<Place>,
    /// Published ports that it feeds.
    ports: Vec<Port>,
    /// Where `env set` would write; `null` where nothing written would count.
    write_to: Option<String>,
    /// Why not.
    not_writable: Option<String>,
}

#[derive(Debug, Serialize)]
struct Given {
    /// `shell`, `env_file` or `default`.
    kind: &'static str,
    file: Option<String>,
    line: Option<usize>,
    value: String,
    /// It is the value, or (a default) it is used where it stands.
    counts: bool,
}

#[derive(Debug, Serialize)]
struct Place {
    file: String,
    line: usize,
    /// Keys that lead there, or the variable whose value names it.
    at: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Port {
    service: String,
    published: Option<String>,
    target: u16,
    protocol: &'static str,
    file: String,
    line: usize,
}

/// Explains `name`; an error where nobody knows it.
pub fn explain(ctx: &Context, env: &EnvProject, name: &str) -> Result<Explained> {
    let lookup = |name: &str| ctx.var(name);
    let uses = stack::variable_uses(&env.project, &lookup)?;
    // The ports are a part of the answer only: whoever checks them says more.
    let model = stack::read(&env.options(ctx), &ctx.dir, &lookup).unwrap_or_else(|error| {
        ui::note(&format!("note: the ports it feeds cannot be told: {error}"));
        Stack::default()
    });
    let mask = |value: &str| ui::mask_value(name, value);
    let mut sources: Vec<Given> = Vec::new();
    let mut value: Option<String> = None;
    let shell = ctx.var(name).map(|value| (value, Source::Shell)).into_iter();
    let files = env.project.env_files.all(name).map(|(value, source)| (value.to_owned(), source));
    for (given, source) in shell.chain(files) {
        let (file, line) = match source {
            Source::EnvFile { path, line } => (Some(ctx.show(&path)), Some(line)),
            _ => (None, None),
        };
        let kind = if file.is_some() { "env_file" } else { "shell" };
        sources.push(Given { kind, file, line, value: mask(&given), counts: value.is_none() });
        value.get_or_insert(given);
    }
    let all = |name: &str| {
        let found = ctx.var(name).or_else(|| env.project.env_files.get(name).map(|(value, _)| value.to_owned()));
        found.map(|value| (value, ()))
    };
    let mut places: Vec<Place> = own_uses(ctx, env, name);
    for place in uses.places.iter().filter(|place| place.name == name) {
        let (file, line) = (ctx.show(&place.file), place.line);
        if let Some(default) = &place.default {
            let default = interpolate(default, &all).map_or_else(|_| default.clone(), |done| done.value);
            // `:-` stands in for an empty value too, `-` does not.
            let empty = value.as_deref() == Some("") && place.text[name.len()..].contains(":-");
            let (file, counts) = (Some(file.clone()), value.is_none() || empty);
            let known = sources.iter().any(|s| s.kind == "default" && s.file == file && s.line == Some(line));
            if !known {
                sources.push(Given { kind: "default", file, line: Some(line), value: mask(&default), counts });
            }
        }
        // Only the default can be a secret; the name is none.
        let hidden = place.default.as_deref().filter(|default| mask(default) != **default);
        let start = hidden.and_then(|default| place.text.rfind(default));
        let text = start.map_or_else(|| place.text.clone(), |at| format!("{}***}}", &place.text[..at]));
        places.push(Place { file, line, at: ui::clean(&place.path), text: ui::clean(&text) });
    }
    if sources.is_empty() && places.is_empty() {
        return Err(unknown(ctx, env, name));
    }
    let (write_to, not_writable) = target(ctx, env, name);
    let ports = model.ports().filter_map(|wanted| port(ctx, name, wanted)).collect();
    let value = value.map(|value| mask(&value));
    Ok(Explained { schema: 1, variable: ui::clean(name), value, sources, uses: places, ports, write_to, not_writable })
}

fn unknown(ctx: &Context, env: &EnvProject, name: &str) -> Error {
    let error = Error::new(format!("nothing sets {name}, and no compose file names it")).finding();
    let offered = env.template.iter().find_map(|(path, template)| {
        let line = template.commented().into_iter().find(|offered| offered.name == name).map(|offered| offered.line);
        Some((path, line.or_else(|| template.get(name).map(|entry| entry.line))?))
    });
    match offered {
        Some((path, line)) => error.hint(format!("{}:{line} has it", ctx.show(path))),
        None => error.hint("look at its spelling: `cargo xtask env diff` lists the variables of .env"),
    }
}

/// Values of env files that name it.
fn own_uses(ctx: &Context, env: &EnvProject, name: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (path, document) in &env.files {
        for line in document.assigned() {
            let text = line.text.unwrap_or_default();
            if mentions(&text).iter().any(|mention| mention.name == name) {
                let text = ui::mask_value(&line.name, &text);
                places.push(Place { file: ctx.show(path), line: line.line, at: ui::clean(&line.name), text });
            }
        }
    }
    places
}

fn port(ctx: &Context, name: &str, wanted: &Wanted) -> Option<Port> {
    let origin = wanted.origin.as_ref().filter(|origin| origin.variable.as_deref() == Some(name))?;
    let mapping = &wanted.mapping;
    Some(Port {
        service: ui::clean(&mapping.service),
        published: mapping.published.map(|range| range.to_string()),
        target: mapping.target,
        protocol: mapping.protocol.as_str(),
        file: ctx.show(&origin.file),
        line: origin.line,
    })
}

fn target(ctx: &Context, env: &EnvProject, name: &str) -> (Option<String>, Option<String>) {
    if ctx.var(name).is_some() {
        return (None, Some(format!("the shell sets it, which beats every file: `unset {}`", ui::clean(name))));
    }
    let file: Result<PathBuf> = env.project.env_files.file_for(name).map(PathBuf::from);
    match file {
        Ok(file) => (Some(ctx.show(&file)), None),
        Err(error) => (None, Some(error.message().to_owned())),
    }
}

/// The answer for eyes.
pub fn text(explained: &Explained) {
    let Explained { variable, value, sources, uses, ports, write_to, not_writable, .. } = explained;
    let default = || sources.iter().find(|source| source.kind == "default" && source.counts);
    match (value, default()) {
        (Some(value), None) => ui::out(&format!("{variable}={value}")),
        (Some(_), Some(default)) => ui::out(&format!("{variable} is empty; {} stands in", default.value)),
        (None, Some(default)) => ui::out(&format!("{variable} is not set; {} stands in", default.value)),
        (None, None) => ui::out(&format!("{variable} is not set")),
    }
    let heading = |title: &str, rows: &[Vec<String>]| {
        if rows.is_empty() {
            return;
        }
        ui::out(title);
        for line in ui::table(&[Column::Left; 3], rows) {
            ui::out(&format!("  {line}"));
        }
    };
    let place = |file: &str, line: usize| format!("{file}:{line}");
    let rows = sources.iter().map(|source| {
        let from = source.file.as_ref().zip(source.line).map_or_else(|| "shell".to_owned(), |(f, l)| place(f, l));
        let what = match (source.kind, source.counts) {
            ("default", true) => "default, counts",
            ("default", false) => "default, not needed",
            (_, true) => "counts",
            (_, false) => "beaten by the one above",
        };
        vec![from, source.value.clone(), what.to_owned()]
    });
    heading("set by, the first wins:", &rows.collect::<Vec<_>>());
    let rows = uses.iter().map(|used| vec![place(&used.file, used.line), used.at.clone(), used.text.clone()]);
    heading("used by:", &rows.collect::<Vec<_>>());
    let rows = ports.iter().map(|port| {
        let published = port.published.as_deref().unwrap_or("random");
        let from = place(&port.file, port.line);
        vec![port.service.clone(), format!("{published} -> {}/{}", port.target, port.protocol), from]
    });
    heading("publishes:", &rows.collect::<Vec<_>>());
    match (write_to, not_writable) {
        (Some(file), _) => ui::out(&format!("a new value goes to {file}: `cargo xtask env set {variable}=…`")),
        (None, Some(why)) => ui::out(&format!("a new value cannot be written: {why}")),
        (None, None) => {}
    }
}

/// `env explain --format json`.
pub fn json(explained: &Explained) -> &impl Serialize {
    explained
}
