//! `lsof -nP -iTCP -sTCP:LISTEN -F pcuLtPnT +c 0` (macOS; the same on Linux, 4.95).
//!
//! One field per line; its first character says which (lsof(8), "OUTPUT FOR OTHER
//! PROGRAMS"). `p` begins a process, `f` a file of it; the state `TST=` comes *after* the
//! name `n`, so a file is complete only when the next one begins. macOS prints the `f`
//! lines, Linux only if asked to.
//!
//! Exit code 1 means "none found" as well as "failed", and sockets of other users are
//! left out silently: an empty result proves nothing.

use std::net::IpAddr;

use super::address;
use super::rows::{add, text};
use crate::model::{Protocol, Socket, SocketState};

/// Listening TCP sockets, and UDP sockets without a peer.
pub fn listeners(output: &[u8]) -> Vec<Socket> {
    let mut sockets = Vec::new();
    let mut process = (None, None);
    let mut file = File::default();
    for line in text(output).lines() {
        let mut chars = line.chars();
        let (tag, value) = (chars.next(), chars.as_str());
        match tag {
            Some('p') => {
                file.close(process, &mut sockets);
                process = (value.parse().ok(), None);
            }
            Some('u') => process.1 = value.parse().ok(),
            Some('f') => file.close(process, &mut sockets),
            // Without `f` lines the type is the first field of a file.
            Some('t') => {
                if file.name.is_some() {
                    file.close(process, &mut sockets);
                }
                file.v6 = value == "IPv6";
            }
            Some('P') => file.protocol = value.parse().ok(),
            Some('n') => {
                if file.name.is_some() {
                    file.close(process, &mut sockets);
                }
                file.name = Some(value.to_owned());
            }
            Some('T') => {
                if let Some(state) = value.strip_prefix("ST=") {
                    file.listening = Some(state == "LISTEN");
                }
            }
            _ => {}
        }
    }
    file.close(process, &mut sockets);
    sockets
}

/// The fields of one open file so far.
#[derive(Default)]
struct File {
    v6: bool,
    protocol: Option<Protocol>,
    name: Option<String>,
    /// `None` = no state (UDP).
    listening: Option<bool>,
}

impl File {
    /// Adds the socket if it is a listener, and starts the next one.
    fn close(&mut self, (pid, uid): (Option<u32>, Option<u32>), sockets: &mut Vec<Socket>) {
        let file = std::mem::take(self);
        // Connected sockets are printed as `local->remote`, perhaps without a state.
        let name = file.name.filter(|name| file.listening != Some(false) && !name.contains("->"));
        let Some((ip, port)) = name.and_then(|name| address::read(&name, ':', file.v6)) else {
            return;
        };
        let socket = Socket {
            ip,
            // lsof does not show whether a listener on IPv6's wildcard also
            // takes IPv4.
            v6_only: if matches!(ip, IpAddr::V6(ip) if !ip.is_unspecified()) { Some(true) } else { None },
            port,
            protocol: file.protocol.unwrap_or(Protocol::Tcp),
            state: SocketState::Listen,
            uid,
            pids: pid.into_iter().collect(),
        };
        add(sockets, socket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(socket: &Socket) -> (String, u16, &[u32], Option<u32>) {
        (socket.ip.to_string(), socket.port, &socket.pids, socket.uid)
    }

    #[test]
    fn macos_with_clients_and_a_name_with_a_space() {
        let found = listeners(include_bytes!("../../tests/fixtures/tools/lsof-F-macos.txt"));
        let found: Vec<_> = found.iter().map(row).collect();
        let expected: [(&str, u16, u32, Option<u32>); 7] = [
            ("::", 22, 1, Some(0)),
            ("0.0.0.0", 22, 1, Some(0)),
            ("0.0.0.0", 7000, 1081, Some(501)),
            ("::", 7000, 1081, Some(501)),
            ("0.0.0.0", 5000, 1081, Some(501)),
            ("::", 5433, 600, Some(501)),
            ("fe80:4::aede:48ff:fe00:1122", 49153, 612, Some(501)),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(ip, port, pid, uid)| ((*ip).to_owned(), *port, std::slice::from_ref(pid), *uid))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_socket_of_a_forked_process_has_both_holders() {
        let found = listeners(include_bytes!("../../tests/fixtures/tools/lsof-F-linux.txt"));
        let found: Vec<_> = found.iter().map(row).collect();
        assert_eq!(
            found,
            [
                ("0.0.0.0".to_owned(), 8080, &[3, 45][..], Some(0)),
                ("127.0.0.1".to_owned(), 5432, &[3, 45], Some(0)),
                ("::".to_owned(), 9000, &[3, 45], Some(0)),
                ("::1".to_owned(), 9001, &[3, 45], Some(0)),
            ]
        );
    }

    #[test]
    fn udp_has_no_state_and_an_unbound_one_no_port() {
        let found = listeners(
            b"p7\nu501\nf3\ntIPv4\nPUDP\nn*:5353\nf4\ntIPv4\nPUDP\nn*:*\n\
              f5\ntIPv4\nPUDP\nn10.0.0.1:5353->10.0.0.2:53\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].protocol, found[0].port, &found[0].pids[..]), (Protocol::Udp, 5353, &[7][..]));
    }

    #[test]
    fn a_socket_without_a_process_is_still_a_socket() {
        let found = listeners(b"pX\nf3\ntIPv4\nPTCP\nn*:80\nTST=LISTEN\n");
        assert_eq!(row(&found[0]), ("0.0.0.0".to_owned(), 80, &[][..], None));
    }
}
