//! A stand-in for the engine: a Unix socket that answers the few questions that
//! are asked of it, and remembers what it was told. On Windows, where the engine
//! is behind a pipe that only the CLI opens, it is a TCP socket behind the
//! stand-in's `docker system dial-stdio`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
#[cfg(windows)]
use std::net::{TcpListener as Listener, TcpStream as Stream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener as Listener, UnixStream as Stream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use super::Project;

/// How it answers.
#[derive(Clone, Default)]
pub(crate) enum Manner {
    /// Properly.
    #[default]
    Answer,
    /// Properly, after a while.
    Slow(Duration),
    /// With these bytes, whatever the question.
    Raw(&'static str),
    /// Never.
    Silent,
}

type Effect = Arc<dyn Fn(&mut State) + Send + Sync>;

/// What it knows.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) manner: Manner,
    pub(crate) containers: Vec<Value>,
    pub(crate) networks: Vec<Value>,
    pub(crate) volumes: Vec<Value>,
    /// `GET /info`; without it a plain one.
    pub(crate) info: Option<Value>,
    /// The newest API it speaks; `1.51` where nothing else is said.
    pub(crate) api: &'static str,
    /// The `Server` header of its answers; empty = none.
    pub(crate) server: &'static str,
    /// The oldest API it speaks.
    pub(crate) min_api: &'static str,
    /// Names of its images.
    pub(crate) images: Vec<String>,
    /// Networks that it refuses to take away: somebody is on them.
    pub(crate) busy: Vec<String>,
    /// `GET /containers/ID/json`, by id.
    pub(crate) details: BTreeMap<String, Value>,
    /// Everything but questions: `DELETE /containers/ab?force=1`.
    pub(crate) changes: Vec<String>,
    /// How many questions it was asked.
    pub(crate) questions: usize,
    /// What it was asked, without the query.
    pub(crate) asked: Vec<String>,
    /// `GET /services`; without it a worker's answer.
    pub(crate) services: Option<Value>,
    effects: BTreeMap<String, Effect>,
}

/// An engine of a project; it lives as long as the test does.
pub(crate) struct Engine {
    state: Arc<Mutex<State>>,
}

impl Engine {
    /// Serves at a socket of `project`, which from now on finds it there.
    pub(crate) fn start(project: &mut Project) -> Engine {
        let listener = listen(project);
        let state = State { server: "Docker/28.5.2 (linux)", ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Engine { state }
    }

    /// What it knows, to look at and to change.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What happens to it when the stand-in for `docker` tells it `what`.
    pub(crate) fn on(&self, what: &str, effect: impl Fn(&mut State) + Send + Sync + 'static) {
        self.state().effects.insert(what.to_owned(), Arc::new(effect));
    }

    /// One more container.
    pub(crate) fn has(&self, container: Value) -> &Self {
        self.state().containers.push(container);
        self
    }
}

#[cfg(unix)]
fn listen(project: &mut Project) -> Listener {
    let socket = project.root().join("engine.sock");
    project.set("DOCKER_HOST", format!("unix://{}", socket.display()));
    Listener::bind(socket).unwrap()
}

#[cfg(windows)]
fn listen(project: &mut Project) -> Listener {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    project.set("FAKE_ENGINE", listener.local_addr().unwrap().to_string());
    listener
}

fn serve(mut stream: Stream, state: &Mutex<State>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let manner = state.lock().unwrap().manner.clone();
    if let Manner::Slow(while_) = manner {
        std::thread::sleep(while_);
    }
    let said = match manner {
        Manner::Answer | Manner::Slow(_) => {
            let mut state = state.lock().unwrap();
            let (status, body) = answer(&mut state, method, path);
            let server = if state.server.is_empty() { String::new() } else { format!("Server: {}\r\n", state.server) };
            format!("HTTP/1.0 {status} .\r\n{server}Content-Type: application/json\r\n\r\n{body}")
        }
        Manner::Raw(text) => text.to_owned(),
        Manner::Silent => return drop(stream.read_to_end(&mut Vec::new())),
    };
    // A client that is gone needs no answer.
    drop(stream.write_all(said.as_bytes()));
    // Not by its end alone: what Windows accepts is inherited by every process
    // that another test starts meanwhile, and would stay open as long as that.
    drop(stream.shutdown(std::net::Shutdown::Both));
}

fn answer(state: &mut State, method: &str, path: &str) -> (u16, Value) {
    if method == "GET" {
        state.questions += 1;
    } else {
        state.changes.push(format!("{method} {path}"));
    }
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    if method == "GET" {
        state.asked.push(place.to_owned());
    }
    let parts: Vec<&str> = place.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["containers", "json"]) => (200, of_project(&state.containers, query)),
        ("GET", ["containers", id, "json"]) => match state.details.get(*id) {
            Some(detail) => (200, detail.clone()),
            None => (404, json!({ "message": format!("No such container: {id}") })),
        },
        ("GET", ["networks"]) => (200, of_project(&state.networks, query)),
        ("GET", ["networks", id]) => match state.networks.iter().find(|network| network["Id"] == *id) {
            Some(network) => (200, network.clone()),
            None => (404, json!({ "message": format!("network {id} not found") })),
        },
        ("GET", ["info"]) => (200, state.info.clone().unwrap_or_else(|| json!({ "ServerVersion": "28.5.2" }))),
        ("GET", ["services"]) => match &state.services {
            Some(services) => (200, services.clone()),
            None => (503, json!({ "message": "This node is not a swarm manager." })),
        },
        ("GET", ["version"]) => {
            let api = if state.api.is_empty() { "1.51" } else { state.api };
            (200, json!({ "Version": "28.5.2", "ApiVersion": api, "MinAPIVersion": state.min_api }))
        }
        ("GET", ["images", name, "json"]) if state.images.iter().any(|image| image == name) => {
            (200, json!({ "Id": "sha256:1" }))
        }
        ("GET", ["images", name, "json"]) => (404, json!({ "message": format!("No such image: {name}") })),
        ("GET", ["volumes"]) => (200, json!({ "Volumes": of_project(&state.volumes, query) })),
        ("DELETE", ["networks", id]) if state.busy.iter().any(|busy| busy == id) => {
            (403, json!({ "message": format!("error while removing network: network {id} has active endpoints") }))
        }
        ("DELETE", [what @ ("containers" | "networks"), id]) => {
            let list = if *what == "networks" { &mut state.networks } else { &mut state.containers };
            list.retain(|item| item["Id"] != *id);
            (204, Value::Null)
        }
        ("POST", [what]) => match state.effects.get(*what).cloned() {
            Some(effect) => {
                effect(state);
                (200, Value::Null)
            }
            None => (404, json!({ "message": format!("no effect {what}") })),
        },
        _ => (404, json!({ "message": format!("page not found: {method} {path}") })),
    }
}

