//! The project: its services and the ports they want, each with its place in the
//! files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::{NetworkSettings, PortMapping, PortRange};

/// The effective Compose model, reduced to what matters for ports and health.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// Project name as Compose normalises it.
    pub name: String,
    /// Project folder: the value of its containers' label
    /// `com.docker.compose.project.working_dir`.
    pub dir: PathBuf,
    /// Compose files in the order they are merged.
    pub files: Vec<PathBuf>,
    /// Services of active profiles, by name.
    pub services: Vec<Service>,
    /// Settings of these services' networks, by their names at the engine.
    pub networks: BTreeMap<String, NetworkSettings>,
    /// The external volumes of these services, by their names at the engine. Only Compose
    /// tells; empty without it.
    pub external_volumes: BTreeSet<String>,
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
    /// `scale:` or `deploy.replicas`; `None` = one container.
    pub replicas: Option<u32>,
    /// The file has a healthcheck for it that is not disabled.
    pub healthcheck: bool,
    /// The words of that healthcheck, joined by spaces; otherwise empty.
    pub check: String,
    /// Has `healthcheck.start_interval`, which older engines refuse.
    pub start_interval: bool,
    /// `network_mode:`; with `host` the engine publishes no ports.
    pub network_mode: Option<String>,
    /// `environment:`, only values that the file sets.
    pub environment: BTreeMap<String, String>,
    /// `depends_on:`, each with its condition (`service_started`, …). One that is not
    /// required may name a service of an inactive profile.
    pub depends_on: BTreeMap<String, String>,
    /// `ports:` in the order of the effective model.
    pub ports: Vec<Wanted>,
    /// TCP ports of `expose:`, lowest first.
    pub expose: Vec<u16>,
    /// Its networks: key in the file, name at the engine. Empty with `network_mode:`.
    pub networks: BTreeMap<String, String>,
    /// Keys of its external networks: other projects may be on them.
    pub external: BTreeSet<String>,
    /// Labels that begin with `traefik.`.
    pub labels: BTreeMap<String, String>,
    /// Where those labels are written, as far as the reader knows.
    pub label_places: BTreeMap<String, Place>,
}

/// The TCP ports in the entries of an `expose:`: `8000`, `8000/tcp`, `8000-8002`.
/// Other text is left out: Compose validates it.
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

/// A missing file that `env_file:` of a service names. Compose refuses the project
/// because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEnvFile {
    pub service: String,
    pub file: PathBuf,
    pub place: Place,
    /// The template beside it.
    pub template: Option<PathBuf>,
}

/// Prefix of the labels that the model keeps.
pub const TRAEFIK_LABELS: &str = "traefik.";
/// Label of a container that names the network of its proxy.
pub const PROXY_LABEL: &str = "xtask.proxy.network";

/// A wanted mapping and where its published port comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub mapping: PortMapping,
    /// `None` if the reader does not know.
    pub origin: Option<Origin>,
}

/// Where a published port is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: PathBuf,
    /// Line of the entry, from 1.
    pub line: usize,
    /// The variable whose value contains the whole published port or range, as in
    /// `${BACKEND_PORT:-8000}:8000` or `${DB:-127.0.0.1:5432}:5432`; setting it moves
    /// the port. `None` for a literal, and if no single value holds the number.
    pub variable: Option<String>,
    /// What else that value contains.
    pub affixes: Affixes,
    /// Where the value of the published port comes from.
    pub source: Source,
    /// The parts of the entry that a copy must repeat as written.
    pub written: Written,
}

/// The text before and after the number in the value of a variable: `127.0.0.1:` and
/// nothing, or nothing and `:80/udp`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Affixes {
    pub before: String,
    pub after: String,
}

impl Affixes {
    /// The variable's value with this number or range in it.
    pub fn value(&self, number: impl fmt::Display) -> String {
        format!("{}{number}{}", self.before, self.after)
    }

    /// Whether the value is only the number.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// Texts of an entry that cannot be restored from its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The host IP if it contains variables: `${BIND_ADDRESS:-127.0.0.1}`.
    pub host_ip: Option<String>,
    /// The published port if it contains variables, or a `0`, which the model does not
    /// distinguish from none.
    pub published: Option<String>,
    /// The target port if it contains variables.
    pub target: Option<String>,
    /// The whole short entry if variables hide where its parts begin:
    /// `${DB:-127.0.0.1:5432}:5432`.
    pub whole: Option<String>,
    /// Other keys of the long form: `mode`, `name`, `app_protocol`, `x-…`.
    pub keys: BTreeMap<String, String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Written in the compose file.
    Literal,
    Shell,
    /// An env file: `.env`, or one named by `--env-file`.
    EnvFile {
        path: PathBuf,
        line: usize,
    },
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
