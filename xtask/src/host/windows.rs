//! Windows: system tables for sockets, `netsh` for reserved ports.

mod network;
mod tables;
mod target;

use std::net::{IpAddr, SocketAddr};
use std::os::windows::io::AsRawSocket;

use socket2::{Domain, Socket as RawSocket, Type};
use windows_sys::Win32::Networking::WinSock;

pub(super) use super::not_linux::{has_interface, listening_in, nat_rules, routes, unprivileged_from, wsl_networking};
pub(super) use network::firewalls;
pub(super) use tables::sockets;
pub(super) use target::{Target, cgroup, killed_with, start_mark};

use super::{Depth, Probe, WILDCARDS};
use crate::exec::{Command, LIMIT};
use crate::model::{PortRange, Protocol, Reservation, Socket, SocketState};
use crate::parse::netsh;

/// Binds with `SO_EXCLUSIVEADDRUSE`. Does not listen, because the firewall would ask the user.
///
/// According to Microsoft's table ("Using `SO_REUSEADDR` and `SO_EXCLUSIVEADDRUSE`",
/// learn.microsoft.com) a plain bind succeeds beside a listener on another address, wildcard beside
/// specific and vice versa; an exclusive bind of the wildcard fails beside any socket. So that is
/// the probe for a mapping without a host IP.
///
/// For a mapping with a host IP it would be too strict: a server on 192.168.1.5 does not conflict
/// with 127.0.0.1. So the address itself is bound. That may succeed beside a server of the same user
/// on the wildcard, whose clients on this address would silently go to the container, so the
/// wildcard is looked up in the table.
pub(super) fn probe(ip: IpAddr, port: u16, protocol: Protocol) -> Probe {
    let kind = match protocol {
        Protocol::Tcp => Type::STREAM,
        Protocol::Udp => Type::DGRAM,
        // Windows has no SCTP; the engine's bindings decide.
        Protocol::Sctp => return Probe::Free,
    };
    let bound = RawSocket::new(Domain::for_address(SocketAddr::new(ip, port)), kind, None).and_then(|socket| {
        set_exclusive(&socket)?;
        if ip.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&SocketAddr::new(ip, port).into())
    });
    let covered = || sockets(&[(port, protocol)], Depth::Complete).map(|found| overlaps(&found, ip));
    let Err(error) = bound else {
        if ip.is_unspecified() {
            return Probe::Free;
        }
        return match covered() {
            Ok(true) => Probe::InUse,
            Ok(false) => Probe::Free,
            // A false alarm is better than a false promise.
            Err(_) => probe(WILDCARDS[usize::from(ip.is_ipv6())], port, protocol),
        };
    };
    meaning(error.raw_os_error(), ip, || covered().unwrap_or(false))
}

/// The meaning of a refused bind. `covered`: whether somebody listens there.
fn meaning(code: Option<i32>, ip: IpAddr, covered: impl FnOnce() -> bool) -> Probe {
    match code {
        // Also returned for a specific address if an exclusive listener or one of
        // another user exists.
        Some(WinSock::WSAEACCES) if covered() => Probe::InUse,
        Some(WinSock::WSAEACCES) => Probe::Reserved,
        Some(WinSock::WSAEAFNOSUPPORT) => Probe::NoFamily,
        Some(WinSock::WSAEADDRNOTAVAIL) if ip.is_unspecified() => Probe::NoFamily,
        Some(WinSock::WSAEADDRNOTAVAIL) => Probe::NotLocal,
        // WSAEADDRINUSE; any other error would make the engine fail too.
        _ => Probe::InUse,
    }
}

/// Whether one of these listeners accepts connections to `ip`. A socket on `::` only counts for IPv4
/// if it is in that table: the system lists a dual-stack socket in both tables.
fn overlaps(sockets: &[Socket], ip: IpAddr) -> bool {
    sockets.iter().filter(|socket| socket.state == SocketState::Listen).any(|socket| {
        socket.ip.is_ipv4() == ip.is_ipv4() && (socket.ip == ip || socket.ip.is_unspecified() || ip.is_unspecified())
    })
}

/// `socket2` has no setter for this option.
#[expect(unsafe_code, reason = "setsockopt")]
fn set_exclusive(socket: &RawSocket) -> std::io::Result<()> {
    let handle = usize::try_from(socket.as_raw_socket()).map_err(std::io::Error::other)?;
    let on = 1i32.to_ne_bytes();
    // SAFETY: the socket is open while it is borrowed; the option is an int (BOOL)
    // that is read during the call, and the length is that of `on`.
    let failed =
        unsafe { WinSock::setsockopt(handle, WinSock::SOL_SOCKET, WinSock::SO_EXCLUSIVEADDRUSE, on.as_ptr(), 4) };
    if failed == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The wildcards, or the mapping's host IP: [`probe`] does the rest.
pub(super) fn probe_addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    host_ip.map_or_else(|| WILDCARDS.to_vec(), |ip| vec![ip])
}

