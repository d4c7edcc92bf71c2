//! Names the Swarm service, or the engine itself, where no container explains who holds a port.

use crate::model::{
    Binding, Container, EnginePort, EnginePurpose, Owner, Process, Protocol, PublishMode, ServicePort, Swarm,
    SwarmPort, SwarmService, SwarmTask,
};

/// Whether an owner may stand for a Swarm service, so that the engine has to be asked.
pub fn may_be_swarm(owners: &[Owner]) -> bool {
    owners.iter().any(|owner| match owner {
        Owner::Process(process) => is_dockerd(process),
        Owner::Container(container) => container.task.is_some(),
        Owner::Unknown { .. } => true,
        Owner::SwarmService(_) | Owner::Engine(_) => false,
    })
}

/// The owners of `port`, with services instead of the processes and containers that stand for
/// them. `swarm`: `None` if the engine is in no Swarm, or doesn't say.
pub fn name_swarm(owners: Vec<Owner>, port: u16, protocol: Protocol, swarm: Option<&Swarm>) -> Vec<Owner> {
    let mut named: Vec<Owner> = Vec::new();
    for owner in owners {
        let owner = match owner {
            Owner::Container(container) => of_task(&container, port, protocol, swarm)
                .map_or_else(|| Owner::Container(container), |held| Owner::SwarmService(Box::new(held))),
            Owner::Process(process) if is_dockerd(&process) => of_engine(process, port, protocol, swarm),
            Owner::Unknown { why } => {
                let known = swarm.and_then(|swarm| of_swarm(swarm, port, protocol, None));
                known.unwrap_or(Owner::Unknown { why })
            }
            owner => owner,
        };
        if !named.contains(&owner) {
            named.push(owner);
        }
    }
    named
}

/// The service that Swarm publishes on every node. On this node its port need not be held by a
/// process that is visible from here.
pub fn ingress_owner(port: u16, protocol: Protocol, swarm: &Swarm) -> Option<Owner> {
    let (service, port) = swarm.ingress(port, protocol)?;
    Some(Owner::SwarmService(Box::new(ServicePort { service: service.clone(), port, managers: None })))
}

fn is_dockerd(process: &Process) -> bool {
    let exe = process.exe.as_deref().and_then(|exe| exe.file_stem()?.to_str());
    process.name == "dockerd" || exe == Some("dockerd")
}

fn of_swarm(swarm: &Swarm, port: u16, protocol: Protocol, pid: Option<u32>) -> Option<Owner> {
    ingress_owner(port, protocol, swarm).or_else(|| {
        let purpose = swarm.node.purpose(port, protocol)?;
        Some(Owner::Engine(EnginePort { purpose, pid }))
    })
}

/// What a socket of dockerd is for: a service, Swarm itself, or the API.
fn of_engine(process: Process, port: u16, protocol: Protocol, swarm: Option<&Swarm>) -> Owner {
    let pid = Some(process.pid);
    if let Some(owner) = swarm.and_then(|swarm| of_swarm(swarm, port, protocol, pid)) {
        return owner;
    }
    if protocol == Protocol::Tcp && is_api(&process, port) {
        return Owner::Engine(EnginePort { purpose: EnginePurpose::Api, pid });
    }
    if let Some(purpose) = EnginePurpose::of_other_engine(port, protocol) {
        return Owner::Engine(EnginePort { purpose, pid });
    }
    match swarm {
        Some(swarm) if !swarm.node.is_manager => Owner::Unknown { why: hidden_service(&swarm.node.managers) },
        _ => Owner::Process(process),
    }
}

/// The customary ports (docs.docker.com, "Configure remote access for Docker daemon"), or one
/// of `--host tcp://…:PORT`. The file daemon.json is not read.
fn is_api(process: &Process, port: u16) -> bool {
    let is_host = |word: &str| {
        word.split_once("tcp://").and_then(|(_, address)| address.rsplit_once(':')?.1.parse().ok()) == Some(port)
    };
    matches!(port, 2375 | 2376) || process.command.split_whitespace().any(is_host)
}

