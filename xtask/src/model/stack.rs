//! The project: its services and the ports they want, each with the place in
//! the files that it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::{NetworkSettings, PortMapping, PortRange};

/// The effective Compose model, as far as ports and health are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// Project name, as Compose normalises it.
    pub name: String,
    /// Project folder: what the label `com.docker.compose.project.working_dir`
    /// of its containers says.
    pub dir: PathBuf,
    /// Compose files in the order they are merged.
    pub files: Vec<PathBuf>,
    /// Services of active profiles, by name.
    pub services: Vec<Service>,
    /// What the networks of these services say, by their names at the engine.
    pub networks: BTreeMap<String, NetworkSettings>,
}

impl Stack {
    /// All wanted ports, in the order of the services.
    pub fn ports(&self) -> impl Iterator<Item = &Wanted> {
        self.services.iter().flat_map(|service| &service.ports)
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Key under `services:`.
    pub name: String,
    /// `image:`, interpolated.
    pub image: Option<String>,
    /// `container_name:`, interpolated.
    pub container_name: Option<String>,
    pub build: bool,
    /// `scale:` or `deploy.replicas`: how many containers; `None` is one.
    pub replicas: Option<u32>,
    /// Has a healthcheck of its own that is not disabled.
    pub healthcheck: bool,
    /// The words of that healthcheck, with spaces between; else empty.
    pub check: String,
    /// Has `healthcheck.start_interval`, which not every engine takes.
    pub start_interval: bool,
    /// `network_mode:`; with `host` the ports are not published by the engine.
    pub network_mode: Option<String>,
    /// `environment:`, values that are set in the file.
    pub environment: BTreeMap<String, String>,
    /// `depends_on:`, each with its condition (`service_started`, …). One that
    /// is not required may name a service of an inactive profile.
    pub depends_on: BTreeMap<String, String>,
    /// `ports:` in the order of the effective model.
    pub ports: Vec<Wanted>,
    /// TCP ports of `expose:`, the lowest first.
    pub expose: Vec<u16>,
    /// Networks that it is on: key in the file, name at the engine. None with
    /// a `network_mode:`.
    pub networks: BTreeMap<String, String>,
    /// Keys of those that are external: other projects may be on them.
    pub external: BTreeSet<String>,
    /// Labels that begin with `traefik.`.
    pub labels: BTreeMap<String, String>,
    /// Where those labels stand, as far as the reader could tell.
    pub label_places: BTreeMap<String, Place>,
}

/// The TCP ports of the entries of an `expose:`: `8000`, `8000/tcp`,
/// `8000-8002`. What is no port is left out: Compose has judged it.
pub fn exposed_tcp<'a>(entries: impl Iterator<Item = &'a str>) -> Vec<u16> {
    let ranges = entries.filter_map(|entry| {
        let (ports, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        protocol.eq_ignore_ascii_case("tcp").then(|| ports.parse::<PortRange>().ok())?
    });
    let ports: BTreeSet<u16> = ranges.flat_map(PortRange::iter).collect();
    ports.into_iter().collect()
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
}

/// A file that `env_file:` of a service names, and that is not there. Compose
/// refuses the project for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEnvFile {
    pub service: String,
    pub file: PathBuf,
    pub place: Place,
    /// The template that lies beside it.
    pub template: Option<PathBuf>,
}

/// Only these labels are kept: those for Traefik.
pub const TRAEFIK_LABELS: &str = "traefik.";
/// The label of a container that says which proxy it is for: that proxy's network.
pub const PROXY_LABEL: &str = "xtask.proxy.network";

/// A wanted mapping and where its published port comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub mapping: PortMapping,
    /// Where it stands; `None` when the reader could not tell.
    pub origin: Option<Origin>,
}

/// Where a published port is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: PathBuf,
    /// Line of the entry, from 1.
    pub line: usize,
    /// The variable whose value has the whole published port (or range) in it,
    /// as in `${BACKEND_PORT:-8000}:8000` or `${DB:-127.0.0.1:5432}:5432`;
    /// setting it moves the port. `None` for a literal, and where the number
    /// cannot be replaced in one value alone.
    pub variable: Option<String>,
    /// What else that value holds.
    pub affixes: Affixes,
    /// Where the published port's value comes from.
    pub source: Source,
    /// What a copy of the entry must say besides its values.
    pub written: Written,
}

/// The text before and behind the number in the value of a variable:
/// `127.0.0.1:` and nothing, or nothing and `:80/udp`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Affixes {
    pub before: String,
    pub after: String,
}

impl Affixes {
    /// The value of the variable with this number, or range, in it.
    pub fn value(&self, number: impl fmt::Display) -> String {
        format!("{}{number}{}", self.before, self.after)
    }

    /// Whether the value is the number alone.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// An entry's texts, as far as its values alone do not give them back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The host IP where variables make it: `${BIND_ADDRESS:-127.0.0.1}`.
    pub host_ip: Option<String>,
    /// The published port where variables make it, and a `0`, which the model
    /// does not tell from none.
    pub published: Option<String>,
    /// The target port where variables make it.
    pub target: Option<String>,
    /// The whole short entry, where variables make it and its parts cannot be
    /// told apart: `${DB:-127.0.0.1:5432}:5432`.
    pub whole: Option<String>,
    /// Further keys of the long form: `mode`, `name`, `app_protocol`, `x-…`.
    pub keys: BTreeMap<String, String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Written in the compose file.
    Literal,
    /// The process environment.
    Shell,
    /// A line of an env file (`.env`, or one named by `--env-file`).
    EnvFile { path: PathBuf, line: usize },
    /// The default in `${VAR:-default}`.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Literal => f.write_str("literal"),
            Source::Shell => f.write_str("shell"),
            Source::Default => f.write_str("default"),
            Source::EnvFile { path, line } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                write!(f, "{}:{line}", name.to_string_lossy())
            }
        }
    }
}
