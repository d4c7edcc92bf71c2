//! One attempt: starts the containers, waits until they are ready, and proves from outside
//! that they answer.

use std::time::{Duration, Instant};

use super::launch::{self, Options};
use super::{old_engine, rollback};
use crate::error::Result;
use crate::operation::check::project::CheckedProject;
use crate::operation::services::run::Run;
use crate::operation::services::{bound, prove, wait};
use crate::parse::engine_message::PortProblem;
use crate::ui::Live;

/// The default time limit in seconds.
const WAIT: u64 = 120;

/// How an attempt ended.
#[derive(Debug)]
pub enum Attempt {
    /// Every service is ready and every published port answers.
    Up,
    /// The engine refused a port, and the attempt was rolled back.
    PortRefused {
        problem: PortProblem,
        /// Services whose old containers were replaced and are lost.
        replaced: Vec<String>,
    },
}

/// Errors are findings (a service failed) or failures.
pub fn attempt(project: &CheckedProject, options: &Options) -> Result<Attempt> {
    let limit = Duration::from_secs(options.wait_timeout.or(project.settings.wait_timeout).unwrap_or(WAIT));
    let (interrupt, live) = (crate::exec::defer_interrupts(), Live::new());
    let mut run = Run { project, limit, deadline: Instant::now() + limit, interrupt, live };
    let (ctx, name) = (&project.ctx, &project.stack.name);
    let compose = old_engine::compose_for_engine(ctx, project)?;
    let before = rollback::Snapshot::take(ctx, name)?;
    let launched = launch::launch(&mut run, &launch::up_command(&compose, options));
    if launched.is_err() {
        before.roll_back_networks(ctx, name);
    }
    if let Some(problem) = launched? {
        let replaced = before.roll_back(ctx, name)?;
        return Ok(Attempt::PortRefused { problem, replaced });
    }
    let mut containers = wait::wait(&mut run)?;
    let missing = bound::missing_bindings(project, &containers);
    if !missing.is_empty() {
        bound::note_recreation(&missing);
        let command = launch::recreate_command(&compose, missing.keys());
        if let Some(problem) = launch::launch(&mut run, &command)? {
            let replaced = before.roll_back(ctx, name)?;
            return Ok(Attempt::PortRefused { problem, replaced });
        }
        containers = wait::wait(&mut run)?;
        bound::check_none_missing(&bound::missing_bindings(project, &containers))?;
    }
    prove::prove(&run, &containers)?;
    Ok(Attempt::Up)
}
