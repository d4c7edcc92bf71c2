//! How `.env` differs from its template.

use serde::Serialize;

use super::files::EnvProject;
use crate::context::Context;
use crate::envfile::Change;
use crate::error::{Error, Result};
use crate::ui;

#[derive(Serialize)]
struct Report {
    schema: u32,
    file: String,
    template: String,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    variable: String,
    /// `changed`, `added` or `missing`.
    kind: &'static str,
    template: Option<Side>,
    file: Option<Side>,
}

#[derive(Serialize)]
struct Side {
    line: usize,
    value: String,
}

/// Compares the file that new values are written to.
pub fn diff(ctx: &Context, env: &EnvProject) -> Result<Vec<Change>> {
    let files = env.existing_files(ctx)?;
    let Some((_, template)) = &env.template else {
        return Err(Error::new(format!(
            "there is no .env.template, .env.example or the like in {}",
            ctx.show(&env.project.dir)
        ))
        .hint("write one: the variables of .env, each with its default and a comment"));
    };
    Ok(files.last().map(|(_, document)| template.changes_in(document)).unwrap_or_default())
}

/// Like a diff: `-` is the template's line, `+` the file's.
pub fn text(ctx: &Context, env: &EnvProject, changes: &[Change]) {
    let (template, file) = names(ctx, env);
    if changes.is_empty() {
        ui::note(&format!("{file} has the same values as {template}"));
        return;
    }
    ui::out(&format!("--- {template}\n+++ {file}"));
    let line = |sign: char, comment: &str, change: &Change, side: &Option<(usize, String)>| {
        if let Some((_, text)) = side {
            let name = ui::clean(&change.name);
            ui::out(&format!("{sign}{comment}{name}={}", ui::mask_value(&change.name, text)));
        }
    };
    for change in changes {
        line('-', if change.commented { "#" } else { "" }, change, &change.template);
        line('+', "", change, &change.file);
    }
}

/// `env diff --format json`.
pub fn json(ctx: &Context, env: &EnvProject, changes: &[Change]) -> impl Serialize {
    let (template, file) = names(ctx, env);
    let side = |change: &Change, side: &Option<(usize, String)>| {
        let side = side.as_ref()?;
        Some(Side { line: side.0, value: ui::mask_value(&change.name, &side.1) })
    };
    let differences = changes.iter().map(|change| Difference {
        variable: ui::clean(&change.name),
        kind: match (&change.template, &change.file) {
            (Some(_), Some(_)) => "changed",
            (None, _) => "added",
            (Some(_), None) => "missing",
        },
        template: side(change, &change.template),
        file: side(change, &change.file),
    });
    Report { schema: 1, file, template, differences: differences.collect() }
}

fn names(ctx: &Context, env: &EnvProject) -> (String, String) {
    let template = env.template.as_ref().map(|(path, _)| ctx.show(path)).unwrap_or_default();
    (template, env.files.last().map(|(path, _)| ctx.show(path)).unwrap_or_default())
}
