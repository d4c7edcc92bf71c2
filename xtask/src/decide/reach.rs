//! What makes a service reachable from more addresses than before.

use super::publishing::{Publishing, publishing};
use super::same_ports::covers;
use crate::model::{PortMapping, Service, Stack, WildcardBinding};

/// A service that a change makes reachable from more addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WiderReach {
    /// A port that is published already, with the addresses that the engine binds.
    Port { before: PortMapping, after: PortMapping },
    /// A port that `ports:` lists, but that the engine doesn't bind yet.
    Bound(PortMapping),
    /// A port that no entry of `ports:` publishes yet.
    New(PortMapping),
    /// It uses the machine's own network: all its ports are open on every address.
    HostNetwork { service: String },
    /// It uses the network of a container outside of the project.
    ForeignNetwork { service: String, container: String },
    /// Other machines reach it at an address of its own: a network's driver or driver_opts
    /// say so.
    Direct { service: String, network: String },
}

/// Everything that is reachable from more addresses in `after`. Services that are in one of
/// the models only don't count: what starts may publish its ports.
pub fn wider_reach(before: &Stack, after: &Stack) -> Vec<WiderReach> {
    let both = after.services.iter().filter_map(|service| Some((before.service(&service.name)?, service)));
    both.flat_map(|(earlier, service)| of_service((before, earlier), (after, service))).collect()
}

fn of_service((before, earlier): (&Stack, &Service), (after, service): (&Stack, &Service)) -> Vec<WiderReach> {
    let name = || service.name.clone();
    let (old, new) = (reach(before, earlier, 0), reach(after, service, 0));
    let (old, new) = match (old, new) {
        // What the other container published is unknown.
        (Reach::Host, _) | (Reach::Foreign(_) | Reach::Own { direct: Some(_), .. }, Reach::Own { .. }) => {
            return Vec::new();
        }
        (_, Reach::Host) => return vec![WiderReach::HostNetwork { service: name() }],
        (Reach::Foreign(one), Reach::Foreign(two)) if one == two => return Vec::new(),
        (_, Reach::Foreign(container)) => return vec![WiderReach::ForeignNetwork { service: name(), container }],
        (_, Reach::Own { direct: Some(network), .. }) => {
            return vec![WiderReach::Direct { service: name(), network }];
        }
        (Reach::Own { ports: old, .. }, Reach::Own { ports: new, .. }) => (old, new),
    };
    let same_port = |one: &PortMapping, two: &PortMapping| (one.target, one.protocol) == (two.target, two.protocol);
    let wider = |port: PortMapping| {
        let mut earlier_ports = old.iter().filter(|other| same_port(other, &port));
        if earlier_ports.clone().any(|other| covers(other.host_ip, port.host_ip)) {
            return None;
        }
        let after = PortMapping { service: name(), ..port };
        Some(match earlier_ports.next() {
            Some(other) => WiderReach::Port { before: PortMapping { service: name(), ..other.clone() }, after },
            None if earlier.ports.iter().any(|wanted| same_port(&wanted.mapping, &after)) => WiderReach::Bound(after),
            None => WiderReach::New(after),
        })
    };
    new.into_iter().filter_map(wider).collect()
}

enum Reach {
    Host,
    /// The name of a container outside of the project.
    Foreign(String),
    Own {
        ports: Vec<PortMapping>,
        /// A network on which other machines reach the container itself.
        direct: Option<String>,
    },
}

