//! Compares Compose's whole model before and after a change.

use std::fmt;

use serde_json::Value;

use super::override_file::slots;
use super::same_ports::Expect;
use crate::model::{Stack, Wanted};

/// A value of the model that is not the same after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDifference {
    /// `None` outside of `services:`.
    pub service: Option<String>,
    /// Below the service, otherwise from the top.
    pub path: Vec<Step>,
    /// A text as it is, anything else as JSON; `None` if there is no value.
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// `app.environment.REDIS_PORT`, `web.ports[0].target`.
impl fmt::Display for ModelDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dot = "";
        if let Some(service) = &self.service {
            f.write_str(service)?;
            dot = ".";
        }
        for step in &self.path {
            match step {
                Step::Key(key) => write!(f, "{dot}{key}")?,
                Step::Index(at) => write!(f, "[{at}]")?,
            }
            dot = ".";
        }
        Ok(())
    }
}

impl ModelDifference {
    /// A variable of a container.
    pub fn of_environment(service: &str, variable: &str, before: Option<&str>, after: &str) -> ModelDifference {
        ModelDifference {
            service: Some(service.to_owned()),
            path: vec![Step::Key("environment".to_owned()), Step::Key(variable.to_owned())],
            before: before.map(str::to_owned),
            after: Some(after.to_owned()),
        }
    }

    /// The names of the path without places in lists: `ports.target`.
    pub fn keys(&self) -> Vec<&str> {
        let keys =
            self.path.iter().filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None });
        keys.collect()
    }

    /// The path that `follow` in `xtask.toml` names: `web.ports.target`.
    pub fn pattern(&self) -> String {
        self.service.as_deref().into_iter().chain(self.keys()).collect::<Vec<_>>().join(".")
    }

    /// The name of the value, which tells whether it is a secret.
    pub fn name(&self) -> &str {
        self.keys().pop().unwrap_or_default()
    }

    /// Whether the new value is the old one with `from` replaced by `to` in one or more
    /// places.
    pub fn replaces(&self, from: &str, to: &str) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => replaced(before, after, from, to),
            _ => false,
        }
    }

    /// Whether it is the variable COMPOSE_FILE in a container, which gets there by
    /// `env_file: .env` when a generated file is listed in `.env`.
    fn is_compose_file(&self) -> bool {
        matches!(self.keys()[..], ["environment", "COMPOSE_FILE" | "COMPOSE_PATH_SEPARATOR"])
    }
}

/// Whether `after` is `before` with some occurrences of `from`, at least one, replaced by
/// `to`.
fn replaced(before: &str, after: &str, from: &str, to: &str) -> bool {
    if from.is_empty() || before == after {
        return false;
    }
    let (before, after, from, to) = (before.as_bytes(), after.as_bytes(), from.as_bytes(), to.as_bytes());
    // How much of `after` can stand for the first bytes of `before`.
    let mut ends: Vec<Vec<usize>> = vec![Vec::new(); before.len() + 1];
    ends[0].push(0);
    for at in 0..before.len() {
        let mut here = std::mem::take(&mut ends[at]);
        here.sort_unstable();
        here.dedup();
        for end in here {
            if after.get(end) == Some(&before[at]) {
                ends[at + 1].push(end + 1);
            }
            if before[at..].starts_with(from) && after[end..].starts_with(to) {
                ends[at + from.len()].push(end + to.len());
            }
        }
    }
    ends[before.len()].contains(&after.len())
}

/// `config`, Compose's JSON of `stack`, with the published ports that are expected.
pub fn with_expected_ports(config: &Value, stack: &Stack, expect: &dyn Fn(&Wanted) -> Expect) -> Value {
    let mut config = config.clone();
    for service in &stack.services {
        for (at, wanted) in service.ports.iter().enumerate() {
            if let Expect::Port(port) = expect(wanted) {
                set_published(&mut config, &service.name, at, port);
            }
        }
    }
    config
}

