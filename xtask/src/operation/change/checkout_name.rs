//! Gives a secondary checkout (a linked git worktree, a second clone) its own project name:
//! two checkouts with one name would replace each other's containers and share their
//! volumes. On a remote engine every checkout gets its own name.

use super::set_name::{reserve_name, set_name};
use super::tracked::WriteMode;
use super::{earlier_name, env_file, fixed_names, overrides};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::{FixedName, Named};
use crate::project::{PROJECT_NAME, Project};
use crate::{stack, ui};

/// Names the checkout if necessary: in the env file that Compose reads, so that a bare
/// `docker compose` there uses the same stack, or only in Compose's environment with
/// `--no-write` and `--dry-run`.
pub(crate) fn name_checkout(project: Project, writes: WriteMode) -> Result<(Project, WriteMode)> {
    if project.host.as_ref().is_some_and(|host| !host.is_container_host) {
        return if project.needs_person_name() { name_for_person(&project, writes) } else { Ok((project, writes)) };
    }
    if !project.is_secondary_checkout || project.is_name_explicit() {
        return Ok((project, writes));
    }
    if let Some(name) = project.existing_name()? {
        return if name == project.stack.name { Ok((project, writes)) } else { set_name(&project, &name, writes) };
    }
    // The name that the checkout gets may have data of a worktree that is gone.
    let natural = project.new_name(&project.leases, &|_| false);
    let is_free =
        earlier_name::volumes(&project.ctx, &natural)?.is_empty() || earlier_name::use_volumes(&project, &natural)?;
    let name = reserve_name(&project, |leases| Ok(project.new_name(leases, &|name| !is_free && name == natural)))?;
    let what = if project.checkout.is_some() { "checkout" } else { "copy" };
    ui::note(&format!("this {what} of {} gets its own project name: {name}", ui::clean(&project.base_name())));
    set_name(&project, &name, writes)
}

fn name_for_person(project: &Project, writes: WriteMode) -> Result<(Project, WriteMode)> {
    let name = reserve_name(project, |leases| project.new_person_name(leases))?;
    let base = project.person_base_name();
    let host = ui::clean(&project.ctx.engine.endpoint().remote_host().unwrap_or_default());
    ui::note(&format!("on {host} this checkout of {} gets its own project name: {name}", ui::clean(&base)));
    let dir = project.real_dir();
    if project.containers.iter().flatten().any(|container| container.belongs_to(&base, &dir)) {
        ui::note(&format!(
            "note: containers of {base} there come from a folder with this path: if they are yours, {PROJECT_NAME}={base} in .env keeps them"
        ));
    }
    set_name(project, &name, writes)
}

/// Names that the compose files fix are the same in every checkout: two checkouts could not
/// have their containers at the same time, and would share volumes. Resets them, so that
/// Compose derives them from the project's name; if that is impossible, prints what to do.
pub(crate) fn reset_fixed_names(project: Project, writes: WriteMode) -> Result<(Project, WriteMode)> {
    let ctx = &project.ctx;
    let names = fixed_names(&project);
    if names.is_empty() {
        return Ok((project, writes));
    }
    let uses = stack::name_uses(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    fixed_names::refuse_used_names(ctx, &uses, names.iter().map(|name| &name.what))?;
    let request = overrides::reset_request(&project, &names)?;
    let writes = if ctx.dry_run { writes } else { writes.ask(ctx, &overrides::env_file_to_write(ctx))? };
    let reset = match writes {
        _ if ctx.dry_run => Ok(None),
        WriteMode::Environment => overrides::apply_in_environment(&project, &request).map(Some),
        writes => {
            env_file::create_from_template(&project)?;
            overrides::apply(&project, &request, writes).map(Some)
        }
    };
    report_names(ctx, &names, reset.as_ref().err());
    Ok((reset.ok().flatten().unwrap_or(project), writes))
}

/// The fixed names to reset in a secondary checkout. Empty if it has containers, which keep
/// their data under these names.
fn fixed_names(project: &Project) -> Vec<FixedName> {
    if !project.is_secondary_checkout {
        return Vec::new();
    }
    let (ctx, dir) = (&project.ctx, project.real_dir());
    let names = stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    let names: Vec<FixedName> = names.into_iter().filter(|name| name.what != Named::Project).collect();
    // On a remote engine the folder may be on another person's machine.
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
            None => ui::note(&format!("{fixed}: Compose chooses the name in this checkout")),
            Some(_) => ui::warn(&format!(
                "{fixed}: two checkouts collide; remove the line, or prefix the name with ${{COMPOSE_PROJECT_NAME}}-"
            )),
        }
    }
    if let Some(error) = error {
        ui::note(&format!("note: cannot reset the names for this checkout: {error}"));
    }
}
