//! Which checkout owns a project name, and which name a checkout gets.

use std::path::{Path, PathBuf};

use super::records::Records;
use super::resolved::Project;
use crate::context::Context;
use crate::decide::worktree_name;
use crate::disk;
use crate::error::Result;
use crate::model::{ComposeOptions, Container, Leases, NameOrigin, Named, Tenant};
use crate::parse::compose::normalise_name;
use crate::stack::{self, Checkout};

pub(crate) const PROJECT_NAME: &str = "COMPOSE_PROJECT_NAME";

/// The folder of a container of this project name, if it is another one. A stopped
/// container counts while its folder exists: `up` would replace it too, and
/// `down --volumes` would remove its data. If the folder is gone, this is the same project
/// after a move. For folders on other people's machines that can't be checked.
pub(super) fn other_folder(
    container: &Container,
    name: &str,
    dir: &Path,
    is_there: &dyn Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let other = container.working_dir.as_deref().filter(|_| container.project.as_deref() == Some(name))?;
    (other != dir && (container.state.holds_ports() || is_there(other))).then(|| other.to_path_buf())
}

/// Another folder with leases under the project's name, if this folder has none. Doesn't
/// depend on git: a copy of a folder is another folder.
pub(super) fn other_leaseholder<'a>(leases: &'a Leases, name: &str, dir: &Path) -> Option<&'a Path> {
    other_folder_with_lease(leases, name, dir).filter(|_| leases.tenant(name, dir).is_none())
}

/// Another existing folder that was started under the project's name, if this one was not:
/// its data stays when its leases are released.
pub(super) fn other_recorded_folder(records: &Records, name: &str, dir: &Path) -> Option<PathBuf> {
    let is_here = records.of_folder(dir).any(|record| record.project == name);
    if is_here { None } else { records.other_folder(name, dir) }
}

/// Another existing folder with leases under the project's name.
fn other_folder_with_lease<'a>(leases: &'a Leases, name: &str, dir: &Path) -> Option<&'a Path> {
    let is_other = |tenant: &&Tenant| tenant.project == *name && tenant.is_stack() && disk::is_folder(&tenant.dir);
    leases.tenants.iter().filter(|tenant| tenant.dir != dir).find(is_other).map(|tenant| tenant.dir.as_path())
}

/// The folder in the main checkout that corresponds to `dir` in a linked worktree.
fn folder_in_main(checkout: &Checkout, dir: &Path) -> Option<PathBuf> {
    Some(checkout.main.as_ref()?.join(dir.strip_prefix(&checkout.root).ok()?))
}

/// The project name in the main checkout of a linked worktree.
pub(super) fn main_checkout_name(dir: &Path) -> Option<String> {
    read_project_name(&folder_in_main(&stack::checkout(dir)?, dir)?)
}

fn read_project_name(main: &Path) -> Option<String> {
    let dir = main.to_path_buf();
    let read = move || stack::read(&ComposeOptions::default(), &dir, &|_| None).ok();
    disk::with_timeout(main, read).flatten().map(|stack| stack.name)
}

/// The name that a linked worktree gets on this machine unless it is taken.
pub(super) fn default_worktree_name(dir: &Path) -> Option<String> {
    let checkout = stack::checkout(dir).filter(|checkout| checkout.linked)?;
    let main = main_checkout_name(dir);
    let base = main.clone().unwrap_or_else(|| normalise_name(&checkout.repository));
    let worktree = checkout.root.file_name()?.to_string_lossy().into_owned();
    (!base.is_empty()).then(|| worktree_name(&base, &worktree, dir, &|name| main.as_deref() == Some(name)))
}

/// What sets the name if neither the environment nor an env file does.
pub(super) fn unset_name_origin(ctx: &Context) -> NameOrigin {
    let fixed = stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    let is_fixed = fixed.iter().any(|name| name.what == Named::Project);
    if is_fixed { NameOrigin::ComposeFile } else { NameOrigin::Folder }
}

impl Project {
    /// Whether the name was given on the command line or in the shell.
    pub(crate) fn is_name_explicit(&self) -> bool {
        self.ctx.options.project_name.is_some() || self.ctx.var(PROJECT_NAME).is_some()
    }

    /// The project's folder in the main checkout, for a linked worktree.
    pub(crate) fn main_dir(&self) -> Option<PathBuf> {
        folder_in_main(self.checkout.as_ref()?, &self.real_dir())
    }

    /// The project name of the main checkout, as a bare `docker compose` there uses it.
    pub(crate) fn main_name(&self) -> Option<String> {
        read_project_name(&self.main_dir()?)
    }

    /// The other checkout that owns the project's name, if this one has neither containers
    /// nor leases under it: whatever the engine has of that name isn't this checkout's. A
    /// name on the command line is always used as given.
    pub(crate) fn name_owner(&self) -> Option<PathBuf> {
        if self.ctx.options.project_name.is_some() { None } else { self.owner_of_name() }
    }

    /// The other checkout that owns the name on the command line.
    pub(crate) fn owner_of_given_name(&self) -> Option<PathBuf> {
        self.ctx.options.project_name.as_ref().and_then(|_| self.owner_of_name())
    }

