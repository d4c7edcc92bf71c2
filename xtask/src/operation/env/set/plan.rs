//! Plans which files change, and what they will contain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{ports, services};
use crate::context::Context;
use crate::decide::wider_reach;
use crate::envfile::{Dependents, Document, PortMove};
use crate::error::{Error, Result};
use crate::ledger::ProjectLock;
use crate::model::{ComposeOptions, Stack};
use crate::operation::change::env_file::{read, widens};
use crate::operation::change::{dependents, moves, port_places};
use crate::operation::env::files::{EnvProject, writable};
use crate::operation::env::names::refuse_unknown;
use crate::stack;
use crate::ui::{self, Format};

#[derive(Debug)]
pub struct Plan {
    pub(super) edits: Vec<Edit>,
    pub(super) files: Vec<PlannedFile>,
    /// The options for reading the project before the change.
    pub(super) options: ComposeOptions,
    warnings: Vec<String>,
    /// The single ports that change.
    pub(super) moves: Vec<PortMove>,
    /// Held until the files are written, so that no other `env set` writes in between.
    _lock: Option<ProjectLock>,
}

#[derive(Debug)]
pub(super) struct Edit {
    pub(super) variable: String,
    from: Option<String>,
    pub(super) to: String,
    pub(super) file: PathBuf,
}

#[derive(Debug)]
pub(super) struct PlannedFile {
    pub(super) path: PathBuf,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Document,
    pub(super) template: Option<PathBuf>,
    dependents: Dependents,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    changed: Vec<Changed>,
}

#[derive(Serialize)]
struct Changed {
    variable: String,
    from: Option<String>,
    to: String,
    file: String,
}

/// Refuses values that could not take effect and, unless they may be `new`, names that nothing reads.
pub fn plan(ctx: &Context, words: &[String], new: bool) -> Result<Plan> {
    let values = assignments(words)?;
    ports::refuse_files_with_others(&values)?;
    if let Some(name) = values.keys().find(|name| ctx.var(name).is_some()) {
        return Err(moves::shadowed_by_shell(name, ctx));
    }
    let turn = lock(ctx);
    let env = crate::operation::env::files::gather(ctx)?;
    if !new {
        values.iter().try_for_each(|(name, value)| refuse_unknown(ctx, &env, name, value))?;
    }
    let now = stack::read(&env.options(ctx), &ctx.dir, &|name| ctx.var(name));
    let then = model_after(ctx, &env, &values);
    let mut warnings = Vec::new();
    let moves = match (&now, &then) {
        (now, Ok(then)) => {
            ports::check(ctx, now.as_ref().ok(), then, &values)?;
            ports::moves(now.as_ref().ok(), then)
        }
        (Ok(now), Err(error)) => return Err(ports::explain_failure(now, &values, error.clone())),
        // It was broken before, and may be repaired one value at a time.
        (Err(_), Err(error)) => {
            warnings.push(format!("Compose cannot read the project yet: {error}"));
            Vec::new()
        }
    };
    if let (Some((template, _)), Ok(then)) = (env.template_in_use(), &then)
        && let Ok(without) = stack::read(&ctx.options, &ctx.dir, &|name| ctx.var(name))
        && let Some(found) = wider_reach(&without, then).into_iter().find(widens)
    {
        return Err(ports::template_refusal(ctx, template, &found));
    }
    if let Ok(then) = &then {
        warnings.extend(ports::warnings(ctx, then, &moves));
        if let Ok(now) = &now {
            warnings.extend(services::changes(now, then, &values)?);
            warnings.extend(ports::warnings_about_files(now, then, &values));
        }
    }
    let options = env.options(ctx);
    let mut plan = Plan { edits: Vec::new(), files: Vec::new(), options, warnings, moves, _lock: turn };
    let offered = env.template_in_use().map(|(_, template)| template.values(&|name| ctx.var(name), &|_| None));
    let offered = offered.transpose()?.unwrap_or_default();
    for (variable, to) in values {
        let file = env.project.env_files.file_for(&variable)?.to_path_buf();
        let from = env.project.env_files.get(&variable).map(|(value, _)| value.to_owned());
        let from = from.or_else(|| offered.get(&variable).map(|found| found.value.clone()));
        plan.edits.push(Edit { variable, from, to, file });
    }
    let mut paths: Vec<PathBuf> = plan.edits.iter().map(|edit| edit.file.clone()).collect();
    paths.dedup();
    for path in paths {
        let known = plan.files.iter().any(|file| file.path == path);
        if !known {
            let file = planned_file(ctx, &env, &path, &plan.edits, &plan.moves)?;
            plan.files.push(file);
        }
    }
    Ok(plan)
}

