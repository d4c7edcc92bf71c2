//! Finds the sockets with a local port.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::source::Source;
use super::{probe, proc};
use crate::error::{Error, Result};
use crate::exec::{Command, LIMIT};
use crate::host::{Depth, WILDCARDS};
use crate::model::{Probe, Protocol, Socket};
use crate::parse::sock_diag::{self, Row, TCP, UDP, V4, V6};
use crate::parse::{lsof, ss};

/// With more ports, only listeners are listed.
const MANY: usize = 1024;

/// Netlink; without it the files of `/proc/net`; without those `ss` and `lsof`, which have other
/// means but only list listeners.
pub(crate) fn sockets(ports: &[(u16, Protocol)], depth: Depth) -> Result<Vec<Socket>> {
    let ways: [&dyn Fn() -> Result<Vec<Socket>>; 4] = [
        &|| source_sockets(&Source::netlink()?, ports, depth),
        &|| source_sockets(&Source::Files, ports, depth),
        &|| ss_sockets(ports),
        &|| lsof_sockets(ports),
    ];
    first(&ways)
}

/// The first success, otherwise the error of the best way.
fn first(ways: &[&dyn Fn() -> Result<Vec<Socket>>]) -> Result<Vec<Socket>> {
    let mut failure = None;
    for way in ways {
        match way() {
            Ok(sockets) => return Ok(sockets),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or_else(|| Ok(Vec::new()), Err)
}

/// `ss` of iproute2: exit code 0 and no output if it has no permission.
fn ss_sockets(ports: &[(u16, Protocol)]) -> Result<Vec<Socket>> {
    let answer = Command::new("ss").args(["-H", "-ltunp"]).ask(LIMIT)?;
    answer_of("ss", answer.ok(), ss::listeners(&answer.stdout), ports)
}

/// Without `-sTCP:LISTEN`, which would leave out UDP. Exit code 1 means "none" as well as
/// "failed".
fn lsof_sockets(ports: &[(u16, Protocol)]) -> Result<Vec<Socket>> {
    let words = ["-nP", "-iTCP", "-iUDP", "-F", "pcuLtPnTf", "+c", "0"];
    let answer = Command::new("lsof").args(words).ask(LIMIT)?;
    answer_of("lsof", answer.code.is_some_and(|code| code < 2), lsof::listeners(&answer.stdout), ports)
}

fn answer_of(tool: &str, ok: bool, mut found: Vec<Socket>, ports: &[(u16, Protocol)]) -> Result<Vec<Socket>> {
    if !ok {
        return Err(Error::new(format!("`{tool}` did not list the sockets")));
    }
    found.retain(|socket| ports.contains(&(socket.port, socket.protocol)));
    found.sort_by_key(|socket| (socket.port, socket.state, socket.ip));
    Ok(found)
}

/// Listeners first: for these the kernel does not walk its table of connections. If no listener
/// explains why an address family cannot be bound, that port is queried in every state.
fn source_sockets(source: &Source, ports: &[(u16, Protocol)], depth: Depth) -> Result<Vec<Socket>> {
    let tcp: BTreeSet<u16> = ports_of(ports, Protocol::Tcp);
    let mut rows = source.rows(TCP, sock_diag::LISTEN, &tcp, &[V4, V6])?;
    // IPv6 sockets may have IPv4 addresses (`::ffff:127.0.0.1`).
    for (families, wildcard) in [(&[V4, V6][..], WILDCARDS[0]), (&[V6], WILDCARDS[1])] {
        let explained = |port: u16| rows.iter().any(|row| row.port == port && blocks(row, wildcard));
        // With very many ports only listeners are listed: probing each would take
        // longer than everything else.
        let held = |port: &u16| {
            tcp.len() <= MANY && !explained(*port) && probe(wildcard, *port, Protocol::Tcp) == Probe::InUse
        };
        let unexplained: BTreeSet<u16> = tcp.iter().copied().filter(held).collect();
        for row in source.rows(TCP, sock_diag::ALL, &unexplained, families)? {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    let mut found: Vec<(Row, Protocol)> = rows.into_iter().map(|row| (row, Protocol::Tcp)).collect();
    let udp = ports_of(ports, Protocol::Udp);
    if !udp.is_empty() {
        let rows = source.rows(UDP, u32::MAX, &udp, &[V4, V6])?;
        found.extend(rows.into_iter().map(|row| (row, Protocol::Udp)));
    }
    // Inode 0: a connection in TIME_WAIT, which no process has and which
    // does not prevent listening.
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
        state: row.socket_state(protocol),
        uid: Some(row.uid),
        pids: holders.get(&row.inode).map(|pids| others(pids)).unwrap_or_default(),
    };
    let mut sockets: Vec<Socket> = found.into_iter().map(socket).collect();
    sockets.sort_by_key(|socket| (socket.port, socket.state, socket.ip));
    Ok(sockets)
}

/// Leaves out this process: a socket inherited from a shell belongs to the shell.
fn others(pids: &[u32]) -> Vec<u32> {
    let own = std::process::id();
    let others: Vec<u32> = pids.iter().copied().filter(|pid| *pid != own).collect();
    if others.is_empty() { pids.to_vec() } else { others }
}

/// Whether a listener keeps the wildcard of a family from being bound.
fn blocks(row: &Row, wildcard: IpAddr) -> bool {
    let dual = row.ip == WILDCARDS[1] && row.v6_only == Some(false);
    row.ip.to_canonical().is_ipv4() == wildcard.is_ipv4() || wildcard.is_ipv4() && dual
}

fn ports_of(ports: &[(u16, Protocol)], protocol: Protocol) -> BTreeSet<u16> {
    ports.iter().filter(|(_, p)| *p == protocol).map(|(port, _)| *port).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use socket2::{Domain, Socket as RawSocket, Type};

    use super::*;
    use crate::model::SocketState;

    #[test]
    fn a_listener_is_found_with_its_process_and_its_clients_are_not() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let found = sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].state, SocketState::Listen);
        assert_eq!(found[0].pids, [std::process::id()]);
        // The client's own local port is a connection.
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

    /// What all ways return alike: address, state and processes.
    fn told(sockets: &[Socket]) -> Vec<(IpAddr, u16, Protocol, SocketState, Vec<u32>)> {
        sockets.iter().map(|s| (s.ip, s.port, s.protocol, s.state, s.pids.clone())).collect()
    }

    #[test]
    fn every_way_tells_the_same_of_listeners() {
        let (v4, v6) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("[::1]:0").ok());
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(v4.local_addr().unwrap()).unwrap();
        let mut ports =
            vec![(v4.local_addr().unwrap().port(), Protocol::Tcp), (udp.local_addr().unwrap().port(), Protocol::Udp)];
        ports.extend(v6.as_ref().map(|v6| (v6.local_addr().unwrap().port(), Protocol::Tcp)));
        let netlink = source_sockets(&Source::netlink().unwrap(), &ports, Depth::Complete).unwrap();
        assert_eq!(netlink.len(), ports.len(), "{netlink:?}");
        assert!(
            netlink.iter().all(|socket| socket.pids == [std::process::id()] && socket.state == SocketState::Listen)
        );
        let files = source_sockets(&Source::Files, &ports, Depth::Complete).unwrap();
        assert_eq!(told(&files), told(&netlink));
        assert_eq!(told(&source_sockets(&Source::Files, &ports, Depth::Quick).unwrap()), told(&netlink));
        for (tool, way) in [("ss", ss_sockets as fn(&[(u16, Protocol)]) -> Result<Vec<Socket>>), ("lsof", lsof_sockets)]
        {
            if crate::exec::find(tool).is_some() {
                assert_eq!(told(&way(&ports).unwrap()), told(&netlink), "{tool}");
            }
        }
        // The port of a connection, if the table has connections.
        let local = [(client.local_addr().unwrap().port(), Protocol::Tcp)];
        let netlink = source_sockets(&Source::netlink().unwrap(), &local, Depth::Complete).unwrap();
        assert_eq!(told(&source_sockets(&Source::Files, &local, Depth::Complete).unwrap()), told(&netlink));
        assert_eq!(netlink[0].state, SocketState::Connected);
    }

    #[test]
    fn ways_are_tried_one_after_the_other() {
        let broken = |why: &'static str| move || Err(Error::new(why));
        let none = || Ok(Vec::new());
        assert_eq!(first(&[&broken("a"), &none]).unwrap(), []);
        assert_eq!(first(&[&broken("a"), &broken("b")]).unwrap_err().message(), "a");
    }
}
