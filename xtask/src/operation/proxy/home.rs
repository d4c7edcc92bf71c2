//! Where the proxy lives and what it is called. PROXY_NETWORK names another
//! network, and with it another proxy: project and folder follow, so that two
//! of them never meet.

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

/// The proxy's Compose project, for the usual network.
const PROJECT: &str = "xtask-proxy";

/// The proxy's place.
#[derive(Debug, Clone)]
pub struct Home {
    /// The network that it shares with projects.
    pub network: String,
    /// Its Compose project.
    pub project: String,
    /// Its folder.
    pub dir: PathBuf,
}

/// What is remembered from one `up` to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    schema: u32,
    /// What it had last.
    pub(super) ports: Option<Ports>,
    /// What a person asked for, instead of the usual ones.
    #[serde(default)]
    pub(super) wished: [Option<u16>; 4],
    /// What a person asked for, instead of the usual one.
    pub(super) image: Option<String>,
    /// Id of that image, and the version of Traefik in it.
    pub(super) version: Option<(String, String)>,
}

impl Home {
    /// The place that the environment means.
    pub fn of(ctx: &Context) -> Result<Home> {
        let state = ctx.state_dir()?;
        let state = std::path::absolute(&state).unwrap_or(state);
        let network = proxy_network(ctx)?;
        let suffix = if network == NETWORK { String::new() } else { format!("-{network}") };
        Ok(Home { project: format!("{PROJECT}{suffix}"), dir: state.join(format!("proxy{suffix}")), network })
    }

    /// Its certificates.
    pub fn certs(&self) -> Certs {
        Certs::new(&self.dir)
    }

    /// The folder of the configuration that it watches.
    pub(super) fn dynamic(&self) -> PathBuf {
        self.dir.join("dynamic")
    }

    /// Its compose file.
    pub(super) fn compose_file(&self) -> PathBuf {
        self.dir.join("compose.yml")
    }

    /// Whether all is there that its container has to see. What was deleted and
    /// made again is another folder: the container goes on seeing the old one.
    pub(super) fn is_whole(&self) -> bool {
        self.compose_file().is_file() && self.dynamic().is_dir() && self.certs().folder().is_dir()
    }

    /// `docker compose …` of the proxy; what the project's variables say is not
    /// for it.
    pub(super) fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let options = ComposeOptions {
            files: vec![self.compose_file()],
            project_name: Some(self.project.clone()),
            ..ComposeOptions::default()
        };
        let command = Compose::new(options, self.dir.clone(), BTreeMap::new()).command(args);
        ["COMPOSE_FILE", "COMPOSE_ENV_FILES", "COMPOSE_PROFILES"].iter().fold(command, Command::env_remove)
    }

    /// Its logs, for a person's terminal; `None` where it has no container. One
    /// that ended has the most to say.
    pub fn logs(&self, ctx: &Context, tail: &str, follow: bool) -> Result<Option<Command>> {
        let containers = ctx.engine.containers_of(&self.project).map_err(trouble(ctx))?;
        Ok(self.own(&containers).map(|own| docker::logs(&own.id, tail, follow)))
    }

    /// Its own containers of `all`.
    pub(super) fn own<'a>(&self, all: &'a [Container]) -> Option<&'a Container> {
        let mut own = all.iter().filter(|container| container.project.as_deref() == Some(&self.project));
        own.find(|container| container.service.as_deref() == Some("traefik") && !container.one_off)
    }

    /// Containers of `all` that are on a network of this proxy and not its own.
    pub(super) fn guests<'a>(&self, all: &'a [Container]) -> Vec<&'a Container> {
        let is_there = |on: &Attachment| on.name == self.network || is_link(&self.network, &on.name);
        let guest = |container: &&Container| {
            container.networks.iter().any(is_there) && container.project.as_deref() != Some(&self.project)
        };
        all.iter().filter(guest).collect()
    }

    /// Whether this proxy looks at a container's labels, as `labels::constraint` says.
    pub(super) fn routes(&self, container: &Container) -> bool {
        let network = container.traefik.get("traefik.docker.network");
        let is_named = [container.proxy.as_ref(), network].contains(&Some(&self.network));
        let is_nameless = container.proxy.is_none() && network.is_none() && !container.traefik.is_empty();
        !container.one_off && (is_named || (is_nameless && self.network == NETWORK))
    }

    /// The ports that it really has, while it runs.
    pub fn ports(&self, ctx: &Context) -> Result<Option<Ports>> {
        let containers = ctx.engine.containers_of(&self.project).map_err(trouble(ctx))?;
        Ok(self.own(&containers).and_then(published))
    }

    pub(super) fn recall(&self) -> Memory {
        let bytes = disk::read_own(&self.dir.join("state.json")).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(super) fn remember(&self, memory: &Memory) -> Result<()> {
        let memory = Memory { schema: 1, ..memory.clone() };
        let json = serde_json::to_vec_pretty(&memory).context("write what the proxy remembers")?;
        disk::write_atomic(&self.dir.join("state.json"), &json)
    }
}

/// The ports of the proxy, where it is one of these containers and runs.
pub fn running_ports(ctx: &Context, containers: &[Container]) -> Option<Ports> {
    Home::of(ctx).ok()?.own(containers).and_then(published)
}

/// The ports of this machine that a running proxy has.
pub(super) fn published(container: &Container) -> Option<Ports> {
    let usual = Ports::USUAL;
    let of = |target: u16| container.held().find(|binding| binding.target == target).map(|binding| binding.published);
    Some(Ports {
        web: of(usual.web)?,
        websecure: of(usual.websecure)?,
        postgres: of(usual.postgres)?,
        redis: of(usual.redis)?,
    })
}

/// The engine's trouble as an error.
pub(super) fn trouble(ctx: &Context) -> impl Fn(EngineError) -> Error + '_ {
    |trouble| ctx.engine_error(&trouble)
}

/// Waits for whoever changes the proxy or its networks.
pub(super) fn lock_proxy(home: &Home) -> Result<ProjectLock> {
    ProjectLock::acquire(&home.dir, "proxy", || ui::note("another `proxy` command is at work: waiting for it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `labels::constraint` says it to Traefik.
    #[test]
    fn a_proxy_looks_at_its_own_containers() {
        let home = |network: &str| Home { network: network.into(), project: "x".into(), dir: PathBuf::new() };
        let seen = |labels: &[(&str, &str)], proxy: Option<&str>, one_off: bool| {
            let traefik = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let container = Container { traefik, proxy: proxy.map(str::to_owned), one_off, ..Container::default() };
            ["web", "edge"].map(|network| home(network).routes(&container))
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
