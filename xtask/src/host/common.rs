//! What the files of all systems share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Both wildcards: what the engine binds for a mapping without a host IP.
pub(crate) const WILDCARDS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

/// How far to look for the processes of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Enough to name who has it: on Linux first the cgroup in which the
    /// socket was made, which is many times quicker.
    Quick,
    /// Every process that may be looked into: before anybody is signalled.
    Complete,
}

/// How hard to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End cleanly (SIGTERM). Windows has none for console programs.
    Term,
    /// End now (SIGKILL; Windows: with all that it started).
    Kill,
    /// As Ctrl-C does (SIGINT); not on Windows.
    Int,
    /// The terminal is gone (SIGHUP); not on Windows.
    Hup,
    /// End with a core dump (SIGQUIT); not on Windows.
    Quit,
    /// Whatever the program takes it for (SIGUSR1); not on Windows.
    Usr1,
    /// Whatever the program takes it for (SIGUSR2); not on Windows.
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
