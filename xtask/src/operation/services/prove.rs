//! The proof: from this host each published TCP port is answered, on every
//! address family that is bound, by speaking to it. A mere connect proves
//! nothing: docker-proxy accepts before the container listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::knock::{Door, doors, knock};
use super::run::{Run, interrupted};
use super::{around, wait};
use crate::decide::overlaps;
use crate::error::{Error, Result};
use crate::model::{Container, Protocol, Socket};
use crate::ports::{describe_process, strangers};
use crate::ui;

/// Healthy services answer; this much more is given to those without a
/// healthcheck, at the least.
const LEAST: Duration = Duration::from_secs(5);
/// How often it is looked whether the containers still run.
const WATCH: Duration = Duration::from_millis(300);

pub(crate) fn prove(run: &Run<'_>, containers: &[Container]) -> Result<()> {
    let (survey, interrupt) = (run.survey, &run.interrupt);
    if survey.ctx.engine.endpoint().is_remote() {
        return Ok(());
    }
    if survey.host.as_ref().is_some_and(|host| host.is_around) {
        around::prove(survey, containers, interrupt);
        return Ok(());
    }
    let doors = doors(survey, containers);
    let (answers, ended) = knock_at_all(run, &doors);
    if interrupt.interrupted() {
        return Err(interrupted());
    }
    if let Some(error) = ended.or_else(|| wait::ended(survey)).or_else(|| stranger(&doors)) {
        return Err(error);
    }
    let silent: Vec<String> = doors
        .iter()
        .zip(&answers)
        .filter_map(|(door, answer)| Some(format!("{} at {} ({})", door.service, door.address, answer.as_ref().err()?)))
        .collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("started, but not reachable from here: {}", silent.join(", ")))
        .hint("`cargo xtask logs` shows whether the program in the container listens, and on 0.0.0.0 rather than 127.0.0.1")
        .finding())
}

/// The answers of all doors, and why a container has ended, if one has: nobody
/// will ever answer for that one.
fn knock_at_all(run: &Run<'_>, doors: &[Door<'_>]) -> (Vec<Result<(), String>>, Option<Error>) {
    let (survey, interrupt) = (run.survey, &run.interrupt);
    let deadline = run.deadline.max(Instant::now() + LEAST);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let knocks: Vec<_> = doors.iter().map(|door| scope.spawn(|| knock(door, deadline, interrupt, &stop))).collect();
        let mut next = Instant::now() + WATCH;
        let mut ended = None;
        while ended.is_none() && !knocks.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(2));
            if Instant::now() >= next {
                ended = wait::ended(survey);
                next = Instant::now() + WATCH;
            }
        }
        stop.store(ended.is_some(), Ordering::Relaxed);
        let answer = |knock: std::thread::ScopedJoinHandle<'_, Result<(), String>>| {
            knock.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        (knocks.into_iter().map(answer).collect(), ended)
    })
}

/// A process of this machine, and no engine's, that has one of our ports: it
/// answers in the container's place.
fn stranger(doors: &[Door<'_>]) -> Option<Error> {
    let ports: Vec<(u16, Protocol)> = doors.iter().map(|door| (door.address.port(), Protocol::Tcp)).collect();
    let strangers = strangers(&ports);
    doors.iter().find_map(|door| {
        let answers = |socket: &Socket| {
            socket.port == door.address.port() && overlaps(door.address.ip(), socket.ip, socket.v6_only)
        };
        let (_, process) = strangers.iter().find(|(socket, _)| answers(socket))?;
        Some(
            Error::new(format!(
                "{} is answered by {}, not by the container of `{}`",
                door.address,
                describe_process(process),
                ui::clean(door.service)
            ))
            .hint("end that process, or move the port: `cargo xtask start --on-conflict reassign`")
            .finding(),
        )
    })
}
