//! The verdict of a port that is bound on another machine. It cannot be probed from
//! here, so that machine's socket tables decide.

use std::net::IpAddr;

use super::judge::{Facts, Identity, judge};
use super::overlap::{overlaps, wanted_addresses};
use crate::model::{EngineHost, Owner, PortMapping, Probe, Protocol, Socket, SocketState, Verdict};

/// The verdict of one published port on `host`. If its sockets are not known, the
/// engine's bindings alone decide.
pub fn judge_by_tables(
    mapping: &PortMapping,
    port: u16,
    project: Identity<'_>,
    facts: &Facts<'_>,
    host: &EngineHost,
) -> Verdict {
    let in_the_way = host
        .sockets
        .as_deref()
        .unwrap_or_default()
        .iter()
        .filter(|socket| socket.port == port && socket.protocol == mapping.protocol && blocks(socket));
    let in_the_way: Vec<&Socket> = in_the_way.collect();
    let probe = |ip: IpAddr| {
        let held = in_the_way.iter().any(|socket| overlaps(ip, socket.ip, v6_only(socket, host)));
        (ip, if held { Probe::InUse } else { Probe::Free })
    };
    let probes: Vec<(IpAddr, Probe)> = wanted_addresses(mapping.host_ip).into_iter().map(probe).collect();
    let facts = Facts { probes: &probes, sockets: &[], processes: &[], reservations: &[], ..*facts };
    match judge(mapping, port, project, &facts) {
        // Held by something other than a container.
        Verdict::Taken(owners) if owners.iter().all(|owner| matches!(owner, Owner::Unknown { .. })) => {
            Verdict::Taken(vec![Owner::Unknown { why: stranger(&in_the_way, port, host) }])
        }
        verdict => verdict,
    }
}

/// Whether a socket keeps the engine from binding its port. For TCP only listeners
/// count: the tables do not show whether the local end of a connection blocks.
fn blocks(socket: &Socket) -> bool {
    socket.state == SocketState::Listen || socket.protocol == Protocol::Udp
}

/// The tables do not say whether an IPv6 wildcard also takes IPv4. If there is a
/// listener on the IPv4 wildcard too, it does not: both could not exist.
fn v6_only(socket: &Socket, host: &EngineHost) -> Option<bool> {
    let beside = |other: &Socket| {
        other.ip.is_ipv4()
            && other.ip.is_unspecified()
            && (other.port, other.protocol, other.state) == (socket.port, socket.protocol, socket.state)
    };
    let has_v4 = socket.ip.is_ipv6() && host.sockets.iter().flatten().any(beside);
    if has_v4 { Some(true) } else { socket.v6_only }
}

fn stranger(sockets: &[&Socket], port: u16, host: &EngineHost) -> String {
    let user = sockets.iter().find_map(|socket| socket.uid).map(|uid| format!(" (user id {uid})"));
    let protocol = sockets.first().map_or(Protocol::Tcp, |socket| socket.protocol);
    let table = if protocol == Protocol::Udp { "-lunp" } else { "-ltnp" };
    format!(
        "by a process of {}{}; only that machine can name it: `sudo ss {table} 'sport = :{port}'`",
        host.name,
        user.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::model::{Binding, Container, PortRange, State};

    fn mapping(host_ip: Option<&str>) -> PortMapping {
        PortMapping {
            service: "web".into(),
            host_ip: host_ip.map(|ip| ip.parse().unwrap()),
            published: Some(PortRange::one(8000)),
            target: 80,
            protocol: Protocol::Tcp,
        }
    }

    fn socket(ip: &str, state: SocketState) -> Socket {
        let ip = ip.parse().unwrap();
        Socket { ip, v6_only: None, port: 8000, protocol: Protocol::Tcp, state, uid: Some(1000), pids: Vec::new() }
    }

    fn container(project: &str) -> Container {
        Container {
            id: project.into(),
            state: State::Running,
            project: Some(project.into()),
            service: Some("web".into()),
            working_dir: Some(PathBuf::from("/src/demo")),
            bindings: vec![Binding {
                host_ip: "0.0.0.0".parse().unwrap(),
                published: 8000,
                target: 80,
                protocol: Protocol::Tcp,
            }],
            ..Container::default()
        }
    }

    fn verdict(mapping: &PortMapping, containers: &[Container], sockets: Option<Vec<Socket>>) -> Verdict {
        let host = EngineHost { name: "box.lan".into(), is_container_host: false, sockets, seed: 0 };
        let me = Identity { name: "demo", dir: Path::new("/src/demo") };
        judge_by_tables(mapping, 8000, me, &Facts { containers, ..Facts::default() }, &host)
    }

    fn why(verdict: &Verdict) -> &str {
        match verdict {
            Verdict::Taken(owners) => match &owners[..] {
                [Owner::Unknown { why }] => why,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_its_tables_only_bindings_count() {
        assert_eq!(verdict(&mapping(None), &[], None), Verdict::Free);
        assert!(matches!(verdict(&mapping(None), &[container("other")], None), Verdict::Taken(_)));
        assert!(matches!(verdict(&mapping(None), &[container("demo")], None), Verdict::Ours(_)));
    }

    #[test]
    fn a_process_there_is_told_with_its_user_and_where_to_ask() {
        for ip in ["0.0.0.0", "127.0.0.1", "::", "::1"] {
            let found = verdict(&mapping(None), &[], Some(vec![socket(ip, SocketState::Listen)]));
            assert!(why(&found).starts_with("by a process of box.lan (user id 1000); "), "{ip}: {found:?}");
        }
        let elsewhere = Some(vec![socket("10.0.0.9", SocketState::Listen)]);
        assert_eq!(verdict(&mapping(Some("10.0.0.5")), &[], elsewhere), Verdict::Free);
    }

    #[test]
    fn connections_and_other_protocols_are_not_in_the_way() {
        let connected = vec![socket("127.0.0.1", SocketState::Connected)];
        assert_eq!(verdict(&mapping(None), &[], Some(connected)), Verdict::Free);
        let udp = vec![Socket { protocol: Protocol::Udp, ..socket("0.0.0.0", SocketState::Listen) }];
        assert_eq!(verdict(&mapping(None), &[], Some(udp)), Verdict::Free);
    }

    /// The engine's own helpers listen for containers.
    #[test]
    fn a_container_is_named_in_the_place_of_its_helper() {
        let helpers = || Some(vec![socket("0.0.0.0", SocketState::Listen), socket("::", SocketState::Listen)]);
        let found = verdict(&mapping(None), &[container("other")], helpers());
        assert!(matches!(&found, Verdict::Taken(owners) if matches!(owners[..], [Owner::Container(_)])), "{found:?}");
        let v4_only = Some(vec![socket("0.0.0.0", SocketState::Listen)]);
        assert!(matches!(verdict(&mapping(None), &[container("demo")], v4_only), Verdict::Ours(_)));
    }
}
