//! Who is on a port: everything that this machine and its engine know of it.

use std::collections::BTreeSet;

use super::{PortFacts, advise, is_around};
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
    /// The verdict of publishing it on every address.
    pub verdict: Verdict,
    pub sockets: Vec<Socket>,
    pub advice: Option<String>,
}

/// What is known of several ports, and what the engine said.
#[derive(Debug, Clone)]
pub(crate) struct Holders {
    /// In the order asked for.
    pub ports: Vec<PortHolders>,
    /// All containers, or why the engine did not tell.
    pub containers: Result<Vec<Container>, EngineError>,
    /// This runs in one of them: what processes hold around it is not seen.
    pub is_around: bool,
}

/// Above this many ports the tables are read first, and only ports with a socket
/// or a binding are probed.
const PROBED_AT_MOST: usize = 1024;

pub(crate) fn each_port(ranges: &[PortRange], udp: bool) -> Vec<(u16, Protocol)> {
    let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
    let ports: BTreeSet<u16> = ranges.iter().flat_map(|range| range.iter()).collect();
    ports.into_iter().map(|port| (port, protocol)).collect()
}

/// Finds who is on `ports` of this machine; the engine is asked side by side.
pub(crate) fn find_holders(ctx: &Context, ports: &[(u16, Protocol)], depth: Depth) -> Result<Holders> {
    let mapping = |(port, protocol): &(u16, Protocol)| PortMapping::single(None, *port, *protocol);
    let are_many = ports.len() > PROBED_AT_MOST;
    let gather = || -> Result<PortFacts<'_>> {
        let mut facts = PortFacts::new(Identity::nobody(), &[], None);
        if are_many {
            facts.read_tables(ports, depth)?;
        } else {
            facts.explain(ports.iter().map(mapping), depth)?;
        }
        Ok(facts)
    };
    let (containers, facts) = if ctx.engine.endpoint().is_remote() {
        ui::note(&format!("note: this looks at this machine; the engine is at {}", ctx.engine.endpoint().host));
        // Containers elsewhere hold no port of this machine.
        (Ok(Vec::new()), gather())
    } else {
        ctx.engine.containers_beside(gather)
    };
    let known = containers.as_deref().unwrap_or_default();
    let facts = facts?.with_containers(known);
    let published: BTreeSet<(u16, Protocol)> =
        known.iter().flat_map(Container::held).map(|binding| (binding.published, binding.protocol)).collect();
    let is_used =
        |at: &&(u16, Protocol)| !are_many || published.contains(at) || !facts.sockets_on(at.0, at.1).is_empty();
    let is_around = is_around(known);
    let ports = ports.iter().filter(is_used).map(|at| {
        let ((port, protocol), mapping) = (*at, mapping(at));
        let verdict = facts.verdict(&mapping, port);
        // What can be bound in here says nothing of a forwarder around it.
        let can_bind = !is_around && facts.can_bind_all(&mapping, port);
        let advice = advise(&verdict, can_bind, containers.as_deref().ok());
        PortHolders { port, protocol, verdict, sockets: facts.sockets_on(port, protocol).to_vec(), advice }
    });
    let ports = ports.collect();
    Ok(Holders { ports, containers, is_around })
}

/// Listeners on `ports` that are no engine's, each with its process.
pub(crate) fn strangers(ports: &[(u16, Protocol)]) -> Vec<(Socket, Process)> {
    let listeners = host::listeners(ports, Depth::Quick);
    let processes = host::processes_of(&listeners);
    let stranger = |socket: &Socket| {
        processes.iter().find(|process| socket.pids.contains(&process.pid) && !is_engine_process(process)).cloned()
    };
    listeners.into_iter().filter_map(|socket| stranger(&socket).map(|process| (socket, process))).collect()
}

impl PortHolders {
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
