//! A checkout that is not the project's only one (a linked git worktree, a
//! second clone) gets a project name of its own: two checkouts of one name
//! would replace each other's containers and share their volumes.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::decide::{Expect, port_difference, worktree_name};
use crate::disk;
use crate::envfile::Document;
use crate::error::Result;
use crate::flow::proxy::by_name;
use crate::flow::survey::{Survey, elsewhere, survey};
use crate::flow::{assign, borrowed, keep, overrides, proof, remote, tracked};
use crate::ledger::Book;
use crate::model::{ComposeOptions, Container, FixedName, Leases, Named, Tenant};
use crate::parse::compose::normalise_name;
use crate::stack::{self, Checkout};
use crate::ui;

/// The variable that names a project.
pub(super) const NAME: &str = "COMPOSE_PROJECT_NAME";

/// Gives the checkout of `found` a name where it needs one: into the env file
/// that Compose reads, so that a bare `docker compose` there meets the same
/// stack; into the context alone with `--no-write` and `--dry-run`.
pub fn name_checkout(ctx: &mut Context, mut found: Survey) -> Result<Survey> {
    if found.host.as_ref().is_some_and(|host| !host.is_around) {
        return remote::name_checkout(ctx, found);
    }
    let checkout = stack::checkout(&found.stack.dir);
    let checkout = checkout.as_ref();
    let by_hand = ctx.options.project_name.is_some() || ctx.var(NAME).is_some();
    let leases = ctx.ledger_dir().map(|dir| Book::peek(&dir)).unwrap_or_default();
    found.second |= namesake(&leases, &found).is_some();
    if !found.second || by_hand {
        return Ok(found);
    }
    let containers = found.containers.clone().unwrap_or_default();
    if let Some(name) = own_name(ctx, &found, &leases, &containers)? {
        return if name == found.stack.name { Ok(found) } else { take_name(ctx, &found, &name) };
    }
    // Chosen and kept under the lock: no other checkout gets the same.
    let name = if ctx.dry_run {
        new_name(&found, checkout, &leases, &containers)
    } else {
        let mut book = keep::open(ctx, Some(&containers));
        let leases = book.as_ref().map_or_else(|| leases.clone(), |book| book.leases.clone());
        let name = new_name(&found, checkout, &leases, &containers);
        if let Some(book) = &mut book {
            book.leases.tenant_mut(&name, &found.real_dir());
        }
        book.into_iter().for_each(keep::close);
        name
    };
    let what = if checkout.is_some() { "checkout" } else { "copy" };
    let base = base_name(&found, checkout);
    ui::note(&format!("this {what} of {} is a project of its own: {name}", ui::clean(&base)));
    take_name(ctx, &found, &name)
}

/// The context for commands that do not name a checkout, with what only the
/// state folder knows: the file of names it was started with, after `--no-write`
/// the compose file of ours, and the name of a linked worktree where nothing
/// else gives one.
pub fn known(ctx: &Context) -> Result<Context> {
    let mut ctx = ctx.clone();
    let project = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    let by_hand = ctx.options.project_name.is_some() || ctx.var(NAME).is_some();
    let linked = stack::checkout(&project.dir).is_some_and(|checkout| checkout.linked);
    // Without a state folder nothing is known, and the command works all the same.
    for (name, value) in overrides::known_environment(&ctx, &project).unwrap_or_default() {
        ctx.set_var(&name, &value);
    }
    if let Some(name) = remote::known_name(&ctx) {
        ctx.set_var(NAME, &name);
    }
    let dir = disk::real(&project.dir);
    let leases = ctx.ledger_dir().map(|dir| Book::peek(&dir)).unwrap_or_default();
    let mut tenants = leases.tenants.iter().filter(|tenant| tenant.dir == dir);
    let (Some(tenant), None) = (tenants.next(), tenants.next()) else { return Ok(ctx) };
    // One that git tracks has the main checkout's name in every checkout.
    let of_main = |name: &str| main_of(&dir).and_then(|main| name_in(&main)).as_deref() == Some(name);
    if !by_hand && linked && project.env_files.get(NAME).is_none_or(|(name, _)| of_main(name)) {
        ctx.set_var(NAME, &tenant.project);
    }
    if let Some(names) = tenant.names.as_ref().filter(|names| by_name::is_there(names)) {
        by_name::pass_on(&mut ctx, names)?;
    }
    Ok(ctx)
}

/// Another folder that has the project's name in the book, where this one has
/// not. With git or without: a copy of a folder is another one.
fn namesake<'a>(leases: &'a Leases, found: &Survey) -> Option<&'a Path> {
    other_of_name(leases, found).filter(|_| leases.tenant(&found.stack.name, &found.real_dir()).is_none())
}

