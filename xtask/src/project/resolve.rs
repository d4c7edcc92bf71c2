//! Resolves projects.

use std::path::Path;

use super::records::Records;
use super::resolved::{Project, containers};
use super::started::started_context;
use super::{identity, model, remote};
use crate::context::Context;
use crate::disk;
use crate::error::Result;
use crate::model::Leases;
use crate::stack::{self, Checkout, Settings};

/// Resolves the project of a context.
pub fn resolve(ctx: &Context) -> Result<Project> {
    resolve_as(ctx, false)
}

/// For commands that don't start the project: with the name and the files that it was
/// started with.
pub(crate) fn resolve_started(ctx: &Context) -> Result<Project> {
    resolve(&started_context(ctx)?)
}

fn resolve_as(ctx: &Context, is_secondary_checkout: bool) -> Result<Project> {
    let env_files = stack::env_files(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    let template = model::template_for_missing_env(&env_files);
    let (model, containers) = model::ask(ctx, template.as_deref(), &env_files)?;
    let settings = Settings::read(&model.stack.dir)?;
    let checkout = stack::checkout(&disk::real_path(&model.stack.dir));
    let project = Project {
        ctx: ctx.clone(),
        stack: model.stack,
        config: model.config,
        settings,
        containers,
        other_folder: None,
        checkout,
        is_secondary_checkout,
        env_files,
        template,
        compose_trouble: model.compose_trouble,
        host: None,
        leases: Leases::default(),
        records: Records::default(),
    };
    Ok(project.with_engine_and_ledger())
}

impl Project {
    /// Resolves the project from changed inputs. A secondary checkout stays one, whatever
    /// its name is now.
    pub(crate) fn resolve_again(&self, ctx: &Context) -> Result<Project> {
        resolve_as(ctx, self.is_secondary_checkout)
    }

    /// Keeps the inputs and the model, and asks the engine and the ledger again.
    #[must_use]
    pub(crate) fn refreshed(&self) -> Project {
        Project { containers: containers(&self.ctx), ..self.clone() }.with_engine_and_ledger()
    }

    fn with_engine_and_ledger(self) -> Project {
        let dir = self.real_dir();
        let records = Records::find(&self.ctx, &dir);
        let with_folder = |container| records.with_present_folder(container);
        let containers = self.containers.map(|all| all.into_iter().map(with_folder).collect());
        let project = Project { containers, ..self };
        let (ctx, name) = (&project.ctx, &project.stack.name);
        let known = project.containers.as_deref().unwrap_or_default();
        let host = remote::engine_host(ctx, known);
        let is_there = |dir: &Path| host.as_ref().is_some_and(|host| !host.is_container_host) || disk::is_folder(dir);
        let other_folder = known.iter().find_map(|one| identity::other_folder(one, name, &dir, &is_there));
        let mut leases = ctx.leases();
        records.apply_moves(&mut leases);
        let project = Project { other_folder, host, leases, records, ..project };
        let is_secondary_checkout = project.is_secondary_checkout
            || project.has_other_checkouts()
            || identity::other_leaseholder(&project.leases, &project.stack.name, &dir).is_some()
            || project.records.is_of_earlier_folder(&project.stack.name)
            || identity::other_recorded_folder(&project.records, &project.stack.name, &dir).is_some();
        Project { is_secondary_checkout, ..project }
    }

    /// Whether other checkouts use its name, according to git and the engine.
    pub(crate) fn has_other_checkouts(&self) -> bool {
        let of_git = |checkout: &Checkout| checkout.linked || self.other_folder.is_some();
        self.checkout.as_ref().is_some_and(of_git) || self.is_per_person()
    }
}