/// The same with the ports of `moves` by their slots.
pub(super) fn with_moved_slots(
    config: &mut Value,
    stack: &Stack,
    moves: &std::collections::BTreeMap<super::override_file::Slot, u16>,
) {
    for service in &stack.services {
        for (at, slot) in slots(service).iter().enumerate() {
            if let Some(port) = moves.get(slot) {
                set_published(config, &service.name, at, *port);
            }
        }
    }
}

fn set_published(config: &mut Value, service: &str, at: usize, port: u16) {
    let entry = config
        .get_mut("services")
        .and_then(|services| services.get_mut(service)?.get_mut("ports")?.get_mut(at)?.get_mut("published"));
    if let Some(entry) = entry {
        *entry = Value::from(port.to_string());
    }
}

/// Everything of `after` that differs from `expected`, both in Compose's JSON. Our own
/// COMPOSE_FILE in a container's environment is no difference, nor is the order of ports.
pub fn model_differences(expected: &Value, after: &Value) -> Vec<ModelDifference> {
    let mut found = Vec::new();
    walk(expected, after, &mut Vec::new(), &mut found);
    let mut found: Vec<ModelDifference> = found.into_iter().map(of_service).collect();
    found.retain(|difference| !difference.is_compose_file());
    found
}

fn walk(before: &Value, after: &Value, path: &mut Vec<Step>, found: &mut Vec<ModelDifference>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(one), Value::Object(two)) => {
            for key in one.keys().chain(two.keys().filter(|key| !one.contains_key(*key))) {
                path.push(Step::Key(key.clone()));
                pair(one.get(key), two.get(key), path, found);
                path.pop();
            }
        }
        (Value::Array(one), Value::Array(two)) => {
            let is_ports = path.last() == Some(&Step::Key("ports".to_owned()));
            for (at, before, after) in if is_ports { unequal(one, two) } else { by_place(one, two) } {
                path.push(Step::Index(at));
                pair(before, after, path, found);
                path.pop();
            }
        }
        _ => found.push(difference(Some(before), Some(after), path)),
    }
}

fn pair(before: Option<&Value>, after: Option<&Value>, path: &mut Vec<Step>, found: &mut Vec<ModelDifference>) {
    match (before, after) {
        (Some(before), Some(after)) => walk(before, after, path, found),
        // `environment: {}` and none at all are the same to Compose, but each variable counts.
        (Some(Value::Object(entries)), None) if !entries.is_empty() => {
            walk(&Value::Object(entries.clone()), &Value::Object(serde_json::Map::new()), path, found);
        }
        (None, Some(Value::Object(entries))) if !entries.is_empty() => {
            walk(&Value::Object(serde_json::Map::new()), &Value::Object(entries.clone()), path, found);
        }
        _ => found.push(difference(before, after, path)),
    }
}

type Pair<'a> = (usize, Option<&'a Value>, Option<&'a Value>);

fn by_place<'a>(one: &'a [Value], two: &'a [Value]) -> Vec<Pair<'a>> {
    (0..one.len().max(two.len())).map(|at| (at, one.get(at), two.get(at))).collect()
}

/// The entries that are not in both lists, in pairs.
fn unequal<'a>(one: &'a [Value], two: &'a [Value]) -> Vec<Pair<'a>> {
    let mut left: Vec<&Value> = two.iter().collect();
    let mut missing: Vec<(usize, &Value)> = Vec::new();
    for (at, entry) in one.iter().enumerate() {
        match left.iter().position(|other| *other == entry) {
            Some(found) => drop(left.remove(found)),
            None => missing.push((at, entry)),
        }
    }
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    let mut left = left.into_iter();
    pairs.extend(missing.into_iter().map(|(at, entry)| (at, Some(entry), left.next())));
    pairs.extend(left.enumerate().map(|(at, entry)| (one.len() + at, None, Some(entry))));
    pairs
}

fn difference(before: Option<&Value>, after: Option<&Value>, path: &[Step]) -> ModelDifference {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    ModelDifference { service: None, path: path.to_vec(), before: before.map(text), after: after.map(text) }
}

