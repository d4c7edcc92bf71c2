//! Sockets and processes of this machine.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{PortRange, Protocol, Subnet};

/// What a socket on a port is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketState {
    /// Accepts connections (for UDP: is bound and not connected).
    Listen,
    /// Bound, but `listen` was never called: blocks the port all the same.
    Bound,
    /// One end of a connection whose own local port this is.
    Connected,
}

/// A socket whose local port was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Local address; unspecified = every address of that family.
    pub ip: IpAddr,
    /// An IPv6 socket that takes no IPv4 connections; `None` = cannot tell.
    pub v6_only: Option<bool>,
    pub port: u16,
    pub protocol: Protocol,
    pub state: SocketState,
    /// User id of its creator, where the system says (Unix).
    pub uid: Option<u32>,
    /// Processes that hold it: several after a fork, none when they belong to
    /// somebody whose processes we may not look into.
    pub pids: Vec<u32>,
}

/// A process. `pid`, `started` and `exe` together are its identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Parent, where it could be read.
    pub parent: Option<u32>,
    pub name: String,
    /// Command line, words joined by spaces; empty when it may not be read.
    pub command: String,
    /// User name, or the number when it has no name.
    pub user: Option<String>,
    /// Start time, to the second.
    pub started: Option<SystemTime>,
    /// Start time in the system's own finest unit (Linux: clock ticks since
    /// boot), for comparing identities.
    pub start_mark: u64,
    pub exe: Option<PathBuf>,
}

/// What a process runs in; each part is absent where it cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessContext {
    /// Its current folder.
    pub cwd: Option<PathBuf>,
    /// Its parent, that one's parent, and so on, nearest first, without the
    /// system's first process.
    pub parents: Vec<Parent>,
    /// The systemd unit it belongs to.
    pub unit: Option<Unit>,
    /// Id of the container it runs in.
    pub container: Option<String>,
}

/// One that a process was started by, or that one by.
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
    /// Of a person's own systemd (`systemctl --user`).
    pub user: bool,
}

/// Ports that the system keeps from being bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub range: PortRange,
    /// Who reserved them, as a fragment: "Windows (Hyper-V, WSL)".
    pub by: String,
    /// Whether binding such a port explicitly fails. Linux's
    /// `ip_local_reserved_ports` only keeps the kernel from handing them out.
    pub blocks: bool,
}

/// What binding an address showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It could be bound as the engine would.
    Free,
    /// Somebody has it.
    InUse,
    /// Not ours to bind: a privileged port, and we are no administrator.
    Denied,
    /// The system keeps it (Windows: WSAEACCES with nobody listening).
    Reserved,
    /// The address is not one of this machine's.
    NotLocal,
    /// This machine has no such address family.
    NoFamily,
}

/// Room on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// For an ordinary user.
    pub free: u64,
    pub total: u64,
}

/// A firewall of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// `ufw`, `firewalld`.
    pub name: &'static str,
    pub state: FirewallState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirewallState {
    Off,
    /// It has rules.
    On,
    /// It refuses all that comes from outside.
    BlocksAll,
    /// It cannot be told, and why.
    Unknown(&'static str),
}

/// An IPv4 route of this machine, and its interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub interface: String,
    /// The addresses it is for; never all of them.
    pub to: Subnet,
}
