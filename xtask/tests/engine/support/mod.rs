//! A throw-away project, processes and containers that hold ports, and a
//! terminal: each takes itself away when it is dropped, also on a panic.

mod holder;
mod ports;
mod project;
mod running;
mod terminal;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) use holder::*;
pub(crate) use ports::Ports;
pub(crate) use project::*;
pub(crate) use running::*;
pub(crate) use terminal::Terminal;

/// Fails the test where no engine answers. Asked once.
pub(crate) fn need_engine() {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    let answers = ANSWERS.get_or_init(|| {
        let mut ask = command("timeout");
        ask.args(["10", "docker", "version", "--format", "{{.Server.Version}}"]);
        Running::start(ask).finish(LIMIT).code == Some(0)
    });
    assert!(answers, "no Docker engine answers: run scripts/engine/up");
}

/// What cannot be tested here. In CI everything has to be there.
#[expect(clippy::print_stderr, reason = "what was left out has to be seen")]
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI has to have it: {why}");
    eprintln!("skipped: {why}");
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// One service `web` that answers HTTP on `port`.
pub(crate) fn web(port: u16) -> String {
    format!("services:\n  web:\n    image: engine-web\n    ports: [\"${{WEB_PORT:-{port}}}:8080\"]\n")
}

/// The body that a GET of `url` (`http://HOST:PORT/PATH`) gives.
#[track_caller]
pub(crate) fn get(url: &str) -> String {
    try_get(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

pub(crate) fn try_get(url: &str) -> std::io::Result<String> {
    let rest = url.strip_prefix("http://").expect("an http URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::InvalidData)?;
    Ok(body.to_owned())
}
