//! Linux's `ss -H -ltunp` (iproute2).
//!
//! With both `-t` and `-u` a first column names the protocol; with one of them there is
//! none. The exit code is always 0. Without `users:` the socket belongs to a process that
//! this user may not inspect; `lsof` does not print such a socket at all.

use std::net::IpAddr;

use super::address;
use super::rows::{add, text};
use crate::model::{Protocol, Socket, SocketState};

/// Listening TCP sockets and bound UDP sockets.
pub fn listeners(output: &[u8]) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for line in text(output).lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let fields = match fields[..] {
            ["tcp" | "udp", ref rest @ ..] => rest,
            ref all => all,
        };
        let (protocol, local) = match fields {
            ["LISTEN", _, _, local, ..] => (Protocol::Tcp, *local),
            ["UNCONN", _, _, local, ..] => (Protocol::Udp, *local),
            _ => continue,
        };
        let Some((ip, port)) = address::read(local, ':', true) else {
            continue;
        };
        let pid = |word: &str| word.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        let mut pids: Vec<u32> = line.split("pid=").skip(1).filter_map(pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let socket = Socket {
            ip,
            // `*` is an IPv6 socket that also takes IPv4, `[::]` one that does not.
            v6_only: if matches!(ip, IpAddr::V6(_)) { Some(!local.starts_with('*')) } else { None },
            port,
            protocol,
            state: SocketState::Listen,
            uid: None,
            pids,
        };
        add(&mut sockets, socket);
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(sockets: &[Socket]) -> Vec<String> {
        let row = |s: &Socket| format!("{} {} {} {:?} {:?}", s.protocol, s.ip, s.port, s.v6_only, s.pids);
        sockets.iter().map(row).collect()
    }

    #[test]
    fn as_root() {
        let found = listeners(include_bytes!("../../tests/fixtures/tools/ss-H-ltnp-linux-root.txt"));
        assert_eq!(
            rows(&found),
            [
                "tcp 0.0.0.0 8080 None [3, 45]",
                "tcp 127.0.0.1 5432 None [3, 45]",
                "tcp ::1 9001 Some(true) [3, 45]",
                "tcp :: 9000 Some(false) [3, 45]",
                "udp 0.0.0.0 5353 None [3, 45]",
            ]
        );
        let heading = listeners(include_bytes!("../../tests/fixtures/tools/ss-ltnp-linux-heading.txt"));
        assert_eq!(heading.len(), 4);
    }

    #[test]
    fn a_hidden_holder_is_no_reason_to_leave_a_socket_out() {
        let found = listeners(include_bytes!("../../tests/fixtures/tools/ss-H-ltnp-linux-unprivileged.txt"));
        assert_eq!(rows(&found)[3], "tcp :: 9000 Some(false) []");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn both_protocols_in_one_call() {
        let found = listeners(b"udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\ntcp LISTEN 0 128 [::]:22 [::]:*\n");
        assert_eq!(rows(&found), ["udp 127.0.0.53 53 None []", "tcp :: 22 Some(true) []"]);
    }
}
