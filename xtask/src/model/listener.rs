//! Sockets and processes of this machine.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{PortRange, Protocol, Subnet};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketState {
    /// Accepts connections (UDP: bound and not connected).
    Listen,
    /// Bound, but `listen` was never called. It still blocks the port.
    Bound,
    /// One end of a connection whose own local port this is.
    Connected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Local address; unspecified = every address of that family.
    pub ip: IpAddr,
    /// An IPv6 socket that takes no IPv4 connections; `None` = unknown.
    pub v6_only: Option<bool>,
    pub port: u16,
    pub protocol: Protocol,
    pub state: SocketState,
    /// User id of its creator, if the system tells it (Unix).
    pub uid: Option<u32>,
    /// Processes that hold it: several after a fork, none if they belong to a user
    /// whose processes this one may not inspect.
    pub pids: Vec<u32>,
}

/// A process. `pid`, `started` and `exe` together are its identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    pub parent: Option<u32>,
    pub name: String,
    /// Command line, words joined by spaces; empty if it may not be read.
    pub command: String,
    /// User name, or the user id if it has no name.
    pub user: Option<String>,
    /// Start time, to the second.
    pub started: Option<SystemTime>,
    /// Start time in the system's finest unit (Linux: clock ticks since boot), for
    /// comparing identities.
    pub start_mark: u64,
    pub exe: Option<PathBuf>,
    /// The container that it serves as an engine's helper, where its open files tell and
    /// its command line does not.
    pub serves: Option<String>,
}

/// What a process runs in; what cannot be found out is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessContext {
    pub cwd: Option<PathBuf>,
    /// Its ancestors, nearest first, without the system's first process.
    pub parents: Vec<Parent>,
    pub unit: Option<Unit>,
    /// Id of the container.
    pub container: Option<String>,
}

/// An ancestor of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Process id.
    pub pid: u32,
    pub name: String,
}

/// A systemd service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// `postgresql@15-main.service`.
    pub name: String,
    /// A unit of the user's own systemd (`systemctl --user`).
    pub user: bool,
}

/// Ports that the system reserves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub range: PortRange,
    /// Who reserved them, as part of a sentence: "Windows (Hyper-V, WSL)".
    pub by: String,
    /// Whether binding such a port by number fails. Linux's
    /// `ip_local_reserved_ports` only keeps the kernel from handing them out.
    pub blocks: bool,
}

/// Result of trying to bind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Free,
    InUse,
    /// A privileged port, and this user may not bind those.
    Denied,
    /// Reserved by the system (Windows: WSAEACCES with nobody listening).
    Reserved,
    /// Not an address of this machine.
    NotLocal,
    /// This machine does not have that address family.
    NoFamily,
}

/// Disk space in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Available to an ordinary user.
    pub free: u64,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// `ufw`, `firewalld`.
    pub name: &'static str,
    pub state: FirewallState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirewallState {
    Off,
    On,
    /// It refuses everything from outside.
    BlocksAll,
    /// Why its state is not known.
    Unknown(&'static str),
}

/// An IPv4 route of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub interface: String,
    /// Its destination; never the default route.
    pub to: Subnet,
}
