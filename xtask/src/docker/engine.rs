//! The engine itself, asked over its socket (a call of the CLI costs 20 ms,
//! this one); where there is no socket to open, over the CLI's own connection
//! (`docker system dial-stdio`), which knows TLS, ssh and pipes.

use std::path::Path;
use std::time::Duration;

use super::endpoint;
use super::http;
use super::{Endpoint, Trouble};
use crate::error::Result;
use crate::exec::{self, Command};
use crate::model::Container;
use crate::parse::engine_api::{self, Detail, Network};
use crate::ui;

const CONTAINERS: &str = "/containers/json?all=1";

/// A way to an engine.
#[derive(Debug, Clone)]
pub struct Engine {
    endpoint: Endpoint,
    limit: Duration,
}

impl Engine {
    /// An engine at `endpoint`, given `limit` for each answer.
    pub fn new(endpoint: Endpoint, limit: Duration) -> Self {
        Engine { endpoint, limit }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &endpoint::Endpoint {
        &self.endpoint
    }

    /// How long an answer may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// All containers, running or not.
    pub fn containers(&self) -> Result<Vec<Container>, Trouble> {
        containers_of_body(&self.get(CONTAINERS)?)
    }

    /// The same, and what `work` gives, which is done while the engine thinks.
    pub fn containers_beside<T>(&self, work: impl FnOnce() -> T) -> (Result<Vec<Container>, Trouble>, T) {
        // Over a socket it takes no thread: the question is sent, and its
        // answer read later.
        #[cfg(unix)]
        if let Some(socket) = self.endpoint.socket() {
            let asked = Asked::send(socket, &http::request("GET", CONTAINERS), self.limit);
            let done = work();
            let body = asked.and_then(Asked::answer).and_then(|bytes| body("GET", &bytes));
            return (body.and_then(|body| containers_of_body(&body)), done);
        }
        std::thread::scope(|scope| {
            let containers = scope.spawn(|| self.containers());
            let done = work();
            (containers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), done)
        })
    }

    /// Containers of one Compose project, running or not.
    pub fn containers_of(&self, project: &str) -> Result<Vec<Container>, Trouble> {
        let body = self.get(&format!("/containers/json?all=1&filters={}", label_filter(project)))?;
        engine_api::containers(&body).map_err(|error| Trouble::Other(error.message().to_owned()))
    }

    /// Networks of one Compose project.
    pub fn networks_of(&self, project: &str) -> Result<Vec<Network>, Trouble> {
        let body = self.get(&format!("/networks?filters={}", label_filter(project)))?;
        engine_api::networks(&body).map_err(|error| Trouble::Other(error.message().to_owned()))
    }

    /// Names of the volumes of one Compose project.
    pub fn volumes_of(&self, project: &str) -> Result<Vec<String>, Trouble> {
        let body = self.get(&format!("/volumes?filters={}", label_filter(project)))?;
        engine_api::volumes(&body).map_err(|error| Trouble::Other(error.message().to_owned()))
    }

    /// Names of all volumes.
    pub fn volumes(&self) -> Result<Vec<String>, Trouble> {
        let body = self.get("/volumes")?;
        engine_api::volumes(&body).map_err(|error| Trouble::Other(error.message().to_owned()))
    }

    /// Why a container is as it is.
    pub fn detail(&self, id: &str) -> Result<Detail, Trouble> {
        let body = self.get(&format!("/containers/{}/json", http::escape(id)))?;
        engine_api::detail(&body).map_err(|error| Trouble::Other(error.message().to_owned()))
    }

    /// Takes a container away, running or not. Its volumes stay.
    pub fn remove_container(&self, id: &str) -> Result<(), Trouble> {
        self.call("DELETE", &format!("/containers/{}?force=1", http::escape(id))).map(drop)
    }

    /// Takes a network away; refused by the engine while somebody is on it.
    pub fn remove_network(&self, id: &str) -> Result<(), Trouble> {
        self.call("DELETE", &format!("/networks/{}", http::escape(id))).map(drop)
    }

    /// Has a container join a network. It gets no other names there than its own:
    /// an alias could be that of a project's service.
    pub fn connect(&self, network: &str, container: &str) -> Result<(), Trouble> {
        let path = format!("/networks/{}/connect", http::escape(network));
        let sent = self.send_bytes(http::post(&path, &serde_json::json!({ "Container": container })))?;
        body("POST", &sent).map(drop)
    }

    /// Has a container leave a network, also one that is stopped.
    pub fn disconnect(&self, network: &str, container: &str) -> Result<(), Trouble> {
        let path = format!("/networks/{}/disconnect", http::escape(network));
        let sent = self.send_bytes(http::post(&path, &serde_json::json!({ "Container": container, "Force": true })))?;
        body("POST", &sent).map(drop)
    }

    pub(super) fn get(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        self.call("GET", path)
    }

    /// The same; `None` where the engine knows no such thing.
    pub(super) fn find(&self, path: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let bytes = self.send("GET", path)?;
        match http::answer(&bytes) {
            Some((404, _)) => Ok(None),
            _ => body("GET", &bytes).map(Some),
        }
    }

