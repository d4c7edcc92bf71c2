//! Up: start the containers, wait until they are well, prove from outside that
//! they answer.

use std::time::{Duration, Instant};

use super::launch::{self, Options};
use super::{old_engine, take_back};
use crate::error::Result;
use crate::operation::check::survey::Survey;
use crate::operation::services::run::Run;
use crate::operation::services::{bound, prove, wait};
use crate::parse::engine_message::PortProblem;
use crate::ui::Live;

/// Seconds for that, where nobody says otherwise.
const WAIT: u64 = 120;

/// How an attempt ended.
#[derive(Debug)]
pub enum Attempt {
    /// Every service is well and every published port answers.
    Up,
    /// The engine refused a port; what this attempt made is gone again.
    PortRefused {
        /// Which, as far as the engine said.
        problem: PortProblem,
        /// Services whose old containers were replaced and are gone now.
        replaced: Vec<String>,
    },
}

/// One attempt. Errors are findings (a service failed, 1) or failures (2).
pub fn attempt(survey: &Survey, options: &Options) -> Result<Attempt> {
    let limit = Duration::from_secs(options.wait_timeout.or(survey.settings.wait_timeout).unwrap_or(WAIT));
    let (interrupt, live) = (crate::exec::defer_interrupts(), Live::new());
    let mut run = Run { survey, limit, deadline: Instant::now() + limit, interrupt, live };
    let (ctx, project) = (&survey.ctx, &survey.stack.name);
    let compose = old_engine::compose(ctx, survey)?;
    let before = take_back::Snapshot::take(ctx, project)?;
    let launched = launch::launch(&mut run, &launch::up(&compose, options));
    if launched.is_err() {
        before.take_back_networks(ctx, project);
    }
    if let Some(problem) = launched? {
        let replaced = before.take_back(ctx, project)?;
        return Ok(Attempt::PortRefused { problem, replaced });
    }
    let mut containers = wait::wait(&mut run)?;
    let missing = bound::missing(survey, &containers);
    if !missing.is_empty() {
        bound::note(&missing);
        let anew = launch::recreate(&compose, missing.keys());
        if let Some(problem) = launch::launch(&mut run, &anew)? {
            let replaced = before.take_back(ctx, project)?;
            return Ok(Attempt::PortRefused { problem, replaced });
        }
        containers = wait::wait(&mut run)?;
        bound::check(&bound::missing(survey, &containers))?;
    }
    prove::prove(&run, &containers)?;
    Ok(Attempt::Up)
}
