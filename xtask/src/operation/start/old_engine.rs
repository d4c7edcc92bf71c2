//! An engine that is too old for what the compose files say. They are written for
//! newer ones, and not changed for it: what it refuses is taken out by a file on
//! top, for this start alone.

use crate::context::Context;
use crate::decide::{refuses_start_interval, without_start_interval};
use crate::docker::Compose;
use crate::error::Result;
use crate::operation::check::project::CheckedProject;
use crate::project::compose_file_vars;
use crate::{disk, ui};

/// Compose for `up`, so that this engine takes it.
pub(crate) fn compose_for_engine(ctx: &Context, project: &CheckedProject) -> Result<Compose> {
    let Some(text) = without_start_interval(&project.stack).filter(|_| engine_refuses(ctx)) else {
        return Ok(ctx.compose());
    };
    let file = ctx.override_file(&project.stack.dir, "-old-engine")?;
    disk::private_folder(file.parent().unwrap_or(&file))?;
    disk::write_atomic(&file, text.as_bytes())?;
    ui::note(
        "note: this engine knows no start_interval (Docker 25.0 and later do): it is left out, and the start takes longer",
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

/// Compose speaks the version of DOCKER_API_VERSION, where that is set, and else
/// the newest that the engine knows. One that cannot be read is believed to be new.
fn engine_refuses(ctx: &Context) -> bool {
    let api = match ctx.var("DOCKER_API_VERSION").filter(|version| !version.is_empty()) {
        Some(version) => version.parse().ok(),
        None => ctx.engine.version().ok().and_then(|version| version.api),
    };
    api.is_some_and(refuses_start_interval)
}
