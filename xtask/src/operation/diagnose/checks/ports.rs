//! Published ports: who holds them, who answers on them, and who may take them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::host::{self, Probe};
use crate::model::{Binding, Container, Owner, PortRange, Protocol, State};
use crate::operation::check::project::{CheckedProject, Row};
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Fix;
use crate::operation::ports::stop_holders::{Request, StopAction};
use crate::ports::{advise, describe_process, foreign_listeners, is_leftover_proxy, reasons};
use crate::ui;

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(survey) = facts.project() else { return Vec::new() };
    if survey.engine_unreachable().is_some() {
        let seen = "unknown: the engine that binds them does not answer";
        return vec![Finding::new("ports.taken", "published ports", Status::Unknown, seen)];
    }
    let mut found: Vec<Finding> = survey.conflicts().map(|row| conflict(facts, survey, row)).collect();
    if found.is_empty() {
        let count = ui::count(survey.rows.len(), "port");
        found.push(Finding::ok("ports.taken", "published ports", format!("{count}, free or ours")));
    }
    if facts.is_local() {
        found.extend(dead_forwarders(facts, survey));
        found.extend(shadowing_listeners(facts));
    }
    let ephemeral = host::ephemeral().filter(|_| facts.is_local());
    found.extend(in_ephemeral(survey, ephemeral));
    found.extend(ephemeral.filter(|_| cfg!(windows)).and_then(dynamic_range));
    found
}

fn conflict(facts: &Facts, survey: &CheckedProject, row: &Row) -> Finding {
    let mapping = &row.wanted.mapping;
    let title = format!("port {} ({})", mapping.address(), ui::clean(&mapping.service));
    let seen = reasons(&facts.ctx, &row.verdict).join("\n");
    let containers = survey.containers.as_deref().ok();
    let advice = advise(&row.verdict, false, containers);
    let instead = row.suggestion.map(|port| format!("`cargo xtask start --on-conflict reassign` takes {port}"));
    let remedy: Vec<String> = advice.into_iter().chain(instead).collect();
    let remedy = match survey.manager_of(row) {
        Some(manager) => survey.end_command(manager),
        None if remedy.is_empty() => "cargo xtask check-ports".to_owned(),
        None => remedy.join("; or "),
    };
    if survey.is_secondary_checkout && row.suggestion.is_some() {
        return Finding::new("ports.taken", title, Status::Note, seen)
            .why("this is not the project's only checkout, so it gets its own ports")
            .remedy("cargo xtask start");
    }
    let found = Finding::new("ports.taken", title, Status::Problem, seen)
        .why("`docker compose up` will fail half-way")
        .remedy(remedy);
    let request = Request::from(row);
    let is_leftover = containers.is_some_and(|containers| is_leftover(&request, containers));
    if is_leftover { found.fix(Fix::Proxy(Box::new(request))) } else { found }
}

/// Whether only a docker-proxy without an engine holds the port.
fn is_leftover(request: &Request, containers: &[Container]) -> bool {
    let is_published = request.is_published(containers);
    let owners = request.verdict.owners();
    let is_leftover =
        |owner: &Owner| matches!(owner, Owner::Process(process) if is_leftover_proxy(process, is_published));
    !owners.is_empty() && owners.iter().all(is_leftover)
}

/// Containers whose published ports have no listener here. Either their docker-proxy was
/// killed (`docker restart` brings it back), or the engine binds ports elsewhere: in its own
/// network namespace, or on another machine behind a local socket.
fn dead_forwarders(facts: &Facts, survey: &CheckedProject) -> Vec<Finding> {
    let containers = survey.containers.as_deref().unwrap_or_default();
    let publishing: Vec<(&Container, Vec<&Binding>)> = containers
        .iter()
        // A restarting container has no forwarder.
        .filter(|container| container.state == State::Running)
        .map(|container| (container, container.held().filter(|b| b.protocol == Protocol::Tcp).collect::<Vec<_>>()))
        .filter(|(_, bindings)| !bindings.is_empty())
        .collect();
    let dead: Vec<&Container> = publishing
        .iter()
        .filter(|(_, bindings)| probed_bindings(bindings).any(is_not_listening))
        .map(|(container, _)| *container)
        .collect();
    if dead.len() > 1 && dead.len() == publishing.len() {
        return vec![
            Finding::new(
                "ports.elsewhere",
                "where ports are bound",
                Status::Warning,
                format!("none of the ports of {} containers is bound on this machine", dead.len()),
            )
            .why("the engine is in another machine or namespace, so whether a port is free here does not matter")
            .remedy("`docker context ls` and `docker info` say which engine this is"),
        ];
    }
    let own = facts.own();
    let finding = |container: &&Container| {
        let status = if own.iter().any(|one| one.id == container.id) { Status::Problem } else { Status::Warning };
        let name = ui::clean(&container.name);
        let ports: Vec<String> = container.held().map(|binding| binding.published.to_string()).collect();
        let seen = format!("the engine publishes {} for it, but nothing listens there", unique(ports).join(", "));
        Finding::new("ports.forwarder", format!("container {name}"), status, seen)
            .why("its port forwarder (docker-proxy) has died: the container runs but cannot be reached")
            .remedy(format!("docker restart {}", ui::argument(container.reference())))
    };
    dead.iter().map(finding).collect()
}