fn of_service(mut found: ModelDifference) -> ModelDifference {
    if let [Step::Key(top), Step::Key(service), ..] = &found.path[..]
        && top == "services"
    {
        found.service = Some(service.clone());
        found.path.drain(..2);
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(before: &Value, after: &Value) -> Vec<String> {
        let value = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let line = |found: ModelDifference| {
            let shown = found.to_string();
            format!("{shown}: {} -> {}", value(found.before), value(found.after))
        };
        model_differences(before, after).into_iter().map(line).collect()
    }

    #[test]
    fn everything_that_differs_is_named() {
        let config = |port: &str, args: Value| {
            json!({
                "name": "demo",
                "services": {
                    "app": {
                        "environment": {"REDIS_PORT": port, "REDIS_URL": format!("redis://redis:{port}"), "A": null},
                        "build": {"context": "/p", "args": args},
                        "command": ["serve", format!("--port={port}")],
                        "labels": {"my.label": port},
                    },
                    "web": {
                        "ports": [{"published": "9000", "target": port.parse::<u16>().unwrap()}],
                        "healthcheck": {"test": ["CMD", "curl", format!("localhost:{port}")]},
                    },
                },
                "configs": {"c": {"content": format!("listen {port}")}},
            })
        };
        let (before, after) = (config("6379", json!({"X": "6379"})), config("6380", json!(null)));
        assert_eq!(
            differences(&before, &after),
            [
                "configs.c.content: listen 6379 -> listen 6380",
                "app.build.args: {\"X\":\"6379\"} -> null",
                "app.command[1]: --port=6379 -> --port=6380",
                "app.environment.REDIS_PORT: 6379 -> 6380",
                "app.environment.REDIS_URL: redis://redis:6379 -> redis://redis:6380",
                "app.labels.my.label: 6379 -> 6380",
                "web.healthcheck.test[2]: localhost:6379 -> localhost:6380",
                "web.ports[0].target: 6379 -> 6380",
            ]
        );
        assert!(differences(&before, &before).is_empty());
        let found = model_differences(&before, &after);
        assert_eq!(found.last().unwrap().pattern(), "web.ports.target");
        assert_eq!(found[4].name(), "REDIS_URL");
    }

    #[test]
    fn values_that_appear_and_disappear_are_named_one_by_one() {
        let service = |body: Value| json!({"services": {"app": body}});
        let (none, one) = (service(json!({})), service(json!({"environment": {"A": "1"}, "command": ["x"]})));
        assert_eq!(differences(&none, &one), ["app.command: - -> [\"x\"]", "app.environment.A: - -> 1"]);
        assert_eq!(differences(&one, &none), ["app.command: [\"x\"] -> -", "app.environment.A: 1 -> -"]);
    }

    #[test]
    fn our_line_in_the_env_file_and_the_order_of_ports_do_not_count() {
        let config = |environment: Value, ports: [&str; 2]| {
            let ports = ports.map(|port| json!({"published": port, "target": 80}));
            json!({"services": {"app": {"environment": environment, "ports": ports}}})
        };
        let before = config(json!({"A": "1"}), ["1", "2"]);
        assert!(differences(&before, &config(json!({"A": "1", "COMPOSE_FILE": "a:b"}), ["2", "1"])).is_empty());
        let found = differences(&before, &config(json!({"A": "1", "MY_COMPOSE_FILE": "a"}), ["2", "3"]));
        assert_eq!(found, ["app.environment.MY_COMPOSE_FILE: - -> a", "app.ports[0].published: 1 -> 3"]);
    }

    #[test]
    fn a_text_is_replaced_in_some_places() {
        for (before, after, want) in [
            ("demo_net", "demo-x_net", true),
            ("demo/demo:demo", "demo/demo-x:demo", true),
            ("demo/demo", "demo-x/demo-x", true),
            ("demo", "demo", false),
            ("demo", "other", false),
            ("demo_net", "demo-x_web", false),
            ("", "demo-x", false),
        ] {
            assert_eq!(replaced(before, after, "demo", "demo-x"), want, "{before} {after}");
        }
        let many = "a".repeat(2000);
        assert!(replaced(&many, &many.replace('a', "aa"), "a", "aa"));
    }
}
