//! A fresh clone: env files that are not there yet, and their templates.

use std::path::PathBuf;

use super::Project;
use crate::context::Context;
use crate::docker::ComposeTrouble;
use crate::error::Error;
use crate::model::{ComposeOptions, MissingEnvFile};
use crate::stack::{self, EnvFiles};

/// The template beside a `.env` that is not there yet.
pub(super) fn missing_env(files: &EnvFiles) -> Option<PathBuf> {
    let file = files.default_file().filter(|file| files.files().is_empty() && !file.exists())?;
    stack::template_of(file)
}

/// Env files that services need and that are not there. None where our reader
/// cannot read the project: then others have to say what is wrong.
pub(super) fn missing_env_files(ctx: &Context, options: &ComposeOptions) -> Vec<MissingEnvFile> {
    let env = |name: &str| ctx.var(name);
    let Ok(active) = stack::read(options, &ctx.dir, &env) else { return Vec::new() };
    let is_active = |name: &str| active.service(name).is_some();
    stack::missing_env_files(options, &ctx.dir, &env, &is_active).unwrap_or_default()
}

/// The `.env` that is to be made, where a service needs it.
pub(super) fn missing_default(ctx: &Context, options: &ComposeOptions, files: &EnvFiles) -> Option<MissingEnvFile> {
    let default = files.default_file()?;
    missing_env_files(ctx, options).into_iter().find(|missing| missing.file == default)
}

/// Why Compose refuses: in its own words stands no cure.
pub(super) fn refused_for(ctx: &Context, missing: &MissingEnvFile) -> Error {
    let error = ctx.missing_env_file(missing);
    match &missing.template {
        Some(template) => {
            let (from, to) = (ctx.typed(template), ctx.typed(&missing.file));
            error.hint(format!("make it from its template: `cp {from} {to}`"))
        }
        None => error.hint("make it, or let the service do without: `env_file: [{path: FILE, required: false}]`"),
    }
}

impl Project {
    /// Whether Compose can be asked only after `.env` was made from its template.
    pub fn needs_env_file(&self) -> bool {
        matches!(self.without_compose, Some(ComposeTrouble::NeedsEnvFile(_)))
    }
}
