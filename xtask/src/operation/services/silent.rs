//! Published ports at which nothing answers: a failure, or only a note.

use std::collections::BTreeSet;

use super::answers::ServiceEndpoint;
use super::exchange::NoAnswer;
use super::proof::Seen;
use crate::error::Error;
use crate::ui;

/// An error that names the ports whose silence is a failure; `may_stay` says of each endpoint that
/// it is none.
pub(super) fn silent_error(endpoints: &[ServiceEndpoint<'_>], seen: &[Seen], may_stay: &[bool]) -> Option<Error> {
    let failing: Vec<(&ServiceEndpoint<'_>, &NoAnswer)> = silent(endpoints, seen)
        .filter(|(at, ..)| !may_stay.get(*at).copied().unwrap_or_default())
        .map(|(_, endpoint, why)| (endpoint, why))
        .collect();
    let (first, _) = failing.first()?;
    let texts: Vec<String> = failing
        .iter()
        .map(|(endpoint, why)| format!("{} at {} ({why})", ui::clean(endpoint.service), endpoint.address))
        .collect();
    let setting = setting(first.service, endpoints, seen);
    Some(
        Error::new(format!("started, but not reachable from here: {}", texts.join(", ")))
            .hint("`cargo xtask logs` shows whether the program in the container listens, and on 0.0.0.0 rather than 127.0.0.1")
            .hint(format!("if nothing has to answer there, say so under [wait] in xtask.toml: `{setting}`"))
            .finding(),
    )
}

/// Names the ports that may stay silent, and the settings that decide.
pub(super) fn note_silent(endpoints: &[ServiceEndpoint<'_>], seen: &[Seen]) {
    for line in silent_notes(endpoints, seen) {
        ui::note(&line);
    }
}

fn silent_notes(endpoints: &[ServiceEndpoint<'_>], seen: &[Seen]) -> Vec<String> {
    let mut ports: Vec<(&str, u16, Vec<String>)> = Vec::new();
    for (_, endpoint, _) in silent(endpoints, seen) {
        let (service, target, port) = (endpoint.service, endpoint.target, endpoint.address.port());
        let ends = format!(":{port}");
        let same = |(known, of, addresses): &&mut (&str, u16, Vec<String>)| {
            *known == service && *of == target && addresses.iter().all(|address| address.ends_with(&ends))
        };
        match ports.iter_mut().find(same) {
            Some((_, _, addresses)) => addresses.push(endpoint.address.to_string()),
            None => ports.push((service, target, vec![endpoint.address.to_string()])),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for (service, target, addresses) in &ports {
        let service = ui::clean(service);
        lines.push(format!("note: nothing answers yet at {} (port {target} of `{service}`)", addresses.join(", ")));
    }
    let services: BTreeSet<&str> = ports.iter().map(|(service, ..)| *service).collect();
    for service in services {
        let setting = setting(service, endpoints, seen);
        let all = format!("{} = true", key(service));
        lines.push(format!(
            "note: under [wait] in xtask.toml, `{setting}` expects no answer there, `{all}` waits for one"
        ));
    }
    lines
}

fn silent<'a>(
    endpoints: &'a [ServiceEndpoint<'a>],
    seen: &'a [Seen],
) -> impl Iterator<Item = (usize, &'a ServiceEndpoint<'a>, &'a NoAnswer)> {
    endpoints.iter().zip(seen).enumerate().filter_map(|(at, (endpoint, seen))| match seen {
        Seen::Silent(NoAnswer::NoAddressFamily) | Seen::Answered(_) | Seen::Excluded => None,
        Seen::Silent(why) => Some((at, endpoint, why)),
    })
}

/// The setting with which only the ports that answer are waited for.
fn setting(service: &str, endpoints: &[ServiceEndpoint<'_>], seen: &[Seen]) -> String {
    let answers = |seen: &Seen| matches!(seen, Seen::Answered(_));
    let of_service = endpoints.iter().zip(seen).filter(|(endpoint, seen)| endpoint.service == service && answers(seen));
    let targets: BTreeSet<u16> = of_service.map(|(endpoint, _)| endpoint.target).collect();
    let targets: Vec<String> = targets.iter().map(u16::to_string).collect();
    let value = if targets.is_empty() { "false".to_owned() } else { format!("[{}]", targets.join(", ")) };
    format!("{} = {value}", key(service))
}

/// A service's name as a key of TOML: a dot would separate two.
fn key(service: &str) -> String {
    let service = ui::clean(service);
    if service.contains('.') { format!("\"{service}\"") } else { service }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Demand;
    use crate::model::Container;
    use crate::operation::services::answers::Comparison;
    use crate::operation::services::urls::ServiceProtocol;

    #[test]
    fn silent_ports_are_named_with_both_settings() {
        let container = Container::default();
        let endpoint = |service, address: &str, target| ServiceEndpoint {
            service,
            container: &container,
            address: address.parse().unwrap(),
            target,
            protocol: ServiceProtocol::Http,
            is_wildcard: true,
            demand: Demand::Default,
            direct: Vec::new(),
        };
        let endpoints = [
            endpoint("api", "127.0.0.1:8001", 8000),
            endpoint("api", "127.0.0.1:9229", 9229),
            endpoint("api", "[::1]:9229", 9229),
            endpoint("a.b", "127.0.0.1:7000", 70),
        ];
        let (answered, silent) = (Seen::Answered(Comparison::Same), Seen::Silent(NoAnswer::Closed));
        let seen = [answered, silent.clone(), silent.clone(), silent];
        assert_eq!(
            silent_notes(&endpoints, &seen),
            [
                "note: nothing answers yet at 127.0.0.1:9229, [::1]:9229 (port 9229 of `api`)",
                "note: nothing answers yet at 127.0.0.1:7000 (port 70 of `a.b`)",
                "note: under [wait] in xtask.toml, `\"a.b\" = false` expects no answer there, `\"a.b\" = true` waits for one",
                "note: under [wait] in xtask.toml, `api = [8000]` expects no answer there, `api = true` waits for one",
            ]
        );
        assert_eq!(silent_error(&endpoints, &seen, &[true; 4]), None);
        let error = silent_error(&endpoints, &seen, &[false, true, true, false]).unwrap();
        assert!(
            error
                .message()
                .ends_with("not reachable from here: a.b at 127.0.0.1:7000 (the connection was closed immediately)")
        );
        assert!(error.hints()[1].contains("`\"a.b\" = false`"), "{:?}", error.hints());
    }
}
