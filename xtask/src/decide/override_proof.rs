//! Proves that an override file changes what it should and nothing else: Compose's
//! model without it, with the expected changes applied, must equal Compose's model
//! with it.

use serde_json::{Map, Value};

use super::override_file::{Changes, old_name};
use super::same_model::with_moved_slots;
use crate::model::{Named, Stack};

/// `config` with `changes` applied. `config` is what `docker compose config --format
/// json` printed without the generated file, `stack` the same as a model.
pub fn expected(config: &Value, stack: &Stack, changes: &Changes) -> Value {
    let mut config = config.clone();
    with_moved_slots(&mut config, stack, &changes.moves);
    for what in &changes.resets {
        match what {
            Named::Project => {}
            Named::Container(service) => {
                let entry = config.get_mut("services").and_then(|services| services.get_mut(service));
                if let Some(entry) = entry.and_then(Value::as_object_mut) {
                    entry.remove("container_name");
                    if let Some((name, networks)) = stack.service(service).and_then(old_name) {
                        add_alias(entry, name, &networks);
                    }
                }
            }
            Named::Network(key) => reset(&mut config, "networks", key, &stack.name),
            Named::Volume(key) => reset(&mut config, "volumes", key, &stack.name),
        }
    }
    config
}

/// Adds the name as an alias on these networks, unless it is one already.
fn add_alias(service: &mut Map<String, Value>, name: &str, networks: &[&str]) {
    for network in networks {
        let Some(entry) = service.get_mut("networks").and_then(|on| on.get_mut(*network)) else { continue };
        if entry.is_null() {
            *entry = Value::Object(Map::new());
        }
        let Some(entry) = entry.as_object_mut() else { continue };
        let aliases = entry.entry("aliases").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(aliases) = aliases.as_array_mut().filter(|known| known.iter().all(|alias| alias != name)) {
            aliases.push(Value::from(name));
        }
    }
}

/// Compose's default name is PROJECT_KEY. Resources that no service uses are not in
/// the model.
fn reset(config: &mut Value, section: &str, key: &str, project: &str) {
    let entry = config.get_mut(section).and_then(|entries| entries.get_mut(key));
    if let Some(entry) = entry.and_then(Value::as_object_mut) {
        entry.insert("name".to_owned(), Value::from(format!("{project}_{key}")));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::super::override_file::slots;
    use super::super::same_model::model_differences;
    use super::*;
    use crate::model::{PortMapping, PortRange, Protocol, Service, Wanted};

    fn difference(expected: &Value, actual: &Value) -> Option<String> {
        model_differences(expected, actual).first().map(ToString::to_string)
    }

    #[test]
    fn only_what_was_asked_for_may_differ() {
        let port = |published: &str, target: u16| json!({"mode": "ingress", "target": target, "published": published, "protocol": "tcp"});
        let config = |first: &str, name: Option<&str>, net: &str| {
            let mut config = json!({
                "name": "demo",
                "services": {"web": {"image": "x", "ports": [port(first, 80), port("9000", 80)]}},
                "networks": {"n": {"name": net}},
            });
            if let Some(name) = name {
                config["services"]["web"]["container_name"] = json!(name);
            }
            config
        };
        let before = config("8000", Some("fixed"), "net");
        let mapping = |port| PortMapping {
            service: "web".into(),
            host_ip: None,
            published: Some(PortRange::one(port)),
            target: 80,
            protocol: Protocol::Tcp,
        };
        let ports = [8000, 9000].map(|port| Wanted { mapping: mapping(port), origin: None }).to_vec();
        let services = vec![Service { name: "web".into(), ports, ..Service::default() }];
        let stack = Stack { name: "demo".into(), services, ..Stack::default() };
        let slot = slots(&stack.services[0]).remove(0);
        let resets =
            BTreeSet::from([Named::Container("web".into()), Named::Network("n".into()), Named::Volume("v".into())]);
        let changes = Changes { moves: [(slot, 8010)].into(), resets };
        let expected = expected(&before, &stack, &changes);
        assert_eq!(difference(&expected, &config("8010", None, "demo_n")), None);
        assert_eq!(difference(&expected, &config("8011", None, "demo_n")).unwrap(), "web.ports[0].published");
        assert_eq!(difference(&expected, &config("8010", Some("x"), "demo_n")).unwrap(), "web.container_name");
        assert_eq!(difference(&expected, &config("8010", None, "net")).unwrap(), "networks.n.name");
        let mut more = config("8010", None, "demo_n");
        more["services"]["web"]["x"] = json!(1);
        assert_eq!(difference(&expected, &more).unwrap(), "web.x");
    }

    #[test]
    fn the_old_name_has_to_be_an_alias() {
        let config = |aliases: serde_json::Value| {
            json!({
                "services": {"web": {"networks": {"a": aliases, "b": {"aliases": ["x", "fixed"], "priority": 1}}}},
                "networks": {},
            })
        };
        let mut before = config(json!(null));
        before["services"]["web"]["container_name"] = json!("fixed");
        let networks = ["a", "b"].map(|key| (key.to_owned(), key.to_owned())).into();
        let service =
            Service { name: "web".into(), container_name: Some("fixed".into()), networks, ..Service::default() };
        let stack = Stack { name: "demo".into(), services: vec![service], ..Stack::default() };
        let changes = Changes { resets: [Named::Container("web".into())].into(), ..Changes::default() };
        let expected = expected(&before, &stack, &changes);
        assert_eq!(difference(&expected, &config(json!({"aliases": ["fixed"]}))), None);
        let found = difference(&expected, &config(json!(null)));
        assert_eq!(found.unwrap(), "web.networks.a");
    }
}
