//! The queries to the engine, one function per endpoint.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::http::escape;
use super::{Engine, EngineError};
use crate::model::{Container, Network, State, Swarm, Version};
use crate::parse::engine::{self, Detail, EngineKind, EngineVersion, Image, Info};

const CONTAINERS: &str = "/containers/json?all=1";
/// With more containers that restart all the time, the rest is left without ports.
const MAX_RESTARTING: usize = 50;
/// Likewise for the health of containers of Podman 5.
const MAX_UNKNOWN_HEALTH: usize = 100;
/// Podman starts a container that crashes again within this time.
const PODMAN_RESTART: Duration = Duration::from_millis(1500);
const POLL: Duration = Duration::from_millis(100);

impl Engine {
    pub fn info(&self) -> Result<Info, EngineError> {
        Ok(engine::info(&self.get("/info")?)?)
    }

    /// The Swarm that it is an active node of. The services are asked for only there.
    pub fn swarm(&self) -> Result<Option<Swarm>, EngineError> {
        let Some(node) = self.info()?.swarm else { return Ok(None) };
        let services =
            if node.is_manager { engine::services(&self.get("/services?status=true")?)? } else { Vec::new() };
        Ok(Some(Swarm { node, services }))
    }

    pub fn version(&self) -> Result<EngineVersion, EngineError> {
        Ok(engine::version(&self.get("/version")?)?)
    }

    pub fn containers(&self) -> Result<Vec<Container>, EngineError> {
        Ok(self.with_wanted_ports(engine::containers(&self.get(CONTAINERS)?)?))
    }

    /// All containers, and the result of `work`, which runs meanwhile.
    pub fn containers_beside<T>(&self, work: impl FnOnce() -> T) -> (Result<Vec<Container>, EngineError>, T) {
        let (body, done) = self.get_beside(CONTAINERS, work);
        (body.and_then(|body| Ok(self.with_wanted_ports(engine::containers(&body)?))), done)
    }

    /// Containers of one Compose project, running or not.
    pub fn containers_of(&self, project: &str) -> Result<Vec<Container>, EngineError> {
        let list = self.get(&format!("{CONTAINERS}&filters={}", label_filter(project)))?;
        Ok(self.with_wanted_ports(engine::containers(&list)?))
    }

    /// Between two runs of a container that crashes the engine lists no ports for it, but it
    /// will want them again in a moment. Podman lists them, and calls it exited.
    fn with_wanted_ports(&self, mut containers: Vec<Container>) -> Vec<Container> {
        let is_between =
            |container: &&mut Container| container.state == State::Restarting && container.bindings.is_empty();
        for container in containers.iter_mut().filter(is_between).take(MAX_RESTARTING) {
            container.bindings = self.detail(&container.id).map(|detail| detail.wanted).unwrap_or_default();
        }
        if let Ok(EngineKind::Podman(version)) = self.kind() {
            // Only later versions say it in the status.
            let is_unknown = |container: &&mut Container| {
                version < Version(6, 0, 0) && container.state == State::Running && container.health.is_none()
            };
            for container in containers.iter_mut().filter(is_unknown).take(MAX_UNKNOWN_HEALTH) {
                container.health = self.detail(&container.id).ok().and_then(|detail| detail.health);
            }
            let has_just_ended =
                |container: &&mut Container| container.has_just_ended() && !container.bindings.is_empty();
            for container in containers.iter_mut().filter(has_just_ended).take(MAX_RESTARTING) {
                if self.podman_restarts(&container.id).unwrap_or_default() {
                    container.state = State::Restarting;
                }
            }
        }
        containers
    }

    /// Podman 5.8 does not say whether a user stopped it (no `StoppedByUser`), so it is watched.
    fn podman_restarts(&self, id: &str) -> Result<bool, EngineError> {
        let before = self.detail(id)?;
        if !engine::podman_restarts(&self.get(&format!("/v4.0.0/libpod/containers/{}/json", escape(id)))?)? {
            return Ok(false);
        }
        let deadline = Instant::now() + PODMAN_RESTART;
        while Instant::now() < deadline {
            let now = self.detail(id)?;
            if now.restarts > before.restarts || now.pid.is_some() {
                return Ok(true);
            }
            std::thread::sleep(POLL);
        }
        Ok(false)
    }

    pub fn detail(&self, id: &str) -> Result<Detail, EngineError> {
        Ok(engine::detail(&self.get(&format!("/containers/{}/json", escape(id)))?)?)
    }

    pub fn all_networks(&self) -> Result<Vec<Network>, EngineError> {
        Ok(engine::networks(&self.get("/networks")?)?)
    }

    /// The interface of each network on the engine's machine, by the network's id. Docker's API
    /// does not tell, but its names follow from the ids; Podman numbers its own.
    pub fn podman_interfaces(&self) -> Result<BTreeMap<String, String>, EngineError> {
        Ok(engine::podman_interfaces(&self.get("/v4.0.0/libpod/networks/json")?)?)
    }

    pub fn networks_of(&self, project: &str) -> Result<Vec<Network>, EngineError> {
        Ok(engine::networks(&self.get(&format!("/networks?filters={}", label_filter(project)))?)?)
    }

    /// A network by name or id, with the containers on it.
    pub fn network(&self, name: &str) -> Result<Option<Network>, EngineError> {
        let found = self.find(&format!("/networks/{}", escape(name)))?;
        let network = found.map(|body| engine::network(&body)).transpose()?;
        // The engine also accepts the beginning of an id.
        Ok(network.filter(|network| network.name == name || network.id == name))
    }

    pub fn volumes_of(&self, project: &str) -> Result<Vec<String>, EngineError> {
        Ok(engine::volumes(&self.get(&format!("/volumes?filters={}", label_filter(project)))?)?)
    }

    pub fn volumes(&self) -> Result<Vec<String>, EngineError> {
        Ok(engine::volumes(&self.get("/volumes")?)?)
    }

    /// One name of each local image, newest first.
    pub fn images(&self) -> Result<Vec<String>, EngineError> {
        Ok(engine::images(&self.get("/images/json")?)?)
    }

    /// A local image by any name that Docker understands.
    pub fn image(&self, name: &str) -> Result<Option<Image>, EngineError> {
        let path: Vec<String> = name.split('/').map(escape).collect();
        let found = self.find(&format!("/images/{}/json", path.join("/")))?;
        Ok(found.map(|body| engine::image(&body)).transpose()?)
    }
}

fn label_filter(project: &str) -> String {
    let label = format!("com.docker.compose.project={project}");
    escape(&serde_json::json!({ "label": [label] }).to_string())
}
