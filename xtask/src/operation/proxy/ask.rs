//! Requests to a running proxy through its published ports. They prove the path that a
//! browser or psql takes, apart from resolving the name.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::tls_hello::{certificate, client_hello};
use crate::labels::{DASHBOARD, Kind, Ports, Transport, hosts};

const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_RESPONSE: u64 = 4 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Sends `GET path` for `host` to this port on 127.0.0.1.
pub(super) fn get(port: u16, host: &str, path: &str) -> std::io::Result<Reply> {
    let deadline = Instant::now() + TIMEOUT;
    let mut stream = connect(port)?;
    // HTTP/1.0: the response is not chunked and ends with the connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: cargo-xtask\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let length = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..length]);
        if length == 0 || bytes.len() as u64 > MAX_RESPONSE {
            break;
        }
    }
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(ErrorKind::InvalidData)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    Ok(Reply { status, body: bytes.split_off(end + 4) })
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Whether the proxy's health check succeeds through its own router.
pub(super) fn ping(ports: Ports) -> bool {
    get(ports.web, DASHBOARD, "/ping").is_ok_and(|reply| reply.status == 200)
}

/// A router of the running proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(super) transport: Transport,
    /// With the provider: `NAME@docker` or `NAME@file`.
    pub(super) name: String,
    pub(super) rule: String,
    pub(super) entrypoints: Vec<String>,
    /// `enabled`, `disabled` or `warning`.
    pub(super) status: String,
    pub(super) errors: Vec<String>,
}

/// Routers from labels and files, without the proxy's own.
pub(super) fn routes(ports: Ports) -> std::io::Result<Vec<Route>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Api {
        name: String,
        #[serde(default)]
        rule: String,
        #[serde(default)]
        entry_points: Vec<String>,
        #[serde(default)]
        status: String,
        #[serde(default)]
        error: Vec<String>,
    }
    let mut routes = Vec::new();
    for transport in [Transport::Http, Transport::Tcp] {
        // The API's default page size is 100.
        let path = format!("/api/{}/routers?per_page=10000", transport.as_str());
        let reply = get(ports.web, DASHBOARD, &path)?;
        let list: Vec<Api> = serde_json::from_slice(&reply.body).map_err(|_| ErrorKind::InvalidData)?;
        let others = list.into_iter().filter(|api| !api.name.ends_with("@internal") && !api.name.starts_with("xtask-"));
        routes.extend(others.map(|api| Route {
            transport,
            name: api.name,
            rule: api.rule,
            entrypoints: api.entry_points,
            status: api.status,
            errors: api.error,
        }));
    }
    Ok(routes)
}

/// The backends of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pool {
    /// The proxy has no such router.
    NoRouter,
    Addresses(Vec<IpAddr>),
    /// Not a list of addresses: a name, or a service made of services.
    Other,
}

/// The backends of a router that labels define.
pub(super) fn pool(ports: Ports, transport: Transport, router: &str) -> std::io::Result<Pool> {
    #[derive(Deserialize)]
    struct ApiRouter {
        #[serde(default)]
        service: String,
        #[serde(default)]
        status: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ApiService {
        load_balancer: Option<ApiBalancer>,
    }
    #[derive(Deserialize)]
    struct ApiBalancer {
        #[serde(default)]
        servers: Vec<ApiServer>,
    }
    #[derive(Deserialize)]
    struct ApiServer {
        /// HTTP: `http://172.18.0.3:8000`.
        url: Option<String>,
        /// TCP: `172.18.0.3:5432`.
        address: Option<String>,
    }
    let api = format!("/api/{}", transport.as_str());
    let reply = get(ports.web, DASHBOARD, &format!("{api}/routers/{router}@docker"))?;
    if reply.status == 404 {
        return Ok(Pool::NoRouter);
    }
    let invalid = |_| ErrorKind::InvalidData;
    let found: ApiRouter = serde_json::from_slice(&reply.body).map_err(invalid)?;
    if found.status == "disabled" {
        return Ok(Pool::NoRouter);
    }
    let service = if found.service.contains('@') { found.service } else { format!("{}@docker", found.service) };
    let reply = get(ports.web, DASHBOARD, &format!("{api}/services/{service}"))?;
    let found: ApiService = serde_json::from_slice(&reply.body).map_err(invalid)?;
    let Some(balancer) = found.load_balancer else { return Ok(Pool::Other) };
    let address = |server: ApiServer| {
        let url = server.url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| rest.to_owned());
        let authority = url.or(server.address)?;
        authority.trim_end_matches('/').parse::<SocketAddr>().ok().map(|address| address.ip())
    };
    let addresses: Option<Vec<IpAddr>> = balancer.servers.into_iter().map(address).collect();
    Ok(addresses.map_or(Pool::Other, Pool::Addresses))
}

/// What the proxy answers to a request for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service behind the route answers. For databases: the proxy has the route and
    /// terminates its TLS.
    Routed,
    /// The proxy has no such route: the container is missing or not (yet) healthy, or
    /// another one defines the same router name.
    NoRoute,
    /// The proxy cannot connect to the service (502): wrong port, or it listens only on
    /// 127.0.0.1 of its container.
    BadGateway,
    /// The service does not respond to the proxy (504, or no answer): the container is
    /// not on the proxy's network.
    GatewayTimeout,
    /// The proxy itself does not answer.
    NoProxy(String),
}

