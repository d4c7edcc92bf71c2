//! A person's own project name on an engine elsewhere.
//!
//! Compose knows a stack by its project's name alone, and a container says only
//! the folder that it was made from. On one machine that is enough: a folder is
//! one folder. On an engine that several people use it is not: ~/src/shop may have
//! one path on all of their machines, and the second `up` would replace the first one's
//! containers and go on with their data. No label of Compose tells the machine,
//! and one of ours would be missing from whatever a bare `docker compose` makes.
//! So the name has to tell: there nobody's checkout is the project's only one,
//! and each gets a name with its person in it and ports of its own, in the way
//! that a linked worktree gets them here. Whoever writes COMPOSE_PROJECT_NAME
//! means that very project, with its own ports: nothing is given then.

use std::path::Path;

use super::{person, whole_person};
use crate::context::Context;
use crate::decide::{has_person, person_name};
use crate::disk;
use crate::error::Result;
use crate::flow::keep;
use crate::flow::own::{self, NAME};
use crate::flow::survey::Survey;
use crate::ledger::Book;
use crate::model::{Container, Leases};
use crate::stack;
use crate::ui;

/// Whether the project's name and ports are to be this person's alone: the
/// engine is elsewhere, and nobody chose the name.
pub fn is_shared(ctx: &Context, found: &Survey) -> bool {
    ctx.engine.endpoint().is_remote() && (has_own(ctx, found) || !is_named(ctx, found))
}

/// Whether the name was given by this tool, or might have been.
fn has_own(ctx: &Context, found: &Survey) -> bool {
    has_person(&found.stack.name, &person(ctx))
}

/// Whether somebody wrote the name down for this checkout. What a linked
/// worktree was given for this machine is nobody's choice for another one.
fn is_named(ctx: &Context, found: &Survey) -> bool {
    let by_hand = ctx.options.project_name.is_some() || ctx.var(NAME).is_some();
    by_hand
        || found.env_files.get(NAME).is_some()
            && own::worktree_of(&found.real_dir()).as_ref() != Some(&found.stack.name)
}

/// Gives the checkout a name of the person's own, where it has none.
pub fn name_checkout(ctx: &mut Context, found: Survey) -> Result<Survey> {
    if !is_shared(ctx, &found) || has_own(ctx, &found) && is_named(ctx, &found) {
        return Ok(found);
    }
    let dir = found.real_dir();
    let containers = found.containers.clone().unwrap_or_default();
    let base = own::worktree_of(&dir).unwrap_or_else(|| found.stack.name.clone());
    let name = if ctx.dry_run {
        choose(ctx, &base, &dir, &containers, &peek(ctx))?
    } else {
        // Chosen and kept under the lock: no other checkout gets the same.
        let mut book = keep::open(ctx, Some(&containers));
        let none = Leases::default();
        let name = choose(ctx, &base, &dir, &containers, book.as_ref().map_or(&none, |book| &book.leases))?;
        if let Some(book) = &mut book {
            book.leases.tenant_mut(&name, &dir);
        }
        book.into_iter().for_each(keep::close);
        name
    };
    let host = ui::clean(&ctx.engine.endpoint().remote_host().unwrap_or_default());
    ui::note(&format!("on {host} this checkout of {} is a project of its own: {name}", ui::clean(&base)));
    let bare = |c: &Container| own::is_here(c, &dir) && c.project.as_deref() == Some(&base);
    if containers.iter().any(bare) {
        ui::note(&format!(
            "note: containers of {base} there say this very folder: if they are yours, {NAME}={base} in .env keeps them"
        ));
    }
    own::take_name(ctx, &found, &name)
}

fn peek(ctx: &Context) -> Leases {
    ctx.ledger_dir().map(|dir| Book::peek(&dir)).unwrap_or_default()
}

/// The name that the book has for this folder, else a new one that nothing at
/// the engine goes by. What is there under a name that this person's own book
/// does not know may be anybody's, whatever folder it says.
fn choose(ctx: &Context, base: &str, dir: &Path, containers: &[Container], leases: &Leases) -> Result<String> {
    let person = person(ctx);
    let mut tenants = leases.tenants.iter().filter(|tenant| tenant.dir == dir && tenant.is_stack());
    if let Some(tenant) = tenants.find(|tenant| has_person(&tenant.project, &person)) {
        return Ok(tenant.project.clone());
    }
    let volumes = ctx.engine.volumes().map_err(|trouble| ctx.engine_error(&trouble))?;
    let is_taken = |name: &str| {
        let volume = format!("{name}_");
        leases.tenants.iter().any(|tenant| tenant.project == name)
            || containers.iter().any(|container| container.project.as_deref() == Some(name))
            || volumes.iter().any(|name| name.starts_with(&volume))
    };
    let whole = format!("{}:{}", whole_person(ctx), dir.display());
    Ok(person_name(base, &person, &whole, &is_taken))
}

/// The name for commands that give none, where nothing else says one: what
/// `start` gave, or would give. Never the bare one, which may be another
/// person's.
pub fn known_name(ctx: &Context) -> Option<String> {
    if !ctx.engine.endpoint().is_remote() || ctx.options.project_name.is_some() || ctx.var(NAME).is_some() {
        return None;
    }
    let env = |name: &str| ctx.var(name);
    let read = stack::read(&ctx.options, &ctx.dir, &env).ok()?;
    let written = stack::locate(&ctx.options, &ctx.dir, &env).ok()?.env_files.get(NAME).is_some();
    let dir = disk::real(&read.dir);
    let worktree = own::worktree_of(&dir);
    if written && worktree.as_ref() != Some(&read.name) {
        return None;
    }
    let base = worktree.unwrap_or(read.name);
    let containers = ctx.engine.containers().ok()?;
    choose(ctx, &base, &dir, &containers, &peek(ctx)).ok()
}