    fn call(&self, method: &str, path: &str) -> Result<Vec<u8>, Trouble> {
        body(method, &self.send(method, path)?)
    }

    fn send(&self, method: &str, path: &str) -> Result<Vec<u8>, Trouble> {
        self.send_bytes(http::request(method, path))
    }

    fn send_bytes(&self, request: Vec<u8>) -> Result<Vec<u8>, Trouble> {
        if !self.endpoint.is_known() {
            return Err(Trouble::NoContext);
        }
        match self.endpoint.socket() {
            Some(socket) => over_socket(socket, &request, self.limit),
            None => self.over_cli(request),
        }
    }

    fn over_cli(&self, request: Vec<u8>) -> Result<Vec<u8>, Trouble> {
        if exec::find("docker").is_none() {
            return Err(Trouble::Absent);
        }
        // The end of stdin is passed on, and an engine that sees its client go
        // breaks off: `/info` is `null` then (28.5).
        let dial = Command::new("docker").args(["system", "dial-stdio"]).held_input(request);
        match dial.ask(self.limit) {
            Ok(answer) if !answer.stdout.is_empty() => Ok(answer.stdout),
            Ok(answer) => Err(by_words(&answer.error_text())),
            Err(_) => Err(Trouble::Hanging(self.limit)),
        }
    }
}

fn containers_of_body(body: &[u8]) -> Result<Vec<Container>, Trouble> {
    engine_api::containers(body).map_err(|error| Trouble::Other(error.message().to_owned()))
}

/// What an answer carries, where it is a good one.
fn body(method: &str, bytes: &[u8]) -> Result<Vec<u8>, Trouble> {
    match http::answer(bytes) {
        Some((200..=299, body)) => Ok(body.to_vec()),
        // Gone already, which is what a removal wants.
        Some((404, _)) if method == "DELETE" => Ok(Vec::new()),
        // A proxy in between may answer with a page.
        Some((status, body)) => {
            let text = ui::clip(&ui::clean(&engine_api::error_message(body)), 200);
            Err(Trouble::Other(format!("status {status}: {text}")))
        }
        None if bytes.is_empty() => Err(Trouble::Other("it ends the connection without an answer".to_owned())),
        None => Err(Trouble::Other("what answers does not speak HTTP".to_owned())),
    }
}

/// The CLI's own English, which no language setting translates.
fn by_words(text: &str) -> Trouble {
    let lower = text.to_lowercase();
    if lower.contains("permission denied") {
        Trouble::Denied
    } else if ["cannot connect", "is the docker daemon running", "connection refused", "cannot find the file"]
        .iter()
        .any(|words| lower.contains(words))
    {
        Trouble::NotRunning
    } else {
        Trouble::Other(text.lines().last().unwrap_or("no answer").to_owned())
    }
}

fn label_filter(project: &str) -> String {
    let label = format!("com.docker.compose.project={project}");
    http::escape(&serde_json::json!({ "label": [label] }).to_string())
}

/// A request that was sent, and whose answer was not read yet.
#[cfg(unix)]
struct Asked {
    stream: socket2::Socket,
    limit: Duration,
}

#[cfg(unix)]
impl Asked {
    fn send(socket: &Path, request: &[u8], limit: Duration) -> Result<Asked, Trouble> {
        use std::io::Write;

        let failed = |error| of_socket(&error, limit);
        let address = socket2::SockAddr::unix(socket).map_err(failed)?;
        let mut stream = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).map_err(failed)?;
        stream.connect_timeout(&address, limit).map_err(failed)?;
        stream.set_write_timeout(Some(limit)).map_err(failed)?;
        stream.write_all(request).map_err(failed)?;
        Ok(Asked { stream, limit })
    }

    fn answer(mut self) -> Result<Vec<u8>, Trouble> {
        use std::io::{ErrorKind, Read};
        use std::time::Instant;

        let failed = |error| of_socket(&error, self.limit);
        let deadline = Instant::now() + self.limit;
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            // The limit is for the whole answer, not for each piece of it.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Trouble::Hanging(self.limit));
            }
            self.stream.set_read_timeout(Some(left)).map_err(failed)?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(bytes),
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

#[cfg(unix)]
fn of_socket(error: &std::io::Error, limit: Duration) -> Trouble {
    use std::io::ErrorKind;

    match error.kind() {
        ErrorKind::NotFound if exec::find("docker").is_none() => Trouble::Absent,
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => Trouble::NotRunning,
        ErrorKind::PermissionDenied => Trouble::Denied,
        // A full backlog refuses at once: nobody accepts.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Trouble::Hanging(limit),
        _ => Trouble::Other(error.to_string()),
    }
}

#[cfg(unix)]
fn over_socket(socket: &Path, request: &[u8], limit: Duration) -> Result<Vec<u8>, Trouble> {
    Asked::send(socket, request, limit)?.answer()
}

/// Rust's standard library has no Unix sockets on Windows; Docker uses pipes
/// there, which the CLI opens.
#[cfg(not(unix))]
fn over_socket(_socket: &Path, _request: &[u8], _limit: Duration) -> Result<Vec<u8>, Trouble> {
    Err(Trouble::NotRunning)
}
