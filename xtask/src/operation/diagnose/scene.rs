//! What several checks look at: asked once, by whoever needs it first.

use std::sync::OnceLock;

use crate::context::Context;
use crate::disk;
use crate::docker::EngineError;
use crate::error::Result;
use crate::model::{Container, Network};
use crate::operation::check::survey::{Survey, survey};
use crate::parse::engine::Info;

/// All networks, and all containers with theirs.
type Networks = (Vec<Network>, Vec<Container>);

/// A machine and a project, as far as they were looked at.
#[derive(Debug)]
pub struct Scene {
    /// Which project, which engine.
    pub ctx: Context,
    survey: OnceLock<Result<Survey>>,
    info: OnceLock<Result<Info, EngineError>>,
    networks: OnceLock<Result<Networks, EngineError>>,
}

impl Scene {
    /// Nothing was looked at yet.
    pub fn new(ctx: Context) -> Scene {
        Scene { ctx, survey: OnceLock::new(), info: OnceLock::new(), networks: OnceLock::new() }
    }

    /// The project, its ports and all containers.
    pub fn survey(&self) -> &Result<Survey> {
        self.survey.get_or_init(|| survey(&self.ctx))
    }

    /// The survey, for checks that have nothing to say without one.
    pub fn project(&self) -> Option<&Survey> {
        self.survey().as_ref().ok()
    }

    /// What the engine says of itself.
    pub fn info(&self) -> &Result<Info, EngineError> {
        self.info.get_or_init(|| self.ctx.engine.info())
    }

    /// All networks, and all containers with theirs.
    pub fn networks(&self) -> &Result<Networks, EngineError> {
        self.networks.get_or_init(|| crate::operation::networks::prune::look(&self.ctx))
    }

    /// Whether ports are bound where this runs.
    pub fn is_local(&self) -> bool {
        !self.ctx.engine.endpoint().is_remote() && self.project().is_none_or(|found| found.host.is_none())
    }

    /// The project's own containers: of its name, and from its folder or one that
    /// is gone.
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
