//! Shared by the files of all systems.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The wildcards that the engine binds for a mapping without a host IP.
pub(crate) const WILDCARDS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

/// How thoroughly to look for the processes of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Enough to name an owner: Linux first tries the cgroup in which the socket was created, which is
    /// many times faster.
    Quick,
    /// Every process that this user may inspect; required before signalling.
    Complete,
}

/// A signal, or its equivalent on Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM. Windows has no equivalent for console programs.
    Term,
    /// SIGKILL; on Windows also ends all descendants.
    Kill,
    /// SIGINT; not on Windows.
    Int,
    /// SIGHUP; not on Windows.
    Hup,
    /// SIGQUIT; not on Windows.
    Quit,
    /// SIGUSR1; not on Windows.
    Usr1,
    /// SIGUSR2; not on Windows.
    Usr2,
}

#[cfg(unix)]
impl Signal {
    pub(super) fn to_unix(self) -> rustix::process::Signal {
        use rustix::process::Signal as Unix;
        match self {
            Signal::Term => Unix::TERM,
            Signal::Kill => Unix::KILL,
            Signal::Int => Unix::INT,
            Signal::Hup => Unix::HUP,
            Signal::Quit => Unix::QUIT,
            Signal::Usr1 => Unix::USR1,
            Signal::Usr2 => Unix::USR2,
        }
    }
}
