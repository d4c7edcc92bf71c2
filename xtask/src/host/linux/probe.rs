//! Probes whether a port is free.

use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::model::{Probe, Protocol};

/// Does what the engine does (moby, `portallocator/osallocator_linux.go`): TCP with SO_REUSEADDR, or
/// a port in TIME_WAIT would look taken; V6ONLY; bind; listen, because only that detects another
/// socket that is bound but does not listen. UDP without SO_REUSEADDR.
pub(crate) fn probe(ip: IpAddr, port: u16, protocol: Protocol) -> Probe {
    let (kind, tcp) = match protocol {
        Protocol::Tcp => (Type::STREAM, true),
        Protocol::Udp => (Type::DGRAM, false),
        // The kernel may lack SCTP; the engine's bindings decide.
        Protocol::Sctp => return Probe::Free,
    };
    let bound = Socket::new(Domain::for_address(SocketAddr::new(ip, port)), kind, None).and_then(|socket| {
        if tcp {
            socket.set_reuse_address(true)?;
        }
        if ip.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&SocketAddr::new(ip, port).into())?;
        if tcp { socket.listen(1) } else { Ok(()) }
    });
    let Err(error) = bound else { return Probe::Free };
    let code = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    match code {
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => Probe::Denied,
        // IPv6 is disabled: by module, or by sysctl for the wildcard.
        Some(rustix::io::Errno::AFNOSUPPORT) => Probe::NoFamily,
        Some(rustix::io::Errno::ADDRNOTAVAIL) if ip.is_unspecified() => Probe::NoFamily,
        Some(rustix::io::Errno::ADDRNOTAVAIL) => Probe::NotLocal,
        // Any other error would make the engine fail too.
        _ => Probe::InUse,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_on_one_address_blocks_the_wildcard_of_its_family_only() {
        let holder = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let probe_at = |ip: &str| probe(ip.parse().unwrap(), port, Protocol::Tcp);
        assert_eq!(probe_at("0.0.0.0"), Probe::InUse);
        assert_eq!(probe_at("127.0.0.2"), Probe::InUse);
        assert_eq!(probe_at("127.0.0.1"), Probe::Free);
        assert_eq!(probe_at("::"), Probe::Free);
        drop(holder);
        assert_eq!(probe_at("0.0.0.0"), Probe::Free);
    }

    #[test]
    fn an_address_of_another_machine_cannot_be_bound() {
        // TEST-NET-1 of RFC 5737.
        assert_eq!(probe("192.0.2.1".parse().unwrap(), 8000, Protocol::Tcp), Probe::NotLocal);
    }
}
