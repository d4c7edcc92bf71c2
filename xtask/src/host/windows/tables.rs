//! Finds the sockets with a local port.

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, GetExtendedUdpTable, MIB_TCP6ROW_OWNER_PID, MIB_TCPROW_OWNER_PID, MIB_UDP6ROW_OWNER_PID,
    MIB_UDPROW_OWNER_PID, TCP_TABLE_OWNER_PID_ALL, UDP_TABLE_OWNER_PID,
};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};

use crate::error::{Error, Result};
use crate::exec::{Command, LIMIT};
use crate::host::Depth;
use crate::model::{Protocol, Socket, SocketState};
use crate::parse::ip_table::{self, Layout};
use crate::parse::netstat;

// The parser does not use these types, so that it can be tested on every system.
const _: () = {
    assert!(ip_table::TCP4.row == size_of::<MIB_TCPROW_OWNER_PID>());
    assert!(ip_table::TCP6.row == size_of::<MIB_TCP6ROW_OWNER_PID>());
    assert!(ip_table::UDP4.row == size_of::<MIB_UDPROW_OWNER_PID>());
    assert!(ip_table::UDP6.row == size_of::<MIB_UDP6ROW_OWNER_PID>());
};

/// From the system's tables, or `netstat` if they fail. Connected sockets are only listed for ports
/// without a listener, to explain why such a port cannot be bound.
pub(crate) fn sockets(ports: &[(u16, Protocol)], _depth: Depth) -> Result<Vec<Socket>> {
    let mut found = match all() {
        Some(sockets) => sockets,
        None => listed(&Command::new("netstat").arg("-ano").ask(LIMIT)?.stdout)?,
    };
    found.retain(|socket| ports.contains(&(socket.port, socket.protocol)));
    let listened: Vec<_> = found
        .iter()
        .filter(|socket| socket.state == SocketState::Listen)
        .map(|socket| (socket.port, socket.protocol))
        .collect();
    found.retain(|s| s.state == SocketState::Listen || !listened.contains(&(s.port, s.protocol)));
    found.sort_by_key(|socket| (socket.port, socket.state, socket.ip));
    Ok(found)
}

/// Every Windows has listeners (the system's own on 135), so no rows means that it failed.
fn listed(output: &[u8]) -> Result<Vec<Socket>> {
    let sockets = netstat::windows(output);
    if sockets.is_empty() {
        return Err(Error::new("cannot list sockets, neither from the system's tables nor with `netstat -ano`")
            .hint("check what `netstat -ano` prints in a terminal"));
    }
    Ok(sockets)
}

/// All four tables. Without IPv6 two of them are empty or fail; then the others are complete.
fn all() -> Option<Vec<Socket>> {
    let mut sockets = ip_table::sockets(&table(&ip_table::TCP4)?, &ip_table::TCP4);
    for layout in [ip_table::TCP6, ip_table::UDP4, ip_table::UDP6] {
        let table = table(&layout);
        sockets.extend(ip_table::sockets(&table.unwrap_or_default(), &layout));
    }
    Some(sockets)
}

#[expect(unsafe_code, reason = "GetExtendedTcpTable and GetExtendedUdpTable")]
fn table(layout: &Layout) -> Option<Vec<u8>> {
    let family = u32::from(if layout.v6 { AF_INET6 } else { AF_INET });
    let mut size = 16 * 1024u32;
    // The table may grow between the call for its size and the next one.
    for _ in 0..8 {
        // As words, because the system writes aligned 4-byte numbers.
        let mut words = vec![0u32; usize::try_from(size.div_ceil(4)).ok()?];
        let pointer = words.as_mut_ptr().cast();
        size = u32::try_from(words.len() * 4).ok()?;
        // SAFETY: the buffer is aligned for what is written and has `size`
        // bytes; the functions write no more than that, and set `size`.
        let status = unsafe {
            if layout.protocol == Protocol::Tcp {
                GetExtendedTcpTable(pointer, &raw mut size, 0, family, TCP_TABLE_OWNER_PID_ALL, 0)
            } else {
                GetExtendedUdpTable(pointer, &raw mut size, 0, family, UDP_TABLE_OWNER_PID, 0)
            }
        };
        match status {
            NO_ERROR => return Some(words.into_iter().flat_map(u32::to_ne_bytes).collect()),
            ERROR_INSUFFICIENT_BUFFER => size = size.saturating_add(4096),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_not_taken_for_a_system_without_sockets() {
        let error = listed(b"\r\nActive Connections\r\n\r\n").unwrap_err();
        assert!(error.message().contains("netstat -ano"), "{error}");
        let row = b"  TCP    0.0.0.0:135    0.0.0.0:0    LISTENING    948\r\n";
        assert_eq!(listed(row).unwrap().len(), 1);
    }
}
