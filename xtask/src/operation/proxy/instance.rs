//! One proxy: its network, project and folder. PROXY_NETWORK selects another network and so
//! another proxy; project and folder derive from it, so two proxies share nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::certs::Certs;
use crate::context::Context;
use crate::disk;
use crate::docker::{self, Compose, EngineError};
use crate::error::{Context as _, Error, Result};
use crate::exec::Command;
use crate::labels::{NETWORK, Ports, is_link};
use crate::ledger::ProjectLock;
use crate::model::{Attachment, ComposeOptions, Container};
use crate::project::proxy_network;
use crate::ui;

/// The Compose project of the proxy on the default network.
const PROJECT: &str = "xtask-proxy";

#[derive(Debug, Clone)]
pub struct Instance {
    /// The network that projects with hand-written labels join.
    pub network: String,
    /// Compose project.
    pub project: String,
    /// Folder with its configuration, certificates and state.
    pub dir: PathBuf,
}

/// What one `up` saves for the next, in `state.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedState {
    schema: u32,
    /// The ports that it had last.
    pub(super) ports: Option<Ports>,
    /// Ports that the user chose, by entry point.
    #[serde(default, rename = "wished")]
    pub(super) chosen_ports: [Option<u16>; 4],
    /// The image that the user chose.
    pub(super) image: Option<String>,
    /// Id of the image, and its version of Traefik.
    pub(super) version: Option<(String, String)>,
}

impl Instance {
    /// The proxy that PROXY_NETWORK selects.
    pub fn resolve(ctx: &Context) -> Result<Instance> {
        let state = ctx.state_dir()?;
        let state = std::path::absolute(&state).unwrap_or(state);
        let network = proxy_network(ctx)?;
        let suffix = if network == NETWORK { String::new() } else { format!("-{network}") };
        Ok(Instance { project: format!("{PROJECT}{suffix}"), dir: state.join(format!("proxy{suffix}")), network })
    }

    pub fn certs(&self) -> Certs {
        Certs::new(&self.dir)
    }

    /// The folder with the configuration that Traefik watches.
    pub(super) fn dynamic(&self) -> PathBuf {
        self.dir.join("dynamic")
    }

    pub(super) fn compose_file(&self) -> PathBuf {
        self.dir.join("compose.yml")
    }

    /// Whether all files and folders that its container mounts exist. If one was deleted and
    /// created again, a running container still sees the old one.
    pub(super) fn has_all_files(&self) -> bool {
        self.compose_file().is_file() && self.dynamic().is_dir() && self.certs().folder().is_dir()
    }

