//! Running containers that do not answer: follows the path from the port through the
//! forwarder into the container, and reports where it breaks.

use std::net::{IpAddr, SocketAddr};

use crate::decide::{Waited, may_stop_waiting};
use crate::model::Container;
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::services::answers::{AnswerCheck, NoAnswer, check_answers};
use crate::operation::services::redirects::foreign_redirect;
use crate::project::Project;
use crate::{host, ui};

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(survey) = facts.project() else { return Vec::new() };
    let own = facts.own();
    if !facts.is_local() || own.is_empty() {
        return Vec::new();
    }
    let checks = check_answers(survey, &own);
    if checks.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Finding> = redirected(survey, &checks);
    let waited: Vec<Waited<'_>> = checks.iter().map(waited).collect();
    for (at, check) in checks.iter().enumerate() {
        let Some(no_answer) = &check.no_answer else { continue };
        let mut new = finding(facts, check, no_answer);
        if may_stop_waiting(&waited, at) {
            // Like a debugger's, which nobody may need now.
            new.status = Status::Note;
        }
        // Both address families break at the same place.
        if found.iter().all(|old| old.remedy != new.remedy || old.title != new.title) {
            found.push(new);
        }
    }
    if found.is_empty() {
        let seen = format!("{} tried, all answer", ui::count(checks.len(), "way"));
        found.push(Finding::ok("path.answers", "from port to process", seen));
    }
    found
}

/// A healthcheck does not excuse a service that nobody reaches: only another port does.
fn waited<'a>(check: &AnswerCheck<'a>) -> Waited<'a> {
    Waited {
        service: check.endpoint.service,
        published: check.endpoint.address.port(),
        demand: check.endpoint.demand,
        is_healthy: false,
        answers: check.no_answer.is_none(),
    }
}

/// Connections to a published port that a rule of this machine sends elsewhere.
fn redirected(project: &Project, checks: &[AnswerCheck<'_>]) -> Vec<Finding> {
    let rules = host::nat_rules();
    let mut found: Vec<Finding> = Vec::new();
    for check in checks {
        let endpoint = std::slice::from_ref(&check.endpoint);
        let Some((port, error)) = foreign_redirect(project, endpoint, &rules) else { continue };
        let title = format!("port {port} of {}", ui::clean(&check.endpoint.container.name));
        if found.iter().all(|old| old.title != title) {
            let finding = Finding::of_error("path.redirect", &title, Status::Problem, &error);
            found.push(finding.why("whoever connects reaches something else than this project"));
        }
    }
    found
}

/// Where the path breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Break {
    /// Nothing listens on this machine.
    Forwarder,
    /// The program listens on loopback inside the container.
    Loopback(SocketAddr),
    /// Inside the container only other ports have listeners.
    OtherPort(Vec<u16>),
    /// Inside the container nothing listens.
    Nothing,
    /// The program listens on a reachable address and does not answer.
    Program,
    /// The container's sockets cannot be read.
    Unseen,
}

/// `inside`: the listening addresses in the container's network namespace, if they can be read.
fn find_break(no_answer: &NoAnswer, target: u16, inside: Option<&[SocketAddr]>) -> Break {
    if *no_answer == NoAnswer::Refused {
        return Break::Forwarder;
    }
    let Some(inside) = inside else { return Break::Unseen };
    let on_target = inside.iter().filter(|address| address.port() == target);
    let (loopback, open): (Vec<SocketAddr>, Vec<SocketAddr>) = on_target.partition(|address| is_loopback(address.ip()));
    match (open.first(), loopback.first()) {
        (Some(_), _) => Break::Program,
        (None, Some(address)) => Break::Loopback(*address),
        (None, None) => {
            // The engine's DNS server listens on 127.0.0.11 in every container.
            let mut ports: Vec<u16> =
                inside.iter().filter(|address| !is_engine_dns(address.ip())).map(SocketAddr::port).collect();
            ports.sort_unstable();
            ports.dedup();
            if ports.is_empty() { Break::Nothing } else { Break::OtherPort(ports) }
        }
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn is_engine_dns(ip: IpAddr) -> bool {
    ip == IpAddr::from([127, 0, 0, 11])
}

fn finding(facts: &Facts, check: &AnswerCheck<'_>, no_answer: &NoAnswer) -> Finding {
    let endpoint = &check.endpoint;
    let container = endpoint.container;
    let (name, service) = (ui::clean(&container.name), ui::clean(endpoint.service));
    // Quoted for commands.
    let (id, word) = (ui::argument(container.reference()), ui::argument(endpoint.service));
    let target = endpoint.target;
    let inside = look_inside(facts, container);
    let (seen, why, remedy) = match find_break(no_answer, target, inside.as_deref()) {
        Break::Forwarder => (
            "nothing listens on this machine".to_owned(),
            "the engine's port forwarder has died, or binds the port elsewhere",
            format!("docker restart {id}"),
        ),
        Break::Loopback(address) => (
            format!("in the container it listens on {address}, which only the container reaches"),
            "a published port leads to the container's network address, where nothing listens",
            format!(
                "have it listen on 0.0.0.0:{target} (`--host 0.0.0.0`, `HOST=0.0.0.0`), then `cargo xtask start {word}`"
            ),
        ),
        Break::OtherPort(ports) => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            (
                format!("in the container nothing listens on {target}, only on {}", ports.join(", ")),
                "the mapping leads to a port without a listener",
                format!("correct the port after the colon in `ports:` of {service}, or the port it listens on"),
            )
        }
        Break::Nothing => (
            "in the container nothing listens at all".to_owned(),
            "it is still starting, or its server has ended",
            format!("cargo xtask logs {word}"),
        ),
        Break::Program => (
            format!("in the container it listens on {target} and does not answer"),
            "the path is open: the program itself closes the connection, or speaks another protocol",
            format!("cargo xtask logs {word}"),
        ),
        Break::Unseen => (
            "the container cannot be inspected from here".to_owned(),
            "usually the program listens on 127.0.0.1 there, or is still starting",
            format!(
                "`docker exec {id} netstat -ltn` (or `ss -ltn`) shows on which address it listens; run as root, this command looks by itself"
            ),
        ),
    };
    let title = format!("port {} of {name}", endpoint.address.port());
    Finding::new("path.answers", title, Status::Problem, format!("{}: {no_answer}; {seen}", endpoint.address))
        .why(why)
        .remedy(remedy)
}

/// Only if the engine's pids are this machine's: in a virtual machine or another pid
/// namespace the same pid is another process.
fn look_inside(facts: &Facts, container: &Container) -> Option<Vec<SocketAddr>> {
    let pid = facts.ctx.engine.detail(&container.id).ok()?.pid?;
    if host::container_of(pid).as_deref() != Some(&container.id) {
        return None;
    }
    host::listening_in(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_way_ends() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let dns = at("127.0.0.11:40123");
        for (inside, want) in [
            (vec![dns], Break::Nothing),
            (vec![dns, at("127.0.0.1:80")], Break::Loopback(at("127.0.0.1:80"))),
            (vec![at("[::1]:80")], Break::Loopback(at("[::1]:80"))),
            (vec![at("127.0.0.1:80"), at("[::]:80")], Break::Program),
            (vec![dns, at("0.0.0.0:3000")], Break::OtherPort(vec![3000])),
        ] {
            assert_eq!(find_break(&NoAnswer::Closed, 80, Some(&inside)), want);
        }
        assert_eq!(find_break(&NoAnswer::Closed, 80, None), Break::Unseen);
        assert_eq!(find_break(&NoAnswer::Refused, 80, None), Break::Forwarder);
    }
}
