//! Linux's `/proc/net/{tcp,tcp6,udp,udp6}`, read if netlink is not available (gVisor, a
//! kernel without `INET_DIAG`).
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 …
//! ```
//!
//! Addresses are hexadecimal words in host byte order, ports plain hexadecimal numbers.
//! Two things are missing that netlink has: sockets that are bound but do not listen, and
//! whether an IPv6 socket also takes IPv4. And it is slow: the kernel walks its whole
//! table of connections, however few there are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rows::text;
use super::sock_diag::{ALL, Row};
use crate::model::{Protocol, Socket};

/// Rows whose state is in `states`, a mask as in netlink.
pub fn rows(table: &[u8], states: u32) -> Vec<Row> {
    text(table).lines().filter_map(row).filter(|row| states & (1 << row.state.min(31)) != 0).collect()
}

/// The files that [`sockets`] reads; they exist on every Linux.
pub const FILES: [&str; 4] = ["/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"];

/// The sockets of several tables in a row, as `cat` prints those of [another
/// machine](FILES), without their processes. The heading tells the protocol: only UDP
/// tables have a column `drops` (Linux, `net/ipv4/udp.c`, `udp4_seq_show`, and
/// `include/net/ipv6.h`). `None` without a TCP heading: then this is something else, and
/// no port can be called free. Addresses are read in this machine's byte order; from a
/// machine with another byte order only the ports are right.
pub fn sockets(tables: &[u8]) -> Option<Vec<Socket>> {
    let (mut found, mut protocol) = (Vec::new(), None);
    let mut has_tcp = false;
    for line in text(tables).lines() {
        if line.trim_start().starts_with("sl ") && line.contains("local_address") {
            protocol = Some(if line.contains("drops") { Protocol::Udp } else { Protocol::Tcp });
            has_tcp |= protocol == Some(Protocol::Tcp);
            continue;
        }
        let (Some(protocol), Some(row)) = (protocol, row(line)) else { continue };
        // Inode 0: a connection in TIME_WAIT, which no process has.
        if row.inode == 0 || ALL & (1 << row.state.min(31)) == 0 {
            continue;
        }
        found.push(Socket {
            ip: row.ip,
            v6_only: row.v6_only,
            port: row.port,
            protocol,
            state: row.socket_state(protocol),
            uid: Some(row.uid),
            pids: Vec::new(),
        });
    }
    has_tcp.then_some(found)
}

fn row(line: &str) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace();
    // The heading has no number in this field.
    fields.next()?.strip_suffix(':')?.parse::<u64>().ok()?;
    let (ip, port) = address(fields.next()?)?;
    let (_, remote_port) = address(fields.next()?)?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Row { state, ip, port, remote_port, uid, inode, v6_only: None, cgroup: None })
}

fn address(word: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = word.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let part = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(part(0)?)),
        32 => {
            let bytes: Vec<u8> = [part(0)?, part(1)?, part(2)?, part(3)?].concat();
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::parse::sock_diag::{ALL, LISTEN};

    const TCP: &[u8] = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
  12: 0100007F:1F90 0100007F:C351 06 00000000:00000000 03:00000F2B 00000000     0        0 0 3 0000000000000000
";
    const TCP6: &[u8] = b"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1
   1: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 98 1
";

    fn shown(rows: &[Row]) -> Vec<String> {
        let one = |row: &Row| {
            format!(
                "{} {} {} {} {}",
                std::net::SocketAddr::new(row.ip, row.port),
                row.remote_port,
                row.state,
                row.uid,
                row.inode
            )
        };
        rows.iter().map(one).collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_of_both_families_by_state() {
        assert_eq!(shown(&rows(TCP, LISTEN)), ["127.0.0.2:8080 0 10 1000 4711"]);
        assert_eq!(
            shown(&rows(TCP, ALL)),
            ["127.0.0.2:8080 0 10 1000 4711", "127.0.0.1:8080 50000 1 0 4712", "127.0.0.1:8080 50001 6 0 0"]
        );
        assert_eq!(shown(&rows(TCP6, LISTEN)), ["[::1]:8080 0 10 0 99", "[::ffff:127.0.0.1]:8081 0 10 0 98"]);
    }

    const UDP: &[u8] = b"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  400: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 20 2 0000000000000000 0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn tables_of_another_machine_in_a_row() {
        let all = [TCP, TCP6, UDP].concat();
        let found = sockets(&all).unwrap();
        let shown: Vec<String> = found
            .iter()
            .map(|s| format!("{}/{} {:?}", SocketAddr::new(s.ip, s.port), s.protocol.as_str(), s.state))
            .collect();
        assert_eq!(
            shown,
            [
                "127.0.0.2:8080/tcp Listen",
                "127.0.0.1:8080/tcp Connected",
                "[::1]:8080/tcp Listen",
                "[::ffff:127.0.0.1]:8081/tcp Listen",
                "0.0.0.0:5353/udp Listen",
            ]
        );
        assert_eq!(sockets(UDP), None, "without TCP nobody knows");
        assert_eq!(sockets(b"cat: not found"), None);
        assert_eq!(sockets(b"Welcome to box!\n").map(|found| found.len()), None);
        assert_eq!(sockets(&[b"Welcome to box!\n", TCP].concat()).map(|found| found.len()), Some(2));
    }

    #[test]
    fn cut_lines_are_left_out() {
        for end in 0..TCP.len() {
            assert!(rows(&TCP[..end], ALL).len() <= 3);
        }
        assert_eq!(rows(b"  0: xyz:1 2 3\n 1: 00000000:1F90 00000000:0000\n", ALL), []);
    }
}
