//! Proves that every published TCP port answers from this host, on every address
//! family that is bound, and that the answer is the container's. Connecting alone proves
//! nothing: docker-proxy accepts connections before the container listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use super::answers::{Comparison, ServiceEndpoint, service_endpoints, wait_for_answer};
use super::proof::{PortProof, Proof, Seen, port_proofs, unchecked};
use super::redirects::foreign_redirect;
use super::run::{Run, interrupted};
use super::silent::{note_silent, silent_error};
use super::{via_gateway, wait};
use crate::decide::{Demand, Waited, may_stop_waiting, overlaps};
use crate::error::{Error, Result};
use crate::host;
use crate::model::{Container, Health, Protocol, Socket};
use crate::ports::{describe_process, foreign_listeners};
use crate::ui;

/// Services without a healthcheck get at least this long to answer.
const MIN_WAIT: Duration = Duration::from_secs(5);
/// How often to check whether the containers still run.
const STATE_POLL: Duration = Duration::from_millis(300);
/// How long a port may stay silent whose service is up without it, once all others answer.
const GRACE: Duration = Duration::from_secs(3);
/// Ports that are silent for longer than this are shown.
const SHOW_AFTER: Duration = Duration::from_secs(1);

/// What a proof found. With an error the stack is not up.
pub(crate) struct Proved {
    pub(crate) ports: Vec<PortProof>,
    pub(crate) error: Option<Error>,
}

pub(crate) fn prove(run: &mut Run<'_>, containers: &[Container]) -> Result<Proved> {
    let project = run.project;
    if project.ctx.engine.endpoint().is_remote() {
        let ports = unchecked(project, containers, "the engine is on another machine");
        return Ok(Proved { ports, error: None });
    }
    if project.host.as_ref().is_some_and(|host| host.is_container_host) {
        via_gateway::prove(project, containers, &run.interrupt);
        let ports =
            unchecked(project, containers, "this runs in a container, and the ports are on the machine around it");
        return Ok(Proved { ports, error: None });
    }
    let endpoints = service_endpoints(project, containers);
    let (rules, (seen, ended)) = std::thread::scope(|scope| {
        let rules = scope.spawn(host::nat_rules);
        let answers = wait_for_answers(run, &endpoints);
        (rules.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), answers)
    });
    if run.interrupt.interrupted() {
        return Err(interrupted());
    }
    let listener = foreign_listener(&endpoints);
    let redirect = foreign_redirect(project, &endpoints, &rules);
    let mut ports = port_proofs(project, containers, (&endpoints, &seen), &rules);
    for port in ports.iter_mut().filter(|port| port.protocol == Protocol::Tcp) {
        if let Some((_, error)) = listener.as_ref().filter(|(at, _)| *at == port.published) {
            (port.proof, port.not_checked) = (None, vec![error.message().to_owned()]);
            port.is_down = true;
        }
        port.is_down |= redirect.as_ref().is_some_and(|(at, _)| *at == port.published);
    }
    for port in &ports {
        show(port);
    }
    let foreign = listener.or(redirect).map(|(_, error)| error);
    let error = ended
        .or_else(|| wait::failure_after_start(project))
        .or(foreign)
        .or_else(|| silent_error(&endpoints, &seen, &silent_may_stay(&endpoints, &seen)));
    if error.is_none() {
        note_silent(&endpoints, &seen);
        note_other_answers(&endpoints, &seen);
    }
    Ok(Proved { ports, error })
}

/// With `-v`.
fn show(port: &PortProof) {
    let proof = port.proof.map_or("not checked", Proof::word);
    let missing =
        if port.not_checked.is_empty() { String::new() } else { format!(" ({})", port.not_checked.join("; ")) };
    ui::detail(&format!("{} of {}: {proof}{missing}", port.address, port.service));
}

