//! Facts that several checks need. The first check that needs one queries it; the others reuse it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::context::Context;
use crate::disk;
use crate::docker::EngineError;
use crate::error::Result;
use crate::model::{Container, Network};
use crate::operation::check::project::CheckedProject;
use crate::parse::engine::{EngineKind, Info};
use crate::project;

type Networks = (Vec<Network>, Vec<Container>);

#[derive(Debug)]
pub struct Facts {
    pub ctx: Context,
    survey: OnceLock<Result<CheckedProject>>,
    info: OnceLock<Result<Info, EngineError>>,
    networks: OnceLock<Result<Networks, EngineError>>,
}

impl Facts {
    pub fn new(ctx: Context) -> Facts {
        Facts { ctx, survey: OnceLock::new(), info: OnceLock::new(), networks: OnceLock::new() }
    }

    pub fn survey(&self) -> &Result<CheckedProject> {
        self.survey.get_or_init(|| {
            let project = project::resolve(&self.ctx)?;
            Ok(CheckedProject::new(project).with_swarm_of_free_ports().judge(&BTreeMap::new()))
        })
    }

    /// The survey, for checks that report nothing without one.
    pub fn project(&self) -> Option<&CheckedProject> {
        self.survey().as_ref().ok()
    }

    pub fn info(&self) -> &Result<Info, EngineError> {
        self.info.get_or_init(|| self.ctx.engine.info())
    }

    pub fn is_podman(&self) -> bool {
        matches!(self.ctx.engine.kind(), Ok(EngineKind::Podman(_)))
    }

    pub fn networks(&self) -> &Result<Networks, EngineError> {
        self.networks.get_or_init(|| crate::operation::networks::prune::look(&self.ctx))
    }

    /// Whether the engine binds ports on the machine that this runs on.
    pub fn is_local(&self) -> bool {
        !self.ctx.engine.endpoint().is_remote() && self.project().is_none_or(|found| found.host.is_none())
    }

    /// Containers with the project's name that were started from its folder, or from
    /// a folder that no longer exists.
    pub fn own(&self) -> Vec<&Container> {
        let Some(found) = self.project() else { return Vec::new() };
        let dir = found.real_dir();
        let is_own = |container: &&Container| {
            let is_gone = || container.working_dir.as_deref().is_none_or(|other| !disk::is_folder(other));
            container.project.as_deref() == Some(&found.stack.name) && (container.is_from_folder(&dir) || is_gone())
        };
        found.containers.iter().flatten().filter(is_own).collect()
    }
}
