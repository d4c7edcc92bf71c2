//! An engine elsewhere: its machine, and a person's own project name there.
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

use super::NAME;
use super::identity::worktree_of;
use super::resolved::Project;
use crate::context::Context;
use crate::decide::{is_personal_name, personal_name, stable_hash};
use crate::error::Result;
use crate::model::{Container, EngineHost, Leases};
use crate::ports::is_around;
use crate::{disk, host, stack};

const AROUND: &str = "the machine around this container";

/// The machine of the engine, nothing of which was looked at yet; `None` where it
/// is this one.
pub(super) fn engine_host(ctx: &Context, containers: &[Container]) -> Option<EngineHost> {
    match ctx.engine.endpoint().remote_host() {
        Some(name) => Some(EngineHost { name, is_around: false, sockets: None, seed: stable_hash(&whole_person(ctx)) }),
        None if is_around(containers) => {
            Some(EngineHost { name: AROUND.to_owned(), is_around: true, sockets: None, seed: 0 })
        }
        None => None,
    }
}

/// The person's name, as the system has it.
fn person(ctx: &Context) -> String {
    let names = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(|name| ctx.var(name));
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}

/// The person and the machine: two people may have one name, and one two
/// machines.
fn whole_person(ctx: &Context) -> String {
    format!("{}@{}", person(ctx), host::name().unwrap_or_default())
}

impl Project {
    /// Whether the project's name and ports are to be this person's alone: the
    /// engine is elsewhere, and nobody chose the name.
    pub(super) fn is_shared(&self) -> bool {
        self.ctx.engine.endpoint().is_remote() && (self.has_persons_name() || !self.is_named())
    }

    /// Whether it still has to get a name of the person's own.
    pub fn needs_persons_name(&self) -> bool {
        self.is_shared() && !(self.has_persons_name() && self.is_named())
    }

    /// Whether the name was given by this tool, or might have been.
    fn has_persons_name(&self) -> bool {
        is_personal_name(&self.stack.name, &person(&self.ctx))
    }

    /// Whether somebody wrote the name down for this checkout. What a linked
    /// worktree was given for this machine is nobody's choice for another one.
    fn is_named(&self) -> bool {
        let is_worktrees = || worktree_of(&self.real_dir()).as_ref() == Some(&self.stack.name);
        self.is_named_by_hand() || self.env_files.get(NAME).is_some() && !is_worktrees()
    }

    /// What the person's own name is made from.
    pub fn shared_name(&self) -> String {
        worktree_of(&self.real_dir()).unwrap_or_else(|| self.stack.name.clone())
    }

    /// A name of the person's own, by what is kept in `leases`.
    pub fn persons_name(&self, leases: &Leases) -> Result<String> {
        let containers = self.containers.as_deref().unwrap_or_default();
        choose(&self.ctx, &self.shared_name(), &self.real_dir(), containers, leases)
    }
}

/// The name that the ledger has for this folder, else a new one that nothing at
/// the engine goes by. What is there under a name that this person's own ledger
/// does not know may be anybody's, whatever folder it says.
fn choose(ctx: &Context, base: &str, dir: &Path, containers: &[Container], leases: &Leases) -> Result<String> {
    let person = person(ctx);
    let mut tenants = leases.tenants.iter().filter(|tenant| tenant.dir == dir && tenant.is_stack());
    if let Some(tenant) = tenants.find(|tenant| is_personal_name(&tenant.project, &person)) {
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
    Ok(personal_name(base, &person, &whole, &is_taken))
}

/// The name for commands that give none, where nothing else says one: what
/// `start` gave, or would give. Never the bare one, which may be another
/// person's.
pub(super) fn known_name(ctx: &Context) -> Option<String> {
    if !ctx.engine.endpoint().is_remote() || ctx.options.project_name.is_some() || ctx.var(NAME).is_some() {
        return None;
    }
    let env = |name: &str| ctx.var(name);
    let read = stack::read(&ctx.options, &ctx.dir, &env).ok()?;
    let written = stack::locate(&ctx.options, &ctx.dir, &env).ok()?.env_files.get(NAME).is_some();
    let dir = disk::real_path(&read.dir);
    let worktree = worktree_of(&dir);
    if written && worktree.as_ref() != Some(&read.name) {
        return None;
    }
    let leases = ctx.leases();
    choose(ctx, &worktree.unwrap_or(read.name), &dir, &super::resolved::containers(ctx).ok()?, &leases).ok()
}