    /// `docker compose …` for the proxy, without the project's COMPOSE_* variables.
    pub(super) fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let options = ComposeOptions {
            files: vec![self.compose_file()],
            project_name: Some(self.project.clone()),
            ..ComposeOptions::default()
        };
        let command = Compose::new(options, self.dir.clone(), BTreeMap::new()).command(args);
        ["COMPOSE_FILE", "COMPOSE_ENV_FILES", "COMPOSE_PROFILES"].iter().fold(command, Command::env_remove)
    }

    /// The command that shows its logs, also of an exited container; `None` if it has none.
    pub fn logs(&self, ctx: &Context, tail: &str, follow: bool) -> Result<Option<Command>> {
        let containers = ctx.engine.containers_of(&self.project).map_err(engine_error(ctx))?;
        Ok(self.container(&containers).map(|own| docker::logs(&own.id, tail, follow)))
    }

    pub(super) fn container<'a>(&self, all: &'a [Container]) -> Option<&'a Container> {
        let mut own = all.iter().filter(|container| container.project.as_deref() == Some(&self.project));
        own.find(|container| container.service.as_deref() == Some("traefik") && !container.one_off)
    }

    /// Other containers on a network of this proxy.
    pub(super) fn guests<'a>(&self, all: &'a [Container]) -> Vec<&'a Container> {
        let is_there = |on: &Attachment| on.name == self.network || is_link(&self.network, &on.name);
        let guest = |container: &&Container| {
            container.networks.iter().any(is_there) && container.project.as_deref() != Some(&self.project)
        };
        all.iter().filter(guest).collect()
    }

    /// Whether this proxy reads a container's labels, as `labels::constraint` tells Traefik.
    pub(super) fn watches(&self, container: &Container) -> bool {
        let network = container.traefik.get("traefik.docker.network");
        let is_named = [container.proxy.as_ref(), network].contains(&Some(&self.network));
        let is_nameless = container.proxy.is_none() && network.is_none() && !container.traefik.is_empty();
        !container.one_off && (is_named || (is_nameless && self.network == NETWORK))
    }

    /// The ports that the engine publishes for it; `None` while it does not run.
    pub fn ports(&self, ctx: &Context) -> Result<Option<Ports>> {
        let containers = ctx.engine.containers_of(&self.project).map_err(engine_error(ctx))?;
        Ok(self.container(&containers).and_then(published_ports))
    }

    pub(super) fn load_state(&self) -> SavedState {
        let bytes = disk::read_own(&self.dir.join("state.json")).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(super) fn save_state(&self, saved: &SavedState) -> Result<()> {
        let saved = SavedState { schema: 1, ..saved.clone() };
        let json = serde_json::to_vec_pretty(&saved).context("serialize the proxy's state")?;
        disk::write_atomic(&self.dir.join("state.json"), &json)
    }
}

/// The published ports of the proxy, if it is running and among these containers.
pub fn running_ports(ctx: &Context, containers: &[Container]) -> Option<Ports> {
    Instance::resolve(ctx).ok()?.container(containers).and_then(published_ports)
}

pub(super) fn published_ports(container: &Container) -> Option<Ports> {
    let usual = Ports::USUAL;
    let of = |target: u16| container.held().find(|binding| binding.target == target).map(|binding| binding.published);
    Some(Ports {
        web: of(usual.web)?,
        websecure: of(usual.websecure)?,
        postgres: of(usual.postgres)?,
        redis: of(usual.redis)?,
    })
}

pub(super) fn engine_error(ctx: &Context) -> impl Fn(EngineError) -> Error + '_ {
    |trouble| ctx.engine_error(&trouble)
}

/// Locks the proxy and its networks; waits while another command changes them.
pub(super) fn lock(instance: &Instance) -> Result<ProjectLock> {
    ProjectLock::acquire(&instance.dir, "proxy", || ui::note("waiting for another `proxy` command"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `labels::constraint` says it to Traefik.
    #[test]
    fn a_proxy_looks_at_its_own_containers() {
        let instance = |network: &str| Instance { network: network.into(), project: "x".into(), dir: PathBuf::new() };
        let seen = |labels: &[(&str, &str)], proxy: Option<&str>, one_off: bool| {
            let traefik = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let container = Container { traefik, proxy: proxy.map(str::to_owned), one_off, ..Container::default() };
            ["web", "edge"].map(|network| instance(network).watches(&container))
        };
        let on = |network| [("traefik.enable", "true"), ("traefik.docker.network", network)];
        assert_eq!(seen(&on("web-link.p"), Some("web"), false), [true, false]);
        assert_eq!(seen(&on("edge-link.p"), Some("edge"), false), [false, true]);
        assert_eq!(seen(&on("edge-link.p"), Some("edge"), true), [false, false]);
        // Written by hand, or by an older program.
        assert_eq!(seen(&on("web"), None, false), [true, false]);
        assert_eq!(seen(&on("edge"), None, false), [false, true]);
        assert_eq!(seen(&on("other"), None, false), [false, false]);
        assert_eq!(seen(&on("web")[..1], None, false), [true, false]);
        assert_eq!(seen(&on("web")[..1], Some("edge"), false), [false, true]);
        assert_eq!(seen(&[], None, false), [false, false]);
    }
}
