//! Whether and where the engine binds the `ports:` of a service.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::{Binding, NetworkSettings, PortMapping, Service, Unpublished, Verdict, WildcardBinding};

/// What the engine does with a service's `ports:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publishing {
    /// It binds them.
    Bound {
        /// The address of its network for a mapping that names none.
        host_ip: Option<IpAddr>,
        /// What it binds for a mapping on every address.
        wildcard: WildcardBinding,
        network_has_ipv6: bool,
    },
    /// It ignores them; the reason as part of a sentence.
    Discarded(String),
    /// It refuses to create the container; the reason as part of a sentence.
    Refused(String),
}

/// Measured with engine 28.5: `host` and `none` discard, another container's network
/// is refused ("conflicting options: port publishing and the container type network
/// mode"), an internal network binds nothing. Of several networks the gateway
/// decides: the first by name that is not internal (moby, `libnetwork/sandbox.go`,
/// `Endpoint.Less`).
pub fn publishing(
    service: &Service,
    networks: &BTreeMap<String, NetworkSettings>,
    wildcard: WildcardBinding,
) -> Publishing {
    let mode = service.network_mode.as_deref().unwrap_or_default();
    if mode == "host" {
        let why = "network_mode: host: the engine discards `ports:`, the program opens its own ports on the machine";
        return Publishing::Discarded(why.to_owned());
    }
    if mode == "none" {
        return Publishing::Discarded("network_mode: none: it has no network".to_owned());
    }
    for (kind, owner) in [("service:", "service"), ("container:", "container")] {
        if let Some(name) = mode.strip_prefix(kind) {
            return Publishing::Refused(format!(
                "network_mode: {mode}: the engine refuses `ports:` here; they belong to the {owner} {name}"
            ));
        }
    }
    let of_network = |name: &String| networks.get(name).cloned().unwrap_or_default();
    let mut names: Vec<&String> = service.networks.values().collect();
    names.sort();
    let settings: Vec<NetworkSettings> = names.into_iter().map(of_network).collect();
    match settings.iter().find(|network| !network.internal) {
        Some(gateway) => Publishing::Bound { host_ip: gateway.host_ip, wildcard, network_has_ipv6: gateway.ipv6 },
        None if settings.is_empty() => Publishing::Bound { host_ip: None, wildcard, network_has_ipv6: false },
        None => {
            Publishing::Discarded("all its networks are internal, and the engine publishes nothing there".to_owned())
        }
    }
}

impl Publishing {
    /// The mapping with the address that the engine binds, or the verdict if it binds
    /// nothing.
    pub fn effective(&self, mapping: &PortMapping) -> Result<PortMapping, Verdict> {
        let (why, cause) = match self {
            Publishing::Bound { host_ip, wildcard, network_has_ipv6 } => {
                let host_ip = wildcard.bound(mapping.host_ip.or(*host_ip), *network_has_ipv6);
                return Ok(PortMapping { host_ip, ..mapping.clone() });
            }
            Publishing::Discarded(why) => (why, Unpublished::Discarded),
            Publishing::Refused(why) => (why, Unpublished::Refused),
        };
        Err(Verdict::NotPublished { why: why.clone(), cause })
    }
}

