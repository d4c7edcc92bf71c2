//! Queries the engine over its socket (1 ms; a call of the CLI takes 20 ms). Without a socket it
//! uses the CLI's connection (`docker system dial-stdio`), which supports TLS, ssh and pipes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[cfg(unix)]
use super::socket::Asked;
use super::socket::over_socket;
use super::{Endpoint, EngineError, http};
use crate::error::Result;
use crate::exec::{self, Command};
use crate::parse::engine::{EngineKind, error_message, kind_of_server};
use crate::ui;

#[derive(Debug, Clone)]
pub struct Engine {
    endpoint: Endpoint,
    limit: Duration,
    /// As its first answer said.
    kind: Arc<OnceLock<EngineKind>>,
}

impl Engine {
    pub fn new(endpoint: Endpoint, limit: Duration) -> Self {
        Engine { endpoint, limit, kind: Arc::default() }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Which engine it is, by its answers so far, or asked for now.
    pub fn kind(&self) -> Result<EngineKind, EngineError> {
        if let Some(kind) = self.kind.get() {
            return Ok(*kind);
        }
        let told = self.version()?.kind;
        Ok(*self.kind.get_or_init(|| told))
    }

    fn note_kind(&self, answer: &[u8]) {
        if let Some(server) = http::server(answer) {
            self.kind.get_or_init(|| kind_of_server(server));
        }
    }

    /// Removes a container, running or not, but not its volumes.
    pub fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        self.call("DELETE", &format!("/containers/{}?force=1", http::escape(id))).map(drop)
    }

    /// Removes a network; the engine refuses while containers are connected.
    pub fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        self.call("DELETE", &format!("/networks/{}", http::escape(id))).map(drop)
    }

    /// Connects a container to a network, without aliases: an alias could be the name of a project's
    /// service.
    pub fn connect(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let path = format!("/networks/{}/connect", http::escape(network));
        let sent = self.send_bytes(http::post(&path, &serde_json::json!({ "Container": container })))?;
        body("POST", &sent).map(drop)
    }

    /// Disconnects a container, even a stopped one, from a network.
    pub fn disconnect(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let path = format!("/networks/{}/disconnect", http::escape(network));
        let sent = self.send_bytes(http::post(&path, &serde_json::json!({ "Container": container, "Force": true })))?;
        body("POST", &sent).map(drop)
    }

    pub(super) fn get(&self, path: &str) -> Result<Vec<u8>, EngineError> {
        self.call("GET", path)
    }

    /// The answer, and the result of `work`, which runs while the engine works.
    pub(super) fn get_beside<T>(&self, path: &str, work: impl FnOnce() -> T) -> (Result<Vec<u8>, EngineError>, T) {
        // A socket needs no thread: the request is sent, and the answer read later.
        #[cfg(unix)]
        if let Some(socket) = self.endpoint.socket() {
            let asked = Asked::send(socket, &http::request("GET", path), self.limit);
            let done = work();
            let answer = asked.and_then(Asked::answer);
            if let Ok(bytes) = &answer {
                self.note_kind(bytes);
            }
            return (answer.and_then(|bytes| body("GET", &bytes)), done);
        }
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| self.get(path));
            let done = work();
            (answer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), done)
        })
    }

    /// The body of the answer; `None` for 404.
    pub(super) fn find(&self, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let bytes = self.send("GET", path)?;
        match http::answer(&bytes) {
            Some((404, _)) => Ok(None),
            _ => body("GET", &bytes).map(Some),
        }
    }

    fn call(&self, method: &str, path: &str) -> Result<Vec<u8>, EngineError> {
        body(method, &self.send(method, path)?)
    }

    fn send(&self, method: &str, path: &str) -> Result<Vec<u8>, EngineError> {
        self.send_bytes(http::request(method, path))
    }

    fn send_bytes(&self, request: Vec<u8>) -> Result<Vec<u8>, EngineError> {
        if !self.endpoint.is_known() {
            return Err(EngineError::NoContext);
        }
        let answer = match self.endpoint.socket() {
            Some(socket) => over_socket(socket, &request, self.limit),
            None => self.over_cli(request),
        }?;
        self.note_kind(&answer);
        Ok(answer)
    }

    fn over_cli(&self, request: Vec<u8>) -> Result<Vec<u8>, EngineError> {
        if exec::find("docker").is_none() {
            return Err(EngineError::Absent);
        }
        // The end of stdin reaches the engine, which aborts when the client leaves:
        // `/info` is `null` then (28.5).
        let dial = Command::new("docker").args(["system", "dial-stdio"]).held_input(request);
        match dial.ask(self.limit) {
            Ok(answer) if !answer.stdout.is_empty() => Ok(answer.stdout),
            Ok(answer) => Err(by_words(&answer.error_text())),
            Err(_) => Err(EngineError::Hanging(self.limit)),
        }
    }
}

/// The body of a successful answer.
fn body(method: &str, bytes: &[u8]) -> Result<Vec<u8>, EngineError> {
    match http::answer(bytes) {
        Some((200..=299, body)) => Ok(body.to_vec()),
        // It was removed already.
        Some((404, _)) if method == "DELETE" => Ok(Vec::new()),
        // A proxy in between may answer with an HTML page.
        Some((status, body)) => {
            let text = ui::clip(&ui::clean(&error_message(body)), 200);
            Err(EngineError::Other(format!("status {status}: {text}")))
        }
        None if bytes.is_empty() => Err(EngineError::Other("it closes the connection without an answer".to_owned())),
        None => Err(EngineError::Other("what answers does not speak HTTP".to_owned())),
    }
}

/// Classifies the CLI's messages, which are never translated.
fn by_words(text: &str) -> EngineError {
    let lower = text.to_lowercase();
    if lower.contains("permission denied") {
        EngineError::Denied
    } else if ["cannot connect", "is the docker daemon running", "connection refused", "cannot find the file"]
        .iter()
        .any(|words| lower.contains(words))
    {
        EngineError::NotRunning
    } else {
        EngineError::Other(text.lines().last().unwrap_or("no answer").to_owned())
    }
}
