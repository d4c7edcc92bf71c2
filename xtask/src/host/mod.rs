//! This machine: one facade, and one file per system with the same functions.
//!
//! Only [`probe`] decides whether a port is free; everything else explains the result.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod common;
mod process;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(not(target_os = "linux"))]
mod not_linux;

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
use crate::model::{Disk, Firewall, NatRules, PortRange, Process, Protocol, Reservation, Route, Socket, SocketState};
use crate::parse::cgroup::{self, Manager};

/// Binds `ip:port` for a moment like the engine on this system.
pub fn probe(ip: IpAddr, port: u16, protocol: Protocol) -> Probe {
    system::probe(ip, port, protocol)
}

/// The addresses to probe for a mapping's host IP.
pub fn probe_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    system::probe_addresses(host_ip)
}

/// The sockets whose local port is one of `ports`, with their processes, listeners first. Sockets in
/// other states are only found on Linux.
pub fn sockets(ports: &[(u16, Protocol)], depth: Depth) -> Result<Vec<Socket>> {
    system::sockets(ports, depth)
}

/// The sockets that listen on one of `ports`; none if that is unknown.
pub fn listeners(ports: &[(u16, Protocol)], depth: Depth) -> Vec<Socket> {
    let mut sockets = if ports.is_empty() { Vec::new() } else { sockets(ports, depth).unwrap_or_default() };
    sockets.retain(|socket| socket.state == SocketState::Listen);
    sockets
}

pub fn processes_of<'a>(sockets: impl IntoIterator<Item = &'a Socket>) -> Vec<Process> {
    let pids: BTreeSet<u32> = sockets.into_iter().flat_map(|socket| socket.pids.iter().copied()).collect();
    processes(&pids.into_iter().collect::<Vec<u32>>())
}

/// Ports that the system reserves; empty if unknown.
pub fn reservations() -> Vec<Reservation> {
    system::reservations()
}

/// The range from which the system picks local ports of outgoing connections.
pub fn ephemeral() -> Option<PortRange> {
    system::ephemeral()
}

/// The full id of the container that a process runs in, if known. With host networking the
/// container's sockets belong to its processes.
pub fn container_of(pid: u32) -> Option<String> {
    match system::cgroup(pid).as_deref().and_then(cgroup::manager) {
        Some(Manager::Container(id)) => Some(id),
        _ => None,
    }
}

pub fn firewalls() -> Vec<Firewall> {
    system::firewalls()
}

/// The rules that redirect connections before a socket sees them; readable by root on Linux.
pub fn nat_rules() -> NatRules {
    system::nat_rules()
}

/// Whether a network interface of this name exists; only known on Linux.
pub fn has_interface(name: &str) -> bool {
    system::has_interface(name)
}

/// IPv4 routes except default ones; Linux only.
pub fn routes() -> Vec<Route> {
    system::routes()
}

/// The networking mode of this WSL2 (`nat`, `mirrored`); `None` elsewhere.
pub fn wsl_networking() -> Option<String> {
    system::wsl_networking()
}

/// TCP listeners in the network of process `pid`, which may be a container's; `None` if it cannot be
/// read.
pub fn listening_in(pid: u32) -> Option<Vec<SocketAddr>> {
    system::listening_in(pid)
}

/// The first port that needs no privilege, if the system has such a rule.
pub fn unprivileged_from() -> Option<u16> {
    system::unprivileged_from()
}

/// Space on the disk that `path` is on.
#[cfg(unix)]
pub fn disk(path: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(Disk { free: found.f_bavail * found.f_frsize, total: found.f_blocks * found.f_frsize })
}

/// Not read: it would need an unsafe system call.
#[cfg(not(unix))]
pub fn disk(_path: &Path) -> Option<Disk> {
    None
}

/// A process that can be signalled safely: its identity was compared after the handle was opened,
/// and the handle cannot refer to another process.
#[derive(Debug)]
pub struct Target(system::Target);

impl Target {
    /// Fails if the process is gone, if its id was reused, or if this user may not signal it.
    pub fn open(process: &Process) -> Result<Target> {
        system::Target::open(process).map(Target)
    }

    /// Compares the identity once more and sends the signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.0.signal(signal)
    }

    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }
}
