//! Where the sockets come from: netlink, or the files of `/proc/net` without it.

use std::collections::BTreeSet;
use std::time::Duration;

use socket2::Socket as RawSocket;

use super::netlink;
use crate::error::{Context, Error, Result};
use crate::parse::proc_net;
use crate::parse::sock_diag::{self, Row, TCP, V4, V6};

/// Up to this many ports, one dump per port is cheaper than one of all sockets.
const FEW: usize = 16;

/// A source of sockets in any state.
#[derive(Debug)]
pub(super) enum Source {
    /// `NETLINK_SOCK_DIAG`.
    Netlink(RawSocket),
    /// `/proc/net/tcp` and the others.
    Files,
}

impl Source {
    pub(super) fn netlink() -> Result<Self> {
        /// `NETLINK_SOCK_DIAG`.
        const SOCK_DIAG: i32 = 4;
        let socket = netlink::socket(SOCK_DIAG).context("open a netlink socket")?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).context("set a time limit on netlink")?;
        Ok(Source::Netlink(socket))
    }

    /// Sockets on `ports` in these states (a mask).
    pub(super) fn rows(&self, protocol: u8, states: u32, ports: &BTreeSet<u16>, families: &[u8]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        if ports.is_empty() {
            return Ok(rows);
        }
        match self {
            Source::Netlink(socket) => {
                let wanted: Vec<u16> = if ports.len() <= FEW { ports.iter().copied().collect() } else { vec![0] };
                for family in families {
                    for port in &wanted {
                        ask(socket, &sock_diag::request(*family, protocol, states, *port), &mut rows)?;
                    }
                }
            }
            Source::Files => {
                for family in families {
                    rows.extend(proc_net::rows(&file(*family, protocol)?, states));
                }
            }
        }
        rows.retain(|row| ports.contains(&row.port));
        Ok(rows)
    }
}

fn ask(socket: &RawSocket, request: &[u8], rows: &mut Vec<Row>) -> Result<()> {
    socket.send(request).context("ask the kernel for its sockets")?;
    match netlink::answer(socket, sock_diag::part).context("read the kernel's sockets")? {
        Ok(found) => rows.extend(found),
        // For example if the kernel does not support this table over netlink.
        Err(why) => return Err(Error::new(format!("the kernel did not list its sockets: {why}"))),
    }
    Ok(())
}

/// A disabled address family has no file.
fn file(family: u8, protocol: u8) -> Result<Vec<u8>> {
    let name = match (protocol == TCP, family) {
        (true, V4) => "tcp",
        (true, _) => "tcp6",
        (false, V4) => "udp",
        (false, _) => "udp6",
    };
    match std::fs::read(format!("/proc/net/{name}")) {
        Err(error) if family == V6 && error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.context(format!("read /proc/net/{name}")),
    }
}