fn hidden_service(managers: &[String]) -> String {
    let on = if managers.is_empty() { String::new() } else { format!(" ({})", managers.join(", ")) };
    format!(
        "dockerd, for a service of the Swarm of which this node is a worker: only a manager{on} can name it, with `docker service ls`"
    )
}

fn of_task(container: &Container, port: u16, protocol: Protocol, swarm: Option<&Swarm>) -> Option<ServicePort> {
    let task = container.task.as_ref()?;
    let is_on = |binding: &&Binding| (binding.published, binding.protocol) == (port, protocol);
    let binding = container.held().find(is_on)?;
    let port = SwarmPort { published: port, target: binding.target, protocol, mode: PublishMode::Host };
    let known = swarm.and_then(|swarm| swarm.services.iter().find(|service| service.id == task.service_id));
    let managers = swarm.filter(|swarm| !swarm.node.is_manager).map(|swarm| swarm.node.managers.clone());
    Some(ServicePort { service: known.cloned().unwrap_or_else(|| by_labels(task, port)), port, managers })
}

fn by_labels(task: &SwarmTask, port: SwarmPort) -> SwarmService {
    let SwarmTask { service_id, service, stack } = task.clone();
    SwarmService { id: service_id, name: service, stack, ports: vec![port], ..SwarmService::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{State, SwarmNode};

    fn swarm(is_manager: bool) -> Swarm {
        let port = |published, mode| SwarmPort { published, target: 80, protocol: Protocol::Tcp, mode };
        let service = |id: &str, name: &str, port| SwarmService {
            id: id.into(),
            name: name.into(),
            stack: Some("shop".into()),
            ports: vec![port],
            tasks: Some((1, 1)),
            ..SwarmService::default()
        };
        let services = vec![
            service("w1", "shop_web", port(8000, PublishMode::Ingress)),
            service("a1", "shop_admin", port(9000, PublishMode::Host)),
        ];
        let managers = vec!["192.0.2.1:2377".to_owned()];
        let node = SwarmNode { is_manager, managers, management_port: 2377, data_port: 4789 };
        Swarm { node, services: if is_manager { services } else { Vec::new() } }
    }

    fn dockerd(command: &str) -> Owner {
        Owner::Process(Process { pid: 46, name: "dockerd".into(), command: command.into(), ..Process::default() })
    }

    fn hidden() -> Owner {
        Owner::Unknown { why: "a listener of user id 0".into() }
    }

    fn task() -> Owner {
        let task = SwarmTask { service_id: "a1".into(), service: "shop_admin".into(), stack: Some("shop".into()) };
        let binding =
            Binding { host_ip: "0.0.0.0".parse().unwrap(), published: 9000, target: 8080, protocol: Protocol::Tcp };
        Owner::Container(Container {
            task: Some(Box::new(task)),
            state: State::Running,
            bindings: vec![binding],
            ..Container::default()
        })
    }

    fn name(owner: Owner, port: u16, protocol: Protocol, swarm: Option<&Swarm>) -> Owner {
        name_swarm(vec![owner], port, protocol, swarm).remove(0)
    }

    #[test]
    fn an_ingress_port_is_its_service_s_also_when_dockerd_is_hidden() {
        for owner in [dockerd(""), hidden()] {
            let Owner::SwarmService(held) = name(owner, 8000, Protocol::Tcp, Some(&swarm(true))) else { panic!() };
            assert_eq!((held.service.name.as_str(), held.managers), ("shop_web", None));
        }
        // Both of them are one owner.
        let both = name_swarm(vec![dockerd(""), hidden()], 8000, Protocol::Tcp, Some(&swarm(true)));
        assert_eq!(both.len(), 1);
        assert_eq!(name(hidden(), 8000, Protocol::Udp, Some(&swarm(true))), hidden());
        // Published in host mode, on another node.
        assert_eq!(name(hidden(), 9000, Protocol::Tcp, Some(&swarm(true))), hidden());
        assert_eq!(name(dockerd(""), 8000, Protocol::Tcp, None), dockerd(""));
    }

    #[test]
    fn a_worker_cannot_name_the_service() {
        let Owner::Unknown { why } = name(dockerd(""), 8000, Protocol::Tcp, Some(&swarm(false))) else { panic!() };
        assert!(why.contains("192.0.2.1:2377") && why.contains("docker service ls"), "{why}");
        assert_eq!(name(hidden(), 8000, Protocol::Tcp, Some(&swarm(false))), hidden());
    }

    #[test]
    fn the_container_of_a_task_is_its_service() {
        for (known, managers) in
            [(Some(swarm(true)), None), (Some(swarm(false)), Some(vec!["192.0.2.1:2377".to_owned()])), (None, None)]
        {
            let Owner::SwarmService(held) = name(task(), 9000, Protocol::Tcp, known.as_ref()) else { panic!() };
            assert_eq!(held.service.name, "shop_admin");
            assert_eq!(held.port.to_string(), "published=9000,target=8080,protocol=tcp,mode=host");
            assert_eq!(held.managers, managers);
        }
    }

    #[test]
    fn the_engine_s_own_ports_are_named_as_what_they_are() {
        let (tcp, udp, known) = (Protocol::Tcp, Protocol::Udp, swarm(true));
        let purpose = |owner: Owner, port, protocol, swarm: Option<&Swarm>| match name(owner, port, protocol, swarm) {
            Owner::Engine(engine) => Some(engine.purpose),
            _ => None,
        };
        for (port, protocol, want) in [
            (2377, tcp, Some(EnginePurpose::SwarmManagement)),
            (2377, udp, None),
            (7946, tcp, Some(EnginePurpose::SwarmNodes)),
            (7946, udp, Some(EnginePurpose::SwarmNodes)),
            (4789, udp, Some(EnginePurpose::SwarmData)),
            (4789, tcp, None),
        ] {
            assert_eq!(purpose(hidden(), port, protocol, Some(&known)), want, "{port}/{protocol}");
        }
        let command = "/usr/bin/dockerd -H unix:///run/docker.sock --host=tcp://127.0.0.1:4243";
        assert_eq!(purpose(dockerd(command), 4243, tcp, None), Some(EnginePurpose::Api));
        assert_eq!(purpose(dockerd(""), 2376, tcp, None), Some(EnginePurpose::Api));
        assert_eq!(purpose(dockerd(command), 4242, tcp, None), None);
        // Of an engine that was not asked.
        let other = |port, protocol, swarm| purpose(dockerd(""), port, protocol, swarm);
        let elsewhere = Swarm { node: SwarmNode { management_port: 2400, ..known.node.clone() }, ..known.clone() };
        let worker = super::tests::swarm(false);
        for swarm in [None, Some(&elsewhere), Some(&worker)] {
            assert_eq!(other(2377, tcp, swarm), Some(EnginePurpose::OtherSwarmManagement));
        }
        assert_eq!(other(7946, tcp, None), Some(EnginePurpose::OtherSwarmNodes));
        assert_eq!(other(2377, udp, None), None);
        // Not in a Swarm: another program's.
        assert_eq!(purpose(hidden(), 2377, tcp, None), None);
    }

    #[test]
    fn only_an_owner_that_may_be_a_service_costs_a_question() {
        let python = Owner::Process(Process { name: "python3".into(), ..Process::default() });
        let container = Owner::Container(Container::default());
        assert!(!may_be_swarm(&[python, container]));
        for owner in [dockerd(""), hidden(), task()] {
            assert!(may_be_swarm(&[owner]));
        }
    }
}
