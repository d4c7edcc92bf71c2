//! Resolves the project that a context means: its folder, checkout, name, env files,
//! model, leases and containers. After a change of an input it is resolved again.

use std::path::Path;

use super::resolved::{Project, containers};
use super::started::started;
use super::{identity, model, remote};
use crate::context::Context;
use crate::disk;
use crate::error::Result;
use crate::model::Leases;
use crate::stack::{self, Checkout, Settings};

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
    let checkout = stack::checkout(&disk::real_path(&model.stack.dir));
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
}
