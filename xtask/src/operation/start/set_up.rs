//! Installs an engine and Compose with the project's own script if they are missing.

use std::path::{Path, PathBuf};

use crate::context::{Context, set_up_script};
use crate::error::{Error, Exit, Result};
use crate::exec::Command;
use crate::operation::change::env_file;
use crate::operation::change::tracked::WriteMode;
use crate::project::{self, Project};
use crate::ui;

/// Resolves the project, and ensures that there is an engine and Compose. `set_up`: they may
/// be installed. Also creates a missing `.env` that services read, because Compose refuses
/// without it.
pub(crate) fn prepare(ctx: &Context, set_up: bool, writes: WriteMode) -> Result<Project> {
    let mut project = project::resolve(ctx)?;
    let mut can_set_up = set_up;
    loop {
        let writes_nothing = writes.with_settings(&project.settings) == WriteMode::Environment;
        if can_set_up && project.lacks_engine() {
            let script = find_script(&project)?;
            if ctx.dry_run {
                ui::out(&format!("would run: {}", ctx.show(&script)));
                return Ok(project);
            }
            run_script(ctx, &script)?;
            can_set_up = false;
        } else if project.containers.is_ok() && project.needs_env_file() && !writes_nothing {
            create_env_file(&project)?;
            if ctx.dry_run {
                return Ok(project);
            }
        } else {
            return project.require_engine().map_err(|error| explain_no_write(&project, error)).map(|()| project);
        }
        project = project::resolve(ctx)?;
    }
}

/// Explains that `--no-write` is the reason, if it is.
fn explain_no_write(project: &Project, error: Error) -> Error {
    if project.containers.is_err() || !project.needs_env_file() {
        return error;
    }
    Error::new(format!("{}: --no-write cannot create it", error.message()))
        .hint("Compose reads that file itself: `cargo xtask start` creates it from its template")
}

/// If the file can't be written, no option of ours helps, because Compose reads it itself.
fn create_env_file(project: &Project) -> Result<()> {
    env_file::create_from_template(project).map_err(|error| {
        if !error.is_unwritable() {
            return error;
        }
        let needs = project.compose_trouble.as_ref().map(|trouble| project.ctx.compose_error(trouble));
        let needs = needs.map(|needs| format!("{needs}; ")).unwrap_or_default();
        Error::new(needs + error.message()).hint("Compose reads that file itself: start from a writable checkout")
    })
}

/// Runs the project's script that installs an engine and Compose.
pub(crate) fn set_up(ctx: &Context) -> Result<()> {
    run_script(ctx, &find_script(&project::resolve(ctx)?)?)
}

/// The script, or an error that an engine or Compose is missing.
fn find_script(project: &Project) -> Result<PathBuf> {
    let script = set_up_script(&project.stack.dir);
    if !cfg!(windows) && script.is_file() {
        return Ok(script);
    }
    let missing =
        project.require_engine().err().unwrap_or_else(|| Error::new("an engine and Compose are already installed"));
    Err(missing.hint("--setup runs the project's scripts/engine/up, and this project has none"))
}

/// With exit code 2 the script has printed what is missing and what to type, with 130 that
/// it was interrupted.
fn run_script(ctx: &Context, script: &Path) -> Result<()> {
    let name = ctx.show(script);
    let code = Command::new(script).dir(&ctx.dir).show(false);
    match code.map_err(|error| if error.exit() == Exit::Interrupted { error.already_shown() } else { error })? {
        0 => Ok(()),
        2 => Err(Error::new(format!("`{name}` says what is missing")).already_shown()),
        130 => Err(Error::interrupted(format!("`{name}` was interrupted")).already_shown()),
        code => Err(Error::new(format!("`{name}` failed with exit code {code}"))),
    }
}