    fn owner_of_name(&self) -> Option<PathBuf> {
        let (name, dir) = (&self.stack.name, self.real_dir());
        if self.own_containers().next().is_some() {
            return None;
        }
        // Both have leases if they were started before copies got their own names.
        if let Some(other) = other_folder_with_lease(&self.leases, name, &dir) {
            return Some(other.to_path_buf());
        }
        if self.leases.tenant(name, &dir).is_some() {
            return None;
        }
        if let Some(other) = other_recorded_folder(&self.records, name, &dir) {
            return Some(other);
        }
        self.main_dir().filter(|_| self.is_secondary_checkout && self.main_name().as_ref() == Some(name))
    }

    /// The name that the checkout already has: from its containers, `.env`, leases or
    /// volumes.
    pub(crate) fn existing_name(&self) -> Result<Option<String>> {
        let (current, dir) = (&self.stack.name, self.real_dir());
        let here = self.containers.iter().flatten().filter(|container| container.is_from_folder(&dir));
        let mut container_names: Vec<&String> = here.filter_map(|container| container.project.as_ref()).collect();
        container_names.sort();
        if container_names.contains(&current) {
            return Ok(Some(current.clone()));
        }
        let main = self.main_name();
        let is_free = |name: &str| !self.is_taken(name, &self.leases) && Some(name) != main.as_deref();
        if self.env_files.get(PROJECT_NAME).is_some() && is_free(current) {
            return Ok(Some(current.clone()));
        }
        if let Some(name) = container_names.first() {
            return Ok(Some((*name).clone()));
        }
        // A name used only by dev servers was chosen without checking Compose's names.
        let is_own = |tenant: &&Tenant| tenant.dir == dir && tenant.is_stack() && is_free(&tenant.project);
        if let Some(tenant) = self.leases.tenants.iter().find(is_own) {
            return Ok(Some(tenant.project.clone()));
        }
        let volumes = || self.ctx.engine.volumes_of(current).map_err(|trouble| self.ctx.engine_error(&trouble));
        let has_volumes = is_free(current) && !volumes()?.is_empty();
        Ok(has_volumes.then(|| current.clone()))
    }

    /// What set the project's name.
    pub(crate) fn name_origin(&self) -> NameOrigin {
        let ctx = &self.ctx;
        // This tool sets the variable in place of a file that it must not write.
        if ctx.options.project_name.is_some() || ctx.is_shell_var(PROJECT_NAME) {
            NameOrigin::Given
        } else if ctx.var(PROJECT_NAME).is_some()
            || self.env_files.get(PROJECT_NAME).is_some_and(|(name, _)| !name.is_empty())
        {
            NameOrigin::EnvFile
        } else {
            unset_name_origin(ctx)
        }
    }

    /// Whether the folder was started under `name`, according to leases and records.
    pub(crate) fn is_known_as(&self, name: &str) -> bool {
        if self.records.is_of_earlier_folder(name) {
            return false;
        }
        let dir = self.real_dir();
        let is_recorded = || self.records.of_folder(&dir).any(|record| record.project == name);
        self.leases.tenant(name, &dir).is_some_and(Tenant::is_stack) || is_recorded()
    }

    /// Whether another folder that exists has `name`: by leases, containers, records, or as
    /// the main checkout.
    pub(crate) fn is_name_of_other_folder(&self, name: &str) -> bool {
        self.is_taken(name, &self.leases) || self.main_name().as_deref() == Some(name)
    }

    /// Whether another folder has leases, records or containers under `name`, if only one that was
    /// moved away from the project's path.
    fn is_taken(&self, name: &str, leases: &Leases) -> bool {
        let dir = self.real_dir();
        let has_it = |tenant: &Tenant| tenant.project == name && tenant.dir != dir && tenant.is_stack();
        let mut containers = self.containers.iter().flatten();
        leases.tenants.iter().any(|tenant| has_it(tenant) && disk::is_folder(&tenant.dir))
            || self.records.is_of_earlier_folder(name)
            || self.records.other_folder(name, &dir).is_some()
            || containers.any(|container| other_folder(container, name, &dir, &disk::is_folder).is_some())
    }

    /// A name that no other checkout has.
    pub(crate) fn new_name(&self, leases: &Leases, is_excluded: &dyn Fn(&str) -> bool) -> String {
        let dir = self.real_dir();
        let base = self.base_name();
        let folder = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let root = self.checkout.as_ref().map_or(dir.as_path(), |checkout| &checkout.root);
        let mut worktree = folder(root);
        // Clones and copies often differ only in their parent folder.
        if normalise_name(&worktree) == base {
            worktree = root.parent().map(folder).unwrap_or_default();
        }
        let main = self.main_name();
        let is_taken = |name: &str| self.is_taken(name, leases) || main.as_deref() == Some(name) || is_excluded(name);
        worktree_name(&base, &worktree, &dir, &is_taken)
    }

    /// The prefix of all checkouts' names.
    pub(crate) fn base_name(&self) -> String {
        let of = |checkout: &Checkout| {
            let of_repository = || Some(normalise_name(&checkout.repository)).filter(|name| !name.is_empty());
            self.main_name().or_else(of_repository)
        };
        let name = self.checkout.as_ref().filter(|checkout| checkout.linked).and_then(of);
        name.unwrap_or_else(|| self.stack.name.clone())
    }
}
