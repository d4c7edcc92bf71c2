//! Reserves a project name and gives it to the project: in its env file or in Compose's
//! environment.

use std::path::Path;

use super::env_file;
use super::proof::{self, Model};
use super::readers::Reader;
use super::tracked::WriteMode;
use crate::context::Context;
use crate::decide::{Expect, ModelDifference};
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
    let before = Model::of_project(project)?;
    let prove = |ctx: &Context| {
        let after = project.resolve_again(ctx)?;
        prove_name(project, &before, &after, name)?;
        Ok(after)
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

/// An error if a port changes with the name. Other values contain the name, because Compose or
/// the compose files derive them from it; what changes in another way is reported.
fn prove_name(project: &Project, before: &Model, after: &Project, name: &str) -> Result<()> {
    let cause = format!("{PROJECT_NAME}={name}");
    let found = before.differences(&before.after(after)?, &|_| Expect::Same);
    if let Some(difference) = found.ports.first() {
        return Err(proof::refusal(&cause, difference));
    }
    // A new `.env` sets more than the name.
    if project.template.is_some() {
        return Ok(());
    }
    let is_name = |found: &ModelDifference| found.name() == PROJECT_NAME || found.replaces(&project.stack.name, name);
    for found in found.other.into_iter().filter(|found| !is_name(found)) {
        ui::note(&format!("note: {cause} also changes {}", Reader::new(found).line()));
    }
    Ok(())
}
