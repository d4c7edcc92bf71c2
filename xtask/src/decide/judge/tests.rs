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
    let binding =
        |ip: &&str| Binding { host_ip: ip.parse().unwrap(), published: 8000, target: 8000, protocol: Protocol::Tcp };
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
    wildcard: WildcardBinding,
}

fn world(v4: Probe, v6: Probe) -> World {
    let probes = vec![("0.0.0.0".parse().unwrap(), v4), ("::".parse().unwrap(), v6)];
    let wildcard = WildcardBinding::Separate;
    World { probes, containers: vec![], sockets: vec![], processes: vec![], reservations: vec![], wildcard }
}

impl World {
    fn verdict(&self, mapping: &PortMapping) -> Verdict {
        let facts = Facts {
            probes: &self.probes,
            containers: &self.containers,
            sockets: &self.sockets,
            processes: &self.processes,
            reservations: &self.reservations,
            wildcard: self.wildcard,
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

/// Podman lists one socket for both address families as 0.0.0.0.
#[test]
fn one_dual_stack_socket_of_our_container_is_ours() {
    let mut world = world(Probe::InUse, Probe::InUse);
    world.containers = vec![container("demo", "/src/demo", "backend", &["0.0.0.0"])];
    world.sockets = vec![Socket { v6_only: Some(false), ..socket("::", &[7]) }];
    world.processes = vec![process(7, "rootlessport")];
    assert!(matches!(world.verdict(&mapping(None)), Verdict::Taken(_)));
    for wildcard in [WildcardBinding::DualStack, WildcardBinding::AlwaysDualStack] {
        world.wildcard = wildcard;
        assert!(matches!(world.verdict(&mapping(None)), Verdict::Ours(_)), "{wildcard:?}");
    }
    world.containers = vec![container("demo", "/src/demo", "backend", &["127.0.0.1"])];
    assert!(matches!(world.verdict(&mapping(None)), Verdict::Taken(_)));
}

/// Podman 6 binds without listening.
#[test]
fn a_helper_owns_what_it_has_bound() {
    let mut world = world(Probe::InUse, Probe::InUse);
    world.sockets = vec![Socket { v6_only: Some(false), state: SocketState::Bound, ..socket("::", &[7]) }];
    world.processes = vec![process(7, "conmon")];
    let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
    assert!(matches!(&owners[..], [Owner::Process(process)] if process.pid == 7), "{owners:?}");
    world.processes = vec![process(7, "node")];
    let Verdict::Taken(owners) = world.verdict(&mapping(None)) else { panic!() };
    assert!(matches!(&owners[..], [Owner::Unknown { .. }]), "{owners:?}");
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
