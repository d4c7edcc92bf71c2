//! `netstat` on Windows (`-ano`) and macOS (`-anv`).

use std::net::IpAddr;

use super::address;
use super::rows::{add, text};
use crate::model::{Protocol, Socket, SocketState};

/// Listeners in Windows' `netstat -ano`, with their processes.
///
/// Not with `-p TCP`, which leaves IPv6 out. The state is translated (`ABHÖREN`), so a
/// TCP listener is recognised by its foreign port 0; its row has five fields, the last
/// one is the process. A UDP row has four, and `*:*` as foreign address. PID 4 is the
/// system: http.sys, or a driver.
pub fn windows(output: &[u8]) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for line in text(output).lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (protocol, local, pid) = match fields[..] {
            ["TCP", local, foreign, _state, pid] if foreign.ends_with(":0") => (Protocol::Tcp, local, pid),
            ["UDP", local, "*:*", pid] => (Protocol::Udp, local, pid),
            _ => continue,
        };
        let (Some((ip, port)), Ok(pid)) = (address::read(local, ':', false), pid.parse::<u32>()) else {
            continue;
        };
        let socket = Socket {
            ip,
            v6_only: v6_only(ip),
            port,
            protocol,
            state: SocketState::Listen,
            uid: None,
            // 0 is the idle process, as in TIME_WAIT.
            pids: Some(pid).filter(|pid| *pid != 0).into_iter().collect(),
        };
        add(&mut sockets, socket);
    }
    sockets
}

/// Bound sockets of all users in macOS's `netstat -anv`, *without* their processes: the
/// columns after the state differ between releases, so this only shows that somebody
/// holds a port. `lsof` names the processes that this user may see.
///
/// The port follows the last dot; the foreign address `*.*` means no peer. macOS does
/// not translate the state.
pub fn macos(output: &[u8]) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for line in text(output).lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [kind, _received, _sent, local, "*.*", rest @ ..] = &fields[..] else {
            continue;
        };
        let (protocol, family) = match kind.split_at_checked(3) {
            Some(("tcp", family)) => (Protocol::Tcp, family),
            Some(("udp", family)) => (Protocol::Udp, family),
            _ => continue,
        };
        // `46`: an IPv6 socket that also takes IPv4 connections.
        let Some((ip, port)) = address::read(local, '.', family != "4") else {
            continue;
        };
        let listens = protocol == Protocol::Udp || rest.first() == Some(&"LISTEN");
        let socket = Socket {
            ip,
            v6_only: if ip.is_ipv6() { Some(family != "46") } else { None },
            port,
            protocol,
            state: if listens { SocketState::Listen } else { SocketState::Bound },
            uid: None,
            pids: Vec::new(),
        };
        add(&mut sockets, socket);
    }
    sockets
}

/// Adds to `named` what only `all` has: sockets whose processes this user may not see.
/// Also takes over from `all` which sockets on `::` accept IPv4.
pub fn with_hidden(mut named: Vec<Socket>, all: Vec<Socket>) -> Vec<Socket> {
    for socket in all {
        let same = |old: &Socket| (old.ip, old.port, old.protocol) == (socket.ip, socket.port, socket.protocol);
        let mut known = false;
        for old in named.iter_mut().filter(|old| same(old)) {
            known = true;
            old.v6_only = old.v6_only.or(socket.v6_only);
        }
        if !known {
            named.push(socket);
        }
    }
    named
}