fn unique(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words.dedup();
    words
}

/// Without docker-proxy the engine lists [::] but binds only IPv4, so the IPv6 bindings
/// are ignored where there are both.
fn probed_bindings<'a>(bindings: &'a [&'a Binding]) -> impl Iterator<Item = &'a Binding> {
    let has_v4 = bindings.iter().any(|binding| binding.host_ip.is_ipv4());
    bindings.iter().copied().filter(move |binding| binding.host_ip.is_ipv4() || !has_v4)
}

/// Whether the port can be bound and a connection fails. The connection is tried too because
/// an older engine without docker-proxy forwards with NAT rules alone.
fn is_not_listening(binding: &Binding) -> bool {
    if host::probe(binding.host_ip, binding.published, Protocol::Tcp) != Probe::Free {
        return false;
    }
    let ip = match binding.host_ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, binding.published);
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_err()
}

/// Programs that listen on a published port next to the container: on the other address
/// family, or (macOS, Windows) on a specific address that takes precedence over the wildcard.
/// Most clients try ::1 first for `localhost`.
fn shadowing_listeners(facts: &Facts) -> Vec<Finding> {
    let own = facts.own();
    let bindings: Vec<(&Container, &Binding)> = own
        .iter()
        .flat_map(|container| container.held().map(move |binding| (*container, binding)))
        .filter(|(_, binding)| binding.protocol == Protocol::Tcp)
        .collect();
    let mut ports: Vec<(u16, Protocol)> = bindings.iter().map(|(_, b)| (b.published, b.protocol)).collect();
    ports.sort_unstable();
    ports.dedup();
    let mut found = Vec::new();
    for (socket, stranger) in foreign_listeners(&ports) {
        let binding = bindings.iter().find(|(_, binding)| binding.published == socket.port);
        let Some((container, _)) = binding else { continue };
        let address = SocketAddr::new(socket.ip, socket.port);
        let seen = format!("{} listens on {address}", describe_process(&stranger));
        found.push(
            Finding::new(
                "ports.shadow",
                format!("port {} of {}", socket.port, ui::clean(&container.name)),
                Status::Warning,
                seen,
            )
            .why("some clients reach it instead of the container: `localhost` may mean either address")
            // Not `cargo xtask kill PORT`: that would stop the container as well.
            .remedy(format!("stop only that one (`{}`), or move the port", StopAction::EndProcess(stranger).line())),
        );
    }
    found
}

/// The system may give such a port to any outgoing connection (ip(7), `ip_local_port_range`).
fn in_ephemeral(survey: &CheckedProject, range: Option<PortRange>) -> Option<Finding> {
    let range = range?;
    let wanted = |row: &&Row| row.wanted.mapping.published.is_some_and(|ports| range.contains(ports.first));
    let inside: Vec<String> = survey.rows.iter().filter(wanted).map(|row| row.wanted.mapping.address()).collect();
    if inside.is_empty() {
        return None;
    }
    Some(
        Finding::new(
            "ports.ephemeral",
            "ports for outgoing connections",
            Status::Note,
            format!("{} in {range}", inside.join(", ")),
        )
        .why("the system gives these to outgoing connections, so they are taken from time to time")
        .remedy(format!("choose ports below {}", range.first)),
    )
}

/// Windows hands out ports from 49152 upwards. If some program lowered that start, Hyper-V
/// reserves blocks among the ports of development servers (docker/for-win#3171).
fn dynamic_range(range: PortRange) -> Option<Finding> {
    (range.first < 10_000).then(|| {
        Finding::new("ports.dynamic", "Windows dynamic ports", Status::Warning, format!("they begin at {}", range.first))
            .why("Hyper-V and WSL reserve blocks of them at each boot, and no program can bind those")
            .remedy("as administrator: `netsh int ipv4 set dynamic tcp start=49152 num=16384`, then reboot; for now `net stop winnat`, then `net start winnat` moves the blocks")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::netsh;

    #[test]
    fn a_low_start_of_windows_dynamic_ports_is_found_in_any_language() {
        for (sample, bad) in [
            (&include_bytes!("../../../../tests/fixtures/tools/netsh-dynamicport-windows-en.txt")[..], false),
            (include_bytes!("../../../../tests/fixtures/tools/netsh-dynamicport-windows-en-low.txt"), true),
            (include_bytes!("../../../../tests/fixtures/tools/netsh-dynamicport-windows-zh-low.txt"), true),
        ] {
            let found = dynamic_range(netsh::dynamic_ports(sample).unwrap());
            assert_eq!(found.is_some_and(|found| found.remedy.is_some_and(|cure| cure.contains("winnat"))), bad);
        }
    }
}
