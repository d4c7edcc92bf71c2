//! Whether a place in a file names a port that has moved, or another one of the same number.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Stack;
use crate::parse::port_mentions::{Form, Host, PortMention, RunsOn, Section};

/// A published port that has another number than before, or than in other checkouts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MovedPort {
    pub from: u16,
    pub to: u16,
    pub service: String,
    /// The variable that sets it.
    pub variable: Option<String>,
}

/// Who reads a mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy<'a> {
    /// A program that reads a file of the checkout.
    File(RunsOn),
    /// A service, with the name of the value.
    Service { name: &'a str, section: &'a Section, value: &'a str },
    /// Services that list an env file.
    EnvFile,
}

/// The ports that containers listen on, as far as the model knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    by_service: BTreeMap<String, BTreeSet<u16>>,
    /// Services on the host's network: their `localhost` is this machine.
    on_host: BTreeSet<String>,
}

impl Targets {
    pub fn of(stack: &Stack) -> Targets {
        let ports = |service: &crate::model::Service| -> BTreeSet<u16> {
            service.ports.iter().map(|wanted| wanted.mapping.target).chain(service.expose.iter().copied()).collect()
        };
        let by_service = stack.services.iter().map(|service| (service.name.clone(), ports(service))).collect();
        let on_host = stack.services.iter().filter(|service| service.network_mode.as_deref() == Some("host"));
        Targets { by_service, on_host: on_host.map(|service| service.name.clone()).collect() }
    }

    fn any(&self, port: u16) -> bool {
        self.by_service.values().any(|ports| ports.contains(&port))
    }

    fn of_service(&self, service: &str, port: u16) -> bool {
        self.by_service.get(service).is_some_and(|ports| ports.contains(&port))
    }
}

/// The moved port that `mention` names on this machine. A number that may as well be the port in a
/// container names none.
pub fn moved_port<'a>(
    mention: &PortMention,
    read_by: ReadBy<'_>,
    targets: &Targets,
    moved: &'a [MovedPort],
) -> Option<&'a MovedPort> {
    let port = mention.port;
    let of_variable = |name: &str| {
        moved
            .iter()
            .find(|one| one.from == port && one.variable.as_deref().is_some_and(|v| v.eq_ignore_ascii_case(name)))
    };
    let one = moved.iter().find(|one| one.from == port)?;
    let unless = |in_container: bool| (!in_container).then_some(one);
    // A value with the variable's own name is about the same port, whatever its number is.
    let assigned = |name: &str| of_variable(name).or_else(|| unless(targets.any(port)));
    let form = &mention.form;
    if *form == Form::Url(Host::Gateway) {
        return Some(one);
    }
    match read_by {
        ReadBy::File(RunsOn::Host) => Some(one),
        ReadBy::File(RunsOn::Container) => None,
        ReadBy::File(RunsOn::Either) => match form {
            Form::Url(host) => unless(*host == Host::Any && targets.any(port)),
            Form::Assignment(name) => assigned(name),
        },
        ReadBy::EnvFile => match form {
            Form::Url(host) => unless(*host == Host::Any),
            Form::Assignment(name) => assigned(name),
        },
        ReadBy::Service { name, .. } if targets.on_host.contains(name) => Some(one),
        ReadBy::Service { name, section, value } => {
            let is_own = targets.of_service(name, port);
            match form {
                Form::Url(Host::Any) => None,
                // What the container itself listens on.
                Form::Url(_) if *section == Section::Command => unless(is_own),
                Form::Url(_) => unless(is_own && is_own_check(value)),
                Form::Assignment(name) if *section == Section::Values => assigned(name),
                // A port in a label is that of the container: `loadbalancer.server.port`.
                Form::Assignment(_) => None,
            }
        }
    }
}

/// Whether a value is for the container's own checks.
fn is_own_check(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["HEALTH", "PROBE", "INTERNAL", "LIVENESS", "READINESS"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PortMapping, Protocol, Service, Wanted};
    use crate::parse::port_mentions::{Syntax, in_text};

    /// `web` publishes 3000 -> 3000 and `api` 8000 -> 8000; both have moved, as `db`'s 15432 -> 5432.
    fn targets() -> Targets {
        let service = |name: &str, target: u16| {
            let mapping = PortMapping {
                service: name.to_owned(),
                host_ip: None,
                published: None,
                target,
                protocol: Protocol::Tcp,
            };
            Service { name: name.to_owned(), ports: vec![Wanted { mapping, origin: None }], ..Service::default() }
        };
        let host = Service { name: "agent".into(), network_mode: Some("host".into()), ..Service::default() };
        let services = vec![service("web", 3000), service("api", 8000), service("db", 5432), host];
        Targets::of(&Stack { services, ..Stack::default() })
    }

    fn names(text: &str, read_by: ReadBy<'_>) -> bool {
        let moved = [(3000, "WEB_PORT"), (8000, "API_PORT"), (15432, "DB_PORT")].map(|(from, variable)| MovedPort {
            from,
            to: from + 1,
            service: String::new(),
            variable: Some(variable.to_owned()),
        });
        let found = in_text(text.as_bytes(), Syntax::Shell);
        assert_eq!(found.len(), 1, "{text}");
        moved_port(&found[0], read_by, &targets(), &moved).is_some()
    }

    #[test]
    fn a_number_that_may_be_the_containers_own_names_nothing() {
        let (host, either, inside) =
            (ReadBy::File(RunsOn::Host), ReadBy::File(RunsOn::Either), ReadBy::File(RunsOn::Container));
        let value = |name, value| ReadBy::Service { name, section: &Section::Values, value };
        let command = |name| ReadBy::Service { name, section: &Section::Command, value: "" };
        let label = |name| ReadBy::Service { name, section: &Section::Labels, value: "" };
        for (text, read_by, want) in [
            ("http://localhost:3000", host, true),
            ("port: 3000", host, true),
            ("http://localhost:3001", host, false),
            ("http://localhost:3000", either, true),
            ("0.0.0.0:3000", either, false),
            ("port: 3000", either, false),
            ("WEB_PORT=3000", either, true),
            ("DB=localhost:15432", either, true),
            ("port: 15432", either, true),
            ("http://localhost:8000", inside, false),
            ("http://host.docker.internal:8000", inside, true),
            ("http://localhost:8000", value("web", "API_URL"), true),
            ("http://localhost:3000", value("web", "SITE_URL"), true),
            ("http://localhost:3000", value("web", "HEALTH_URL"), false),
            ("0.0.0.0:8000", value("api", "BIND"), false),
            ("PORT=8000", value("api", "PORT"), false),
            ("PUBLIC_PORT=15432", value("db", "PUBLIC_PORT"), true),
            ("serve --cors http://localhost:3000", command("api"), true),
            ("wait http://localhost:8000", command("api"), false),
            ("server.port=15432", label("db"), false),
            ("http://localhost:3000", label("web"), true),
            ("PORT=8000", ReadBy::EnvFile, false),
            ("http://localhost:8000", ReadBy::EnvFile, true),
            ("0.0.0.0:8000", ReadBy::EnvFile, false),
            ("wait localhost:8000", command("agent"), true),
        ] {
            assert_eq!(names(text, read_by), want, "{text} {read_by:?}");
        }
    }
}
