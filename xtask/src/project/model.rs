//! The effective model: Compose and our own reader, asked side by side. In a fresh
//! clone templates stand for env files that are not there yet.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::docker::{ComposeError, EngineError};
use crate::error::{Error, Result};
use crate::model::{ComposeOptions, Container, MissingEnvFile, Stack};
use crate::stack::{self, EnvFiles};
use crate::{exec, ui};

/// A model, and who gave it.
pub(super) struct Model {
    pub(super) stack: Stack,
    pub(super) config: Option<Vec<u8>>,
    pub(super) without_compose: Option<ComposeError>,
}

/// The model, and the engine's containers, which are asked for at the same time.
pub(super) fn ask(
    ctx: &Context,
    template: Option<&Path>,
    env_files: &EnvFiles,
) -> Result<(Model, Result<Vec<Container>, EngineError>)> {
    let options = ctx.with_template(template).options;
    let env = |name: &str| ctx.var(name);
    let compose = ctx.compose_with(options.clone());
    // It can only refuse as long as a service reads the file that is to be made.
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
        return Err(refused_for(ctx, missing));
    }
    let model = effective(ctx, config, read, || stack::locate(&options, &ctx.dir, &env))?;
    Ok((model, containers))
}

/// Compose's model with our reader's origins; our reader's own model where
/// there is no Compose; and where Compose refuses, our reader's error, which
/// names file and line, before Compose's.
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
            Ok(Model { stack, config: Some(config), without_compose: None })
        }
        // Something that our reader does not know (a remote include, an oddity
        // of YAML): the ports are known all the same, only not their variables.
        (Ok((stack, config)), Err(error)) => {
            let located = locate()?;
            ui::note(&format!("note: which variables feed the ports cannot be told: {error}"));
            let stack = Stack { dir: located.dir, files: located.files, ..stack };
            Ok(Model { stack, config: Some(config), without_compose: None })
        }
        (Err(trouble @ ComposeError::Refused(_)), Ok(_)) => Err(ctx.compose_error(&trouble)),
        (Err(trouble), Ok(stack)) => Ok(Model { stack, config: None, without_compose: Some(trouble) }),
        (Err(_), Err(error)) => Err(error),
    }
}

/// A panic of ours stays one.
fn join<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The template beside a `.env` that is not there yet.
pub(super) fn missing_env(files: &EnvFiles) -> Option<PathBuf> {
    let file = files.default_file().filter(|file| files.files().is_empty() && !file.exists())?;
    stack::template_of(file)
}

/// Env files that services need and that are not there. None where our reader
/// cannot read the project: then others have to say what is wrong.
fn missing_env_files(ctx: &Context, options: &ComposeOptions) -> Vec<MissingEnvFile> {
    let env = |name: &str| ctx.var(name);
    let Ok(active) = stack::read(options, &ctx.dir, &env) else { return Vec::new() };
    let is_active = |name: &str| active.service(name).is_some();
    stack::missing_env_files(options, &ctx.dir, &env, &is_active).unwrap_or_default()
}

/// The `.env` that is to be made, where a service needs it.
fn missing_default(ctx: &Context, options: &ComposeOptions, files: &EnvFiles) -> Option<MissingEnvFile> {
    let default = files.default_file()?;
    missing_env_files(ctx, options).into_iter().find(|missing| missing.file == default)
}

/// Why Compose refuses: in its own words stands no cure.
fn refused_for(ctx: &Context, missing: &MissingEnvFile) -> Error {
    let error = ctx.missing_env_file(missing);
    match &missing.template {
        Some(template) => {
            let (from, to) = (ctx.typed(template), ctx.typed(&missing.file));
            error.hint(format!("make it from its template: `cp {from} {to}`"))
        }
        None => error.hint("make it, or let the service do without: `env_file: [{path: FILE, required: false}]`"),
    }
}
