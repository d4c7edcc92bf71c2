//! A project, as it was at one moment. Nothing in it is changed in place.

use std::path::PathBuf;

use crate::context::Context;
use crate::docker::{ComposeError, EngineError};
use crate::error::{Error, Result};
use crate::model::{Container, EngineHost, Leases, Service, Stack};
use crate::stack::{self, Checkout, EnvFiles, Settings};
use crate::{disk, ui};

/// A project, as it was at one moment.
#[derive(Debug, Clone)]
pub struct Project {
    /// What it was resolved from.
    pub ctx: Context,
    /// The effective model.
    pub stack: Stack,
    /// All that Compose says of that model, as JSON.
    pub(super) config: Option<Vec<u8>>,
    /// `xtask.toml` and `.xtask.env`.
    pub settings: Settings,
    /// All containers of the engine, their folders without symbolic links; or why
    /// it did not tell.
    pub containers: Result<Vec<Container>, EngineError>,
    /// Another folder from which a project of this name runs.
    pub elsewhere: Option<PathBuf>,
    /// The git checkout that the folder is in.
    pub checkout: Option<Checkout>,
    /// Whether this checkout is not the project's only one: a linked git worktree,
    /// one whose name another folder has (or had, until this command gave it
    /// another), and every one on an engine elsewhere, which others may use too.
    pub is_secondary: bool,
    /// Env files that Compose reads, and the one to write to.
    pub env_files: EnvFiles,
    /// There is no `.env` yet, and this template was read in its place, as
    /// `start` will copy it.
    pub template: Option<PathBuf>,
    /// Why our own reader stood in for Compose.
    pub without_compose: Option<ComposeError>,
    /// The machine that the ports are bound on, where it is not this one.
    pub host: Option<EngineHost>,
    /// Which ports are kept for whom.
    pub leases: Leases,
}

/// All containers of the engine, with folders that can be compared.
pub fn containers(ctx: &Context) -> Result<Vec<Container>, EngineError> {
    ctx.engine.containers().map(|containers| containers.into_iter().map(with_real_folder).collect())
}

/// The container with a folder that can be compared.
pub fn with_real_folder(container: Container) -> Container {
    Container { working_dir: container.working_dir.as_deref().map(disk::real_path), ..container }
}

impl Project {
    /// The project folder without symbolic links, as leases have it.
    pub fn real_dir(&self) -> PathBuf {
        disk::real_path(&self.stack.dir)
    }

    /// Why nothing is known of any port: the engine is elsewhere, and does not
    /// answer. Not seen is not free.
    pub fn engine_unreachable(&self) -> Option<&EngineError> {
        self.containers.as_ref().err().filter(|_| self.host.is_some())
    }

    /// The containers of its name, as they are now.
    pub fn containers_now(&self) -> Result<Vec<Container>> {
        self.ctx.engine.containers_of(&self.stack.name).map_err(|trouble| self.ctx.engine_error(&trouble))
    }

    /// Its own containers.
    pub fn own_containers(&self) -> impl Iterator<Item = &Container> {
        let dir = self.real_dir();
        self.containers.iter().flatten().filter(move |container| container.belongs_to(&self.stack.name, &dir))
    }

    /// The service of that name; an error that lists them where there is none.
    pub fn has_service(&self, name: &str) -> Result<&Service> {
        self.stack.service(name).ok_or_else(|| {
            let known: Vec<&str> = self.stack.services.iter().map(|service| service.name.as_str()).collect();
            Error::new(format!("no service `{}` in this project", ui::clean(name)))
                .hint(format!("services are: {}", known.join(", ")))
        })
    }

    /// What the files say now, by our own reader: services of inactive profiles
    /// included.
    pub fn read_every_profile(&self) -> Result<Stack> {
        let options = self.ctx.with_template(self.template.as_deref()).options.with_every_profile();
        stack::read(&options, &self.ctx.dir, &|name| self.ctx.var(name))
    }

    /// What Compose said of it, where the model has the services of every profile
    /// and the files still say the same.
    pub fn whole_config(&self) -> Option<&[u8]> {
        let every = self.read_every_profile().ok()?;
        let names = |stack: &Stack| stack.services.iter().map(|service| service.name.clone()).collect::<Vec<_>>();
        let same = names(&every) == names(&self.stack)
            && every.ports().map(|wanted| &wanted.mapping).eq(self.stack.ports().map(|wanted| &wanted.mapping));
        self.config.as_deref().filter(|_| same)
    }
}
