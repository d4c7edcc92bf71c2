//! Containers as the engine reports them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::{Network, Protocol, SwarmTask, is_engine_name};

/// A container, with the labels Compose puts on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Full id, 64 hexadecimal digits.
    pub id: String,
    /// Name without the leading slash.
    pub name: String,
    pub image: String,
    pub state: State,
    /// Result of the healthcheck, when there is one.
    pub health: Option<Health>,
    /// Exit code of its last run, if it has ended.
    pub exit_code: Option<u8>,
    /// How long it has been running; `None` after the first minute.
    pub seconds_up: Option<u64>,
    /// Human status, such as `Exited (1) 3 seconds ago`.
    pub status: String,
    /// Label `com.docker.compose.project`.
    pub project: Option<String>,
    /// Label `com.docker.compose.service`.
    pub service: Option<String>,
    /// Label `com.docker.compose.project.working_dir`.
    pub working_dir: Option<PathBuf>,
    /// Made by `docker compose run`, or for a `pre_start` hook: it is no replica of its service,
    /// and `up` never replaces it.
    pub one_off: bool,
    /// Made by podman-compose: Docker Compose neither sees nor replaces it.
    pub podman_compose: bool,
    /// The Swarm service that it runs a task of: if it is stopped, Swarm makes another.
    pub task: Option<Box<SwarmTask>>,
    /// What the engine publishes for it now; see [`Container::held`].
    pub bindings: Vec<Binding>,
    /// The networks that it is on, or joins when it starts.
    pub networks: Vec<Attachment>,
    /// Mount points of its anonymous volumes: they stay behind when it is removed,
    /// and the next container gets new ones.
    pub unnamed_volumes: Vec<String>,
    /// Labels that begin with `traefik.`.
    pub traefik: BTreeMap<String, String>,
    /// The network of the proxy that it is for, if a generated file says so.
    pub proxy: Option<String>,
}

impl Container {
    /// What to call it on a command line: its name, or its id if no engine would give
    /// that name (moby, `daemon/names/names.go`).
    pub fn reference(&self) -> &str {
        if Container::is_name(&self.name) { &self.name } else { &self.id }
    }

    /// Whether engines allow this as the name of a container.
    pub fn is_name(name: &str) -> bool {
        is_engine_name(name)
    }

    pub fn is_on(&self, network: &str) -> bool {
        self.networks.iter().any(|attachment| attachment.name == network)
    }

    /// Whether it is on this very network, not on an older one of the same name.
    pub fn is_attached(&self, network: &Network) -> bool {
        self.networks.iter().any(|attachment| attachment.id == network.id)
    }

    /// Whether it was created from this folder; both paths are without symbolic links.
    pub fn is_from_folder(&self, dir: &Path) -> bool {
        self.working_dir.as_deref() == Some(dir)
    }

    pub fn belongs_to(&self, project: &str, dir: &Path) -> bool {
        self.project.as_deref() == Some(project) && self.is_from_folder(dir)
    }

    /// Whether it ended within the last seconds, as far as its status tells.
    pub fn has_just_ended(&self) -> bool {
        let age = self.status.strip_prefix("Exited (").and_then(|rest| rest.split_once(") "));
        let is_young = |age: &str| {
            age == "Less than a second ago" || age.ends_with(" second ago") || age.ends_with(" seconds ago")
        };
        self.state == State::Exited && age.is_some_and(|(_, age)| is_young(age))
    }

    /// The ports that the engine holds for it now. In a state without ports these are
    /// none, although the engine may still list bindings.
    pub fn held(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(|_| self.state.holds_ports())
    }
}

/// A container's place on a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// The network's name.
    pub name: String,
    /// The network's id; empty for a container that was never started.
    pub id: String,
    /// The container's address there, while it runs.
    pub address: Option<IpAddr>,
}

impl Attachment {
    /// A container's place on a network while it does not run.
    pub fn new(name: &str, id: &str) -> Attachment {
        Attachment { name: name.to_owned(), id: id.to_owned(), address: None }
    }
}

/// A published port of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binding {
    /// Address on the host; unspecified = every address of that family.
    pub host_ip: IpAddr,
    /// Port on the host.
    pub published: u16,
    /// Port in the container.
    pub target: u16,
    pub protocol: Protocol,
}

/// Life cycle state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Created, never started (or its start failed).
    #[default]
    Created,
    Running,
    /// Keeps its ports.
    Paused,
    /// Between two runs.
    Restarting,
    Removing,
    Exited,
    /// The engine lost it.
    Dead,
}

impl State {
    /// Whether the engine holds the container's ports in this state. After a crash
    /// the engine still lists the ports of exited containers but doesn't hold them.
    pub fn holds_ports(self) -> bool {
        matches!(self, State::Running | State::Paused | State::Restarting)
    }

    /// The engine's word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Created => "created",
            State::Running => "running",
            State::Paused => "paused",
            State::Restarting => "restarting",
            State::Removing => "removing",
            State::Exited => "exited",
            State::Dead => "dead",
        }
    }
}

/// Result of a healthcheck, from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// `retries` checks in a row failed.
    Unhealthy,
    /// No result yet.
    Starting,
    /// The last check passed.
    Healthy,
}

impl Health {
    /// The engine's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        }
    }
}
