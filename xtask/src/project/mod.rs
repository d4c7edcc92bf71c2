//! The project that a context means, resolved once: its folder, checkout, name,
//! env files, model, leases and containers. Nothing here is changed in place;
//! after a change of an input the project is resolved again.

pub mod folder;
mod identity;
pub mod leases;
mod model;
mod ready;
mod remote;
mod started;

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::disk;
use crate::docker::{ComposeTrouble, Trouble};
use crate::error::{Error, Result};
use crate::model::{Container, EngineHost, Leases, Service, Stack};
use crate::stack::{self, Checkout, EnvFiles, Settings};
use crate::ui;

pub use identity::NAME;
pub use remote::{EPHEMERAL, is_around};
pub use started::{compose_file_vars, proxy_network, started, with_names};

/// A project, as it was at one moment.
#[derive(Debug, Clone)]
pub struct Project {
    /// What it was resolved from.
    pub ctx: Context,
    /// The effective model.
    pub stack: Stack,
    /// All that Compose says of that model, as JSON.
    config: Option<Vec<u8>>,
    /// `xtask.toml` and `.xtask.env`.
    pub settings: Settings,
    /// All containers of the engine, their folders without symbolic links; or why
    /// it did not tell.
    pub containers: Result<Vec<Container>, Trouble>,
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
    pub without_compose: Option<ComposeTrouble>,
    /// The machine that the ports are bound on, where it is not this one.
    pub host: Option<EngineHost>,
    /// Which ports are kept for whom.
    pub leases: Leases,
}

/// Resolves the project that `ctx` means.
pub fn resolve(ctx: &Context) -> Result<Project> {
    resolve_as(ctx, false)
}

/// The same for commands that do not start it: with the name and the files that
/// it was started with.
pub fn resolve_started(ctx: &Context) -> Result<Project> {
    resolve(&started(ctx)?)
}

fn resolve_as(ctx: &Context, is_secondary: bool) -> Result<Project> {
    let env_files = stack::env_files(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    let template = model::missing_env(&env_files);
    let (model, containers) = model::ask(ctx, template.as_deref(), &env_files)?;
    let settings = Settings::read(&model.stack.dir)?;
    let checkout = stack::checkout(&disk::real(&model.stack.dir));
    let project = Project {
        ctx: ctx.clone(),
        stack: model.stack,
        config: model.config,
        settings,
        containers,
        elsewhere: None,
        checkout,
        is_secondary,
        env_files,
        template,
        without_compose: model.without_compose,
        host: None,
        leases: Leases::default(),
    };
    Ok(project.among_others())
}

/// All containers of the engine, with folders that can be compared.
pub fn containers(ctx: &Context) -> Result<Vec<Container>, Trouble> {
    ctx.engine.containers().map(|containers| containers.into_iter().map(with_real_folder).collect())
}

/// The container with a folder that can be compared.
pub fn with_real_folder(container: Container) -> Container {
    Container { working_dir: container.working_dir.as_deref().map(disk::real), ..container }
}

impl Project {
    /// Resolves it from changed inputs. A checkout that was not the only one stays
    /// so, whatever its name is now.
    pub fn resolve_again(&self, ctx: &Context) -> Result<Project> {
        resolve_as(ctx, self.is_secondary)
    }

    /// The same inputs and the same model, with what the engine and the ledger say
    /// now.
    #[must_use]
    pub fn refreshed(&self) -> Project {
        Project { containers: containers(&self.ctx), ..self.clone() }.among_others()
    }

    /// Finds its place among what the engine and the ledger know.
    fn among_others(self) -> Project {
        let (ctx, name, dir) = (&self.ctx, &self.stack.name, self.real_dir());
        let known = self.containers.as_deref().unwrap_or_default();
        let host = remote::engine_host(ctx, known);
        let is_there = |dir: &Path| host.as_ref().is_some_and(|host| !host.is_around) || disk::is_folder(dir);
        let elsewhere = known.iter().find_map(|one| identity::elsewhere(one, name, &dir, &is_there));
        let leases = ctx.leases();
        let project = Project { elsewhere, host, leases, ..self };
        let is_secondary = project.is_secondary
            || project.has_other_checkouts()
            || identity::namesake(&project.leases, &project.stack.name, &dir).is_some();
        Project { is_secondary, ..project }
    }

    /// Whether other checkouts go by its name, as far as git and the engine tell.
    pub fn has_other_checkouts(&self) -> bool {
        let of_git = |checkout: &Checkout| checkout.linked || self.elsewhere.is_some();
        self.checkout.as_ref().is_some_and(of_git) || self.is_shared()
    }

    /// The project folder without symbolic links, as leases have it.
    pub fn real_dir(&self) -> PathBuf {
        disk::real(&self.stack.dir)
    }

    /// Why nothing is known of any port: the engine is elsewhere, and does not
    /// answer. Not seen is not free.
    pub fn engine_unreachable(&self) -> Option<&Trouble> {
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