fn reach(stack: &Stack, service: &Service, depth: usize) -> Reach {
    let mode = service.network_mode.as_deref().unwrap_or_default();
    let is_host = mode == "host" || service.networks.values().any(|name| name == "host");
    if is_host {
        return Reach::Host;
    }
    if let Some(container) = mode.strip_prefix("container:") {
        return Reach::Foreign(container.to_owned());
    }
    if let Some(owner) = mode.strip_prefix("service:").and_then(|owner| stack.service(owner)) {
        // Compose refuses a circle.
        let none = Reach::Own { ports: Vec::new(), direct: None };
        return if depth < stack.services.len() { reach(stack, owner, depth + 1) } else { none };
    }
    let settings = |name: &String| stack.networks.get(name);
    let is_direct = |name: &&String| settings(name).is_some_and(|network| network.direct && !network.internal);
    let direct = service.networks.values().find(is_direct).cloned();
    let ports = match publishing(service, &stack.networks, WildcardBinding::Separate) {
        Publishing::Bound { host_ip, .. } => {
            let bound = |port: &PortMapping| PortMapping { host_ip: port.host_ip.or(host_ip), ..port.clone() };
            service.ports.iter().map(|wanted| bound(&wanted.mapping)).collect()
        }
        Publishing::Discarded(_) | Publishing::Refused(_) => Vec::new(),
    };
    Reach::Own { ports, direct }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::decide::address_in_words;
    use crate::parse::compose_config;

    /// Compose's model of `db` and what else it has.
    fn stack(db: &Value, networks: &Value) -> Stack {
        let web = json!({"ports": [{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]});
        let config = json!({"name": "p", "services": {"db": db, "web": web}, "networks": networks});
        compose_config::parse(config.to_string().as_bytes()).unwrap()
    }

    fn words(found: &[WiderReach]) -> Vec<String> {
        let words = |found: &WiderReach| match found {
            WiderReach::Port { before, after } => {
                format!("{} to {}", address_in_words(before), address_in_words(after))
            }
            WiderReach::Bound(port) => format!("bound: {}", address_in_words(port)),
            WiderReach::New(port) => format!("new: {}", address_in_words(port)),
            WiderReach::HostNetwork { service } => format!("{service} on the host"),
            WiderReach::ForeignNetwork { service, container } => format!("{service} in {container}"),
            WiderReach::Direct { service, network } => format!("{service} direct on {network}"),
        };
        found.iter().map(words).collect()
    }

    fn port(address: &str, port: &str) -> Value {
        json!({"ports": [{"target": 5432, "published": port, "host_ip": address}]})
    }

    #[test]
    fn addresses_of_ports() {
        let none = json!({});
        for (before, after, want) in [
            ("127.0.0.1", "127.0.0.1", &[][..]),
            ("", "127.0.0.1", &[]),
            ("", "0.0.0.0", &[]),
            ("0.0.0.0", "10.0.0.1", &[]),
            ("127.0.0.1", "", &["127.0.0.1:1 to port 2 of every address"]),
            ("127.0.0.1", "0.0.0.0", &["127.0.0.1:1 to 0.0.0.0:2"]),
            ("127.0.0.1", "::1", &["127.0.0.1:1 to [::1]:2"]),
            ("0.0.0.0", "::", &["0.0.0.0:1 to [::]:2"]),
            ("0.0.0.0", "", &["0.0.0.0:1 to port 2 of every address"]),
        ] {
            let found = wider_reach(&stack(&port(before, "1"), &none), &stack(&port(after, "2"), &none));
            assert_eq!(words(&found), want, "{before} {after}");
        }
        let (closed, open) = (stack(&none, &none), stack(&port("127.0.0.1", "1"), &none));
        assert_eq!(words(&wider_reach(&closed, &open)), ["new: 127.0.0.1:1"]);
        assert!(wider_reach(&open, &closed).is_empty());
        // A service that was not there before may publish what it likes.
        let mut without = open.clone();
        without.services.retain(|service| service.name != "db");
        let everywhere = stack(&port("", "1"), &none);
        assert!(wider_reach(&without, &everywhere).is_empty() && wider_reach(&everywhere, &without).is_empty());
    }

    #[test]
    fn modes_of_the_network() {
        let mode = |mode: &str| {
            let mut db = port("127.0.0.1", "1");
            if !mode.is_empty() {
                db["network_mode"] = mode.into();
            }
            stack(&db, &json!({}))
        };
        for (before, after, want) in [
            ("none", "host", &["db on the host"][..]),
            ("", "host", &["db on the host"]),
            ("service:web", "host", &["db on the host"]),
            ("host", "", &[]),
            ("host", "none", &[]),
            ("", "none", &[]),
            ("none", "bridge", &["bound: 127.0.0.1:1"]),
            ("none", "service:web", &["new: 127.0.0.1:8080"]),
            ("none", "container:vpn", &["db in vpn"]),
            ("container:vpn", "container:vpn", &[]),
            ("container:vpn", "container:other", &["db in other"]),
            ("container:vpn", "none", &[]),
        ] {
            assert_eq!(words(&wider_reach(&mode(before), &mode(after))), want, "{before} {after}");
        }
        let named = |name: &str| {
            let db = json!({"networks": {"n": null}});
            stack(&db, &json!({"n": {"name": name, "external": true}}))
        };
        assert_eq!(words(&wider_reach(&named("x"), &named("host"))), ["db on the host"]);
    }

    #[test]
    fn settings_of_networks() {
        let bound = "com.docker.network.bridge.host_binding_ipv4";
        let gateway = "com.docker.network.bridge.gateway_mode_ipv4";
        let trusted = "com.docker.network.bridge.trusted_host_interfaces";
        let of = |settings: &Value| {
            let mut db = port("", "1");
            db["networks"] = json!({"n": null});
            let mut network = settings.clone();
            network["name"] = "p_n".into();
            stack(&db, &json!({"n": network}))
        };
        let options = |name: &str, value: &str| json!({"driver_opts": {name: value}});
        for (before, after, want) in [
            (options(bound, "127.0.0.1"), options(bound, "0.0.0.0"), &["127.0.0.1:1 to port 1 of every address"][..]),
            (options(bound, "127.0.0.1"), json!({}), &["127.0.0.1:1 to port 1 of every address"]),
            (options(bound, "127.0.0.1"), options(bound, "10.0.0.1"), &["127.0.0.1:1 to 10.0.0.1:1"]),
            (options(bound, "0.0.0.0"), options(bound, "127.0.0.1"), &[]),
            (json!({"internal": true}), json!({}), &["bound: port 1 of every address"]),
            (json!({}), json!({"internal": true}), &[]),
            (json!({}), options(gateway, "nat-unprotected"), &["db direct on p_n"]),
            (json!({}), options(gateway, "routed"), &["db direct on p_n"]),
            (options(gateway, "routed"), json!({}), &[]),
            (json!({}), options(gateway, "isolated"), &[]),
            (json!({}), options(trusted, "eth0"), &["db direct on p_n"]),
            (json!({}), json!({"driver": "macvlan"}), &["db direct on p_n"]),
            (json!({"driver": "bridge"}), json!({"driver": "ipvlan"}), &["db direct on p_n"]),
            (json!({}), options("com.docker.network.driver.mtu", "1400"), &[]),
        ] {
            assert_eq!(words(&wider_reach(&of(&before), &of(&after))), want, "{before} {after}");
        }
    }
}
