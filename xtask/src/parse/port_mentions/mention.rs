//! A place that names a port.

use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMention {
    /// From 1.
    pub line: usize,
    pub port: u16,
    pub form: Form,
    /// The bytes of the host or name up to the end of the number: `localhost:8000`,
    /// `API_PORT=8000`. Never a user name, password or path of a URL.
    pub text: String,
    /// Where `text` is, in bytes of what was searched.
    pub span: Range<usize>,
}

impl PortMention {
    /// For a sentence: `localhost:8000`, `API_PORT=8000`, `--port 8000`.
    pub fn shown(&self) -> String {
        match &self.form {
            Form::Url(_) => self.text.clone(),
            Form::Assignment(name) if name.starts_with('-') => format!("{name} {}", self.port),
            Form::Assignment(name) => format!("{name}={}", self.port),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `localhost:8000`, with or without a scheme.
    Url(Host),
    /// A value of this name: `API_PORT=8000`, `"port": 8000`, `--port 8000`.
    Assignment(String),
}

/// A host that may be this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// `localhost`, `127.0.0.1`, `[::1]`, `app.localhost`: in a container, the container itself.
    Loopback,
    /// `0.0.0.0`, `[::]`: an address to listen on.
    Any,
    /// `host.docker.internal`: this machine, also in a container.
    Gateway,
}

impl Host {
    pub(super) fn parse(host: &str) -> Option<Host> {
        let host = host.to_ascii_lowercase();
        match host.as_str() {
            "localhost" | "127.0.0.1" | "[::1]" => Some(Host::Loopback),
            "0.0.0.0" | "[::]" => Some(Host::Any),
            "host.docker.internal" | "gateway.docker.internal" | "host.containers.internal" => Some(Host::Gateway),
            name => name.ends_with(".localhost").then_some(Host::Loopback),
        }
    }
}

/// Whether a name says that its value is a port: `port`, `API_PORT`, `serverPort`, `--http-port`;
/// not `export`, `viewport`, `SUPPORT`.
pub fn is_port_name(name: &str) -> bool {
    let name = name.trim_start_matches('-');
    let Some(at) = name.len().checked_sub(4) else { return false };
    let (Some(before), Some(word)) = (name.get(..at), name.get(at..)) else { return false };
    let last = before.chars().next_back();
    match word {
        "Port" => last.is_none_or(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.')),
        word => word.eq_ignore_ascii_case("port") && last.is_none_or(|c| matches!(c, '_' | '-' | '.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ports() {
        for name in ["port", "PORT", "Port", "API_PORT", "api-port", "server.port", "serverPort", "h2Port", "--port"] {
            assert!(is_port_name(name), "{name}");
        }
        for name in ["export", "SUPPORT", "viewport", "report", "ports", "portal", "por", "", "transPORT", "RePort2"] {
            assert!(!is_port_name(name), "{name}");
        }
    }
}
