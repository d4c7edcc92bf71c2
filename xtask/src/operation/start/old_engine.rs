//! Supports engines that are too old for an option in the compose files: an override file
//! removes the option for this start only.

use crate::context::Context;
use crate::decide::{refuses_start_interval, without_start_interval};
use crate::docker::Compose;
use crate::error::Result;
use crate::operation::check::project::CheckedProject;
use crate::project::compose_file_vars;
use crate::{disk, ui};

/// Compose for `up`, without options that this engine refuses.
pub(crate) fn compose_for_engine(ctx: &Context, project: &CheckedProject) -> Result<Compose> {
    let Some(text) = without_start_interval(&project.stack).filter(|_| engine_refuses(ctx)) else {
        return Ok(ctx.compose());
    };
    let file = ctx.override_file(&project.stack.dir, "-old-engine")?;
    disk::private_folder(file.parent().unwrap_or(&file))?;
    disk::write_atomic(&file, text.as_bytes())?;
    ui::note(
        "note: this engine does not support start_interval (Docker 25.0 and later do): starting without it takes longer",
    );
    let mut options = ctx.options.clone();
    if !options.files.is_empty() {
        options.files.push(file);
        return Ok(ctx.compose_with(options));
    }
    // Not `-f`, with which Compose does not read the `.env` of the current folder.
    let files: Vec<_> = project.stack.files.iter().cloned().chain([file]).collect();
    Ok(ctx.compose().with_env(compose_file_vars(&files)))
}

/// Compose uses the API version in DOCKER_API_VERSION, otherwise the newest that the engine
/// supports. An unreadable version counts as new.
fn engine_refuses(ctx: &Context) -> bool {
    let api = match ctx.var("DOCKER_API_VERSION").filter(|version| !version.is_empty()) {
        Some(version) => version.parse().ok(),
        None => ctx.engine.version().ok().and_then(|version| version.api),
    };
    api.is_some_and(refuses_start_interval)
}