/// `filters={"label":["com.docker.compose.project=demo"]}`, escaped.
fn of_project(items: &[Value], query: &str) -> Value {
    let name = query.split("project%3D").nth(1).map(|rest| rest.split('%').next().unwrap_or_default());
    let fits = |item: &&Value| name.is_none_or(|name| item["Labels"]["com.docker.compose.project"] == name);
    items.iter().filter(fits).cloned().collect()
}

/// A container as the engine lists it. `published` is host IP, host port,
/// container port.
pub(crate) fn container(
    (project, service, folder): (&str, &str, &str),
    (state, status): (&str, &str),
    published: &[(&str, u16, u16)],
) -> Value {
    let port = |(ip, public, private): &(&str, u16, u16)| json!({ "IP": ip, "PublicPort": public, "PrivatePort": private, "Type": "tcp" });
    json!({
        "Id": format!("{project}-{service}-id"),
        "Names": [format!("/{project}-{service}-1")],
        "Image": service,
        "State": state,
        "Status": status,
        "Labels": {
            "com.docker.compose.project": project,
            "com.docker.compose.service": service,
            "com.docker.compose.project.working_dir": folder,
            "com.docker.compose.oneoff": "False",
        },
        "Ports": published.iter().map(port).collect::<Vec<Value>>(),
    })
}

/// A network of a project.
pub(crate) fn network(project: &str, name: &str) -> Value {
    json!({ "Id": format!("{name}-id"), "Name": name, "Labels": { "com.docker.compose.project": project } })
}
