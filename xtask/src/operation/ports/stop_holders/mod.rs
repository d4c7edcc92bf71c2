//! Stops the holders of ports: containers through their engine, services through systemd,
//! listening processes with a signal, and nothing else. First a plan, then consent, then [`run`].

mod plan;
mod run;

pub(crate) use plan::{Plan, Request, StopAction, StopOptions, consent, plan, refusal, show};
pub(crate) use run::{ActionReport, Outcome, run};
