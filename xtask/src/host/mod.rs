//! This machine: one facade, a file per system with the same list of functions.
//!
//! [`probe`] is the truth about free; everything else only explains.

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

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use process::processes;

pub use crate::model::Probe;

use crate::error::Result;
use crate::model::{PortRange, Process, Protocol, Reservation, Socket};

/// Binds `ip:port` for a moment, the way the engine of this system would.
pub fn probe(ip: IpAddr, port: u16, protocol: Protocol) -> Probe {
    system::probe(ip, port, protocol)
}

/// The addresses to probe for a mapping's host IP.
pub fn probe_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    system::probe_addresses(host_ip)
}

/// Both wildcards: what the engine binds for a mapping without a host IP.
pub(crate) const WILDCARDS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

/// Every socket whose local port is one of `ports`, with its processes.
/// Listeners first; sockets in other states are looked for only where the
/// system tells them apart (Linux).
pub fn sockets(ports: &[(u16, Protocol)]) -> Result<Vec<Socket>> {
    system::sockets(ports)
}

/// Ports that the system keeps; empty where it keeps none or cannot be asked.
pub fn reservations() -> Vec<Reservation> {
    system::reservations()
}

/// The ports from which the system picks local ports of outgoing connections.
pub fn ephemeral() -> Option<PortRange> {
    system::ephemeral()
}

/// A process that can be signalled safely: its identity was compared after the
/// handle was opened, and the handle can mean no other process.
#[derive(Debug)]
pub struct Target(system::Target);

/// How hard to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// End cleanly (SIGTERM). Windows has none for console programs.
    Term,
    /// End now (SIGKILL; `taskkill /T /F`).
    Kill,
}

impl Target {
    /// Opens `process`; an error where it is gone, is another one by now, or
    /// is not ours to signal.
    pub fn open(process: &Process) -> Result<Target> {
        system::Target::open(process).map(Target)
    }

    /// Sends the signal, comparing the identity once more.
    pub fn signal(&self, ask: Ask) -> Result<()> {
        self.0.signal(ask)
    }

    /// Whether it has ended.
    pub fn gone(&self) -> bool {
        self.0.gone()
    }
}
