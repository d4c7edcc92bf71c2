//! An engine and Compose, brought up by the project's own script where there is
//! none.

use std::path::{Path, PathBuf};

use crate::context::{Context, set_up_script};
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::flow::survey::{Survey, project, survey};
use crate::ui;

/// A survey with an engine and Compose behind it. `set_up`: what is missing may
/// be brought up.
pub fn ready(ctx: &Context, set_up: bool) -> Result<Survey> {
    let mut found = survey(ctx)?;
    if set_up && found.lacks_engine(ctx) {
        let script = script(ctx, &found)?;
        if ctx.dry_run {
            ui::out(&format!("would run: {}", ctx.show(&script)));
            return Ok(found);
        }
        run(ctx, &script)?;
        found = survey(ctx)?;
    }
    found.has_engine(ctx)?;
    Ok(found)
}

/// Runs the project's own engine script, where there is no engine or no Compose.
pub fn set_up(ctx: &Context) -> Result<()> {
    let found = project(ctx)?;
    run(ctx, &script(ctx, &found)?)
}

/// The script; without one, that an engine or Compose is missing.
fn script(ctx: &Context, found: &Survey) -> Result<PathBuf> {
    let script = set_up_script(&found.stack.dir);
    if !cfg!(windows) && script.is_file() {
        return Ok(script);
    }
    let missing = found.has_engine(ctx).err().unwrap_or_else(|| Error::new("an engine and Compose are there already"));
    Err(missing.hint("--setup runs scripts/engine/up of the project, and this one has none"))
}

fn run(ctx: &Context, script: &Path) -> Result<()> {
    match Command::new(script).dir(&ctx.dir).show(false)? {
        0 => Ok(()),
        code => Err(Error::new(format!("`{}` failed with exit code {code}", ctx.show(script)))),
    }
}