/// On Windows a socket on `::` takes IPv4 only if it asked to, which no table shows; one
/// on another IPv6 address never does.
fn v6_only(ip: IpAddr) -> Option<bool> {
    matches!(ip, IpAddr::V6(ip) if !ip.is_unspecified()).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every language, as UTF-8 and in its console's code page.
    const WINDOWS: &[(&str, &[u8])] = &[
        ("en", include_bytes!("../../tests/fixtures/tools/netstat-windows-en.txt")),
        ("en cp437", include_bytes!("../../tests/fixtures/tools/netstat-windows-en.cp437.bin")),
        ("de", include_bytes!("../../tests/fixtures/tools/netstat-windows-de.txt")),
        ("de cp850", include_bytes!("../../tests/fixtures/tools/netstat-windows-de.cp850.bin")),
        ("es", include_bytes!("../../tests/fixtures/tools/netstat-windows-es.txt")),
        ("es cp850", include_bytes!("../../tests/fixtures/tools/netstat-windows-es.cp850.bin")),
        ("fr", include_bytes!("../../tests/fixtures/tools/netstat-windows-fr.txt")),
        ("fr cp850", include_bytes!("../../tests/fixtures/tools/netstat-windows-fr.cp850.bin")),
        ("ja", include_bytes!("../../tests/fixtures/tools/netstat-windows-ja.txt")),
        ("ja cp932", include_bytes!("../../tests/fixtures/tools/netstat-windows-ja.cp932.bin")),
        ("ru", include_bytes!("../../tests/fixtures/tools/netstat-windows-ru.txt")),
        ("ru cp866", include_bytes!("../../tests/fixtures/tools/netstat-windows-ru.cp866.bin")),
        ("zh", include_bytes!("../../tests/fixtures/tools/netstat-windows-zh.txt")),
        ("zh cp936", include_bytes!("../../tests/fixtures/tools/netstat-windows-zh.cp936.bin")),
    ];

    fn rows(sockets: &[Socket]) -> Vec<String> {
        let row = |s: &Socket| format!("{} {} {} {:?} {:?}", s.protocol, s.ip, s.port, s.state, s.pids);
        sockets.iter().map(row).collect()
    }

    #[test]
    fn windows_in_seven_languages_and_their_code_pages() {
        let expected = [
            "tcp 0.0.0.0 135 Listen [1128]",
            "tcp 0.0.0.0 80 Listen [4]",
            "tcp 0.0.0.0 8080 Listen [4332, 9676]",
            "tcp 127.0.0.1 5432 Listen [19004]",
            "tcp :: 80 Listen [4]",
            "tcp :: 8080 Listen [4332]",
            "tcp ::1 8080 Listen [29712]",
            "tcp fe80::1c2a:5b7d:9e01:22f4 1900 Listen [3120]",
            "udp 0.0.0.0 5353 Listen [2210]",
            "udp :: 5353 Listen [2210]",
        ];
        for (language, sample) in WINDOWS {
            assert_eq!(rows(&windows(sample)), expected, "{language}");
        }
    }

    #[test]
    fn lines_between_the_rows_are_passed_over() {
        // `-b` prints names of programs and messages, here in French, between the rows.
        let samples: [&[u8]; 2] = [
            include_bytes!("../../tests/fixtures/tools/netstat-windows-b-fr.txt"),
            include_bytes!("../../tests/fixtures/tools/netstat-windows-b-fr.cp850.bin"),
        ];
        let expected =
            ["tcp 0.0.0.0 135 Listen [1528]", "tcp 0.0.0.0 445 Listen [4]", "tcp 0.0.0.0 8080 Listen [5860]"];
        for sample in samples {
            assert_eq!(rows(&windows(sample)), expected);
        }
    }

    #[test]
    fn macos_of_two_releases() {
        let older = macos(include_bytes!("../../tests/fixtures/tools/netstat-anv-macos.txt"));
        assert_eq!(rows(&older), ["tcp 0.0.0.0 8080 Listen []", "tcp :: 5433 Listen []", "tcp ::1 7777 Listen []"]);
        assert_eq!(older.iter().map(|s| s.v6_only).collect::<Vec<_>>(), [None, Some(false), Some(true)]);
        let newer = macos(include_bytes!("../../tests/fixtures/tools/netstat-anv-macos-newer.txt"));
        assert_eq!(rows(&newer), ["tcp 127.0.0.1 8899 Listen []", "tcp :: 9999 Listen []"]);
    }

    #[test]
    fn macos_udp_and_a_socket_that_is_only_bound() {
        let found = macos(
            b"udp4 0 0 *.5353 *.* 786896 9216 312 0\n\
              tcp4 0 0 *.8000 *.* CLOSED 131072 131072 9 0\n\
              udp4 0 0 *.* *.* 1\n",
        );
        assert_eq!(rows(&found), ["udp 0.0.0.0 5353 Listen []", "tcp 0.0.0.0 8000 Bound []"]);
    }

    #[test]
    fn a_socket_that_lsof_does_not_show_is_somebody_elses() {
        let mine = super::super::lsof::listeners(b"p600\nu501\nf50\ntIPv6\nPTCP\nn*:5433\nTST=LISTEN\n");
        let all = macos(include_bytes!("../../tests/fixtures/tools/netstat-anv-macos.txt"));
        let found = with_hidden(mine, all);
        let expected = ["tcp :: 5433 Listen [600]", "tcp 0.0.0.0 8080 Listen []", "tcp ::1 7777 Listen []"];
        assert_eq!(rows(&found), expected);
        assert_eq!(found[0].v6_only, Some(false));
    }
}
