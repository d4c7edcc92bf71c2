//! A container that runs and does not answer: the way from the port over the
//! forwarder into the container is walked, and where it ends is said.

use std::net::{IpAddr, SocketAddr};

use crate::model::Container;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::scene::Scene;
use crate::operation::services::answers::{AnswerCheck, NoAnswer, check_answers};
use crate::{host, ui};

pub(crate) fn check(scene: &Scene) -> Vec<Finding> {
    let Some(survey) = scene.project() else { return Vec::new() };
    let own = scene.own();
    if !scene.is_local() || own.is_empty() {
        return Vec::new();
    }
    let checks = check_answers(survey, &own);
    if checks.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Finding> = Vec::new();
    for (check, no_answer) in checks.iter().filter_map(|check| Some((check, check.no_answer.as_ref()?))) {
        let Some(container) = own.iter().find(|container| container.id == check.container) else { continue };
        let new = finding(scene, container, check, no_answer);
        // Both address families end in the same place.
        if found.iter().all(|old| old.remedy != new.remedy || old.title != new.title) {
            found.push(new);
        }
    }
    if found.is_empty() {
        let seen = format!("{} tried, each is answered", ui::count(checks.len(), "way"));
        found.push(Finding::ok("path.answers", "from port to process", seen));
    }
    found
}

/// Where the way ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// Nobody listens on this machine.
    Forwarder,
    /// In the container it listens for the container alone.
    Loopback(SocketAddr),
    /// In the container something listens on other ports.
    OtherPort(Vec<u16>),
    /// In the container nothing listens.
    Nothing,
    /// It listens, for everybody, and gives no answer.
    Program,
    /// The container cannot be looked into.
    Unseen,
}

/// `inside`: where something listens in the container's network; `None` = that
/// could not be looked at.
fn end(no_answer: &NoAnswer, target: u16, inside: Option<&[SocketAddr]>) -> End {
    if *no_answer == NoAnswer::Refused {
        return End::Forwarder;
    }
    let Some(inside) = inside else { return End::Unseen };
    let on_target = inside.iter().filter(|address| address.port() == target);
    let (loopback, open): (Vec<SocketAddr>, Vec<SocketAddr>) = on_target.partition(|address| is_loopback(address.ip()));
    match (open.first(), loopback.first()) {
        (Some(_), _) => End::Program,
        (None, Some(address)) => End::Loopback(*address),
        (None, None) => {
            // The engine's own name server listens on 127.0.0.11 in every
            // container of a network.
            let mut ports: Vec<u16> =
                inside.iter().filter(|address| !is_engine_dns(address.ip())).map(SocketAddr::port).collect();
            ports.sort_unstable();
            ports.dedup();
            if ports.is_empty() { End::Nothing } else { End::OtherPort(ports) }
        }
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn is_engine_dns(ip: IpAddr) -> bool {
    ip == IpAddr::from([127, 0, 0, 11])
}

fn finding(scene: &Scene, container: &Container, check: &AnswerCheck, no_answer: &NoAnswer) -> Finding {
    let (name, service) = (ui::clean(&container.name), ui::clean(&check.service));
    // As words of commands.
    let (id, word) = (ui::argument(container.reference()), ui::argument(&check.service));
    let target = check.target;
    let inside = look_inside(scene, container);
    let (seen, why, remedy) = match end(no_answer, target, inside.as_deref()) {
        End::Forwarder => (
            "nobody listens on this machine".to_owned(),
            "the engine's port forwarder has died, or binds the port elsewhere",
            format!("docker restart {id}"),
        ),
        End::Loopback(address) => (
            format!("in the container it listens on {address}, for the container alone"),
            "a published port leads to the container's own address, where nobody listens",
            format!(
                "have it listen on 0.0.0.0:{target} (`--host 0.0.0.0`, `HOST=0.0.0.0`), then `cargo xtask start {word}`"
            ),
        ),
        End::OtherPort(ports) => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            (
                format!("in the container nobody listens on {target}, but on {}", ports.join(", ")),
                "the mapping leads to a port where nobody is",
                format!("correct the port after the colon in `ports:` of {service}, or the port it listens on"),
            )
        }
        End::Nothing => (
            "in the container nothing listens at all".to_owned(),
            "it is still starting, or its server has ended",
            format!("cargo xtask logs {word}"),
        ),
        End::Program => (
            format!("in the container it listens on {target}, and gives no answer"),
            "the way is open: the program itself closes the connection, or speaks another protocol",
            format!("cargo xtask logs {word}"),
        ),
        End::Unseen => (
            "what happens in the container cannot be seen from here".to_owned(),
            "most often the program listens on 127.0.0.1 there, or is still starting",
            format!(
                "`docker exec {id} netstat -ltn` (or `ss -ltn`) shows on which address it listens; as root this looks itself"
            ),
        ),
    };
    let title = format!("port {} of {name}", check.address.port());
    Finding::new("path.answers", title, Status::Problem, format!("{}: {no_answer}; {seen}", check.address))
        .why(why)
        .remedy(remedy)
}

/// Only where the engine's process numbers are this machine's: in a virtual
/// machine or another namespace the same number is somebody else.
fn look_inside(scene: &Scene, container: &Container) -> Option<Vec<SocketAddr>> {
    let pid = scene.ctx.engine.detail(&container.id).ok()?.pid?;
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
            (vec![dns], End::Nothing),
            (vec![dns, at("127.0.0.1:80")], End::Loopback(at("127.0.0.1:80"))),
            (vec![at("[::1]:80")], End::Loopback(at("[::1]:80"))),
            (vec![at("127.0.0.1:80"), at("[::]:80")], End::Program),
            (vec![dns, at("0.0.0.0:3000")], End::OtherPort(vec![3000])),
        ] {
            assert_eq!(end(&NoAnswer::Closed, 80, Some(&inside)), want);
        }
        assert_eq!(end(&NoAnswer::Closed, 80, None), End::Unseen);
        assert_eq!(end(&NoAnswer::Refused, 80, None), End::Forwarder);
    }
}
