//! Derives the verdict of one published port: the probe says whether it is free, the
//! engine's bindings and the kernel's tables say who holds it.

use std::net::IpAddr;
use std::path::Path;

use super::guard::is_engine_process;
use super::helper::helper;
use super::overlap::{overlaps, wanted_addresses};
use crate::model::{
    Container, Owner, PortMapping, Probe, Process, Protocol, Reservation, Socket, SocketState, Verdict, WildcardBinding,
};

/// Identifies the containers of this project.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub name: &'a str,
    /// Project folder, without symbolic links.
    pub dir: &'a Path,
}

impl Identity<'_> {
    /// A project that has no containers.
    pub fn nobody() -> Identity<'static> {
        Identity { name: "", dir: Path::new("") }
    }

    /// Whether `container` belongs to this project in this folder.
    pub fn owns(&self, container: &Container) -> bool {
        container.belongs_to(self.name, self.dir)
    }
}

/// What was found out about a port.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Each probed address and the result.
    pub probes: &'a [(IpAddr, Probe)],
    pub containers: &'a [Container],
    /// All sockets with this local port, maybe among others.
    pub sockets: &'a [Socket],
    pub processes: &'a [Process],
    pub reservations: &'a [Reservation],
    /// What the engine binds for a mapping on every address.
    pub wildcard: WildcardBinding,
}

/// Containers that hold `port` on an address of the mapping: ours, and others.
fn holders<'a>(
    mapping: &PortMapping,
    port: u16,
    project: Identity<'_>,
    facts: &Facts<'a>,
) -> (Vec<&'a Container>, Vec<&'a Container>) {
    let wanted = wanted_addresses(mapping.host_ip);
    let in_the_way = |container: &&Container| {
        container.held().any(|binding| {
            binding.published == port
                && binding.protocol == mapping.protocol
                && wanted.iter().any(|ip| overlaps(*ip, binding.host_ip, Some(true)))
        })
    };
    facts.containers.iter().filter(in_the_way).partition(|container| {
        project.owns(container) && container.service.as_deref() == Some(&mapping.service)
            // Compose does not replace these.
            && !container.one_off
            && !container.podman_compose
    })
}

/// Addresses that could not be bound and that no container of ours holds.
fn blocked(mapping: &PortMapping, port: u16, ours: &[&Container], facts: &Facts<'_>) -> Vec<(IpAddr, Probe)> {
    let covered = |ip: IpAddr| {
        ours.iter().flat_map(|container| &container.bindings).any(|binding| {
            binding.published == port
                && binding.protocol == mapping.protocol
                // On systems where more addresses are probed than bound, the
                // wildcard covers loopback.
                && (overlaps(ip, binding.host_ip, Some(true)) || facts.wildcard.holds_both(binding.host_ip))
        })
    };
    facts
        .probes
        .iter()
        .copied()
        .filter(|(ip, probe)| matches!(probe, Probe::InUse | Probe::Reserved | Probe::Denied) && !covered(*ip))
        .collect()
}

/// Whether the kernel's tables are needed to explain this port.
pub fn needs_explanation(mapping: &PortMapping, port: u16, project: Identity<'_>, facts: &Facts<'_>) -> bool {
    let (ours, _) = holders(mapping, port, project, facts);
    !blocked(mapping, port, &ours, facts).is_empty()
}

pub fn judge(mapping: &PortMapping, port: u16, project: Identity<'_>, facts: &Facts<'_>) -> Verdict {
    let (ours, others) = holders(mapping, port, project, facts);
    let blocked = blocked(mapping, port, &ours, facts);
    let in_the_way: Vec<&Socket> = facts
        .sockets
        .iter()
        .filter(|socket| socket.port == port && socket.protocol == mapping.protocol)
        .filter(|socket| blocked.iter().any(|(ip, _)| overlaps(*ip, socket.ip, socket.v6_only)))
        .collect();
    let in_the_way = without_idle_connections(&in_the_way, &blocked);
    let mut owners: Vec<Owner> = others.iter().map(|container| Owner::Container((*container).clone())).collect();
    owners.extend(process_owners(&in_the_way, facts.processes, !others.is_empty()));
    if !owners.is_empty() {
        return Verdict::Taken(owners);
    }
    if let Some(reservation) = facts.reservations.iter().find(|kept| kept.blocks && kept.range.contains(port))
        && !blocked.is_empty()
    {
        return Verdict::Reserved { range: reservation.range, by: reservation.by.clone() };
    }
    if blocked.iter().any(|(_, probe)| *probe == Probe::Reserved) {
        return Verdict::Unknown {
            why: "the system forbids binding it, although nobody listens (reserved, or held exclusively)".to_owned(),
        };
    }
    if blocked.iter().any(|(_, probe)| *probe == Probe::InUse) {
        let why = "it cannot be bound, and no visible socket explains it".to_owned();
        return Verdict::Taken(vec![Owner::Unknown { why }]);
    }
    if let Some((ip, _)) = facts.probes.iter().find(|(_, probe)| *probe == Probe::NotLocal) {
        return Verdict::Unknown { why: format!("{ip} is not an address of this machine") };
    }
    if facts.probes.iter().any(|(_, probe)| *probe == Probe::NoFamily) && mapping.host_ip.is_some_and(|ip| ip.is_ipv6())
    {
        return Verdict::Unknown { why: "IPv6 is disabled on this machine".to_owned() };
    }
    // Only privileged ports that nobody holds are left: the engine has the
    // privilege to bind them.
    match ours.first() {
        Some(container) => Verdict::Ours(Box::new((*container).clone())),
        None => Verdict::Free,
    }
}

