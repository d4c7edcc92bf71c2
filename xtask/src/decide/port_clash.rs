//! Mappings of one model that conflict with each other. `docker compose config`
//! accepts them; `up` then fails at one of them, whichever comes later.

use super::overlap::{overlaps, wanted_addresses};
use crate::model::{PortMapping, Service};

/// For each mapping the index of the first earlier one that it clashes with.
pub fn clashes(mappings: &[&PortMapping]) -> Vec<Option<usize>> {
    let clash = |i: usize| (0..i).find(|j| clash(mappings[*j], mappings[i]));
    (0..mappings.len()).map(clash).collect()
}

/// A range never clashes: the engine picks another port of it.
fn clash(a: &PortMapping, b: &PortMapping) -> bool {
    let (Some(first), Some(second)) = (a.published, b.published) else { return false };
    first.is_one() && first == second && cannot_share_port(a, b)
}

/// Whether the two could not be published on the same port number.
pub fn cannot_share_port(a: &PortMapping, b: &PortMapping) -> bool {
    a.protocol == b.protocol
        && wanted_addresses(a.host_ip)
            .iter()
            .any(|x| wanted_addresses(b.host_ip).iter().any(|y| overlaps(*x, *y, Some(true))))
}

/// The number of replicas, if the service has more of them than this mapping has
/// ports.
pub fn replicas_sharing_port(service: &Service, mapping: &PortMapping) -> Option<u32> {
    let ports = mapping.published?.iter().count();
    service.replicas.filter(|replicas| usize::try_from(*replicas).is_ok_and(|replicas| replicas > ports))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PortRange, Protocol};

    fn mapping(host_ip: &str, published: &str, protocol: Protocol) -> PortMapping {
        PortMapping {
            service: "s".into(),
            host_ip: (!host_ip.is_empty()).then(|| host_ip.parse().unwrap()),
            published: published.parse::<PortRange>().ok(),
            target: 80,
            protocol,
        }
    }

    #[test]
    fn containers_of_one_service_need_a_port_each() {
        let service = |replicas| Service { replicas, ..Service::default() };
        let (one, three) = (mapping("", "8000", Protocol::Tcp), mapping("", "8000-8002", Protocol::Tcp));
        assert_eq!(replicas_sharing_port(&service(None), &one), None);
        assert_eq!(replicas_sharing_port(&service(Some(1)), &one), None);
        assert_eq!(replicas_sharing_port(&service(Some(2)), &one), Some(2));
        assert_eq!(replicas_sharing_port(&service(Some(3)), &three), None);
        assert_eq!(replicas_sharing_port(&service(Some(4)), &three), Some(4));
        assert_eq!(replicas_sharing_port(&service(Some(2)), &mapping("", "", Protocol::Tcp)), None);
    }

    #[test]
    fn one_number_serves_two_protocols_and_two_addresses() {
        let tcp = mapping("", "", Protocol::Tcp);
        assert!(cannot_share_port(&tcp, &tcp) && !cannot_share_port(&tcp, &mapping("", "", Protocol::Udp)));
        let one = mapping("127.0.0.1", "", Protocol::Tcp);
        assert!(cannot_share_port(&tcp, &one) && !cannot_share_port(&one, &mapping("127.0.0.2", "", Protocol::Tcp)));
    }

    #[test]
    fn the_same_port_twice_or_an_address_beside_the_wildcard() {
        let all = [
            mapping("", "8000", Protocol::Tcp),
            mapping("127.0.0.1", "8000", Protocol::Tcp),
            mapping("", "8000", Protocol::Udp),
            mapping("", "8001", Protocol::Tcp),
            mapping("127.0.0.1", "9000", Protocol::Tcp),
            mapping("127.0.0.2", "9000", Protocol::Tcp),
            mapping("::1", "9000", Protocol::Tcp),
            mapping("::", "9000", Protocol::Tcp),
            mapping("", "7000-7009", Protocol::Tcp),
            mapping("", "7000-7009", Protocol::Tcp),
            mapping("", "", Protocol::Tcp),
            mapping("", "", Protocol::Tcp),
        ];
        let refs: Vec<&PortMapping> = all.iter().collect();
        let want = [None, Some(0), None, None, None, None, None, Some(6), None, None, None, None];
        assert_eq!(clashes(&refs), want);
    }
}
