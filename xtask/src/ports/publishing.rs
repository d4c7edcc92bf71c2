//! How each service's ports are published, according to the model. For existing networks
//! the engine knows more: its defaults, and external networks.

use std::collections::BTreeMap;

use crate::decide::{Publishing, publishing};
use crate::docker::{Engine, default_host_ip, wildcard_binding};
use crate::model::{NetworkSettings, PortMapping, Stack, Verdict, Wanted, WildcardBinding};

/// What the engine binds for the stack's mappings on every address. Asks only if there are any.
pub(crate) fn wildcard_of(engine: Option<&Engine>, stack: &Stack) -> WildcardBinding {
    let is_on_every = |port: &Wanted| port.mapping.host_ip.is_none_or(|ip| ip.is_unspecified());
    engine.filter(|_| stack.ports().any(is_on_every)).map(wildcard_binding).unwrap_or_default()
}

/// Keyed by service. Asks the engine about networks only if something depends on them.
pub(crate) fn publishing_of(
    engine: Option<&Engine>,
    stack: &Stack,
    wildcard: WildcardBinding,
) -> BTreeMap<String, Publishing> {
    let publishing_services = || stack.services.iter().filter(|service| !service.ports.is_empty());
    let mut networks = stack.networks.clone();
    // Nothing depends on networks if every mapping has a host IP.
    let names_none = |port: &Wanted| port.mapping.host_ip.is_none();
    let asks = |networks: &BTreeMap<String, NetworkSettings>| {
        publishing_services().any(|service| {
            service.networks.values().any(|name| networks.get(name).is_some_and(|known| known.external))
                || !service.networks.is_empty() && service.ports.iter().any(names_none)
        })
    };
    if let Some(engine) = engine.filter(|_| asks(&networks)) {
        let existing = engine.all_networks().unwrap_or_default();
        let mut default = None;
        for service in publishing_services() {
            for name in service.networks.values() {
                let known = networks.entry(name.clone()).or_default();
                if let Some(network) = existing.iter().find(|network| network.name == *name) {
                    known.internal = network.settings.internal || known.internal && !known.external;
                    known.host_ip = network.settings.host_ip.or(known.host_ip);
                    known.ipv6 = network.settings.ipv6;
                } else if known.host_ip.is_none() && !known.external {
                    known.host_ip = *default.get_or_insert_with(|| default_host_ip(engine.endpoint()));
                }
            }
        }
    }
    publishing_services().map(|service| (service.name.clone(), publishing(service, &networks, wildcard))).collect()
}

/// The mapping with the address that the engine binds, or the verdict if it binds nothing.
pub(crate) fn effective(
    publishing: &BTreeMap<String, Publishing>,
    mapping: &PortMapping,
) -> Result<PortMapping, Verdict> {
    publishing.get(&mapping.service).map_or_else(|| Ok(mapping.clone()), |known| known.effective(mapping))
}
