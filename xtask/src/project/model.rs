//! The effective model: Compose and our own reader, asked side by side.

use std::path::Path;

use super::template::{missing_default, missing_env_files, refused_for};
use crate::context::Context;
use crate::docker::{ComposeTrouble, Trouble};
use crate::error::Result;
use crate::exec;
use crate::model::{Container, Stack};
use crate::stack::{self, EnvFiles};
use crate::ui;

/// A model, and who gave it.
pub(super) struct Model {
    pub(super) stack: Stack,
    pub(super) config: Option<Vec<u8>>,
    pub(super) without_compose: Option<ComposeTrouble>,
}

/// The model, and the engine's containers, which are asked for at the same time.
pub(super) fn ask(
    ctx: &Context,
    template: Option<&Path>,
    env_files: &EnvFiles,
) -> Result<(Model, Result<Vec<Container>, Trouble>)> {
    let options = ctx.with_template(template).options;
    let env = |name: &str| ctx.var(name);
    let compose = ctx.compose_with(options.clone());
    // It can only refuse as long as a service reads the file that is to be made.
    let needs = template.and_then(|_| missing_default(ctx, &options, env_files));
    let (config, containers, read) = std::thread::scope(|scope| {
        let containers = scope.spawn(|| super::containers(ctx));
        let config = scope.spawn(|| match needs {
            Some(missing) => Err(ComposeTrouble::NeedsEnvFile(Box::new(missing))),
            None => compose.config_json(exec::LIMIT),
        });
        let read = stack::read(&options, &ctx.dir, &env);
        (join(config.join()), join(containers.join()), read)
    });
    if matches!(config, Err(ComposeTrouble::Refused(_)))
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
    config: Result<(Stack, Vec<u8>), ComposeTrouble>,
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
        (Err(trouble @ ComposeTrouble::Refused(_)), Ok(_)) => Err(ctx.compose_error(&trouble)),
        (Err(trouble), Ok(stack)) => Ok(Model { stack, config: None, without_compose: Some(trouble) }),
        (Err(_), Err(error)) => Err(error),
    }
}

/// A panic of ours stays one.
fn join<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
