//! The holders of a port, according to this machine and its engine.

use std::collections::BTreeSet;

use super::{PortFacts, advise, runs_in_container};
use crate::context::Context;
use crate::decide::{Identity, is_engine_process};
use crate::docker::EngineError;
use crate::error::Result;
use crate::host::{self, Depth};
use crate::model::{Container, PortMapping, PortRange, Process, Protocol, Socket, SocketState, Verdict};
use crate::ui;

#[derive(Debug, Clone)]
pub struct PortHolders {
    pub port: u16,
    pub protocol: Protocol,
    /// The verdict for publishing the port on every address.
    pub verdict: Verdict,
    pub sockets: Vec<Socket>,
    pub advice: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Holders {
    /// In the order asked for.
    pub ports: Vec<PortHolders>,
    /// All containers, or why the engine could not list them.
    pub containers: Result<Vec<Container>, EngineError>,
    /// This process runs in one of them, so the host's processes are not visible.
    pub in_container: bool,
}

/// For more ports than this, the tables are read first, and only ports with a socket or a
/// binding are probed.
const MAX_PROBED: usize = 1024;

pub(crate) fn each_port(ranges: &[PortRange], udp: bool) -> Vec<(u16, Protocol)> {
    let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
    let ports: BTreeSet<u16> = ranges.iter().flat_map(|range| range.iter()).collect();
    ports.into_iter().map(|port| (port, protocol)).collect()
}

/// Finds the holders of `ports` on this machine, and asks the engine in parallel.
pub(crate) fn find_holders(ctx: &Context, ports: &[(u16, Protocol)], depth: Depth) -> Result<Holders> {
    let mapping = |(port, protocol): &(u16, Protocol)| PortMapping::single(None, *port, *protocol);
    let tables_first = ports.len() > MAX_PROBED;
    let gather = || -> Result<PortFacts<'_>> {
        let mut facts = PortFacts::new(Identity::nobody(), &[], None);
        if tables_first {
            facts.read_tables(ports, depth)?;
        } else {
            facts.explain(ports.iter().map(mapping), depth)?;
        }
        Ok(facts)
    };
    let (containers, facts) = if ctx.engine.endpoint().is_remote() {
        ui::note(&format!("note: this looks at this machine; the engine is at {}", ctx.engine.endpoint().host));
        // Containers on another machine hold no port of this one.
        (Ok(Vec::new()), gather())
    } else {
        ctx.engine.containers_beside(gather)
    };
    let known = containers.as_deref().unwrap_or_default();
    let facts = facts?.with_containers(known);
    let is_known = containers.is_ok() && !ctx.engine.endpoint().is_remote();
    let facts = if is_known { facts.with_engine(&ctx.engine).with_swarm_of_free_ports() } else { facts };
    let mut published: BTreeSet<(u16, Protocol)> =
        known.iter().flat_map(Container::held).map(|binding| (binding.published, binding.protocol)).collect();
    if tables_first {
        published.extend(facts.ingress_ports());
    }
    let is_used =
        |at: &&(u16, Protocol)| !tables_first || published.contains(at) || !facts.sockets_on(at.0, at.1).is_empty();
    let in_container = runs_in_container(known);
    let ports = ports.iter().filter(is_used).map(|at| {
        let ((port, protocol), mapping) = (*at, mapping(at));
        let verdict = facts.verdict(&mapping, port);
        // In a container a successful bind says nothing about the host's port forwarder.
        let can_bind = !in_container && facts.can_bind_all(&mapping, port);
        let advice = advise(&verdict, can_bind, containers.as_deref().ok());
        PortHolders { port, protocol, verdict, sockets: facts.sockets_on(port, protocol).to_vec(), advice }
    });
    let ports = ports.collect();
    Ok(Holders { ports, containers, in_container })
}

/// Listeners on `ports` that belong to no engine, each with its process.
pub(crate) fn foreign_listeners(ports: &[(u16, Protocol)]) -> Vec<(Socket, Process)> {
    let listeners = host::listeners(ports, Depth::Quick);
    let processes = host::processes_of(&listeners);
    let with_process = |socket: &Socket| {
        processes.iter().find(|process| socket.pids.contains(&process.pid) && !is_engine_process(process)).cloned()
    };
    listeners.into_iter().filter_map(|socket| with_process(&socket).map(|process| (socket, process))).collect()
}

impl PortHolders {
    pub fn address(&self) -> String {
        format!("{}/{}", self.port, self.protocol)
    }

    /// The sockets of one process, listeners first.
    pub fn sockets_of(&self, pid: u32) -> Vec<&Socket> {
        self.sockets.iter().filter(|socket| socket.pids.contains(&pid)).collect()
    }

    /// Whether only outgoing connections block the port.
    pub fn is_client_port(&self) -> bool {
        !self.sockets.is_empty() && self.sockets.iter().all(|socket| socket.state == SocketState::Connected)
    }
}