/// What was seen at each endpoint. Stops waiting if a container has ended, and also returns that
/// error.
fn wait_for_answers(run: &mut Run<'_>, endpoints: &[ServiceEndpoint<'_>]) -> (Vec<Seen>, Option<Error>) {
    let begin = Instant::now();
    let deadline = run.deadline.max(begin + MIN_WAIT);
    let (project, interrupt, live) = (run.project, &run.interrupt, &mut run.live);
    let (stop, answered) = (AtomicBool::new(false), flags(endpoints.len()));
    let probe = |endpoint: &ServiceEndpoint<'_>, answered: &AtomicBool| {
        if endpoint.demand == Demand::Excluded {
            return Seen::Excluded;
        }
        let result = wait_for_answer(endpoint, deadline, interrupt, &stop);
        answered.store(result.is_ok(), Ordering::Relaxed);
        result.map_or_else(Seen::Silent, Seen::Answered)
    };
    std::thread::scope(|scope| {
        let probe = &probe;
        let start = |(endpoint, answered)| scope.spawn(move || probe(endpoint, answered));
        let probes: Vec<ScopedJoinHandle<'_, Seen>> = endpoints.iter().zip(&answered).map(start).collect();
        let (mut next, mut ended, mut excused_since) = (begin + STATE_POLL, None, None);
        let mut shown = Vec::new();
        while ended.is_none() && !probes.iter().all(ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(2));
            if Instant::now() < next {
                continue;
            }
            next = Instant::now() + STATE_POLL;
            ended = wait::failure_after_start(project);
            let is_waiting: Vec<bool> = probes.iter().map(|probe| !probe.is_finished()).collect();
            let waited: Vec<Waited<'_>> = endpoints
                .iter()
                .zip(&answered)
                .map(|(endpoint, answered)| waited(endpoint, answered.load(Ordering::Relaxed)))
                .collect();
            let excused = (0..waited.len()).all(|at| !is_waiting[at] || may_stop_waiting(&waited, at));
            excused_since = excused.then(|| excused_since.unwrap_or_else(Instant::now));
            if excused_since.is_some_and(|since: Instant| since.elapsed() >= GRACE) {
                stop.store(true, Ordering::Relaxed);
            }
            if begin.elapsed() >= SHOW_AFTER {
                let silent =
                    endpoints.iter().zip(&is_waiting).filter(|(_, waits)| **waits).map(|(endpoint, _)| endpoint);
                show_waiting(live, silent, &mut shown, begin.elapsed());
            }
        }
        stop.store(true, Ordering::Relaxed);
        let seen =
            |probe: ScopedJoinHandle<'_, Seen>| probe.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (probes.into_iter().map(seen).collect(), ended)
    })
}

fn flags(count: usize) -> Vec<AtomicBool> {
    std::iter::repeat_with(|| AtomicBool::new(false)).take(count).collect()
}

fn waited<'a>(endpoint: &ServiceEndpoint<'a>, answers: bool) -> Waited<'a> {
    Waited {
        service: endpoint.service,
        published: endpoint.address.port(),
        demand: endpoint.demand,
        is_healthy: endpoint.container.health == Some(Health::Healthy),
        answers,
    }
}

/// For each endpoint whether its silence is no failure.
fn silent_may_stay(endpoints: &[ServiceEndpoint<'_>], seen: &[Seen]) -> Vec<bool> {
    let pairs = endpoints.iter().zip(seen);
    let waited: Vec<Waited<'_>> =
        pairs.map(|(endpoint, seen)| waited(endpoint, matches!(seen, Seen::Answered(_)))).collect();
    (0..waited.len()).map(|at| may_stop_waiting(&waited, at)).collect()
}

/// `api: waiting for 127.0.0.1:9229`, until the service's ports answer.
fn show_waiting<'a>(
    live: &mut ui::Live,
    silent: impl Iterator<Item = &'a ServiceEndpoint<'a>>,
    shown: &mut Vec<String>,
    elapsed: Duration,
) {
    let mut lines: Vec<(String, String)> = Vec::new();
    for endpoint in silent {
        let (service, address) = (ui::clean(endpoint.service), endpoint.address.to_string());
        match lines.iter_mut().find(|(known, _)| *known == service) {
            Some((_, addresses)) => *addresses = format!("{addresses}, {address}"),
            None => lines.push((service, address)),
        }
    }
    for service in shown.iter().filter(|service| lines.iter().all(|(known, _)| known != *service)) {
        live.set(service, "answers", "");
    }
    for (service, addresses) in &lines {
        live.set(service, &format!("waiting for {addresses}"), &format!("{:.0} s", elapsed.as_secs_f32()));
    }
    *shown = lines.into_iter().map(|(service, _)| service).collect();
}

/// The container of such a port refuses connections itself.
fn note_other_answers(endpoints: &[ServiceEndpoint<'_>], seen: &[Seen]) {
    for (endpoint, _) in endpoints.iter().zip(seen).filter(|(_, seen)| **seen == Seen::Answered(Comparison::Refused)) {
        ui::note(&format!(
            "note: {} answers, but the container of `{}` refuses connections on port {}: the answer may be another program's",
            endpoint.address,
            ui::clean(endpoint.service),
            endpoint.target
        ));
    }
}

/// A process on this machine, not one of the engine's, that listens on one of our
/// ports and answers instead of the container; with the port.
fn foreign_listener(endpoints: &[ServiceEndpoint<'_>]) -> Option<(u16, Error)> {
    let ports: Vec<(u16, Protocol)> =
        endpoints.iter().map(|endpoint| (endpoint.address.port(), Protocol::Tcp)).collect();
    let foreign_listeners = foreign_listeners(&ports);
    endpoints.iter().find_map(|endpoint| {
        let answers = |socket: &Socket| {
            socket.port == endpoint.address.port() && overlaps(endpoint.address.ip(), socket.ip, socket.v6_only)
        };
        let (_, process) = foreign_listeners.iter().find(|(socket, _)| answers(socket))?;
        Some((
            endpoint.address.port(),
            Error::new(format!(
                "{} is answered by {}, not by the container of `{}`",
                endpoint.address,
                describe_process(process),
                ui::clean(endpoint.service)
            ))
            .hint("end that process, or move the port: `cargo xtask start --on-conflict reassign`")
            .finding(),
        ))
    })
}
