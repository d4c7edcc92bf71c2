//! An HTTP client of one question.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The body that a GET of `url` (`http://HOST:PORT/PATH`) gives.
#[track_caller]
pub(crate) fn get(url: &str) -> String {
    try_get(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

pub(crate) fn try_get(url: &str) -> std::io::Result<String> {
    let rest = url.strip_prefix("http://").expect("an http URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok(ask(host, host, path)?.1)
}

/// The body that a GET for this host gives at a port of this machine; its status
/// is 200.
#[track_caller]
pub(crate) fn get_as(port: u16, host: &str) -> String {
    let (head, body) = ask(&format!("127.0.0.1:{port}"), host, "").unwrap();
    assert!(head.contains(" 200 "), "{host}: {head}");
    body
}

fn ask(at: &str, host: &str, path: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::InvalidData)?;
    Ok((head.to_owned(), body.to_owned()))
}
