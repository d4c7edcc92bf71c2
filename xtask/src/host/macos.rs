//! macOS: `lsof` for sockets, `netstat` for those that `lsof` may not show, `sysctl`.

mod network;
mod proc;
mod target;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use socket2::{Domain, Socket as RawSocket, Type};

pub(super) use super::not_linux::{has_interface, listening_in, nat_rules, routes, unprivileged_from, wsl_networking};
pub(super) use network::firewalls;
pub(super) use proc::{cgroup, start_mark};
pub(super) use target::Target;

use super::{Depth, Probe, WILDCARDS};
use crate::error::Result;
use crate::exec::{Command, LIMIT, find};
use crate::model::{PortRange, Protocol, Reservation, Socket};
use crate::parse::{lsof, netstat, sysctl};

/// Binds TCP with `SO_REUSEADDR` like servers do, or a recently closed port would look taken; UDP
/// without it. Does not listen: the firewall would ask the user, and binding shows the same here.
///
/// With that option the system allows a socket on one address beside one on the wildcard and vice
/// versa, so a single address says little; see [`probe_addresses`].
pub(super) fn probe(ip: IpAddr, port: u16, protocol: Protocol) -> Probe {
    let (kind, tcp) = match protocol {
        Protocol::Tcp => (Type::STREAM, true),
        Protocol::Udp => (Type::DGRAM, false),
        // macOS has no SCTP; the engine's bindings decide.
        Protocol::Sctp => return Probe::Free,
    };
    let bound = RawSocket::new(Domain::for_address(SocketAddr::new(ip, port)), kind, None).and_then(|socket| {
        if tcp {
            socket.set_reuse_address(true)?;
        }
        if ip.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&SocketAddr::new(ip, port).into())
    });
    let Err(error) = bound else { return Probe::Free };
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS | Errno::PERM) => Probe::Denied,
        Some(Errno::AFNOSUPPORT) => Probe::NoFamily,
        // Loopback is missing if its address family is.
        Some(Errno::ADDRNOTAVAIL) if ip.is_unspecified() || ip.is_loopback() => Probe::NoFamily,
        Some(Errno::ADDRNOTAVAIL) => Probe::NotLocal,
        // Any other error would make the engine fail too.
        _ => Probe::InUse,
    }
}

/// For a mapping without a host IP: both wildcards and both loopback addresses. A server on
/// 127.0.0.1 would not keep the engine from binding the wildcard, but would get the local clients,
/// and the container would seem dead.
///
/// For one with a host IP: that address and the wildcard of its family. A server on another address
/// of this machine conflicts with neither.
pub(super) fn probe_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    const LOOPBACKS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let Some(ip) = host_ip else { return [WILDCARDS, LOOPBACKS].concat() };
    let family = usize::from(ip.is_ipv6());
    vec![ip, if ip.is_unspecified() { LOOPBACKS[family] } else { WILDCARDS[family] }]
}

/// `lsof` names the processes that this user may see. Sockets that only `netstat` lists belong to
/// another user and have no process.
pub(super) fn sockets(ports: &[(u16, Protocol)], _depth: Depth) -> Result<Vec<Socket>> {
    let udp = ports.iter().any(|(_, protocol)| *protocol == Protocol::Udp);
    // With a TCP state lsof leaves out UDP.
    let lsof = tool("lsof").args(["-nP", "-iTCP", if udp { "-iUDP" } else { "-sTCP:LISTEN" }]);
    // `+c 0`: full names. Exit code 1 means "none" as well as "failed".
    let named = lsof.args(["-F", "pcuLtPnT", "+c", "0"]).ask(LIMIT);
    let all = tool("netstat").arg("-anv").ask(LIMIT);
    let mut found = match (named, all) {
        (Err(error), Err(_)) => return Err(error.within("cannot tell who holds a port")),
        (named, all) => netstat::with_hidden(
            named.map(|answer| lsof::listeners(&answer.stdout)).unwrap_or_default(),
            all.map(|answer| netstat::macos(&answer.stdout)).unwrap_or_default(),
        ),
    };
    found.retain(|socket| ports.contains(&(socket.port, socket.protocol)));
    found.sort_by_key(|socket| (socket.port, socket.state, socket.ip));
    Ok(found)
}

/// macOS reserves no ports.
pub(super) fn reservations() -> Vec<Reservation> {
    Vec::new()
}

/// `net.inet.ip.portrange`.
pub(super) fn ephemeral() -> Option<PortRange> {
    let command = tool("sysctl").args(["-n", "net.inet.ip.portrange.first", "net.inet.ip.portrange.last"]);
    sysctl::range(&command.ask(LIMIT).ok()?.stdout)
}

/// A system tool, whose folder may not be on PATH.
fn tool(name: &str) -> Command {
    if find(name).is_some() { Command::new(name) } else { Command::new(format!("/usr/sbin/{name}")) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Never run by the authors, who can only type-check this code.
    #[test]
    fn a_listener_is_found_with_its_process_and_probed_as_held() {
        for ip in ["0.0.0.0", "127.0.0.1"] {
            let holder = TcpListener::bind((ip, 0)).unwrap();
            let port = holder.local_addr().unwrap().port();
            let found = sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap();
            assert_eq!(found.iter().map(|s| s.pids.clone()).collect::<Vec<_>>(), [[std::process::id()]]);
            let busy =
                |host_ip| probe_addresses(host_ip).into_iter().any(|ip| probe(ip, port, Protocol::Tcp) == Probe::InUse);
            assert!(busy(None) && busy(Some(Ipv4Addr::LOCALHOST.into())));
            drop(holder);
            assert!(!busy(None));
        }
    }

    #[test]
    fn the_system_tells_its_ephemeral_ports() {
        let range = ephemeral().unwrap();
        assert!(range.first < range.last);
    }
}
