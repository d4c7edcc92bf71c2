//! Where the value of a variable comes from, and what uses it.

use std::path::PathBuf;

use serde::Serialize;

use super::files::EnvProject;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::{Source, Stack, Wanted};
use crate::parse::interpolate::{interpolate, mentions};
use crate::project::PROJECT_NAME;
use crate::project::records::recorded_name;
use crate::ui::{self, Column};
use crate::{disk, stack};

#[derive(Debug, Serialize)]
pub struct Explanation {
    schema: u32,
    variable: String,
    /// `null` if nothing sets it, even if a default is used.
    value: Option<String>,
    /// By precedence, highest first.
    sources: Vec<SourceReport>,
    /// Where env files and compose files refer to it.
    uses: Vec<Place>,
    /// Published ports that it feeds.
    ports: Vec<Port>,
    /// Where `env set` would write; `null` if no file can change the value.
    write_to: Option<String>,
    not_writable: Option<String>,
    /// COMPOSE_PROJECT_NAME: the name that is on record for this folder, which `start` takes
    /// where nothing sets it.
    recorded: Option<String>,
}

#[derive(Debug, Serialize)]
struct SourceReport {
    /// `shell`, `env_file` or `default`.
    kind: &'static str,
    file: Option<String>,
    line: Option<usize>,
    value: String,
    /// This is the value, or, for a default, it is used at its place.
    counts: bool,
}

