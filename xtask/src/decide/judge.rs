//! From what was seen about one published port to a verdict: the probe tells
//! whether, the engine and the tables tell who.

use std::net::IpAddr;
use std::path::Path;

use super::behind::stands_for;
use super::guard::is_engine_process;
use super::overlap::{overlaps, wanted_addresses};
use crate::model::{
    Container, Owner, PortMapping, Probe, Process, Protocol, Reservation, Socket, SocketState, Verdict,
};

/// Which containers are this project's own.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Project name.
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

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Address and result of each probe of this port.
    pub probes: &'a [(IpAddr, Probe)],
    /// All containers of the engine.
    pub containers: &'a [Container],
    /// All sockets with this local port (and maybe others).
    pub sockets: &'a [Socket],
    /// The processes of those sockets.
    pub processes: &'a [Process],
    /// What the system keeps.
    pub reservations: &'a [Reservation],
}

/// Containers that hold `port` where the mapping wants it: ours, others'.
fn holders<'a>(
    mapping: &PortMapping,
    port: u16,
    project: Identity<'_>,
    containers: &'a [Container],
) -> (Vec<&'a Container>, Vec<&'a Container>) {
    let wanted = wanted_addresses(mapping.host_ip);
    let in_the_way = |container: &&Container| {
        container.held().any(|binding| {
            binding.published == port
                && binding.protocol == mapping.protocol
                && wanted.iter().any(|ip| overlaps(*ip, binding.host_ip, Some(true)))
        })
    };
    containers.iter().filter(in_the_way).partition(|container| {
        project.owns(container) && container.service.as_deref() == Some(&mapping.service) && !container.one_off
    })
}

/// Addresses that could not be bound and that no container of ours covers.
fn blocked(mapping: &PortMapping, port: u16, ours: &[&Container], probes: &[(IpAddr, Probe)]) -> Vec<(IpAddr, Probe)> {
    let covered = |ip: IpAddr| {
        ours.iter().flat_map(|container| &container.bindings).any(|binding| {
            binding.published == port
                && binding.protocol == mapping.protocol
                // On systems where more addresses are probed than are bound, a
                // loopback one is covered by its wildcard.
                && overlaps(ip, binding.host_ip, Some(true))
        })
    };
    probes
        .iter()
        .copied()
        .filter(|(ip, probe)| matches!(probe, Probe::InUse | Probe::Reserved | Probe::Denied) && !covered(*ip))
        .collect()
}

/// Whether the tables have to be asked about this port at all.
pub fn needs_explanation(
    mapping: &PortMapping,
    port: u16,
    project: Identity<'_>,
    containers: &[Container],
    probes: &[(IpAddr, Probe)],
) -> bool {
    let (ours, _) = holders(mapping, port, project, containers);
    !blocked(mapping, port, &ours, probes).is_empty()
}

/// The verdict of one published port.
pub fn judge(mapping: &PortMapping, port: u16, project: Identity<'_>, facts: &Facts<'_>) -> Verdict {
    let (ours, others) = holders(mapping, port, project, facts.containers);
    let blocked = blocked(mapping, port, &ours, facts.probes);
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
        let why = "it cannot be bound, and no socket that can be seen explains it".to_owned();
        return Verdict::Taken(vec![Owner::Unknown { why }]);
    }
    if let Some((ip, _)) = facts.probes.iter().find(|(_, probe)| *probe == Probe::NotLocal) {
        return Verdict::Unknown { why: format!("{ip} is not an address of this machine") };
    }
    if facts.probes.iter().any(|(_, probe)| *probe == Probe::NoFamily) && mapping.host_ip.is_some_and(|ip| ip.is_ipv6())
    {
        return Verdict::Unknown { why: "IPv6 is switched off on this machine".to_owned() };
    }
    // What is left are privileged ports with no one in the way: the engine,
    // which has the privilege, will get them.
    match ours.first() {
        Some(container) => Verdict::Ours(Box::new((*container).clone())),
        None => Verdict::Free,
    }
}

/// Connections count only where nothing else explains an address: a listener's
/// own (those of PostgreSQL's backends, of sshd's sessions) end without it.
fn without_idle_connections<'a>(sockets: &[&'a Socket], blocked: &[(IpAddr, Probe)]) -> Vec<&'a Socket> {
    let held_by = |ip: IpAddr, socket: &Socket| overlaps(ip, socket.ip, socket.v6_only);
    let explained = |ip: IpAddr| sockets.iter().any(|s| s.state != SocketState::Connected && held_by(ip, s));
    let counts = |socket: &&Socket| {
        socket.state != SocketState::Connected || blocked.iter().any(|(ip, _)| held_by(*ip, socket) && !explained(*ip))
    };
    sockets.iter().copied().filter(counts).collect()
}