/// TCP ranges that `netsh` lists for both address families. UDP has separate lists, which are not
/// read because a reservation has no protocol here.
pub(super) fn reservations() -> Vec<Reservation> {
    let ask = |family: &'static str| {
        move || {
            let command =
                Command::new("netsh").args(["interface", family, "show", "excludedportrange", "protocol=tcp"]);
            let answer = command.ask(LIMIT).ok()?;
            netsh::excluded_ranges(&answer.stdout)
        }
    };
    let [v4, v6] = std::thread::scope(|scope| {
        [scope.spawn(ask("ipv4")), scope.spawn(ask("ipv6"))].map(|thread| thread.join().ok().flatten())
    });
    let mut found: Vec<Reservation> = Vec::new();
    for excluded in v4.into_iter().chain(v6).flatten() {
        if found.iter().all(|old| old.range != excluded.range) {
            let by = if excluded.administered {
                "an administrator (netsh)"
            } else if excluded.range.is_one() {
                "Windows (a system service)"
            } else {
                "Windows (Hyper-V, WSL)"
            };
            found.push(Reservation { range: excluded.range, by: by.to_owned(), blocks: true });
        }
    }
    found.sort_by_key(|reservation| reservation.range);
    found
}

/// `netsh`'s dynamic ports; usually the same for both address families.
pub(super) fn ephemeral() -> Option<PortRange> {
    let command = Command::new("netsh").args(["interface", "ipv4", "show", "dynamicport", "tcp"]);
    netsh::dynamic_ports(&command.ask(LIMIT).ok()?.stdout)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::host::processes;

    #[test]
    fn a_listener_is_found_with_its_process_and_probed_as_held() {
        for ip in ["0.0.0.0", "127.0.0.1"] {
            let holder = TcpListener::bind((ip, 0)).unwrap();
            let port = holder.local_addr().unwrap().port();
            let found = sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap();
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].ip, found[0].state), (ip.parse().unwrap(), SocketState::Listen));
            assert_eq!(found[0].pids, [std::process::id()]);
            assert_eq!(processes(&found[0].pids).len(), 1);
            for asked in ["0.0.0.0", "127.0.0.1"] {
                assert_eq!(probe(asked.parse().unwrap(), port, Protocol::Tcp), Probe::InUse, "{ip} asked as {asked}");
            }
            drop(holder);
            assert_eq!(probe(ip.parse().unwrap(), port, Protocol::Tcp), Probe::Free);
            assert_eq!(sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap(), []);
        }
    }

    /// Wine never returns 10013, so this is the only test of it.
    #[test]
    fn a_refusal_without_a_listener_is_a_reservation() {
        let (any, one) = ("0.0.0.0".parse().unwrap(), "127.0.0.1".parse().unwrap());
        for (code, ip, covered, want) in [
            (10013, any, false, Probe::Reserved),
            (10013, any, true, Probe::InUse),
            (10013, one, true, Probe::InUse),
            (10048, any, true, Probe::InUse),
            (10048, one, false, Probe::InUse),
            (10047, any, false, Probe::NoFamily),
            (10049, any, false, Probe::NoFamily),
            (10049, one, false, Probe::NotLocal),
            (10055, any, false, Probe::InUse),
        ] {
            assert_eq!(meaning(Some(code), ip, || covered), want, "{code} {ip} {covered}");
        }
    }

    #[test]
    fn a_udp_socket_is_no_tcp_listener() {
        let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let ip = "127.0.0.1".parse().unwrap();
        assert_eq!(probe(ip, port, Protocol::Udp), Probe::InUse);
        assert_eq!(probe(ip, port, Protocol::Tcp), Probe::Free);
        assert_eq!(sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap(), []);
        assert_eq!(sockets(&[(port, Protocol::Udp)], Depth::Complete).unwrap()[0].pids, [std::process::id()]);
    }

    #[test]
    fn a_local_port_of_a_client_is_told_apart() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        let found = sockets(&[(port, Protocol::Tcp)], Depth::Complete).unwrap();
        assert_eq!(found.iter().map(|socket| socket.state).collect::<Vec<_>>(), [SocketState::Connected]);
    }

    #[test]
    fn an_address_of_another_machine_cannot_be_bound() {
        // TEST-NET-1 of RFC 5737.
        assert_eq!(probe("192.0.2.1".parse().unwrap(), 8000, Protocol::Tcp), Probe::NotLocal);
    }

    #[test]
    fn a_listener_covers_its_address_and_the_wildcard_all_of_a_family() {
        let listens = |ip: &str| Socket {
            ip: ip.parse().unwrap(),
            v6_only: None,
            port: 8000,
            protocol: Protocol::Tcp,
            state: SocketState::Listen,
            uid: None,
            pids: Vec::new(),
        };
        let covers = |holder: &str, asked: &str| overlaps(&[listens(holder)], asked.parse().unwrap());
        assert!(covers("0.0.0.0", "127.0.0.1") && covers("127.0.0.1", "127.0.0.1") && covers("10.0.0.1", "0.0.0.0"));
        assert!(!covers("192.168.1.5", "127.0.0.1") && !covers("::", "127.0.0.1") && covers("::", "::1"));
    }
}