/// Two writers at once would undo each other. Without a state folder there is no lock, but
/// the write is still atomic.
fn lock(ctx: &Context) -> Option<ProjectLock> {
    let dir: String = ctx.dir.to_string_lossy().chars().rev().take(100).collect();
    let wait = || ui::note("waiting for another `env set` in this folder");
    ProjectLock::acquire(&ctx.state_dir().ok()?, &format!("env{dir}"), wait).ok()
}

fn assignments(words: &[String]) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(Error::new(format!("`{}` is not NAME=VALUE", ui::clean(word)))
                .hint(format!("`cargo xtask env set {}`", ui::argument(&format!("{word}=VALUE")))));
        };
        // Fails if the name is invalid or the value cannot be written.
        Document::default().set(name, value)?;
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Error::new(format!("{name} is given twice")).hint("give it once"));
        }
    }
    Ok(values)
}

/// The model with the new values. Refuses two variables that Compose reads only from the
/// shell.
fn model_after(ctx: &Context, env: &EnvProject, values: &BTreeMap<String, String>) -> Result<Stack> {
    let shell_only = ["COMPOSE_ENV_FILES", "COMPOSE_DISABLE_ENV_FILE"];
    if let Some(name) = shell_only.iter().find(|name| values.contains_key(**name)) {
        return Err(Error::new(format!("Compose reads {name} only from the shell, not from files"))
            .hint(format!("`export {name}=…`")));
    }
    let lookup = |name: &str| values.get(name).cloned().or_else(|| ctx.var(name));
    stack::read(&env.options(ctx), &ctx.dir, &lookup)
}

fn planned_file(
    ctx: &Context,
    env: &EnvProject,
    path: &Path,
    edits: &[Edit],
    moves: &[PortMove],
) -> Result<PlannedFile> {
    writable(ctx, path)?;
    let before = if path.exists() { Some(read(ctx, path)?) } else { None };
    let template = env.template_in_use().filter(|_| before.is_none()).map(|(template, _)| template.clone());
    let start = match (&before, &template) {
        (Some(bytes), _) => bytes.clone(),
        // A new file with one line would lose the template's other values.
        (None, Some(template)) => read(ctx, template)?,
        (None, None) => Vec::new(),
    };
    let document = Document::parse(start).map_err(|error| error.within(ctx.show(path)))?;
    let mut follow = dependents::find(ctx, path, &document, moves);
    follow.follow.retain(|step| !edits.iter().any(|edit| edit.variable == step.variable));
    let mut after = document.clone();
    for edit in edits.iter().filter(|edit| edit.file == path) {
        // An equal value is left as written.
        if edit.from.as_deref() != Some(&edit.to) {
            after.set(&edit.variable, &edit.to).map_err(|error| error.within(ctx.show(path)))?;
        }
    }
    dependents::apply(ctx, &mut after, &follow)?;
    Ok(PlannedFile { path: path.to_path_buf(), before, after, template, dependents: follow })
}

pub fn show(ctx: &Context, plan: &Plan) {
    for file in &plan.files {
        if let Some(template) = &file.template {
            let created = if ctx.dry_run { "would be created" } else { "created" };
            ui::note(&format!("{} {created} from {}", ctx.show(&file.path), ctx.show(template)));
        }
    }
    if ctx.format == Format::Json {
        let changed = plan.edits.iter().filter(|edit| edit.from.as_ref() != Some(&edit.to));
        let mut changed: Vec<Changed> =
            changed.map(|edit| changed_line(ctx, &edit.variable, edit.from.as_deref(), &edit.to, &edit.file)).collect();
        for file in &plan.files {
            let follow = file.dependents.follow.iter();
            changed
                .extend(follow.map(|step| changed_line(ctx, &step.variable, Some(&step.from), &step.to, &file.path)));
        }
        ui::json(&Report { schema: 1, changed });
    } else {
        for edit in &plan.edits {
            let line = changed_line(ctx, &edit.variable, edit.from.as_deref(), &edit.to, &edit.file);
            let Changed { variable, from, to, file } = line;
            ui::out(&match from {
                _ if edit.from.as_ref() == Some(&edit.to) => format!("{variable} is already {to}  ({file})"),
                Some(from) => format!("{variable} {} -> {}  ({file})", or_empty(&from), or_empty(&to)),
                None => format!("{variable} {}  (new in {file})", or_empty(&to)),
            });
        }
        plan.files.iter().for_each(|file| dependents::show(ctx, &file.path, &file.dependents));
    }
    plan.warnings.iter().for_each(|warning| ui::warn(&ui::clean(warning)));
    port_places::note_variables(ctx, &plan.moves);
}

fn changed_line(ctx: &Context, name: &str, from: Option<&str>, to: &str, file: &Path) -> Changed {
    let mask = |value: &str| ui::mask_value(name, value);
    Changed { variable: ui::clean(name), from: from.map(mask), to: mask(to), file: ctx.show(file) }
}

fn or_empty(value: &str) -> &str {
    if value.is_empty() { "(empty)" } else { value }
}