/// Another folder, which is there, that has the project's name in the book.
fn other_of_name<'a>(leases: &'a Leases, found: &Survey) -> Option<&'a Path> {
    let (name, dir) = (&found.stack.name, found.real_dir());
    let is_other = |tenant: &&Tenant| tenant.project == *name && tenant.is_stack() && disk::is_folder(&tenant.dir);
    leases.tenants.iter().filter(|tenant| tenant.dir != dir).find(is_other).map(|tenant| tenant.dir.as_path())
}

/// The other checkout that the project's name is of, where this one has neither
/// containers nor leases under it: what the engine has of that name is then not
/// this one's. A name on the command line is meant as it is said.
pub fn whose_name(ctx: &Context, found: &Survey) -> Option<PathBuf> {
    let (name, dir) = (&found.stack.name, found.real_dir());
    let leases = ctx.ledger_dir().map(|dir| Book::peek(&dir)).unwrap_or_default();
    let is_own = |container: &Container| container.project.as_ref() == Some(name) && is_here(container, &dir);
    let has_containers = found.containers.iter().flatten().any(is_own);
    if ctx.options.project_name.is_some() || has_containers {
        return None;
    }
    // Both are in the book where they were started before copies got names.
    if let Some(other) = other_of_name(&leases, found) {
        return Some(other.to_path_buf());
    }
    if leases.tenant(name, &dir).is_some() {
        return None;
    }
    found.main_dir.clone().filter(|_| found.second && main_name(found).as_ref() == Some(name))
}

/// The name that the checkout has already: that of its containers, of its
/// volumes, of its `.env`, of its leases.
fn own_name(ctx: &Context, found: &Survey, leases: &Leases, containers: &[Container]) -> Result<Option<String>> {
    let (current, dir) = (&found.stack.name, found.real_dir());
    let mut of_containers: Vec<&String> = containers
        .iter()
        .filter(|container| is_here(container, &dir))
        .filter_map(|container| container.project.as_ref())
        .collect();
    of_containers.sort();
    if of_containers.contains(&current) {
        return Ok(Some(current.clone()));
    }
    let main = main_name(found);
    let is_free = |name: &str| !is_taken(name, &dir, leases, containers) && Some(name) != main.as_deref();
    if found.env_files.get(NAME).is_some() && is_free(current) {
        return Ok(Some(current.clone()));
    }
    if let Some(name) = of_containers.first() {
        return Ok(Some((*name).clone()));
    }
    // A name that only dev servers go by was given without a look at Compose's.
    let is_own = |tenant: &&Tenant| tenant.dir == dir && tenant.is_stack() && is_free(&tenant.project);
    if let Some(tenant) = leases.tenants.iter().find(is_own) {
        return Ok(Some(tenant.project.clone()));
    }
    let trouble = |trouble: crate::docker::Trouble| ctx.engine_error(&trouble);
    let has_volumes = is_free(current) && !ctx.engine.volumes_of(current).map_err(trouble)?.is_empty();
    Ok(has_volumes.then(|| current.clone()))
}

pub(super) fn is_here(container: &Container, dir: &Path) -> bool {
    container.working_dir.as_deref().is_some_and(|path| disk::real(path) == dir)
}

/// Whether another folder has `name`: in the book, or with containers.
fn is_taken(name: &str, dir: &Path, leases: &Leases, containers: &[Container]) -> bool {
    let has_it = |tenant: &Tenant| tenant.project == name && tenant.dir != dir && tenant.is_stack();
    let in_book = leases.tenants.iter().any(|tenant| has_it(tenant) && disk::is_folder(&tenant.dir));
    in_book || containers.iter().any(|container| elsewhere(container, name, dir, &disk::is_folder).is_some())
}

fn new_name(found: &Survey, checkout: Option<&Checkout>, leases: &Leases, containers: &[Container]) -> String {
    let dir = found.real_dir();
    let base = base_name(found, checkout);
    let folder = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let root = checkout.map_or(dir.as_path(), |checkout| &checkout.root);
    let mut worktree = folder(root);
    // Clones and copies often differ in the folder above only.
    if normalise_name(&worktree) == base {
        worktree = root.parent().map(folder).unwrap_or_default();
    }
    let main = main_name(found);
    let taken = |name: &str| is_taken(name, &dir, leases, containers) || main.as_deref() == Some(name);
    worktree_name(&base, &worktree, &dir, &taken)
}

/// What all checkouts' names begin with.
fn base_name(found: &Survey, checkout: Option<&Checkout>) -> String {
    let of = |checkout: &Checkout| {
        let of_repository = || Some(normalise_name(&checkout.repository)).filter(|name| !name.is_empty());
        main_name(found).or_else(of_repository)
    };
    let name = checkout.filter(|checkout| checkout.linked).and_then(of);
    name.unwrap_or_else(|| found.stack.name.clone())
}

/// The project name of the main checkout, as a bare `docker compose` there has
/// it.
pub fn main_name(found: &Survey) -> Option<String> {
    name_in(found.main_dir.as_ref()?)
}

