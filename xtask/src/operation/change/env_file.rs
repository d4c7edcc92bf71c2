//! Creates `.env` from its template.

use std::path::Path;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::{disk, ui};

/// Creates `.env` from its template if there is none yet, because the project's guide
/// refers to that file.
pub(crate) fn create_from_template(project: &Project) -> Result<()> {
    let (Some(template), Some(file)) = (&project.template, project.env_files.default_file()) else { return Ok(()) };
    copy_template(&project.ctx, template, file)
}

/// Copies the template to `file`, which doesn't exist yet.
pub(crate) fn copy_template(ctx: &Context, template: &Path, file: &Path) -> Result<()> {
    let (from, to) = (ctx.show(template), ctx.show(file));
    if ctx.dry_run {
        ui::note(&format!("{to} would be created from {from}"));
        return Ok(());
    }
    disk::write_atomic(file, &read(ctx, template)?)?;
    ui::note(&format!("{to} created from {from}"));
    Ok(())
}

pub(crate) fn read(ctx: &Context, file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        Error::new(format!("failed to read {}: {error}", ctx.show(file))).hint("check its permissions: `ls -l`")
    })
}
