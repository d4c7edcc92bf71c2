//! A checkout that is not the project's only one (a linked git worktree, a
//! second clone) gets a project name of its own: two checkouts of one name
//! would replace each other's containers and share their volumes. On an engine
//! elsewhere each person's checkout does.

use std::path::Path;

use super::tracked::Writes;
use super::{env_file, fixed_names, overrides, proof};
use crate::context::Context;
use crate::decide::{Expect, port_difference};
use crate::envfile::Document;
use crate::error::{Error, Result};
use crate::model::{FixedName, Leases, Named};
use crate::project::{NAME, Project, leases};
use crate::{disk, stack, ui};

/// Gives the checkout a name where it needs one: into the env file that Compose
/// reads, so that a bare `docker compose` there meets the same stack; to Compose's
/// environment alone with `--no-write` and `--dry-run`.
pub(crate) fn name_checkout(project: Project, writes: Writes) -> Result<(Project, Writes)> {
    if project.host.as_ref().is_some_and(|host| !host.is_around) {
        return if project.needs_persons_name() { name_for_person(&project, writes) } else { Ok((project, writes)) };
    }
    if !project.is_secondary || project.is_named_by_hand() {
        return Ok((project, writes));
    }
    if let Some(name) = project.own_name()? {
        return if name == project.stack.name { Ok((project, writes)) } else { take_name(&project, &name, writes) };
    }
    let name = keep_name(&project, |leases| Ok(project.new_name(leases)))?;
    let what = if project.checkout.is_some() { "checkout" } else { "copy" };
    ui::note(&format!("this {what} of {} is a project of its own: {name}", ui::clean(&project.base_name())));
    take_name(&project, &name, writes)
}

fn name_for_person(project: &Project, writes: Writes) -> Result<(Project, Writes)> {
    let name = keep_name(project, |leases| project.persons_name(leases))?;
    let base = project.shared_name();
    let host = ui::clean(&project.ctx.engine.endpoint().remote_host().unwrap_or_default());
    ui::note(&format!("on {host} this checkout of {} is a project of its own: {name}", ui::clean(&base)));
    let dir = project.real_dir();
    if project.containers.iter().flatten().any(|container| container.belongs_to(&base, &dir)) {
        ui::note(&format!(
            "note: containers of {base} there say this very folder: if they are yours, {NAME}={base} in .env keeps them"
        ));
    }
    take_name(project, &name, writes)
}

/// Chooses a name and keeps it under the lock, so that no other checkout gets the
/// same; with `--dry-run` only chooses.
fn keep_name(project: &Project, choose: impl Fn(&Leases) -> Result<String>) -> Result<String> {
    let containers = project.containers.as_deref().unwrap_or_default();
    let ledger = if project.ctx.dry_run { None } else { leases::open(&project.ctx, Some(containers)) };
    let Some(mut ledger) = ledger else { return choose(&project.leases) };
    let name = choose(&ledger.leases)?;
    ledger.leases.tenant_mut(&name, &project.real_dir());
    leases::close(ledger);
    Ok(name)
}

fn take_name(project: &Project, name: &str, writes: Writes) -> Result<(Project, Writes)> {
    let prove = |ctx: &Context| {
        let after = project.resolve_again(ctx)?;
        let difference = port_difference(&project.stack, &after.stack, &|_| Expect::Same);
        difference.map_or(Ok(after), |difference| Err(proof::refusal(&format!("{NAME}={name}"), &difference)))
    };
    let ctx = &project.ctx;
    let file = project.env_files.file_for(NAME).map(Path::to_path_buf);
    let writes = match &file {
        Ok(file) if !ctx.dry_run => writes.ask(ctx, std::slice::from_ref(file))?,
        _ => writes,
    };
    if ctx.dry_run || writes == Writes::Environment {
        return Ok((prove(&ctx.with_vars([(NAME.to_owned(), name.to_owned())]))?, writes));
    }
    env_file::from_template(project)?;
    let file = file?;
    let before = disk::read(&file)?.unwrap_or_default();
    let mut document = Document::parse(before).map_err(|error| error.within(file.display()))?;
    document.set(NAME, name)?;
    let after = disk::write_proved(&[(file.clone(), Some(document.render().to_vec()))], || {
        ui::note(&format!("{NAME}={name} written to {}", ctx.show(&file)));
        prove(ctx)
    })?;
    Ok((after, writes))
}

/// Names that the compose files fix are the same in every checkout: containers
/// of two could not be there at once, and their volumes would be one. They are
/// left to Compose, which makes them from the project's name; where that cannot
/// be, it is said what to do.
pub(crate) fn free_names(project: Project, writes: Writes) -> Result<(Project, Writes)> {
    let ctx = &project.ctx;
    let names = fixed_names(&project);
    if names.is_empty() {
        return Ok((project, writes));
    }
    let uses = stack::name_uses(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    fixed_names::refuse(ctx, &uses, names.iter().map(|name| &name.what))?;
    let request = overrides::resetting(&project, &names)?;
    let writes = if ctx.dry_run { writes } else { writes.ask(ctx, &overrides::env_file_to_write(ctx))? };
    let freed = match writes {
        _ if ctx.dry_run => Ok(None),
        Writes::Environment => overrides::environment(&project, &request).map(Some),
        writes => {
            env_file::from_template(&project)?;
            overrides::apply(&project, &request, writes).map(Some)
        }
    };
    report_names(ctx, &names, freed.as_ref().err());
    Ok((freed.ok().flatten().unwrap_or(project), writes))
}

/// Those of a checkout that is not the only one, as long as nothing runs under
/// them: what does has its data there.
fn fixed_names(project: &Project) -> Vec<FixedName> {
    if !project.is_secondary {
        return Vec::new();
    }
    let (ctx, dir) = (&project.ctx, project.real_dir());
    let names = stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    let names: Vec<FixedName> = names.into_iter().filter(|name| name.what != Named::Project).collect();
    // Elsewhere the folder may be one of another person's machine.
    let has_containers = match project.host {
        Some(_) => project.own_containers().next().is_some(),
        None => project.containers.iter().flatten().any(|container| container.is_from_folder(&dir)),
    };
    if has_containers { Vec::new() } else { names }
}

fn report_names(ctx: &Context, names: &[FixedName], error: Option<&Error>) {
    for name in names {
        let place = format!("{}:{}", ctx.show(&name.file), name.line);
        let fixed = format!("{} is `{}` in every checkout ({place})", name.what, ui::clean(&name.value));
        match error {
            None => ui::note(&format!("{fixed}: here Compose names it")),
            Some(_) => ui::warn(&format!(
                "{fixed}: two of them meet; take the line out, or begin the name with ${{COMPOSE_PROJECT_NAME}}-"
            )),
        }
    }
    if let Some(error) = error {
        ui::note(&format!("note: names cannot be changed for this checkout alone: {error}"));
    }
}
