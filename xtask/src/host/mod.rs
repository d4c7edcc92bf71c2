//! This machine: one facade, a file per system with the same list of functions.
//!
//! [`probe`] is the truth about free; everything else only explains.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod common;
mod process;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod unsupported;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use unsupported as system;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

pub(crate) use common::WILDCARDS;
pub use common::{Depth, Signal};
pub use process::{gateway, killed_with, name, own_container, parents, process_context, processes};

pub use crate::model::Probe;

use crate::error::Result;
use crate::model::{Disk, Firewall, PortRange, Process, Protocol, Reservation, Route, Socket, SocketState};
use crate::parse::cgroup::{self, Manager};

/// Binds `ip:port` for a moment, the way the engine of this system would.
pub fn probe(ip: IpAddr, port: u16, protocol: Protocol) -> Probe {
    system::probe(ip, port, protocol)
}

/// The addresses to probe for a mapping's host IP.
pub fn probe_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    system::probe_addresses(host_ip)
}

/// Every socket whose local port is one of `ports`, with its processes.
/// Listeners first; sockets in other states are looked for only where the
/// system tells them apart (Linux).
pub fn sockets(ports: &[(u16, Protocol)], depth: Depth) -> Result<Vec<Socket>> {
    system::sockets(ports, depth)
}

/// The sockets that listen on one of `ports`; none where that cannot be told.
pub fn listeners(ports: &[(u16, Protocol)], depth: Depth) -> Vec<Socket> {
    let mut sockets = if ports.is_empty() { Vec::new() } else { sockets(ports, depth).unwrap_or_default() };
    sockets.retain(|socket| socket.state == SocketState::Listen);
    sockets
}

pub fn processes_of<'a>(sockets: impl IntoIterator<Item = &'a Socket>) -> Vec<Process> {
    let pids: BTreeSet<u32> = sockets.into_iter().flat_map(|socket| socket.pids.iter().copied()).collect();
    processes(&pids.into_iter().collect::<Vec<u32>>())
}

/// Ports that the system keeps; empty where it keeps none or cannot be asked.
pub fn reservations() -> Vec<Reservation> {
    system::reservations()
}

/// The ports from which the system picks local ports of outgoing connections.
pub fn ephemeral() -> Option<PortRange> {
    system::ephemeral()
}

/// The full id of the container that a process of this system runs in, where
/// the system tells. On the network of the host its sockets are its own.
pub fn container_of(pid: u32) -> Option<String> {
    match system::cgroup(pid).as_deref().and_then(cgroup::manager) {
        Some(Manager::Container(id)) => Some(id),
        _ => None,
    }
}

pub fn firewalls() -> Vec<Firewall> {
    system::firewalls()
}

/// IPv4 routes but default ones; empty where the system is not asked for them.
pub fn routes() -> Vec<Route> {
    system::routes()
}

/// How the network of this WSL2 is joined to Windows' (`nat`, `mirrored`);
/// `None` elsewhere.
pub fn wsl_networking() -> Option<String> {
    system::wsl_networking()
}

/// Where something listens over TCP in the network of process `pid`, which may
/// be that of a container; `None` where that cannot be looked at.
pub fn listening_in(pid: u32) -> Option<Vec<SocketAddr>> {
    system::listening_in(pid)
}

/// The first port that needs no privilege, where the system has such a rule.
pub fn unprivileged_from() -> Option<u16> {
    system::unprivileged_from()
}

/// Room on the disk that `path` is on.
#[cfg(unix)]
pub fn disk(path: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(Disk { free: found.f_bavail * found.f_frsize, total: found.f_blocks * found.f_frsize })
}

/// Not asked for: there is no way without a call into the system by hand.
#[cfg(not(unix))]
pub fn disk(_path: &Path) -> Option<Disk> {
    None
}

/// A process that can be signalled safely: its identity was compared after the
/// handle was opened, and the handle can mean no other process.
#[derive(Debug)]
pub struct Target(system::Target);

impl Target {
    /// Opens `process`; an error where it is gone, is another one by now, or
    /// is not ours to signal.
    pub fn open(process: &Process) -> Result<Target> {
        system::Target::open(process).map(Target)
    }

    /// Sends the signal, comparing the identity once more.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.0.signal(signal)
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }
}