/// Leaves out connections, unless nothing else explains an address: those of a
/// listener (PostgreSQL's backends, sshd's sessions) end with it.
fn without_idle_connections<'a>(sockets: &[&'a Socket], blocked: &[(IpAddr, Probe)]) -> Vec<&'a Socket> {
    let held_by = |ip: IpAddr, socket: &Socket| overlaps(ip, socket.ip, socket.v6_only);
    let explained = |ip: IpAddr| sockets.iter().any(|s| s.state != SocketState::Connected && held_by(ip, s));
    let counts = |socket: &&Socket| {
        socket.state != SocketState::Connected || blocked.iter().any(|(ip, _)| held_by(*ip, socket) && !explained(*ip))
    };
    sockets.iter().copied().filter(counts).collect()
}

/// The processes that hold sockets, each once. Engine helpers are left out if the
/// container they serve is known. Only listeners own a port: a client's end or a
/// socket that does not listen is reported, but as unknown, so nobody is stopped.
fn process_owners(sockets: &[&Socket], processes: &[Process], container_known: bool) -> Vec<Owner> {
    let mut owners: Vec<Owner> = Vec::new();
    let mut add = |owner: Owner| {
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    };
    for socket in sockets {
        let named: Vec<&Process> = processes.iter().filter(|process| socket.pids.contains(&process.pid)).collect();
        if named.is_empty() && !container_known {
            add(Owner::Unknown { why: hidden_owner(socket) });
        }
        for process in named.into_iter().filter(|process| !(container_known && is_engine_process(process))) {
            add(match socket.state {
                SocketState::Listen => Owner::Process(process.clone()),
                // Podman 6 binds a container's port without listening.
                SocketState::Bound if helper(process).is_some() => Owner::Process(process.clone()),
                _ => Owner::Unknown {
                    why: format!("{} of `{}` (pid {})", socket_in_words(socket), process.name, process.pid),
                },
            });
        }
    }
    owners
}

/// Never suggests to run this program with sudo: root has no cargo as a rule, and
/// what it builds belongs to root.
fn command_to_find_owner(socket: &Socket) -> String {
    if cfg!(windows) {
        return "run as administrator to name it".to_owned();
    }
    let (port, is_udp) = (socket.port, socket.protocol == Protocol::Udp);
    let command = match (cfg!(target_os = "macos"), is_udp) {
        (true, true) => format!("sudo lsof -nP -iUDP:{port}"),
        (true, false) => format!("sudo lsof -nP -iTCP:{port} -sTCP:LISTEN"),
        (false, true) => format!("sudo ss -lunp 'sport = :{port}'"),
        (false, false) => format!("sudo ss -ltnp 'sport = :{port}'"),
    };
    format!("`{command}` names it, unless it is in another container or namespace")
}

fn socket_in_words(socket: &Socket) -> &'static str {
    match socket.state {
        SocketState::Listen => "a listener",
        SocketState::Bound => "a socket that is bound and does not listen,",
        SocketState::Connected => "the local end of an outgoing connection",
    }
}

fn hidden_owner(socket: &Socket) -> String {
    let (what, command) = (socket_in_words(socket), command_to_find_owner(socket));
    match socket.uid {
        Some(uid) => format!("{what} of user id {uid}, whose process cannot be seen: {command}"),
        None => format!("{what} of another user, whose process cannot be seen: {command}"),
    }
}

#[cfg(test)]
mod tests;
