//! Proves that every published TCP port answers from this host, on every address
//! family that is bound. Connecting alone proves nothing: docker-proxy accepts
//! connections before the container listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::answers::{ServiceEndpoint, service_endpoints, wait_for_answer};
use super::run::{Run, interrupted};
use super::{via_gateway, wait};
use crate::decide::overlaps;
use crate::error::{Error, Result};
use crate::model::{Container, Protocol, Socket};
use crate::ports::{describe_process, foreign_listeners};
use crate::ui;

/// Services without a healthcheck get at least this long to answer.
const MIN_WAIT: Duration = Duration::from_secs(5);
/// How often to check whether the containers still run.
const STATE_POLL: Duration = Duration::from_millis(300);

pub(crate) fn prove(run: &Run<'_>, containers: &[Container]) -> Result<()> {
    let (project, interrupt) = (run.project, &run.interrupt);
    if project.ctx.engine.endpoint().is_remote() {
        return Ok(());
    }
    if project.host.as_ref().is_some_and(|host| host.is_container_host) {
        via_gateway::prove(project, containers, interrupt);
        return Ok(());
    }
    let endpoints = service_endpoints(project, containers);
    let (answers, ended) = wait_for_answers(run, &endpoints);
    if interrupt.interrupted() {
        return Err(interrupted());
    }
    if let Some(error) = ended.or_else(|| wait::failure_after_start(project)).or_else(|| foreign_listener(&endpoints)) {
        return Err(error);
    }
    let silent: Vec<String> = endpoints
        .iter()
        .zip(&answers)
        .filter_map(|(endpoint, answer)| {
            Some(format!("{} at {} ({})", endpoint.service, endpoint.address, answer.as_ref().err()?))
        })
        .collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("started, but not reachable from here: {}", silent.join(", ")))
        .hint("`cargo xtask logs` shows whether the program in the container listens, and on 0.0.0.0 rather than 127.0.0.1")
        .finding())
}

/// The answers of all endpoints. Stops waiting if a container has ended, and also
/// returns that error.
fn wait_for_answers(run: &Run<'_>, endpoints: &[ServiceEndpoint<'_>]) -> (Vec<Result<(), String>>, Option<Error>) {
    let (project, interrupt) = (run.project, &run.interrupt);
    let deadline = run.deadline.max(Instant::now() + MIN_WAIT);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let probes: Vec<_> = endpoints
            .iter()
            .map(|endpoint| scope.spawn(|| wait_for_answer(endpoint, deadline, interrupt, &stop)))
            .collect();
        let mut next = Instant::now() + STATE_POLL;
        let mut ended = None;
        while ended.is_none() && !probes.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(2));
            if Instant::now() >= next {
                ended = wait::failure_after_start(project);
                next = Instant::now() + STATE_POLL;
            }
        }
        stop.store(ended.is_some(), Ordering::Relaxed);
        let answer = |probe: std::thread::ScopedJoinHandle<'_, Result<(), String>>| {
            probe.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        (probes.into_iter().map(answer).collect(), ended)
    })
}

/// A process on this machine, not one of the engine's, that listens on one of our
/// ports and answers instead of the container.
fn foreign_listener(endpoints: &[ServiceEndpoint<'_>]) -> Option<Error> {
    let ports: Vec<(u16, Protocol)> =
        endpoints.iter().map(|endpoint| (endpoint.address.port(), Protocol::Tcp)).collect();
    let foreign_listeners = foreign_listeners(&ports);
    endpoints.iter().find_map(|endpoint| {
        let answers = |socket: &Socket| {
            socket.port == endpoint.address.port() && overlaps(endpoint.address.ip(), socket.ip, socket.v6_only)
        };
        let (_, process) = foreign_listeners.iter().find(|(socket, _)| answers(socket))?;
        Some(
            Error::new(format!(
                "{} is answered by {}, not by the container of `{}`",
                endpoint.address,
                describe_process(process),
                ui::clean(endpoint.service)
            ))
            .hint("end that process, or move the port: `cargo xtask start --on-conflict reassign`")
            .finding(),
        )
    })
}
