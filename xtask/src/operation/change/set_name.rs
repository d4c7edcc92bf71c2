//! Reserves a project name and gives it to the project: in its env file or in Compose's
//! environment.

use std::path::Path;

use super::tracked::WriteMode;
use super::{env_file, proof};
use crate::context::Context;
use crate::decide::{Expect, port_difference};
use crate::envfile::Document;
use crate::error::Result;
use crate::model::Leases;
use crate::project::{PROJECT_NAME, Project, leases};
use crate::{disk, ui};

/// Chooses a name and records it under the lock, so that no other checkout gets the same;
/// with `--dry-run` only chooses.
pub(super) fn reserve_name(project: &Project, choose: impl Fn(&Leases) -> Result<String>) -> Result<String> {
    let containers = project.containers.as_deref().unwrap_or_default();
    let ledger = if project.ctx.dry_run { None } else { leases::open(&project.ctx, Some(containers)) };
    let Some(mut ledger) = ledger else { return choose(&project.leases) };
    let name = choose(&ledger.leases)?;
    ledger.leases.tenant_mut(&name, &project.real_dir());
    leases::close(ledger);
    Ok(name)
}

pub(super) fn set_name(project: &Project, name: &str, writes: WriteMode) -> Result<(Project, WriteMode)> {
    let prove = |ctx: &Context| {
        let after = project.resolve_again(ctx)?;
        let difference = port_difference(&project.stack, &after.stack, &|_| Expect::Same);
        difference.map_or(Ok(after), |difference| Err(proof::refusal(&format!("{PROJECT_NAME}={name}"), &difference)))
    };
    let ctx = &project.ctx;
    let file = project.env_files.file_for(PROJECT_NAME).map(Path::to_path_buf);
    let writes = match &file {
        Ok(file) if !ctx.dry_run => writes.ask(ctx, std::slice::from_ref(file))?,
        _ => writes,
    };
    if ctx.dry_run || writes == WriteMode::Environment {
        return Ok((prove(&ctx.with_vars([(PROJECT_NAME.to_owned(), name.to_owned())]))?, writes));
    }
    env_file::create_from_template(project)?;
    let file = file?;
    let before = disk::read(&file)?.unwrap_or_default();
    let mut document = Document::parse(before).map_err(|error| error.within(file.display()))?;
    document.set(PROJECT_NAME, name)?;
    let after = disk::write_proved(&[(file.clone(), Some(document.render().to_vec()))], || {
        ui::note(&format!("{PROJECT_NAME}={name} written to {}", ctx.show(&file)));
        prove(ctx)
    })?;
    Ok((after, writes))
}
