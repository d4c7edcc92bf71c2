//! One attempt: starts the containers, waits until they are ready, and proves from outside
//! that they answer.

use std::time::{Duration, Instant};

use super::launch::{self, Options};
use super::{old_engine, rollback};
use crate::docker::Compose;
use crate::error::{Error, Exit, Result};
use crate::model::Container;
use crate::operation::check::project::CheckedProject;
use crate::operation::services::proof::{PortProof, unchecked};
use crate::operation::services::prove::Proved;
use crate::operation::services::run::Run;
use crate::operation::services::{bound, prove, wait};
use crate::parse::engine_message::PortProblem;
use crate::ui::Live;

/// The default time limit in seconds.
const WAIT: u64 = 120;

/// How an attempt ended.
#[derive(Debug)]
pub enum Attempt {
    /// Every service is ready and every published port answers that has to.
    Up { ports: Vec<PortProof> },
    /// Containers run, and something is not well.
    NotWell { error: Error, ports: Vec<PortProof> },
    /// The engine refused a port, and the attempt was rolled back.
    PortRefused {
        problem: PortProblem,
        /// Services whose old containers were replaced and are lost.
        replaced: Vec<String>,
    },
}

/// An error means that nothing was started, or that it was interrupted.
pub fn attempt(project: &CheckedProject, options: &Options) -> Result<Attempt> {
    let limit = Duration::from_secs(options.wait_timeout.or(project.settings.wait_timeout).unwrap_or(WAIT));
    let (interrupt, live) = (crate::exec::defer_interrupts(), Live::new());
    let mut run = Run { project, limit, deadline: Instant::now() + limit, interrupt, live };
    let (ctx, name) = (&project.ctx, &project.stack.name);
    let compose = old_engine::compose_for_engine(ctx, project)?;
    let before = rollback::Snapshot::take(ctx, name)?;
    match launch_and_wait(&mut run, &compose, options, &before) {
        Ok(Launched::Ready(containers)) => {
            let Proved { ports, error } = prove::prove(&mut run, &containers)?;
            Ok(match error {
                None => Attempt::Up { ports },
                Some(error) => Attempt::NotWell { error, ports },
            })
        }
        Ok(Launched::Refused(problem)) => {
            let replaced = before.roll_back(ctx, name)?;
            Ok(Attempt::PortRefused { problem, replaced })
        }
        // Other services may be up.
        Err(error) if error.exit() == Exit::Finding => {
            let containers = project.containers_now().unwrap_or_default();
            let ports = unchecked(project, &containers, "the start failed before ports were checked");
            Ok(Attempt::NotWell { error, ports })
        }
        Err(error) => Err(error),
    }
}

enum Launched {
    /// Every service is ready, and everything is bound.
    Ready(Vec<Container>),
    /// The engine refused a port.
    Refused(PortProblem),
}

fn launch_and_wait(
    run: &mut Run<'_>,
    compose: &Compose,
    options: &Options,
    before: &rollback::Snapshot,
) -> Result<Launched> {
    let project = run.project;
    let launched = launch::launch(run, &launch::up_command(compose, options));
    if launched.is_err() {
        before.roll_back_networks(&project.ctx, &project.stack.name);
    }
    if let Some(problem) = launched? {
        return Ok(Launched::Refused(problem));
    }
    let containers = wait::wait(run)?;
    let missing = bound::missing_bindings(project, &containers);
    if missing.is_empty() {
        return Ok(Launched::Ready(containers));
    }
    bound::note_recreation(&missing);
    if let Some(problem) = launch::launch(run, &launch::recreate_command(compose, missing.keys()))? {
        return Ok(Launched::Refused(problem));
    }
    let containers = wait::wait(run)?;
    bound::check_none_missing(&bound::missing_bindings(project, &containers))?;
    Ok(Launched::Ready(containers))
}
