//! Values of env files that make an entry of `ports:` invalid.

use std::path::Path;
use std::sync::Arc;

use super::files::{Texts, parse};
use super::locate::Project;
use super::options::Environment;
use super::variable_uses::variable_uses;
use crate::model::{Place, PortRange, Source};
use crate::parse::compose::{Node, check_port};
use crate::parse::interpolate::Outcome;

/// A variable whose value is not a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongPort {
    pub variable: String,
    pub value: String,
    pub service: String,
    pub set_in: Place,
    /// The entry of `ports:`.
    pub used_in: Place,
}

/// All of them, those of inactive profiles too: Compose refuses the whole file.
pub fn wrong_ports(project: &Project, env: &Environment<'_>) -> Vec<WrongPort> {
    let lookup = |name: &str| {
        let in_file = || project.env_files.get(name).map(|(value, source)| (value.to_owned(), source));
        env(name).map(|value| (value, Source::Shell)).or_else(in_file)
    };
    let files = variable_uses(project, env).map(|uses| uses.files).unwrap_or_default();
    let mut found: Vec<WrongPort> = Vec::new();
    for document in files.iter().flat_map(|file| parse(&Arc::from(file.as_path()), &Texts::new()).unwrap_or_default()) {
        for (service, node) in document.get("services").map(Node::entries).unwrap_or_default() {
            for item in node.get("ports").map(Node::items).unwrap_or_default() {
                let mut item = item.clone();
                let is_wrong = item.interpolate("ports", &lookup).is_ok() && check_port(service, &item).is_err();
                if is_wrong {
                    found.extend(culprits(service, &item));
                }
            }
        }
    }
    found.sort_by(|a, b| (&a.set_in, &a.variable).cmp(&(&b.set_in, &b.variable)));
    found.dedup_by(|a, b| (&a.set_in, &a.variable) == (&b.set_in, &b.variable));
    found
}

/// The variables of an invalid entry whose values hold no port or address.
fn culprits(service: &str, item: &Node) -> Vec<WrongPort> {
    let scalars = item.scalar().into_iter().chain(item.entries().iter().filter_map(|(_, node)| node.scalar()));
    let mut found = Vec::new();
    for scalar in scalars {
        for used in scalar.template.iter().flat_map(|template| &template.uses) {
            let Outcome::Set(Source::EnvFile { path, line }) = &used.outcome else { continue };
            let Some(value) = scalar.text.get(used.out.clone()).filter(|value| !is_part(value)) else { continue };
            let place = |file: &Path, line| Place { file: file.to_path_buf(), line };
            found.push(WrongPort {
                variable: used.name.clone(),
                value: value.to_owned(),
                service: service.to_owned(),
                set_in: place(path, *line),
                used_in: place(&item.file, item.line),
            });
        }
    }
    found
}

/// Whether a value can be part of a valid entry: a port, a range, an address, a protocol.
fn is_part(value: &str) -> bool {
    let is_number = |text: &str| text.parse::<PortRange>().is_ok();
    let is_address = |text: &str| text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let with_address = || value.rsplit_once(':').is_some_and(|(ip, port)| is_address(ip) && is_number(port));
    is_number(value) || is_address(value) || with_address() || matches!(value, "tcp" | "udp" | "sctp")
}
