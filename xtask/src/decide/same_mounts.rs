//! Whether every mount of a project is still of the same kind: a bind mount that
//! becomes a named volume is empty.

use std::collections::BTreeMap;

use serde_json::Value;

/// A mount that became another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountDifference {
    pub service: String,
    /// Path in the container.
    pub target: String,
    /// `bind`, `volume`, `tmpfs`, …
    pub before: String,
    pub after: String,
}

/// The first mount of `before` whose kind differs in `after`. Both are the output of
/// `docker compose config --format json`.
pub fn mount_difference(before: &Value, after: &Value) -> Option<MountDifference> {
    let then = mounts(after);
    mounts(before).into_iter().find_map(|((service, target), before)| {
        let after = then.get(&(service.clone(), target.clone())).cloned().filter(|after| *after != before)?;
        Some(MountDifference { service, target, before, after })
    })
}

fn mounts(config: &Value) -> BTreeMap<(String, String), String> {
    let services = config.get("services").and_then(Value::as_object).into_iter().flatten();
    let of_service = |(name, service): (&String, &Value)| {
        let listed = service.get("volumes").and_then(Value::as_array).cloned().unwrap_or_default();
        let name = name.clone();
        listed.into_iter().filter_map(move |mount| {
            let text = |key: &str| mount.get(key)?.as_str().map(str::to_owned);
            Some(((name.clone(), text("target")?), text("type")?))
        })
    };
    services.flat_map(of_service).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mount_keeps_its_kind() {
        let config = |kind: &str, source: &str, target: &str| {
            json!({"services": {"db": {"volumes": [
            {"type": kind, "source": source, "target": target}, {"type": "volume", "target": "/cache"},
        ]}, "web": {}}})
        };
        let before = config("bind", "/p/data", "/data");
        assert_eq!(mount_difference(&before, &config("bind", "/elsewhere", "/data")), None);
        let found = mount_difference(&before, &config("volume", "data", "/data")).unwrap();
        assert_eq!((found.service.as_str(), found.target.as_str()), ("db", "/data"));
        assert_eq!((found.before.as_str(), found.after.as_str()), ("bind", "volume"));
        assert_eq!(mount_difference(&before, &config("bind", "/p/data", "/other")), None);
        assert_eq!(mount_difference(&json!({"services": {}}), &before), None);
    }
}
