//! Which sockets have a local port.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::IpAddr;
use std::time::Duration;

use socket2::{Domain, Socket as RawSocket, Type};

use super::{probe, proc};
use crate::error::{Context, Error, Result};
use crate::host::{Depth, WILDCARDS};
use crate::model::{Probe, Protocol, Socket, SocketState};
use crate::parse::sock_diag::{self, Part, Row, TCP, UDP, V4, V6};

/// Up to this many ports a dump each is cheaper than one of all listeners.
const FEW: usize = 16;
/// Above this many, sockets that are no listeners are left out.
const MANY: usize = 1024;

/// Listeners first: the kernel answers that without a look at its table of
/// connections. Where no listener explains why an address family cannot be
/// bound, that port is asked for in every state.
pub(crate) fn sockets(ports: &[(u16, Protocol)], depth: Depth) -> Result<Vec<Socket>> {
    let diag = Diag::open()?;
    let tcp: BTreeSet<u16> = of(ports, Protocol::Tcp);
    let mut rows = diag.dump(TCP, sock_diag::LISTEN, &tcp, &[V4, V6])?;
    // An IPv6 socket may have an IPv4 address (`::ffff:127.0.0.1`).
    for (families, wildcard) in [(&[V4, V6][..], WILDCARDS[0]), (&[V6], WILDCARDS[1])] {
        let explained = |port: u16| rows.iter().any(|row| row.port == port && blocks(row, wildcard));
        // Of very many ports only listeners are told: a probe each would take
        // longer than all the rest.
        let held = |port: &u16| {
            tcp.len() <= MANY && !explained(*port) && probe(wildcard, *port, Protocol::Tcp) == Probe::InUse
        };
        let unexplained: BTreeSet<u16> = tcp.iter().copied().filter(held).collect();
        for row in diag.dump(TCP, sock_diag::ALL, &unexplained, families)? {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    let mut found: Vec<(Row, Protocol)> = rows.into_iter().map(|row| (row, Protocol::Tcp)).collect();
    let udp = of(ports, Protocol::Udp);
    if !udp.is_empty() {
        let rows = diag.dump(UDP, u32::MAX, &udp, &[V4, V6])?;
        found.extend(rows.into_iter().map(|row| (row, Protocol::Udp)));
    }
    // Without an inode no process has it: a connection in TIME_WAIT, which
    // keeps nobody from listening.
    found.retain(|(row, _)| row.inode != 0);
    let inodes: BTreeSet<u32> = found.iter().map(|(row, _)| row.inode).collect();
    let cgroups: BTreeMap<u32, u64> = found.iter().filter_map(|(row, _)| Some((row.inode, row.cgroup?))).collect();
    let near = (depth == Depth::Quick && cgroups.len() == inodes.len()).then(|| proc::holders_by_cgroup(&cgroups));
    let holders = near.flatten().unwrap_or_else(|| proc::holders(&inodes));
    let socket = |(row, protocol): (Row, Protocol)| Socket {
        ip: row.ip,
        v6_only: row.v6_only,
        port: row.port,
        protocol,
        state: state(&row, protocol),
        uid: Some(row.uid),
        pids: holders.get(&row.inode).cloned().unwrap_or_default(),
    };
    let mut sockets: Vec<Socket> = found.into_iter().map(socket).collect();
    sockets.sort_by_key(|socket| (socket.port, socket.state, socket.ip));
    Ok(sockets)
}

/// Whether a listener keeps the wildcard of a family from being bound.
fn blocks(row: &Row, wildcard: IpAddr) -> bool {
    let dual = row.ip == WILDCARDS[1] && row.v6_only == Some(false);
    row.ip.to_canonical().is_ipv4() == wildcard.is_ipv4() || wildcard.is_ipv4() && dual
}

fn of(ports: &[(u16, Protocol)], protocol: Protocol) -> BTreeSet<u16> {
    ports.iter().filter(|(_, p)| *p == protocol).map(|(port, _)| *port).collect()
}

fn state(row: &Row, protocol: Protocol) -> SocketState {
    if row.state == sock_diag::STATE_LISTEN {
        SocketState::Listen
    } else if row.remote_port != 0 {
        SocketState::Connected
    } else if protocol == Protocol::Udp {
        SocketState::Listen
    } else {
        // TCP_CLOSE, or since Linux 6.8 TCP_BOUND_INACTIVE.
        SocketState::Bound
    }
}

struct Diag(RawSocket);

impl Diag {
    fn open() -> Result<Self> {
        // AF_NETLINK and NETLINK_SOCK_DIAG, which socket2 has no names for.
        let socket = RawSocket::new(Domain::from(16), Type::DGRAM, Some(socket2::Protocol::from(4)));
        let socket = socket.context("open a netlink socket")?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).context("set a time limit on netlink")?;
        Ok(Diag(socket))
    }

    fn dump(&self, protocol: u8, states: u32, ports: &BTreeSet<u16>, families: &[u8]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        if ports.is_empty() {
            return Ok(rows);
        }
        let wanted: Vec<u16> = if ports.len() <= FEW { ports.iter().copied().collect() } else { vec![0] };
        for family in families {
            for port in &wanted {
                self.ask(&sock_diag::request(*family, protocol, states, *port), &mut rows)?;
            }
        }
        rows.retain(|row| ports.contains(&row.port));
        Ok(rows)
    }

    fn ask(&self, request: &[u8], rows: &mut Vec<Row>) -> Result<()> {
        // Without a destination a netlink socket sends to the kernel.
        self.0.send(request).context("ask the kernel for its sockets")?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = (&self.0).read(&mut buffer).context("read the kernel's sockets")?;
            match sock_diag::part(&buffer[..length]) {
                Part::More(more) => rows.extend(more),
                Part::Last(last) => {
                    rows.extend(last);
                    return Ok(());
                }
                // The kernel has no such family or protocol loaded: no sockets.
                Part::Refused(2) => return Ok(()),
                Part::Refused(errno) => {
                    let why = rustix::io::Errno::from_raw_os_error(errno);
                    return Err(Error::new(format!("the kernel did not list its sockets: {why}")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_listener_is_found_with_its_process_and_its_clients_are_not() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let found = sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].state, SocketState::Listen);
        assert_eq!(found[0].pids, [std::process::id()]);
        // The client's own local port, asked for by itself, is a connection.
        let local = client.local_addr().unwrap().port();
        let found = sockets(&[(local, Protocol::Tcp)], Depth::Complete).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].state, SocketState::Connected);
    }

    #[test]
    fn a_bound_udp_socket_is_found_and_does_not_count_for_tcp() {
        let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let found = sockets(&[(port, Protocol::Udp)], Depth::Complete).unwrap();
        assert_eq!((found.len(), found[0].state), (1, SocketState::Listen));
        assert!(sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap().is_empty());
    }

    #[test]
    fn a_socket_that_is_bound_and_idle_is_found() {
        let socket = RawSocket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let found = sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].state, SocketState::Bound);
    }
}
