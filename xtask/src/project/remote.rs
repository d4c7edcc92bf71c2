//! An engine on another machine: that machine, and each person's own project name there.
//!
//! Compose identifies a stack only by its project name, and a container records only the
//! folder that it was created from. On one machine that is enough. On an engine that
//! several people use it isn't: ~/src/shop can be the same path on all their machines, and
//! the second `up` would replace the first person's containers and use their data. No
//! Compose label records the machine, and a label of ours would be missing from containers
//! that a bare `docker compose` creates. So the name must identify the person: on such an
//! engine every checkout is a secondary one, and gets a name that contains the person's
//! name, and its own ports, just like a linked worktree on this machine. If somebody sets
//! COMPOSE_PROJECT_NAME, exactly that project is used, with its own ports.

use std::path::Path;

use super::PROJECT_NAME;
use super::identity::default_worktree_name;
use super::resolved::Project;
use crate::context::Context;
use crate::decide::{is_personal_name, personal_name, stable_hash};
use crate::error::Result;
use crate::model::{Container, EngineHost, Leases};
use crate::ports::runs_in_container;
use crate::{disk, host, stack};

const CONTAINER_HOST: &str = "the machine that hosts this container";

/// The engine's machine, whose sockets are not known yet; `None` if it is this one.
pub(super) fn engine_host(ctx: &Context, containers: &[Container]) -> Option<EngineHost> {
    match ctx.engine.endpoint().remote_host() {
        Some(name) => Some(EngineHost {
            name,
            is_container_host: false,
            sockets: None,
            seed: stable_hash(&person_at_machine(ctx)),
        }),
        None if runs_in_container(containers) => {
            Some(EngineHost { name: CONTAINER_HOST.to_owned(), is_container_host: true, sockets: None, seed: 0 })
        }
        None => None,
    }
}

/// The user name.
fn person(ctx: &Context) -> String {
    let names = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(|name| ctx.var(name));
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}

/// Includes the machine, because two people may have the same user name, and one person
/// may use two machines.
fn person_at_machine(ctx: &Context) -> String {
    format!("{}@{}", person(ctx), host::name().unwrap_or_default())
}

impl Project {
    /// Whether the project's name and ports should be this person's own: the engine is on
    /// another machine, and nobody chose the name.
    pub(super) fn is_per_person(&self) -> bool {
        self.ctx.engine.endpoint().is_remote() && (self.has_person_name() || !self.has_chosen_name())
    }

    /// Whether it still has to get a name of this person's own.
    pub(crate) fn needs_person_name(&self) -> bool {
        self.is_per_person() && !(self.has_person_name() && self.has_chosen_name())
    }

    /// Whether this tool chose the name, or might have.
    fn has_person_name(&self) -> bool {
        is_personal_name(&self.stack.name, &person(&self.ctx))
    }

    /// Whether somebody chose the name for this checkout. The name that a linked worktree
    /// got for this machine was not chosen for another machine.
    fn has_chosen_name(&self) -> bool {
        let is_worktree_name = || default_worktree_name(&self.real_dir()).as_ref() == Some(&self.stack.name);
        self.is_name_explicit() || self.env_files.get(PROJECT_NAME).is_some() && !is_worktree_name()
    }

    /// What the person's own project name is based on.
    pub(crate) fn person_base_name(&self) -> String {
        default_worktree_name(&self.real_dir()).unwrap_or_else(|| self.stack.name.clone())
    }

    pub(crate) fn new_person_name(&self, leases: &Leases) -> Result<String> {
        let containers = self.containers.as_deref().unwrap_or_default();
        choose_person_name(&self.ctx, &self.person_base_name(), &self.real_dir(), containers, leases)
    }
}

/// The name that the ledger has for this folder, otherwise a new one that nothing on the
/// engine uses. Anything there under a name that this person's ledger doesn't have may be
/// somebody else's, whatever folder it records.
fn choose_person_name(
    ctx: &Context,
    base: &str,
    dir: &Path,
    containers: &[Container],
    leases: &Leases,
) -> Result<String> {
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
    let whole = format!("{}:{}", person_at_machine(ctx), dir.display());
    Ok(personal_name(base, &person, &whole, &is_taken))
}

/// The default name for commands: the one that `start` chose, or would choose. Never the
/// bare project name, which may be another person's.
pub(super) fn default_remote_name(ctx: &Context) -> Option<String> {
    if !ctx.engine.endpoint().is_remote() || ctx.options.project_name.is_some() || ctx.var(PROJECT_NAME).is_some() {
        return None;
    }
    let env = |name: &str| ctx.var(name);
    let read = stack::read(&ctx.options, &ctx.dir, &env).ok()?;
    let written = stack::locate(&ctx.options, &ctx.dir, &env).ok()?.env_files.get(PROJECT_NAME).is_some();
    let dir = disk::real_path(&read.dir);
    let worktree = default_worktree_name(&dir);
    if written && worktree.as_ref() != Some(&read.name) {
        return None;
    }
    let leases = ctx.leases();
    choose_person_name(ctx, &worktree.unwrap_or(read.name), &dir, &super::resolved::containers(ctx).ok()?, &leases).ok()
}