/// Requests `host` as a client would: HTTP with a Host header, PostgreSQL and Redis over
/// TLS with SNI. No name is resolved: the proxy is on 127.0.0.1.
pub fn route_answers(host: &str, kind: Kind, ports: Ports) -> Answer {
    let asked = match kind {
        Kind::Web | Kind::Api | Kind::Other => ask_http(host, ports),
        Kind::Postgres => ask_tls(host, "postgresql", ports.postgres, true),
        Kind::Redis => ask_tls(host, "redis", ports.redis, false),
    };
    asked.unwrap_or_else(|error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Answer::GatewayTimeout,
        _ => Answer::NoProxy(error.to_string()),
    })
}

fn ask_http(host: &str, ports: Ports) -> std::io::Result<Answer> {
    let mut reply = get(ports.web, host, "/")?;
    // The body of Traefik's own 404, which a service may send too.
    if reply.status == 404 && reply.body == b"404 page not found\n" {
        if !is_routed(host, ports)? {
            return Ok(Answer::NoRoute);
        }
        // The route may be younger than the reply.
        reply = get(ports.web, host, "/")?;
    }
    Ok(match reply.status {
        502 => Answer::BadGateway,
        504 => Answer::GatewayTimeout,
        _ => Answer::Routed,
    })
}

fn is_routed(host: &str, ports: Ports) -> std::io::Result<bool> {
    let is = |route: &Route| {
        route.transport == Transport::Http && route.status == "enabled" && hosts(&route.rule).iter().any(|h| h == host)
    };
    Ok(routes(ports)?.iter().any(is))
}

fn ask_tls(host: &str, alpn: &str, port: u16, postgres: bool) -> std::io::Result<Answer> {
    let mut stream = connect(port)?;
    let mut first = [0; 1];
    if postgres {
        // SSLRequest (PostgreSQL, "Message Formats"): S means yes.
        stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
        if stream.read(&mut first)? == 0 || first != *b"S" {
            return Ok(Answer::NoRoute);
        }
    }
    stream.write_all(&client_hello(host, alpn))?;
    // Record type 22 is a handshake, 21 an alert.
    let routed = stream.read(&mut first)? == 1 && first == [22];
    Ok(if routed { Answer::Routed } else { Answer::NoRoute })
}

/// The certificate (DER) that the proxy presents for `host`.
pub(super) fn presented_certificate(host: &str, ports: Ports) -> std::io::Result<Vec<u8>> {
    let deadline = Instant::now() + TIMEOUT;
    let mut stream = connect(ports.websecure)?;
    stream.write_all(&client_hello(host, "http/1.1"))?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..length]);
        if let Some(certificate) = certificate(&bytes) {
            return Ok(certificate);
        }
        if length == 0 || bytes.len() as u64 > MAX_RESPONSE || Instant::now() >= deadline {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that sends the next of `answers` on each connection.
    fn server(answers: &'static [&'static str]) -> Ports {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut bytes = [0; 1024];
                drop(stream.read(&mut bytes));
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Ports { web: port, websecure: port, postgres: port, redis: port }
    }

    const LOST: &str = "HTTP/1.0 404 Not Found\r\n\r\n404 page not found\n";
    const KNOWN: &str =
        "HTTP/1.0 200 OK\r\n\r\n[{\"name\":\"a@docker\",\"rule\":\"Host(`a.localhost`)\",\"status\":\"enabled\"}]";

    #[test]
    fn an_answer_says_what_is_wrong() {
        let ask = |answers: &'static [&'static str]| route_answers("a.localhost", Kind::Web, server(answers));
        assert_eq!(ask(&["HTTP/1.0 200 OK\r\n\r\nx"]), Answer::Routed);
        assert_eq!(ask(&["HTTP/1.0 404 Not Found\r\n\r\nmine"]), Answer::Routed);
        assert_eq!(ask(&["HTTP/1.1 502 Bad Gateway\r\n\r\n"]), Answer::BadGateway);
        assert_eq!(ask(&["HTTP/1.1 504 Gateway Timeout\r\n\r\n"]), Answer::GatewayTimeout);
        assert_eq!(ask(&[LOST, "HTTP/1.0 200 OK\r\n\r\n[]", "HTTP/1.0 200 OK\r\n\r\n[]"]), Answer::NoRoute);
        assert_eq!(ask(&[LOST, KNOWN, "HTTP/1.0 200 OK\r\n\r\n[]", LOST]), Answer::Routed);
        // The route came between the first reply and the question for it.
        let late = &[LOST, KNOWN, "HTTP/1.0 200 OK\r\n\r\n[]", "HTTP/1.1 502 Bad Gateway\r\n\r\n"];
        assert_eq!(ask(late), Answer::BadGateway);
        assert!(matches!(ask(&[""]), Answer::NoProxy(_)));
    }

    #[test]
    fn a_handshake_is_a_route_and_an_alert_is_none() {
        let ask = |answers: &'static [&'static str]| route_answers("r.localhost", Kind::Redis, server(answers));
        assert_eq!(ask(&["\u{16}"]), Answer::Routed);
        assert_eq!(ask(&["\u{15}"]), Answer::NoRoute);
        assert_eq!(route_answers("d.localhost", Kind::Postgres, server(&["N"])), Answer::NoRoute);
    }
}
