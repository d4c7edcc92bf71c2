//! Who is on a port: everything that this machine and its engine know of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use crate::context::Context;
use crate::decide::{Facts, Identity, advice, is_engine_process, is_leftover_proxy, judge, stop_behind};
use crate::docker::Trouble;
use crate::error::Result;
use crate::flow::free::Request;
use crate::host::{self, Depth};
use crate::model::{Container, Owner, PortMapping, PortRange, Probe, Process, Protocol, Socket, SocketState, Verdict};
use crate::project::is_around;
use crate::ui;

/// What is known of one port.
#[derive(Debug, Clone)]
pub struct View {
    /// The port.
    pub port: u16,
    /// Transport protocol.
    pub protocol: Protocol,
    /// The verdict of publishing it on every address.
    pub verdict: Verdict,
    /// Every socket on it.
    pub sockets: Vec<Socket>,
    /// What to do about it.
    pub advice: Option<String>,
}

/// The views, and what the engine said.
#[derive(Debug, Clone)]
pub struct Holders {
    /// One a port, in the order asked for.
    pub views: Vec<View>,
    /// All containers, or why the engine did not tell.
    pub containers: Result<Vec<Container>, Trouble>,
    /// This runs in one of them: what processes hold around it is not seen.
    pub is_around: bool,
}

/// Above this many ports only those with a socket or a binding are looked at.
const MANY: usize = 1024;

/// Every port of the ranges, once.
pub fn ports(ranges: &[PortRange], udp: bool) -> Vec<(u16, Protocol)> {
    let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
    let ports: BTreeSet<u16> = ranges.iter().flat_map(|range| range.iter()).collect();
    ports.into_iter().map(|port| (port, protocol)).collect()
}

/// Looks at `ports`; the engine is asked side by side.
pub fn look(ctx: &Context, ports: &[(u16, Protocol)], depth: Depth) -> Result<Holders> {
    let (containers, seen) = if ctx.engine.endpoint().is_remote() {
        // Containers elsewhere hold no port of this machine.
        (Ok(Vec::new()), see(ctx, ports, depth))
    } else {
        ctx.engine.containers_beside(|| see(ctx, ports, depth))
    };
    let (mut probed, sockets) = seen?;
    if ports.len() > MANY {
        // The tables came first, and no port was probed yet.
        let known = containers.as_deref().unwrap_or_default();
        let used: BTreeSet<(u16, Protocol)> = sockets.iter().map(|socket| (socket.port, socket.protocol)).collect();
        probed.retain(|(port, protocol, _)| used.contains(&(*port, *protocol)) || published(*port, *protocol, known));
        for (port, protocol, probes) in &mut probed {
            *probes = probe(*port, *protocol);
        }
    }
    let pids: BTreeSet<u32> = sockets.iter().flat_map(|socket| socket.pids.iter().copied()).collect();
    let processes = host::processes(&pids.into_iter().collect::<Vec<u32>>());
    let reservations = host::reservations();
    let known = containers.as_deref().unwrap_or_default();
    let is_around = is_around(known);
    // By port: whoever has ten thousand would wait for every pair of them.
    let mut by_port: BTreeMap<(u16, Protocol), Vec<Socket>> = BTreeMap::new();
    for socket in sockets {
        by_port.entry((socket.port, socket.protocol)).or_default().push(socket);
    }
    let views = probed
        .into_iter()
        .map(|(port, protocol, probes)| {
            let sockets = by_port.remove(&(port, protocol)).unwrap_or_default();
            let facts = Facts {
                probes: &probes,
                containers: known,
                sockets: &sockets,
                processes: &processes,
                reservations: &reservations,
            };
            let verdict = verdict(port, protocol, &facts);
            // What can be bound in here says nothing of a forwarder around it.
            let here = if is_around { &[] } else { probes.as_slice() };
            let advice = advise(&verdict, here, containers.as_deref().ok());
            View { port, protocol, verdict, sockets, advice }
        })
        .collect();
    Ok(Holders { views, containers, is_around })
}

type Probed = (u16, Protocol, Vec<(IpAddr, Probe)>);

/// Probes every port, and asks the tables about those that are not free.
fn see(ctx: &Context, ports: &[(u16, Protocol)], depth: Depth) -> Result<(Vec<Probed>, Vec<Socket>)> {
    if ctx.engine.endpoint().is_remote() {
        ui::note(&format!("note: this looks at this machine; the engine is at {}", ctx.engine.endpoint().host));
    }
    if ports.len() > MANY {
        let unprobed = ports.iter().map(|(port, protocol)| (*port, *protocol, Vec::new())).collect();
        return Ok((unprobed, host::sockets(ports, depth)?));
    }
    let probed: Vec<Probed> =
        ports.iter().map(|(port, protocol)| (*port, *protocol, probe(*port, *protocol))).collect();
    let held = probed.iter().filter(|(_, _, probes)| probes.iter().any(|(_, probe)| *probe != Probe::Free));
    let held: Vec<(u16, Protocol)> = held.map(|(port, protocol, _)| (*port, *protocol)).collect();
    let sockets = if held.is_empty() { Vec::new() } else { host::sockets(&held, depth)? };
    Ok((probed, sockets))
}

