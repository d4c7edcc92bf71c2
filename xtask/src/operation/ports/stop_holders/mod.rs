//! Stopping who holds a port: containers are stopped by their engine, services by systemd,
//! processes that listen are asked to end, and nobody else is touched. First a
//! plan, then consent, then [`run`].

mod plan;
mod run;

pub(crate) use plan::{Plan, Request, StopAction, StopOptions, consent, plan, refusal, show};
pub(crate) use run::{ActionReport, Outcome, run};