/// The processes behind sockets, each once. Engine helpers are left out where
/// the container they serve is known. Only listeners own a port: a client's end
/// and an idle socket are told, but as something that nobody can be stopped for.
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
            add(Owner::Unknown { why: hidden(socket) });
        }
        for process in named.into_iter().filter(|process| !(container_known && is_engine_process(process))) {
            add(match socket.state {
                SocketState::Listen => Owner::Process(process.clone()),
                _ => Owner::Unknown {
                    why: format!("{} of `{}` (pid {}){}", what(socket), process.name, process.pid, stands_for(process)),
                },
            });
        }
    }
    owners
}

/// Not this program with sudo: root has no cargo, and what it built were root's.
fn name_it(socket: &Socket) -> String {
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

fn what(socket: &Socket) -> &'static str {
    match socket.state {
        SocketState::Listen => "a listener",
        SocketState::Bound => "a socket that is bound and does not listen,",
        SocketState::Connected => "the local end of an outgoing connection",
    }
}

fn hidden(socket: &Socket) -> String {
    let (what, name_it) = (what(socket), name_it(socket));
    match socket.uid {
        Some(uid) => format!("{what} of user id {uid}, whose process cannot be seen: {name_it}"),
        None => format!("{what} of another user, whose process cannot be seen: {name_it}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::model::{Binding, PortRange, State};

    fn mapping(host_ip: Option<&str>) -> PortMapping {
        PortMapping {
            service: "backend".into(),
            host_ip: host_ip.map(|ip| ip.parse().unwrap()),
            published: Some(PortRange::one(8000)),
            target: 8000,
            protocol: Protocol::Tcp,
        }
    }

    fn container(project: &str, dir: &str, service: &str, ips: &[&str]) -> Container {
        let binding = |ip: &&str| Binding {
            host_ip: ip.parse().unwrap(),
            published: 8000,
            target: 8000,
            protocol: Protocol::Tcp,
        };
        Container {
            id: format!("{project}-{service}"),
            state: State::Running,
            project: Some(project.into()),
            service: Some(service.into()),
            working_dir: Some(PathBuf::from(dir)),
            bindings: ips.iter().map(binding).collect(),
            ..Container::default()
        }
    }

    fn socket(ip: &str, pids: &[u32]) -> Socket {
        Socket {
            ip: ip.parse().unwrap(),
            v6_only: Some(true),
            port: 8000,
            protocol: Protocol::Tcp,
            state: SocketState::Listen,
            uid: Some(0),
            pids: pids.to_vec(),
        }
    }

    fn process(pid: u32, name: &str) -> Process {
        Process { pid, name: name.into(), start_mark: 1, ..Process::default() }
    }

    fn me() -> Identity<'static> {
        Identity { name: "demo", dir: Path::new("/src/demo") }
    }

    struct World {
        probes: Vec<(IpAddr, Probe)>,
        containers: Vec<Container>,
        sockets: Vec<Socket>,
        processes: Vec<Process>,
        reservations: Vec<Reservation>,
    }

    fn world(v4: Probe, v6: Probe) -> World {
        let probes = vec![("0.0.0.0".parse().unwrap(), v4), ("::".parse().unwrap(), v6)];
        World { probes, containers: vec![], sockets: vec![], processes: vec![], reservations: vec![] }
    }

    impl World {
        fn verdict(&self, mapping: &PortMapping) -> Verdict {
            let facts = Facts {
                probes: &self.probes,
                containers: &self.containers,
                sockets: &self.sockets,
                processes: &self.processes,
                reservations: &self.reservations,
            };
            judge(mapping, 8000, me(), &facts)
        }
    }

    #[test]
    fn nobody_is_free_and_so_is_a_privileged_port_with_nobody_on_it() {
        assert_eq!(world(Probe::Free, Probe::Free).verdict(&mapping(None)), Verdict::Free);
        assert_eq!(world(Probe::Denied, Probe::Denied).verdict(&mapping(None)), Verdict::Free);
        assert_eq!(world(Probe::Free, Probe::NoFamily).verdict(&mapping(None)), Verdict::Free);
    }

    #[test]
    fn a_container_of_another_project_folder_or_service_is_not_ours() {
        for (project, dir, service) in
            [("other", "/src/demo", "backend"), ("demo", "/src/feat", "backend"), ("demo", "/src/demo", "db")]
        {
            let mut world = world(Probe::InUse, Probe::InUse);
            world.containers = vec![container(project, dir, service, &["0.0.0.0", "::"])];
            world.sockets = vec![socket("0.0.0.0", &[7]), socket("::", &[8])];
            world.processes = vec![process(7, "docker-proxy"), process(8, "docker-proxy")];
            let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
            assert!(matches!(&owners[..], [Owner::Container(_)]), "{owners:?}");
        }
    }

    #[test]
    fn our_own_container_is_ours_whatever_its_mapping_was() {
        for ips in [&["0.0.0.0", "::"][..], &["0.0.0.0"]] {
            let mut world = world(Probe::InUse, if ips.len() == 2 { Probe::InUse } else { Probe::Free });
            world.containers = vec![container("demo", "/src/demo", "backend", ips)];
            assert!(matches!(world.verdict(&mapping(None)), Verdict::Ours(_)));
        }
        // A `docker compose run` is never replaced by `up`.
        let mut world = world(Probe::InUse, Probe::InUse);
        world.containers = vec![Container { one_off: true, ..container("demo", "/src/demo", "backend", &["0.0.0.0"]) }];
        assert!(matches!(world.verdict(&mapping(None)), Verdict::Taken(_)));
    }

    #[test]
    fn an_exited_container_holds_nothing_although_the_engine_lists_its_ports() {
        let mut world = world(Probe::Free, Probe::Free);
        world.containers = vec![Container { state: State::Exited, ..container("other", "/o", "x", &["0.0.0.0"]) }];
        assert_eq!(world.verdict(&mapping(None)), Verdict::Free);
    }

    #[test]
    fn a_container_whose_proxy_died_holds_the_port_although_it_can_be_bound() {
        let mut world = world(Probe::Free, Probe::Free);
        world.containers = vec![container("other", "/o", "x", &["0.0.0.0"])];
        assert!(matches!(world.verdict(&mapping(None)), Verdict::Taken(_)));
    }

    #[test]
    fn a_process_beside_our_own_container_on_the_other_family_is_seen() {
        let mut world = world(Probe::InUse, Probe::InUse);
        world.containers = vec![container("demo", "/src/demo", "backend", &["0.0.0.0"])];
        world.sockets = vec![socket("0.0.0.0", &[7]), socket("::1", &[9])];
        world.processes = vec![process(7, "docker-proxy"), process(9, "node")];
        let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
        assert!(matches!(&owners[..], [Owner::Process(p)] if p.name == "node"), "{owners:?}");
    }

    #[test]
    fn all_owners_are_named_and_a_hidden_one_is_held() {
        let mut world = world(Probe::InUse, Probe::Free);
        world.sockets = vec![socket("0.0.0.0", &[5, 6])];
        world.processes = vec![process(5, "gunicorn"), process(6, "gunicorn")];
        let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
        assert_eq!(owners.len(), 2);
        world.sockets = vec![socket("0.0.0.0", &[])];
        let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
        assert!(matches!(&owners[..], [Owner::Unknown { why }] if why.contains("user id 0")), "{owners:?}");
        world.sockets = vec![];
        assert!(matches!(world.verdict(&mapping(None)), Verdict::Taken(_)));
    }

    #[test]
    fn a_client_s_own_local_port_is_told_and_nobody_is_offered() {
        let mut world = world(Probe::InUse, Probe::Free);
        world.sockets = vec![Socket { state: SocketState::Connected, ..socket("127.0.0.1", &[5]) }];
        world.processes = vec![process(5, "curl")];
        let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
        let [Owner::Unknown { why }] = &owners[..] else { panic!("{owners:?}") };
        assert_eq!(why, "the local end of an outgoing connection of `curl` (pid 5)");
        // Beside a listener on the same address it is one of its clients.
        world.sockets.push(socket("0.0.0.0", &[4]));
        world.processes.push(process(4, "postgres"));
        let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
        assert!(matches!(&owners[..], [Owner::Process(p)] if p.pid == 4), "{owners:?}");
    }

    #[test]
    fn another_loopback_address_is_in_the_way_of_the_wildcard_only() {
        let mut world = world(Probe::InUse, Probe::Free);
        world.sockets = vec![socket("127.0.0.2", &[5])];
        world.processes = vec![process(5, "x")];
        assert!(matches!(world.verdict(&mapping(None)), Verdict::Taken(_)));
        world.probes = vec![("127.0.0.1".parse().unwrap(), Probe::Free)];
        assert_eq!(world.verdict(&mapping(Some("127.0.0.1"))), Verdict::Free);
    }

    #[test]
    fn a_reserved_port_and_a_foreign_address_are_told_apart() {
        let mut world = world(Probe::Reserved, Probe::Reserved);
        world.reservations =
            vec![Reservation { range: PortRange { first: 7990, last: 8089 }, by: "Windows".into(), blocks: true }];
        assert!(matches!(world.verdict(&mapping(None)), Verdict::Reserved { range, .. } if range.first == 7990));
        world.reservations.clear();
        assert!(matches!(world.verdict(&mapping(None)), Verdict::Unknown { .. }));
        world.probes = vec![("192.0.2.1".parse().unwrap(), Probe::NotLocal)];
        assert!(
            matches!(world.verdict(&mapping(Some("192.0.2.1"))), Verdict::Unknown { why } if why.contains("192.0.2.1"))
        );
    }
}
