//! A project as it was at one moment. It is never changed in place.

use std::path::PathBuf;

use super::records::Records;
use crate::context::Context;
use crate::docker::{ComposeError, EngineError};
use crate::error::{Error, Result};
use crate::model::{Container, EngineHost, Leases, Service, Stack};
use crate::stack::{self, Checkout, EnvFiles, Settings};
use crate::{disk, ui};

/// A resolved project.
#[derive(Debug, Clone)]
pub struct Project {
    /// What it was resolved from.
    pub ctx: Context,
    /// The effective model.
    pub(crate) stack: Stack,
    /// Compose's JSON for that model.
    pub(super) config: Option<Vec<u8>>,
    /// `xtask.toml` and `.xtask.env`.
    pub(crate) settings: Settings,
    /// All containers of the engine, with folders without symbolic links; or why the engine
    /// could not list them.
    pub(crate) containers: Result<Vec<Container>, EngineError>,
    /// Another folder from which a project of this name runs.
    pub(crate) other_folder: Option<PathBuf>,
    /// The git checkout that the folder is in.
    pub(crate) checkout: Option<Checkout>,
    /// Whether this is not the project's only or main checkout: a linked git worktree, a
    /// checkout whose name another folder has (or had, until this command renamed this
    /// one), or any checkout on a remote engine, which others may use too.
    pub(crate) is_secondary_checkout: bool,
    /// The env files that Compose reads, and the one to write to.
    pub(crate) env_files: EnvFiles,
    /// The template that was read because there is no `.env` yet. `start` will copy it.
    pub(crate) template: Option<PathBuf>,
    /// Why our own reader was used instead of Compose.
    pub(crate) compose_trouble: Option<ComposeError>,
    /// The machine that binds the ports, if it isn't this one.
    pub(crate) host: Option<EngineHost>,
    pub(crate) leases: Leases,
    /// Which folder each project name belongs to.
    pub(crate) records: Records,
}

/// All containers of the engine, with folders without symbolic links, at their present paths.
pub(crate) fn containers(ctx: &Context) -> Result<Vec<Container>, EngineError> {
    let records = Records::of_machine(ctx);
    let with_folder = |container| records.with_present_folder(with_real_folder(container));
    ctx.engine.containers().map(|containers| containers.into_iter().map(with_folder).collect())
}

pub(crate) fn with_real_folder(container: Container) -> Container {
    Container { working_dir: container.working_dir.as_deref().map(disk::real_path), ..container }
}

impl Project {
    /// The project folder without symbolic links, as in leases.
    pub(crate) fn real_dir(&self) -> PathBuf {
        disk::real_path(&self.stack.dir)
    }

    /// Why no port can be judged: the engine is on another machine and doesn't answer. That
    /// does not make a port free.
    pub(crate) fn engine_unreachable(&self) -> Option<&EngineError> {
        self.containers.as_ref().err().filter(|_| self.host.is_some())
    }

    /// Asks the engine for the containers of its name.
    pub(crate) fn containers_now(&self) -> Result<Vec<Container>> {
        self.ctx.engine.containers_of(&self.stack.name).map_err(|trouble| self.ctx.engine_error(&trouble))
    }

    pub(crate) fn own_containers(&self) -> impl Iterator<Item = &Container> {
        let dir = self.real_dir();
        self.containers.iter().flatten().filter(move |container| container.belongs_to(&self.stack.name, &dir))
    }

    /// The service of that name, or an error that lists all services.
    pub(crate) fn require_service(&self, name: &str) -> Result<&Service> {
        self.stack.service(name).ok_or_else(|| {
            let known: Vec<&str> = self.stack.services.iter().map(|service| service.name.as_str()).collect();
            Error::new(format!("no service `{}` in this project", ui::clean(name)))
                .hint(format!("services are: {}", known.join(", ")))
        })
    }

    /// Reads the files again with our own reader, including services of inactive profiles.
    pub(crate) fn read_every_profile(&self) -> Result<Stack> {
        let options = self.ctx.with_template(self.template.as_deref()).options.with_every_profile();
        stack::read(&options, &self.ctx.dir, &|name| self.ctx.var(name))
    }

    /// Compose's JSON for the model; `None` without Compose.
    pub(crate) fn config(&self) -> Option<&[u8]> {
        self.config.as_deref()
    }
}
