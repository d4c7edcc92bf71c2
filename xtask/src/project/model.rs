//! The effective model: from Compose and from our own reader, in parallel. In a fresh clone
//! a template is read in place of a missing `.env`.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::docker::{ComposeError, EngineError};
use crate::error::{Error, Result};
use crate::model::{ComposeOptions, Container, MissingEnvFile, Stack};
use crate::stack::{self, EnvFiles};
use crate::{exec, ui};

pub(super) struct Model {
    pub(super) stack: Stack,
    pub(super) config: Option<Vec<u8>>,
    pub(super) compose_trouble: Option<ComposeError>,
}

/// Asks for the model and, at the same time, for the engine's containers.
pub(super) fn ask(
    ctx: &Context,
    template: Option<&Path>,
    env_files: &EnvFiles,
) -> Result<(Model, Result<Vec<Container>, EngineError>)> {
    let options = ctx.with_template(template).options;
    let env = |name: &str| ctx.var(name);
    let compose = ctx.compose_with(options.clone());
    // As long as a service reads the missing file, Compose would only refuse.
    let needs = template.and_then(|_| missing_default(ctx, &options, env_files));
    let (config, containers, read) = std::thread::scope(|scope| {
        let containers = scope.spawn(|| super::resolved::containers(ctx));
        let config = scope.spawn(|| match needs {
            Some(missing) => Err(ComposeError::NeedsEnvFile(Box::new(missing))),
            None => compose.config_json(exec::LIMIT),
        });
        let read = stack::read(&options, &ctx.dir, &env);
        (join(config.join()), join(containers.join()), read)
    });
    if matches!(config, Err(ComposeError::Refused(_)))
        && let Some(missing) = missing_env_files(ctx, &options).first()
    {
        return Err(missing_env_file_error(ctx, missing));
    }
    let model = effective(ctx, config, read, || stack::locate(&options, &ctx.dir, &env))?;
    Ok((model, containers))
}

/// Compose's model with our reader's origins, or our reader's model if there is no
/// Compose. If Compose refuses, our reader's error is preferred, because it names file and
/// line.
fn effective(
    ctx: &Context,
    config: Result<(Stack, Vec<u8>), ComposeError>,
    read: Result<Stack>,
    locate: impl FnOnce() -> Result<stack::Project>,
) -> Result<Model> {
    match (config, read) {
        (Ok((mut stack, config)), Ok(read)) => {
            stack.dir.clone_from(&read.dir);
            stack.files.clone_from(&read.files);
            stack::attach_origins(&mut stack, &read);
            Ok(Model { stack, config: Some(config), compose_trouble: None })
        }
        // Our reader doesn't support something (a remote include, unusual YAML), so only
        // the ports' variables are unknown.
        (Ok((stack, config)), Err(error)) => {
            let located = locate()?;
            ui::note(&format!("note: cannot tell which variables set the ports: {error}"));
            let stack = Stack { dir: located.dir, files: located.files, ..stack };
            Ok(Model { stack, config: Some(config), compose_trouble: None })
        }
        (Err(trouble @ ComposeError::Refused(_)), Ok(_)) => Err(ctx.compose_error(&trouble)),
        (Err(trouble), Ok(stack)) => Ok(Model { stack, config: None, compose_trouble: Some(trouble) }),
        (Err(_), Err(error)) => Err(error),
    }
}

fn join<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The template beside a `.env` that doesn't exist yet.
pub(super) fn template_for_missing_env(files: &EnvFiles) -> Option<PathBuf> {
    let file = files.default_file().filter(|file| files.files().is_empty() && !file.exists())?;
    stack::template_of(file)
}

/// Missing env files that services need. Empty if our reader can't read the project, which
/// is reported elsewhere.
fn missing_env_files(ctx: &Context, options: &ComposeOptions) -> Vec<MissingEnvFile> {
    let env = |name: &str| ctx.var(name);
    let Ok(active) = stack::read(options, &ctx.dir, &env) else { return Vec::new() };
    let is_active = |name: &str| active.service(name).is_some();
    stack::missing_env_files(options, &ctx.dir, &env, &is_active).unwrap_or_default()
}

/// The missing default `.env`, if a service needs it.
fn missing_default(ctx: &Context, options: &ComposeOptions, files: &EnvFiles) -> Option<MissingEnvFile> {
    let default = files.default_file()?;
    missing_env_files(ctx, options).into_iter().find(|missing| missing.file == default)
}

/// Replaces Compose's own message, which doesn't say what to do.
fn missing_env_file_error(ctx: &Context, missing: &MissingEnvFile) -> Error {
    let error = ctx.missing_env_file(missing);
    match &missing.template {
        Some(template) => {
            let (from, to) = (ctx.typed(template), ctx.typed(&missing.file));
            error.hint(format!("make it from its template: `cp {from} {to}`"))
        }
        None => error.hint("make it, or let it be optional: `env_file: [{path: FILE, required: false}]`"),
    }
}
