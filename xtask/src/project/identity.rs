//! Whose a project name is: this checkout's, or that of another folder.

use std::path::{Path, PathBuf};

use super::resolved::Project;
use crate::decide::worktree_name;
use crate::disk;
use crate::error::Result;
use crate::model::{ComposeOptions, Container, Leases, Tenant};
use crate::parse::compose::normalise_name;
use crate::stack::{self, Checkout};

/// The variable that names a project.
pub const NAME: &str = "COMPOSE_PROJECT_NAME";

/// The other folder of a container of this name. Stopped ones count as long as
/// their folder is there: `up` would replace them too, and `down --volumes` take
/// their data. Where it is gone, this is the same project after a move; that
/// cannot be told of folders on other people's machines.
pub(super) fn elsewhere(
    container: &Container,
    name: &str,
    dir: &Path,
    is_there: &dyn Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let other = container.working_dir.as_deref().filter(|_| container.project.as_deref() == Some(name))?;
    (other != dir && (container.state.holds_ports() || is_there(other))).then(|| other.to_path_buf())
}

/// Another folder that has the project's name in the ledger, where this one has
/// not. With git or without: a copy of a folder is another one.
pub(super) fn namesake<'a>(leases: &'a Leases, name: &str, dir: &Path) -> Option<&'a Path> {
    other_of_name(leases, name, dir).filter(|_| leases.tenant(name, dir).is_none())
}

/// Another folder, which is there, that has the project's name in the ledger.
fn other_of_name<'a>(leases: &'a Leases, name: &str, dir: &Path) -> Option<&'a Path> {
    let is_other = |tenant: &&Tenant| tenant.project == *name && tenant.is_stack() && disk::is_folder(&tenant.dir);
    leases.tenants.iter().filter(|tenant| tenant.dir != dir).find(is_other).map(|tenant| tenant.dir.as_path())
}

/// The folder in the main checkout that is `dir` in a linked one.
fn in_main(checkout: &Checkout, dir: &Path) -> Option<PathBuf> {
    Some(checkout.main.as_ref()?.join(dir.strip_prefix(&checkout.root).ok()?))
}

/// The project name of the main checkout of a linked worktree.
pub(super) fn main_name_of(dir: &Path) -> Option<String> {
    name_in(&in_main(&stack::checkout(dir)?, dir)?)
}

fn name_in(main: &Path) -> Option<String> {
    let dir = main.to_path_buf();
    let read = move || stack::read(&ComposeOptions::default(), &dir, &|_| None).ok();
    disk::with_timeout(main, read).flatten().map(|stack| stack.name)
}

/// The name that a linked worktree is given on this machine, where nobody else
/// has it.
pub(super) fn worktree_of(dir: &Path) -> Option<String> {
    let checkout = stack::checkout(dir).filter(|checkout| checkout.linked)?;
    let main = main_name_of(dir);
    let base = main.clone().unwrap_or_else(|| normalise_name(&checkout.repository));
    let worktree = checkout.root.file_name()?.to_string_lossy().into_owned();
    (!base.is_empty()).then(|| worktree_name(&base, &worktree, dir, &|name| main.as_deref() == Some(name)))
}

impl Project {
    /// Whether the person said this name, on the command line or in the shell.
    pub fn is_named_by_hand(&self) -> bool {
        self.ctx.options.project_name.is_some() || self.ctx.var(NAME).is_some()
    }

    /// The project's folder in the main checkout, for a linked worktree.
    pub fn main_dir(&self) -> Option<PathBuf> {
        in_main(self.checkout.as_ref()?, &self.real_dir())
    }

    /// The project name of the main checkout, as a bare `docker compose` there has
    /// it.
    pub fn main_name(&self) -> Option<String> {
        name_in(&self.main_dir()?)
    }

    /// The other checkout that the project's name is of, where this one has neither
    /// containers nor leases under it: what the engine has of that name is then not
    /// this one's. A name on the command line is meant as it is said.
    pub fn name_owner(&self) -> Option<PathBuf> {
        let (name, dir) = (&self.stack.name, self.real_dir());
        if self.ctx.options.project_name.is_some() || self.own_containers().next().is_some() {
            return None;
        }
        // Both are in the ledger where they were started before copies got names.
        if let Some(other) = other_of_name(&self.leases, name, &dir) {
            return Some(other.to_path_buf());
        }
        if self.leases.tenant(name, &dir).is_some() {
            return None;
        }
        self.main_dir().filter(|_| self.is_secondary && self.main_name().as_ref() == Some(name))
    }

    /// The name that the checkout has already: that of its containers, of its
    /// volumes, of its `.env`, of its leases.
    pub fn own_name(&self) -> Result<Option<String>> {
        let (current, dir) = (&self.stack.name, self.real_dir());
        let here = self.containers.iter().flatten().filter(|container| container.is_from_folder(&dir));
        let mut of_containers: Vec<&String> = here.filter_map(|container| container.project.as_ref()).collect();
        of_containers.sort();
        if of_containers.contains(&current) {
            return Ok(Some(current.clone()));
        }
        let main = self.main_name();
        let is_free = |name: &str| !self.is_taken(name, &self.leases) && Some(name) != main.as_deref();
        if self.env_files.get(NAME).is_some() && is_free(current) {
            return Ok(Some(current.clone()));
        }
        if let Some(name) = of_containers.first() {
            return Ok(Some((*name).clone()));
        }
        // A name that only dev servers go by was given without a look at Compose's.
        let is_own = |tenant: &&Tenant| tenant.dir == dir && tenant.is_stack() && is_free(&tenant.project);
        if let Some(tenant) = self.leases.tenants.iter().find(is_own) {
            return Ok(Some(tenant.project.clone()));
        }
        let volumes = || self.ctx.engine.volumes_of(current).map_err(|trouble| self.ctx.engine_error(&trouble));
        let has_volumes = is_free(current) && !volumes()?.is_empty();
        Ok(has_volumes.then(|| current.clone()))
    }

    /// Whether another folder has `name`: in the ledger, or with containers.
    fn is_taken(&self, name: &str, leases: &Leases) -> bool {
        let dir = self.real_dir();
        let has_it = |tenant: &Tenant| tenant.project == name && tenant.dir != dir && tenant.is_stack();
        let mut containers = self.containers.iter().flatten();
        leases.tenants.iter().any(|tenant| has_it(tenant) && disk::is_folder(&tenant.dir))
            || containers.any(|container| elsewhere(container, name, &dir, &disk::is_folder).is_some())
    }

    /// A name that no other checkout has, by what is kept in `leases`.
    pub fn new_name(&self, leases: &Leases) -> String {
        let dir = self.real_dir();
        let base = self.base_name();
        let folder = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let root = self.checkout.as_ref().map_or(dir.as_path(), |checkout| &checkout.root);
        let mut worktree = folder(root);
        // Clones and copies often differ in the folder above only.
        if normalise_name(&worktree) == base {
            worktree = root.parent().map(folder).unwrap_or_default();
        }
        let main = self.main_name();
        worktree_name(&base, &worktree, &dir, &|name| self.is_taken(name, leases) || main.as_deref() == Some(name))
    }

    /// What all checkouts' names begin with.
    pub fn base_name(&self) -> String {
        let of = |checkout: &Checkout| {
            let of_repository = || Some(normalise_name(&checkout.repository)).filter(|name| !name.is_empty());
            self.main_name().or_else(of_repository)
        };
        let name = self.checkout.as_ref().filter(|checkout| checkout.linked).and_then(of);
        name.unwrap_or_else(|| self.stack.name.clone())
    }
}
