//! Other systems. The engine is asked and ports are probed by a plain bind; owners stay
//! unknown.

use std::net::{IpAddr, TcpListener, UdpSocket};

pub(super) use super::not_linux::{has_interface, listening_in, nat_rules, routes, unprivileged_from, wsl_networking};
use super::{Depth, Probe, Signal, WILDCARDS};
use crate::error::{Error, Result};
use crate::model::{Firewall, PortRange, Process, Protocol, Reservation, Socket};

/// A plain bind.
pub(super) fn probe(ip: IpAddr, port: u16, protocol: Protocol) -> Probe {
    let bound = match protocol {
        Protocol::Tcp => TcpListener::bind((ip, port)).map(drop),
        Protocol::Udp => UdpSocket::bind((ip, port)).map(drop),
        Protocol::Sctp => return Probe::Free,
    };
    match bound.map_err(|error| error.kind()) {
        Ok(()) => Probe::Free,
        Err(std::io::ErrorKind::PermissionDenied) => Probe::Denied,
        Err(std::io::ErrorKind::AddrNotAvailable) if ip.is_unspecified() => Probe::NoFamily,
        Err(std::io::ErrorKind::AddrNotAvailable) => Probe::NotLocal,
        Err(std::io::ErrorKind::Unsupported) => Probe::NoFamily,
        Err(_) => Probe::InUse,
    }
}

/// The addresses that the engine would bind.
pub(super) fn probe_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    host_ip.map_or_else(|| WILDCARDS.to_vec(), |ip| vec![ip])
}

/// An error, because an empty list would mean "nobody".
pub(super) fn sockets(_: &[(u16, Protocol)], _depth: Depth) -> Result<Vec<Socket>> {
    Err(Error::new(format!("cannot tell who holds a port on {}", std::env::consts::OS)))
}

/// Unknown.
pub(super) fn reservations() -> Vec<Reservation> {
    Vec::new()
}

/// Unknown.
pub(super) fn ephemeral() -> Option<PortRange> {
    None
}

/// Processes are never signalled here.
#[derive(Debug)]
pub(super) enum Target {}

impl Target {
    /// Always an error.
    pub(super) fn open(process: &Process) -> Result<Target> {
        Err(Error::new(format!("cannot end process {} on {}", process.pid, std::env::consts::OS)))
    }

    /// Unreachable.
    pub(super) fn signal(&self, _: Signal) -> Result<()> {
        match *self {}
    }

    /// Unreachable.
    pub(super) fn has_ended(&self) -> bool {
        match *self {}
    }
}

/// Unknown.
pub(super) fn start_mark(_pid: u32) -> Option<u64> {
    None
}

/// No cgroups here.
pub(super) fn cgroup(_pid: u32) -> Option<String> {
    None
}

/// Unknown.
pub(super) fn firewalls() -> Vec<Firewall> {
    Vec::new()
}
