//! Setting variables so that Compose reads them: all of them, or none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::context::Context;
use crate::envfile::{Dependents, Document, PortMove};
use crate::error::{Error, Result};
use crate::ledger::ProjectLock;
use crate::model::{ComposeOptions, Stack};
use crate::operation::change::env_file::read;
use crate::operation::change::{dependents, moves};
use crate::operation::env::files::{EnvProject, writable};
use crate::stack;
use crate::ui::{self, Format};

/// What will be written.
#[derive(Debug)]
pub struct Plan {
    pub(super) edits: Vec<Edit>,
    pub(super) files: Vec<Written>,
    /// How the project is read before it is written.
    pub(super) options: ComposeOptions,
    /// What is worth knowing, and does not stop anybody.
    warnings: Vec<String>,
    /// Held until it is written: another one must not write in between.
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
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Document,
    template: Option<PathBuf>,
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

/// Plans `VAR=VALUE` words, and refuses what could not take effect.
pub fn plan(ctx: &Context, words: &[String]) -> Result<Plan> {
    let values = assignments(words)?;
    if let Some(name) = values.keys().find(|name| ctx.var(name).is_some()) {
        return Err(moves::shadowed(name, ctx));
    }
    let lock = lock_env(ctx);
    let env = crate::operation::env::files::gather(ctx)?;
    let now = stack::read(&env.options(ctx), &ctx.dir, &|name| ctx.var(name));
    let then = then(ctx, &env, &values);
    let mut warnings = Vec::new();
    let moves = match (&now, &then) {
        (now, Ok(then)) => {
            crate::operation::env::set::ports::check(ctx, now.as_ref().ok(), then, &values)?;
            crate::operation::env::set::ports::moves(now.as_ref().ok(), then)
        }
        (Ok(now), Err(error)) => return Err(crate::operation::env::set::ports::breaks(now, &values, error.clone())),
        // It was broken before: one value at a time is how it is mended.
        (Err(_), Err(error)) => {
            warnings.push(format!("Compose cannot read the project yet: {error}"));
            Vec::new()
        }
    };
    if let Ok(then) = &then {
        warnings.extend(crate::operation::env::set::ports::taken(ctx, then, &moves));
    }
    let options = env.options(ctx);
    let mut plan = Plan { edits: Vec::new(), files: Vec::new(), options, warnings, _lock: lock };
    let offered = env.stands_in().map(|(_, template)| template.values(&|name| ctx.var(name), &|_| None));
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
            let file = written(ctx, &env, &path, &plan.edits, &moves)?;
            plan.files.push(file);
        }
    }
    Ok(plan)
}

/// Two that write at once would undo each other. Without a state folder there
/// is no lock, and still an atomic write.
fn lock_env(ctx: &Context) -> Option<ProjectLock> {
    let dir: String = ctx.dir.to_string_lossy().chars().rev().take(100).collect();
    let wait = || ui::note("waiting for another `env set` in this folder");
    ProjectLock::acquire(&ctx.state_dir().ok()?, &format!("env{dir}"), wait).ok()
}

fn assignments(words: &[String]) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(Error::new(format!("`{}` is no NAME=VALUE", ui::clean(word)))
                .hint(format!("`cargo xtask env set {}`", ui::argument(&format!("{word}=VALUE")))));
        };
        // Checks the name, and whether such a value can be written at all.
        Document::default().set(name, value)?;
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Error::new(format!("{name} is given twice")).hint("give it once"));
        }
    }
    Ok(values)
}

/// The model with the new values. Compose looks for these two in the shell
/// alone, so a file cannot set them.
fn then(ctx: &Context, env: &EnvProject, values: &BTreeMap<String, String>) -> Result<Stack> {
    let shell_only = ["COMPOSE_ENV_FILES", "COMPOSE_DISABLE_ENV_FILE"];
    if let Some(name) = shell_only.iter().find(|name| values.contains_key(**name)) {
        return Err(Error::new(format!("Compose reads {name} from the shell only, and from no file"))
            .hint(format!("`export {name}=…`")));
    }
    let lookup = |name: &str| values.get(name).cloned().or_else(|| ctx.var(name));
    stack::read(&env.options(ctx), &ctx.dir, &lookup)
}

/// One file as it is and as it will be.
fn written(ctx: &Context, env: &EnvProject, path: &Path, edits: &[Edit], moves: &[PortMove]) -> Result<Written> {
    writable(ctx, path)?;
    let before = if path.exists() { Some(read(ctx, path)?) } else { None };
    let template = env.stands_in().filter(|_| before.is_none()).map(|(template, _)| template.clone());
    let start = match (&before, &template) {
        (Some(bytes), _) => bytes.clone(),
        // Its other values must not be lost to a file of one line.
        (None, Some(template)) => read(ctx, template)?,
        (None, None) => Vec::new(),
    };
    let document = Document::parse(start).map_err(|error| error.within(ctx.show(path)))?;
    let mut follow = dependents::of(ctx, path, &document, moves);
    follow.follow.retain(|step| !edits.iter().any(|edit| edit.variable == step.variable));
    let mut after = document.clone();
    for edit in edits.iter().filter(|edit| edit.file == path) {
        // What reads so already is left as it is written.
        if edit.from.as_deref() != Some(&edit.to) {
            after.set(&edit.variable, &edit.to).map_err(|error| error.within(ctx.show(path)))?;
        }
    }
    dependents::write(ctx, &mut after, &follow)?;
    Ok(Written { path: path.to_path_buf(), before, after, template, dependents: follow })
}

/// What the plan changes, as lines or as JSON.
pub fn show(ctx: &Context, plan: &Plan) {
    for file in &plan.files {
        if let Some(template) = &file.template {
            let made = if ctx.dry_run { "would be made" } else { "made" };
            ui::note(&format!("{} {made} from {}", ctx.show(&file.path), ctx.show(template)));
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
                _ if edit.from.as_ref() == Some(&edit.to) => format!("{variable} is {to} already  ({file})"),
                Some(from) => format!("{variable} {} -> {}  ({file})", or_empty(&from), or_empty(&to)),
                None => format!("{variable} {}  (new in {file})", or_empty(&to)),
            });
        }
        plan.files.iter().for_each(|file| dependents::show(ctx, &file.path, &file.dependents));
    }
    plan.warnings.iter().for_each(|warning| ui::warn(&ui::clean(warning)));
}

fn changed_line(ctx: &Context, name: &str, from: Option<&str>, to: &str, file: &Path) -> Changed {
    let mask = |value: &str| ui::mask_value(name, value);
    Changed { variable: ui::clean(name), from: from.map(mask), to: mask(to), file: ctx.show(file) }
}

fn or_empty(value: &str) -> &str {
    if value.is_empty() { "(empty)" } else { value }
}