#[derive(Debug, Serialize)]
struct Place {
    file: String,
    line: usize,
    /// The path of keys, or the variable whose value refers to it.
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

/// An error if nothing sets or uses it.
pub fn explain(ctx: &Context, env: &EnvProject, name: &str) -> Result<Explanation> {
    let lookup = |name: &str| ctx.var(name);
    let uses = stack::variable_uses(&env.project, &lookup)?;
    // A project that cannot be read still has an answer without the ports.
    let model = stack::read(&env.options(ctx), &ctx.dir, &lookup).unwrap_or_else(|error| {
        ui::note(&format!("note: its ports are unknown: {error}"));
        Stack::default()
    });
    let mask = |value: &str| ui::mask_value(name, value);
    let mut sources: Vec<SourceReport> = Vec::new();
    let mut value: Option<String> = None;
    let shell = ctx.var(name).map(|value| (value, Source::Shell)).into_iter();
    let files = env.project.env_files.all(name).map(|(value, source)| (value.to_owned(), source));
    for (given, source) in shell.chain(files) {
        let (file, line) = match source {
            Source::EnvFile { path, line } => (Some(ctx.show(&path)), Some(line)),
            _ => (None, None),
        };
        let kind = if file.is_some() { "env_file" } else { "shell" };
        sources.push(SourceReport { kind, file, line, value: mask(&given), counts: value.is_none() });
        value.get_or_insert(given);
    }
    let all = |name: &str| {
        let found = ctx.var(name).or_else(|| env.project.env_files.get(name).map(|(value, _)| value.to_owned()));
        found.map(|value| (value, ()))
    };
    let mut places: Vec<Place> = env_file_uses(ctx, env, name);
    for place in uses.places.iter().filter(|place| place.name == name) {
        let (file, line) = (ctx.show(&place.file), place.line);
        if let Some(default) = &place.default {
            let default = interpolate(default, &all).map_or_else(|_| default.clone(), |done| done.value);
            // `:-` also replaces an empty value, `-` does not.
            let empty = value.as_deref() == Some("") && place.text[name.len()..].contains(":-");
            let (file, counts) = (Some(file.clone()), value.is_none() || empty);
            let known = sources.iter().any(|s| s.kind == "default" && s.file == file && s.line == Some(line));
            if !known {
                sources.push(SourceReport { kind: "default", file, line: Some(line), value: mask(&default), counts });
            }
        }
        // Only the default can be a secret, not the name.
        let hidden = place.default.as_deref().filter(|default| mask(default) != **default);
        let start = hidden.and_then(|default| place.text.rfind(default));
        let text = start.map_or_else(|| place.text.clone(), |at| format!("{}***}}", &place.text[..at]));
        places.push(Place { file, line, at: ui::clean(&place.path), text: ui::clean(&text) });
    }
    let recorded = (name == PROJECT_NAME).then(|| recorded_name(ctx, &disk::real_path(&env.project.dir))).flatten();
    if sources.is_empty() && places.is_empty() && recorded.is_none() {
        return Err(unknown(ctx, env, name));
    }
    let (write_to, not_writable) = write_target(ctx, env, name);
    let ports = model.ports().filter_map(|wanted| port(ctx, name, wanted)).collect();
    let value = value.map(|value| mask(&value));
    Ok(Explanation {
        schema: 1,
        variable: ui::clean(name),
        value,
        sources,
        uses: places,
        ports,
        write_to,
        not_writable,
        recorded: recorded.map(|name| ui::clean(&name)),
    })
}

fn unknown(ctx: &Context, env: &EnvProject, name: &str) -> Error {
    let error = Error::new(format!("nothing sets {name}, and no compose file uses it")).finding();
    let offered = env.template.iter().find_map(|(path, template)| {
        let line = template.commented().into_iter().find(|offered| offered.name == name).map(|offered| offered.line);
        Some((path, line.or_else(|| template.get(name).map(|entry| entry.line))?))
    });
    match offered {
        Some((path, line)) => error.hint(format!("{}:{line} has it", ctx.show(path))),
        None => error.hint("check the spelling: `cargo xtask env diff` lists the variables of .env"),
    }
}

/// Values in env files that refer to it.
fn env_file_uses(ctx: &Context, env: &EnvProject, name: &str) -> Vec<Place> {
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

fn write_target(ctx: &Context, env: &EnvProject, name: &str) -> (Option<String>, Option<String>) {
    if ctx.var(name).is_some() {
        return (None, Some(format!("the shell sets it, which overrides every file: `unset {}`", ui::clean(name))));
    }
    let file: Result<PathBuf> = env.project.env_files.file_for(name).map(PathBuf::from);
    match file {
        Ok(file) => (Some(ctx.show(&file)), None),
        Err(error) => (None, Some(error.message().to_owned())),
    }
}

pub fn text(explained: &Explanation) {
    let Explanation { variable, value, sources, uses, ports, write_to, not_writable, recorded, .. } = explained;
    let default = || sources.iter().find(|source| source.kind == "default" && source.counts);
    match (value, default()) {
        (Some(value), None) => ui::out(&format!("{variable}={value}")),
        (Some(_), Some(default)) => ui::out(&format!("{variable} is empty; the default is {}", default.value)),
        (None, Some(default)) => ui::out(&format!("{variable} is not set; the default is {}", default.value)),
        (None, None) => ui::out(&format!("{variable} is not set")),
    }
    match recorded {
        Some(name) if value.as_ref() != Some(name) => {
            ui::out(&format!("this folder was last started as {name}: `cargo xtask start` keeps that name, or asks"));
        }
        Some(_) => ui::out("this folder was last started under that name"),
        None => {}
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
            ("default", true) => "default, used",
            ("default", false) => "default, not used",
            (_, true) => "used",
            (_, false) => "overridden",
        };
        vec![from, source.value.clone(), what.to_owned()]
    });
    heading("set by (the first wins):", &rows.collect::<Vec<_>>());
    let rows = uses.iter().map(|used| vec![place(&used.file, used.line), used.at.clone(), used.text.clone()]);
    heading("used by:", &rows.collect::<Vec<_>>());
    let rows = ports.iter().map(|port| {
        let published = port.published.as_deref().unwrap_or("random");
        let from = place(&port.file, port.line);
        vec![port.service.clone(), format!("{published} -> {}/{}", port.target, port.protocol), from]
    });
    heading("publishes:", &rows.collect::<Vec<_>>());
    match (write_to, not_writable) {
        (Some(file), _) => ui::out(&format!("to change it in {file}: `cargo xtask env set {variable}=…`")),
        (None, Some(why)) => ui::out(&format!("cannot be changed in a file: {why}")),
        (None, None) => {}
    }
}

/// `env explain --format json`.
pub fn json(explained: &Explanation) -> &impl Serialize {
    explained
}
