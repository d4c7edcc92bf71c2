//! Other errors of `up` that a tool can fix: container names that are taken, and
//! networks that are gone or exhausted.

use crate::parse::rows::text;

/// A container of that name exists: a fixed `container_name:` in a second project, or
/// a leftover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameConflict {
    /// The name, without the leading slash.
    pub name: String,
    /// Id of the container that has it.
    pub holder: Option<String>,
}

/// A network that `up` could not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkProblem {
    /// Containers refer to a network that was removed; `up --force-recreate` or `down`
    /// fixes it.
    Gone,
    /// A network declared as external does not exist.
    ExternalMissing { name: String },
    /// The engine has no address range left for another network.
    PoolsExhausted,
}

/// Parses `The container name "/x" is already in use by container "ID"` (the same text
/// in every engine from 1.x to 29).
pub fn name_conflict(output: &[u8]) -> Option<NameConflict> {
    text(output).lines().find_map(|line| {
        // JSON progress escapes the quotes.
        let line = line.replace("\\\"", "\"");
        let (_, rest) = line.split_once("container name \"")?;
        let (name, rest) = rest.split_once("\" is already in use by container ")?;
        // No quotes before 1.13.
        let holder = rest.trim_start_matches('"').split(|c: char| !c.is_ascii_hexdigit()).next();
        let holder = holder.filter(|id| id.len() >= 12).map(str::to_owned);
        Some(NameConflict { name: name.trim_start_matches('/').to_owned(), holder })
    })
}

/// Parses the engine's and Compose's messages about networks: `network ID not
/// found` (20.10 to 28), `could not find an available, non-overlapping IPv4
/// address pool` (to 26), `all predefined address pools have been fully
/// subnetted` (from 27), `could not find free subnet from subnet pools` (Podman;
/// containers/common, `libnetwork/internal/util`), `network X declared as external, but could not be
/// found` (Compose 2).
pub fn network_problem(output: &[u8]) -> Option<NetworkProblem> {
    text(output).lines().find_map(|line| {
        if line.contains("address pools have been fully subnetted")
            || line.contains("non-overlapping IPv4 address pool")
            || line.contains("could not find free subnet from subnet pools")
        {
            return Some(NetworkProblem::PoolsExhausted);
        }
        if let Some((before, _)) = line.split_once(" declared as external, but could not be found") {
            let name = before.rsplit_once("network ").map_or(before, |(_, name)| name).trim();
            return Some(NetworkProblem::ExternalMissing { name: name.trim_matches('"').to_owned() });
        }
        let (_, rest) = line.split_once("network ")?;
        let (id, _) = rest.split_once(" not found")?;
        // With spaces it is part of another sentence.
        (!id.contains(' ')).then_some(NetworkProblem::Gone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_use() {
        let id = "c5a1f0a0f0d84f1b9e6a".to_owned() + &"0".repeat(44);
        let text = format!(
            "Error response from daemon: Conflict. The container name \"/db\" is already in use by container \"{id}\". \
             You have to remove (or rename) that container to be able to reuse that name."
        );
        let expected = NameConflict { name: "db".into(), holder: Some(id.clone()) };
        assert_eq!(name_conflict(text.as_bytes()), Some(expected.clone()));
        let json = format!("{{\"text\":\"{}\"}}", text.replace('"', "\\\""));
        assert_eq!(name_conflict(json.as_bytes()), Some(expected));
        assert_eq!(name_conflict(b"address already in use"), None);
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = network_problem(text.as_bytes()).map(|problem| format!("{problem:?}"));
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "{text}");
    }

    #[test]
    fn networks() {
        let id = "57650555d079".repeat(5) + "1234";
        check(
            &format!("Error response from daemon: failed to set up container networking: network {id} not found"),
            "Gone",
        );
        check(&format!(" Container a  Starting\nError response from daemon: network {id} not found"), "Gone");
        let pools = "failed to create network full_default: Error response from daemon: ";
        check(&format!("{pools}all predefined address pools have been fully subnetted"), "PoolsExhausted");
        let older = "could not find an available, non-overlapping IPv4 address pool among the defaults";
        check(&format!("{pools}{older} to assign to the network"), "PoolsExhausted");
        check("Error response from daemon: could not find free subnet from subnet pools", "PoolsExhausted");
        let external = "network web declared as external, but could not be found";
        check(external, "ExternalMissing { name: \"web\" }");
        check("network x has active endpoints", "none");
        check("the network is up, page not found", "none");
        check("", "none");
    }
}