fn name_in(main: &Path) -> Option<String> {
    let dir = main.to_path_buf();
    let read = move || stack::read(&ComposeOptions::default(), &dir, &|_| None).ok();
    disk::within(main, read).flatten().map(|stack| stack.name)
}

/// The project's folder in the main checkout.
fn main_of(dir: &Path) -> Option<PathBuf> {
    let checkout = stack::checkout(dir)?;
    Some(checkout.main?.join(dir.strip_prefix(&checkout.root).ok()?))
}

/// The name that a linked worktree is given on this machine, where nobody else
/// has it.
pub(super) fn worktree_of(dir: &Path) -> Option<String> {
    let checkout = stack::checkout(dir).filter(|checkout| checkout.linked)?;
    let main = main_of(dir).and_then(|main| name_in(&main));
    let base = main.clone().unwrap_or_else(|| normalise_name(&checkout.repository));
    let worktree = checkout.root.file_name()?.to_string_lossy().into_owned();
    (!base.is_empty()).then(|| worktree_name(&base, &worktree, dir, &|name| main.as_deref() == Some(name)))
}

/// Names that the compose files fix are the same in every checkout: containers
/// of two could not be there at once, and their volumes would be one. They are
/// left to Compose, which makes them from the project's name; where that cannot
/// be, it is said what to do.
pub fn free_names(ctx: &mut Context, found: &Survey) -> Result<bool> {
    if !found.second {
        return Ok(false);
    }
    let names = stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    let names: Vec<FixedName> = names.into_iter().filter(|name| name.what != Named::Project).collect();
    // What runs under its names has its data there.
    let dir = found.real_dir();
    // Elsewhere the folder may be one of another person's machine.
    let is_own = |container: &Container| {
        is_here(container, &dir) && (found.host.is_none() || container.project.as_deref() == Some(&found.stack.name))
    };
    let has_containers = found.containers.iter().flatten().any(is_own);
    if names.is_empty() || has_containers {
        return Ok(false);
    }
    let uses = stack::name_uses(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    borrowed::refuse(ctx, &uses, names.iter().map(|name| &name.what))?;
    let request = overrides::resetting(ctx, found, &names)?;
    if !ctx.dry_run && !ctx.no_write {
        let files = overrides::env_file_to_write(ctx);
        tracked::ask(ctx, &files, None)?;
    }
    let freed = if ctx.dry_run {
        Ok(())
    } else if ctx.no_write {
        overrides::environment(ctx, found, &request)
            .map(|pairs| pairs.into_iter().for_each(|(name, value)| ctx.set_var(&name, &value)))
    } else {
        assign::env_from_template(ctx, found)?;
        overrides::apply(ctx, &request)
    };
    for name in &names {
        let place = format!("{}:{}", ctx.show(&name.file), name.line);
        let fixed = format!("{} is `{}` in every checkout ({place})", name.what, ui::clean(&name.value));
        match &freed {
            Ok(()) => ui::note(&format!("{fixed}: here Compose names it")),
            Err(_) => ui::warn(&format!(
                "{fixed}: two of them meet; take the line out, or begin the name with ${{COMPOSE_PROJECT_NAME}}-"
            )),
        }
    }
    if let Err(error) = &freed {
        ui::note(&format!("note: names cannot be changed for this checkout alone: {error}"));
    }
    Ok(freed.is_ok() && !ctx.dry_run)
}

pub(super) fn take_name(ctx: &mut Context, found: &Survey, name: &str) -> Result<Survey> {
    let file = found.env_files.file_for(NAME).map(Path::to_path_buf);
    if let (false, false, Ok(file)) = (ctx.dry_run, ctx.no_write, &file) {
        tracked::ask(ctx, std::slice::from_ref(file), None)?;
    }
    let mut before = None;
    if ctx.dry_run || ctx.no_write {
        ctx.set_var(NAME, name);
    } else {
        assign::env_from_template(ctx, found)?;
        let file = file?;
        before = Some((file.clone(), write_name(&file, name)?));
        ui::note(&format!("{NAME}={name} written to {}", ctx.show(&file)));
    }
    let proved = survey(ctx).and_then(|after| {
        let difference = port_difference(&found.stack, &after.stack, &|_| Expect::Same);
        difference.map_or(Ok(after), |difference| Err(proof::refusal(&format!("{NAME}={name}"), &difference)))
    });
    if let (Err(_), Some((file, bytes))) = (&proved, &before) {
        disk::put(file, bytes.as_deref())?;
    }
    let mut after = proved?;
    after.second = true;
    Ok(after)
}

/// The bytes of the file before.
fn write_name(file: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let before = disk::read(file)?;
    let mut document =
        Document::parse(before.clone().unwrap_or_default()).map_err(|error| error.within(file.display()))?;
    document.set(NAME, name)?;
    disk::write_atomic(file, document.render())?;
    Ok(before)
}
