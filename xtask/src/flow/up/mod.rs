//! Up: start the containers, wait until they are well, prove from outside that
//! they answer.

mod around;
mod bound;
mod launch;
mod old_engine;
mod prove;
mod take_back;
mod urls;
mod wait;

use std::time::{Duration, Instant};

use crate::context::Context;
use crate::error::Result;
use crate::flow::survey::Survey;
use crate::parse::engine_message::PortProblem;

pub use prove::{Knock, Silence, knock_once};
pub use urls::{ServiceUrls, further, likely_url, postgres_account, service_urls, urls};
pub use wait::{ServiceState, last_lines, of, reason, states};

/// How to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Only these services and what they depend on; empty = all.
    pub services: Vec<String>,
    /// `--build`.
    pub build: bool,
    /// For all of it: until every service is well and answers.
    pub wait_timeout: Duration,
}

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
pub fn attempt(ctx: &Context, survey: &Survey, options: &Options) -> Result<Attempt> {
    let deadline = Instant::now() + options.wait_timeout;
    let project = &survey.stack.name;
    let patience = crate::exec::patience();
    let mut live = crate::ui::Live::new();
    let compose = old_engine::compose(ctx, survey)?;
    let before = take_back::Snapshot::take(ctx, project)?;
    let launched = launch::launch(ctx, survey, &launch::up(&compose, options), &patience, &mut live);
    if launched.is_err() {
        before.take_back_networks(ctx, project);
    }
    if let Some(problem) = launched? {
        let replaced = before.take_back(ctx, project)?;
        return Ok(Attempt::PortRefused { problem, replaced });
    }
    let mut containers = wait::wait(ctx, survey, options, deadline, &patience, &mut live)?;
    let missing = bound::missing(survey, &containers);
    if !missing.is_empty() {
        bound::note(&missing);
        let anew = launch::recreate(&compose, missing.keys());
        if let Some(problem) = launch::launch(ctx, survey, &anew, &patience, &mut live)? {
            let replaced = before.take_back(ctx, project)?;
            return Ok(Attempt::PortRefused { problem, replaced });
        }
        containers = wait::wait(ctx, survey, options, deadline, &patience, &mut live)?;
        bound::check(&bound::missing(survey, &containers))?;
    }
    prove::prove(ctx, survey, &containers, deadline, &patience)?;
    Ok(Attempt::Up)
}