/// Whether one of these bindings satisfies the mapping.
pub fn is_bound<'a>(mapping: &PortMapping, mut bindings: impl Iterator<Item = &'a Binding>) -> bool {
    let address = mapping.host_ip.filter(|ip| !ip.is_unspecified());
    bindings.any(|binding| {
        (binding.target, binding.protocol) == (mapping.target, mapping.protocol)
            && mapping.published.is_none_or(|range| range.contains(binding.published))
            && address.is_none_or(|ip| ip == binding.host_ip || binding.host_ip.is_unspecified())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PortRange, Protocol};

    const SEPARATE: WildcardBinding = WildcardBinding::Separate;

    fn service(mode: &str, networks: &[&str]) -> Service {
        Service {
            network_mode: (!mode.is_empty()).then(|| mode.to_owned()),
            networks: networks.iter().map(|name| ((*name).to_owned(), format!("p_{name}"))).collect(),
            ..Service::default()
        }
    }

    #[test]
    fn modes_and_internal_networks_publish_nothing() {
        let internal = NetworkSettings { internal: true, ..NetworkSettings::default() };
        let networks = [("p_in", internal)].map(|(name, network)| (name.to_owned(), network)).into();
        for (mode, on, want) in [
            ("", &["default"][..], "bound"),
            ("bridge", &[], "bound"),
            ("host", &[], "discarded"),
            ("none", &[], "discarded"),
            ("service:vpn", &[], "refused"),
            ("container:vpn-1", &[], "refused"),
            ("", &["in"], "discarded"),
            ("", &["in", "out"], "bound"),
        ] {
            let found = match publishing(&service(mode, on), &networks, SEPARATE) {
                Publishing::Bound { host_ip: None, .. } => "bound",
                Publishing::Bound { .. } => "bound elsewhere",
                Publishing::Discarded(_) => "discarded",
                Publishing::Refused(_) => "refused",
            };
            assert_eq!(found, want, "{mode} {on:?}");
        }
    }

    #[test]
    fn the_address_is_that_of_the_first_network_that_is_not_internal() {
        let at = |ip: &str| NetworkSettings { host_ip: Some(ip.parse().unwrap()), ..NetworkSettings::default() };
        let internal = NetworkSettings { internal: true, ..at("127.0.0.9") };
        let networks = [("p_a", internal), ("p_b", at("127.0.0.2")), ("p_c", at("127.0.0.3"))];
        let networks = networks.map(|(name, network)| (name.to_owned(), network)).into();
        let found = publishing(&service("", &["c", "b", "a"]), &networks, SEPARATE);
        let host_ip = Some("127.0.0.2".parse().unwrap());
        assert_eq!(found, Publishing::Bound { host_ip, wildcard: SEPARATE, network_has_ipv6: false });
        let mapping = PortMapping {
            service: "s".into(),
            host_ip: None,
            published: Some(PortRange::one(8000)),
            target: 80,
            protocol: Protocol::Tcp,
        };
        assert_eq!(found.effective(&mapping).unwrap().address(), "127.0.0.2:8000");
        let named = PortMapping { host_ip: Some("127.0.0.1".parse().unwrap()), ..mapping };
        assert_eq!(found.effective(&named).unwrap().address(), "127.0.0.1:8000");
    }

    #[test]
    fn what_is_bound_on_every_address_is_the_engines_own_choice() {
        let six = NetworkSettings { ipv6: true, ..NetworkSettings::default() };
        let networks = [("p_six".to_owned(), six)].into();
        let mapping = PortMapping::single(None, 8000, Protocol::Tcp);
        let address = |on: &str, wildcard| {
            let found = publishing(&service("", &[on]), &networks, wildcard);
            found.effective(&mapping).unwrap().host_ip.map(|ip| ip.to_string())
        };
        let v4 = Some("0.0.0.0".to_owned());
        for (wildcard, four, six) in [
            (WildcardBinding::Separate, None, None),
            (WildcardBinding::Ipv4, v4.clone(), v4.clone()),
            (WildcardBinding::ByNetwork, v4, None),
            (WildcardBinding::DualStack, None, None),
        ] {
            assert_eq!((address("four", wildcard), address("six", wildcard)), (four, six), "{wildcard:?}");
        }
    }

    #[test]
    fn a_binding_fits_its_mapping() {
        let binding = |ip: &str, published| Binding {
            host_ip: ip.parse().unwrap(),
            published,
            target: 80,
            protocol: Protocol::Tcp,
        };
        let mapping = |ip: Option<&str>, published: Option<&str>| PortMapping {
            service: "s".into(),
            host_ip: ip.map(|ip| ip.parse().unwrap()),
            published: published.map(|range| range.parse().unwrap()),
            target: 80,
            protocol: Protocol::Tcp,
        };
        for (mapping, bound, want) in [
            (mapping(None, Some("8000")), vec![binding("0.0.0.0", 8000)], true),
            (mapping(None, Some("8000")), vec![binding("0.0.0.0", 8001)], false),
            (mapping(None, Some("8000")), vec![], false),
            (mapping(None, None), vec![binding("::", 49153)], true),
            (mapping(None, Some("8000-8009")), vec![binding("127.0.0.2", 8005)], true),
            (mapping(Some("127.0.0.1"), Some("8000")), vec![binding("127.0.0.1", 8000)], true),
            (mapping(Some("127.0.0.1"), Some("8000")), vec![binding("192.0.2.1", 8000)], false),
            (mapping(Some("127.0.0.1"), Some("8000")), vec![binding("0.0.0.0", 8000)], true),
        ] {
            assert_eq!(is_bound(&mapping, bound.iter()), want, "{mapping:?} {bound:?}");
        }
    }
}
