//! The tables of Windows' `GetExtendedTcpTable` and `GetExtendedUdpTable`
//! (learn.microsoft.com, iphlpapi.h): a count, then rows of fixed size.
//!
//! Numbers are in host byte order, addresses and ports in network byte order; a port is
//! in the first two of its four bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rows::add;
use crate::model::{Protocol, Socket, SocketState};

/// Offsets of the fields in a row of one of the four tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub protocol: Protocol,
    /// Addresses have 16 bytes instead of 4.
    pub v6: bool,
    /// Row size in bytes.
    pub row: usize,
    state: Option<usize>,
    ip: usize,
    port: usize,
    pid: usize,
}

/// `MIB_TCPROW_OWNER_PID`: state, local address and port, remote ones, process.
pub const TCP4: Layout =
    Layout { protocol: Protocol::Tcp, v6: false, row: 24, state: Some(0), ip: 4, port: 8, pid: 20 };

/// `MIB_TCP6ROW_OWNER_PID`: local address, scope and port, remote ones, state,
/// process.
pub const TCP6: Layout =
    Layout { protocol: Protocol::Tcp, v6: true, row: 56, state: Some(48), ip: 0, port: 20, pid: 52 };

/// `MIB_UDPROW_OWNER_PID`: local address and port, process.
pub const UDP4: Layout = Layout { protocol: Protocol::Udp, v6: false, row: 12, state: None, ip: 0, port: 4, pid: 8 };

/// `MIB_UDP6ROW_OWNER_PID`: local address, scope and port, process.
pub const UDP6: Layout = Layout { protocol: Protocol::Udp, v6: true, row: 28, state: None, ip: 0, port: 20, pid: 24 };

/// `MIB_TCP_STATE_LISTEN`.
const LISTEN: u32 = 2;
/// `MIB_TCP_STATE_TIME_WAIT`: belongs to no process.
const TIME_WAIT: u32 = 11;

/// The sockets in a table; incomplete rows are left out.
pub fn sockets(table: &[u8], layout: &Layout) -> Vec<Socket> {
    let Some((count, rows)) = table.split_first_chunk::<4>() else { return Vec::new() };
    let count = usize::try_from(u32::from_ne_bytes(*count)).unwrap_or(usize::MAX);
    let mut sockets = Vec::new();
    for socket in rows.chunks_exact(layout.row).take(count).filter_map(|row| socket(row, layout)) {
        add(&mut sockets, socket);
    }
    sockets
}

fn socket(row: &[u8], layout: &Layout) -> Option<Socket> {
    let bytes = |at: usize| row.get(at..at + 4)?.try_into().ok();
    let number = |at| bytes(at).map(u32::from_ne_bytes);
    let ip = if layout.v6 {
        let bytes: [u8; 16] = row.get(layout.ip..layout.ip + 16)?.try_into().ok()?;
        IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
    } else {
        IpAddr::V4(Ipv4Addr::from(bytes(layout.ip)?))
    };
    let [high, low, ..] = bytes(layout.port)?;
    let state = match layout.state.map(number) {
        None | Some(Some(LISTEN)) => SocketState::Listen,
        Some(None | Some(TIME_WAIT)) => return None,
        Some(Some(_)) => SocketState::Connected,
    };
    Some(Socket {
        ip,
        // No table shows whether a socket on `::` also takes IPv4.
        v6_only: matches!(ip, IpAddr::V6(ip) if !ip.is_unspecified()).then_some(true),
        port: u16::from_be_bytes([high, low]),
        protocol: layout.protocol,
        state,
        uid: None,
        // 0 is the idle process.
        pids: Some(number(layout.pid)?).filter(|pid| *pid != 0).into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[u8]]) -> Vec<u8> {
        let mut table = u32::try_from(rows.len()).unwrap().to_ne_bytes().to_vec();
        table.extend(rows.concat());
        table
    }

    fn tcp4(state: u32, ip: [u8; 4], port: u16, pid: u32) -> Vec<u8> {
        let [high, low] = port.to_be_bytes();
        let mut row = [&state.to_ne_bytes()[..], &ip, &[high, low, 0, 0], &[0; 8]].concat();
        row.extend(pid.to_ne_bytes());
        row
    }

    fn rows(sockets: &[Socket]) -> Vec<String> {
        sockets.iter().map(|s| format!("{} {} {} {:?} {:?}", s.protocol, s.ip, s.port, s.state, s.pids)).collect()
    }

    #[test]
    fn tcp_over_ipv4() {
        let all = table(&[
            &tcp4(LISTEN, [0; 4], 8080, 4332),
            &tcp4(LISTEN, [0; 4], 8080, 9676),
            &tcp4(5, [127, 0, 0, 1], 51234, 24188),
            &tcp4(TIME_WAIT, [127, 0, 0, 1], 50900, 0),
        ]);
        let expected = ["tcp 0.0.0.0 8080 Listen [4332, 9676]", "tcp 127.0.0.1 51234 Connected [24188]"];
        assert_eq!(rows(&sockets(&all, &TCP4)), expected);
        // The count may be too high or too low.
        assert_eq!(sockets(&all[..all.len() - 30], &TCP4).len(), 1);
        assert_eq!(sockets(&[&1u32.to_ne_bytes()[..], &all[4..]].concat(), &TCP4).len(), 1);
        assert!(sockets(&[1, 0], &TCP4).is_empty());
    }

    #[test]
    fn the_other_tables() {
        let port = [0x1f, 0x90, 0, 0];
        let pid = 29712u32.to_ne_bytes();
        let loopback = Ipv6Addr::LOCALHOST.octets();
        let tcp6 = [&loopback[..], &[0; 4], &port, &[0; 24], &LISTEN.to_ne_bytes(), &pid].concat();
        assert_eq!(rows(&sockets(&table(&[&tcp6]), &TCP6)), ["tcp ::1 8080 Listen [29712]"]);
        let udp4 = [&[10, 0, 0, 1][..], &port, &pid].concat();
        assert_eq!(rows(&sockets(&table(&[&udp4]), &UDP4)), ["udp 10.0.0.1 8080 Listen [29712]"]);
        let udp6 = [&[0; 16][..], &[0; 4], &port, &pid].concat();
        assert_eq!(rows(&sockets(&table(&[&udp6]), &UDP6)), ["udp :: 8080 Listen [29712]"]);
    }
}