fn probe(port: u16, protocol: Protocol) -> Vec<(IpAddr, Probe)> {
    host::probe_addresses(None).into_iter().map(|ip| (ip, host::probe(ip, port, protocol))).collect()
}

fn published(port: u16, protocol: Protocol, containers: &[Container]) -> bool {
    containers.iter().flat_map(Container::held).any(|b| b.published == port && b.protocol == protocol)
}

/// As for a mapping that wants every address, and is nobody's own.
fn verdict(port: u16, protocol: Protocol, facts: &Facts<'_>) -> Verdict {
    let mapping = PortMapping {
        service: String::new(),
        host_ip: None,
        published: Some(PortRange::one(port)),
        target: port,
        protocol,
    };
    let nobody = Identity { name: "", dir: Path::new("") };
    match judge(&mapping, port, nobody, facts) {
        Verdict::Taken(owners) if !facts.containers.is_empty() => {
            Verdict::Taken(name_containers(owners, facts.containers))
        }
        verdict => verdict,
    }
}

/// A process in a container on the host's network is the container's; not where
/// we run in that container ourselves.
pub fn name_containers(owners: Vec<Owner>, containers: &[Container]) -> Vec<Owner> {
    let mut named: Vec<Owner> = Vec::new();
    for owner in owners {
        let id = match &owner {
            Owner::Process(process) => host::container_of(process.pid),
            _ => None,
        };
        let id = id.filter(|id| host::container_of(std::process::id()).as_ref() != Some(id));
        let container = id.and_then(|id| containers.iter().find(|container| container.id == id));
        let owner = container.map_or(owner, |container| Owner::Container(container.clone()));
        if !named.contains(&owner) {
            named.push(owner);
        }
    }
    named
}

/// What to do about the first owner that something is known of.
pub fn advise(verdict: &Verdict, probes: &[(IpAddr, Probe)], containers: Option<&[Container]>) -> Option<String> {
    let owners = match verdict {
        Verdict::Taken(owners) => owners,
        Verdict::Reserved { .. } => {
            return Some("as administrator: `net stop winnat`, then `net start winnat` moves the reserved ranges; or choose another port".to_owned());
        }
        _ => return None,
    };
    owners.iter().find_map(|owner| match owner {
        Owner::Container(container) => Some(of_container(container, probes)),
        Owner::Process(process) => of_process(process, containers),
        Owner::Unknown { .. } => None,
    })
}

fn of_container(container: &Container, probes: &[(IpAddr, Probe)]) -> String {
    let stop = crate::docker::stop_container(container.reference()).line();
    // The engine says so, and yet everything can be bound.
    if !probes.is_empty() && probes.iter().all(|(_, probe)| *probe == Probe::Free) {
        return format!(
            "nobody listens for this container, its port forwarder has died: `docker restart {}`",
            container.reference()
        );
    }
    format!("stop it: `{stop}`")
}

fn of_process(process: &Process, containers: Option<&[Container]>) -> Option<String> {
    if let Some(stop) = stop_behind(process) {
        return Some(format!("it holds the port for a container of Podman; stop that: {stop}"));
    }
    if is_engine_process(process) {
        let parent = process.parent.and_then(|pid| host::processes(&[pid]).pop());
        // Its engine's containers are none of ours, or it is nobody's any more.
        return Some(match containers {
            Some(_) if is_leftover_proxy(process, parent.as_ref(), false) => format!(
                "a docker-proxy that its engine left behind, for no container: `kill {}` is safe, a restart of the engine would not end it",
                process.pid
            ),
            _ => "it publishes this port for another engine (`docker context ls`, rootless, Podman, a virtual machine): stop the container there".to_owned(),
        });
    }
    advice(process).map(str::to_owned)
}

impl View {
    /// As people write it.
    pub fn address(&self) -> String {
        format!("{}/{}", self.port, self.protocol)
    }

    /// The sockets of one process, listeners first.
    pub fn sockets_of(&self, pid: u32) -> Vec<&Socket> {
        self.sockets.iter().filter(|socket| socket.pids.contains(&pid)).collect()
    }

    /// Whether what blocks the port is somebody's outgoing connection.
    pub fn is_client_port(&self) -> bool {
        !self.sockets.is_empty() && self.sockets.iter().all(|socket| socket.state == SocketState::Connected)
    }
}

impl From<&View> for Request {
    fn from(view: &View) -> Self {
        Request {
            address: view.address(),
            ips: host::probe_addresses(None),
            ports: vec![view.port],
            protocol: view.protocol,
            verdict: view.verdict.clone(),
        }
    }
}
