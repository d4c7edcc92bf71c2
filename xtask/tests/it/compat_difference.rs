//! What may differ in Compose's model of a project after its ports have moved: the
//! published numbers that were held, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use xtask::model::PortRange;

/// `tcp 8080`.
pub(crate) type Port = (String, u16);

/// The ports of a published `8080` or `8000-8010`; `None` of a random one.
fn range(published: &Value) -> Option<PortRange> {
    published.as_str()?.parse().ok().filter(|range: &PortRange| range.first != 0)
}

/// What Compose's model publishes on a fixed port. Of a range, from which the engine
/// picks a port, the last one is left out: as long as one is free there is no conflict.
pub(crate) fn ports_to_hold(config: &Value) -> BTreeSet<Port> {
    let services = config["services"].as_object().into_iter().flat_map(Map::values);
    let services = services.filter(|service| is_bound(service, &config["networks"]));
    let ports = services.filter_map(|service| service["ports"].as_array()).flatten();
    let of = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or_default().to_owned();
        let but_the_last = |range: PortRange| range.iter().filter(move |port| range.is_one() || *port != range.last);
        let numbers = range(&port["published"]).into_iter().flat_map(but_the_last);
        numbers.map(move |number| (protocol.clone(), number)).collect::<Vec<_>>()
    };
    ports.flat_map(of).collect()
}

/// Whether an engine binds any port of the service: not on the host's own network, and
/// not where every network is internal.
fn is_bound(service: &Value, networks: &Value) -> bool {
    let is_internal = |key: &String| networks[key]["internal"] == true;
    let all_internal = service["networks"].as_object().is_some_and(|on| on.keys().all(is_internal));
    service["network_mode"] != "host" && !all_internal
}

/// Where two models of a project differ although they may not: each place with both
/// values. A published port must differ if it is one of `held`, and only then; a
/// value whose path is in `follows` may.
pub(crate) fn differences(before: &Value, after: &Value, held: &BTreeSet<Port>, follows: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    walk(before, after, &mut Vec::new(), &mut |path, one, two| {
        let place = path.join(".");
        let is_published = path.last().is_some_and(|key| key == "published");
        let was_held = |port: &Value| {
            let one = range(port).filter(|range| range.is_one());
            one.is_some_and(|one| held.iter().any(|(_, number)| *number == one.first))
        };
        let fine = match (one, two) {
            (Some(one), Some(two)) if is_published && was_held(one) => one != two && !was_held(two),
            (one, two) => one == two || follows.contains(&place),
        };
        if !fine {
            let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            found.push(format!("{place}: {} became {}", text(one), text(two)));
        }
    });
    found
}

/// What is done with a path and its two values.
type Leaf<'a> = dyn FnMut(&[String], Option<&Value>, Option<&Value>) + 'a;

/// Every leaf of both.
fn walk(one: &Value, two: &Value, path: &mut Vec<String>, leaf: &mut Leaf<'_>) {
    let entries = |value: &Value| match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value.clone())).collect(),
        _ => Map::new(),
    };
    if !(one.is_object() && two.is_object() || one.is_array() && two.is_array()) {
        return leaf(path, Some(one), Some(two));
    }
    let (ones, twos) = (entries(one), entries(two));
    for key in ones.keys().chain(twos.keys().filter(|key| !ones.contains_key(*key))) {
        path.push(key.clone());
        match (ones.get(key), twos.get(key)) {
            (Some(one), Some(two)) => walk(one, two, path, leaf),
            (one, two) => leaf(path, one, two),
        }
        path.pop();
    }
}

/// The comparison is worth something: whatever else changes is found and named.
#[test]
fn a_change_of_anything_but_a_held_port_is_a_difference() {
    let port = |published: &str| json!({"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": published, "protocol": "tcp"});
    let before = json!({
        "name": "demo",
        "services": {
            "web": {
                "environment": {"URL": "http://localhost:8080"}, "networks": {"default": null},
                "ports": [port("8080"), port("9000-9001")],
            },
            "host": {"network_mode": "host", "ports": [port("7000")]},
            "db": {"networks": {"back": null}, "ports": [port("7001")]},
        },
        "networks": {"default": {"name": "demo_default"}, "back": {"internal": true}},
    });
    let held = ports_to_hold(&before);
    assert_eq!(held, [8080, 9000].map(|port| ("tcp".to_owned(), port)).into());
    let mut moved = before.clone();
    moved["services"]["web"]["ports"][0]["published"] = json!("8081");
    let found = |place: &str, value: Value| {
        let mut after = moved.clone();
        *after.pointer_mut(place).unwrap() = value;
        differences(&before, &after, &held, &["services.web.environment.FOLLOWS".to_owned()])
    };
    assert_eq!(found("/name", json!("demo")), Vec::<String>::new());
    for (place, value, difference) in [
        ("/web/ports/0/published", json!("8080"), "web.ports.0.published: \"8080\" became \"8080\""),
        ("/web/ports/0/published", json!("9000"), "web.ports.0.published: \"8080\" became \"9000\""),
        ("/web/ports/0/host_ip", json!("0.0.0.0"), "web.ports.0.host_ip: \"127.0.0.1\" became \"0.0.0.0\""),
        ("/web/ports/0/target", json!(81), "web.ports.0.target: 80 became 81"),
        ("/web/ports/0/protocol", json!("udp"), "web.ports.0.protocol: \"tcp\" became \"udp\""),
        ("/web/ports/1/published", json!("9001"), "web.ports.1.published: \"9000-9001\" became \"9001\""),
        ("/host/ports/0/published", json!("7002"), "host.ports.0.published: \"7000\" became \"7002\""),
        ("/db/ports/0/published", json!("7002"), "db.ports.0.published: \"7001\" became \"7002\""),
        ("/web/ports/1", json!(null), "web.ports.1: "),
        (
            "/web/environment/URL",
            json!("http://localhost:8081"),
            "web.environment.URL: \"http://localhost:8080\" became",
        ),
        (
            "/web/environment",
            json!({"URL": "http://localhost:8080", "A": "b"}),
            "web.environment.A: nothing became \"b\"",
        ),
        ("/web/environment", json!({}), "web.environment.URL: \"http://localhost:8080\" became nothing"),
        ("/web/networks", json!({"other": null}), "web.networks.default: null became nothing"),
    ] {
        let found = found(&format!("/services{place}"), value);
        assert!(found[0].starts_with(&format!("services.{difference}")), "{found:?}");
    }
    assert_eq!(found("/services/web/environment", json!({"URL": "http://localhost:8080", "FOLLOWS": "1"})).len(), 0);
    assert_eq!(found("/networks/default/name", json!("x")).len(), 1);
}
