//! The engine that the CLI would use: DOCKER_HOST, then DOCKER_CONTEXT, then the current context
//! of its configuration, then the default socket (docs.docker.com, "Docker contexts").

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// An engine's address and where it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// As Docker writes it: `unix:///var/run/docker.sock`, `tcp://…`, `ssh://…`. Empty if the
    /// configured context does not exist.
    pub host: String,
    pub chosen_by: Choice,
}

/// What chose an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// DOCKER_HOST.
    Host,
    /// DOCKER_CONTEXT, with the context's name.
    Context(String),
    /// The CLI's configuration, with its current context.
    Current(String),
    /// Nothing.
    Default,
}

/// "DOCKER_HOST", "context `colima`", "default".
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Host => f.write_str("DOCKER_HOST"),
            Choice::Context(name) | Choice::Current(name) => write!(f, "context `{name}`"),
            Choice::Default => f.write_str("default"),
        }
    }
}

#[cfg(unix)]
const DEFAULT: &str = "unix:///var/run/docker.sock";
#[cfg(not(unix))]
const DEFAULT: &str = "npipe:////./pipe/docker_engine";

impl Endpoint {
    /// Reads the environment and the CLI's configuration below `home`.
    pub fn find(env: &dyn Fn(&str) -> Option<String>, home: Option<&Path>) -> Endpoint {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        if let Some(host) = set("DOCKER_HOST") {
            return Endpoint { host, chosen_by: Choice::Host };
        }
        let config = set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(home?.join(".docker")));
        let current = || current_context(config.as_deref()?).map(Choice::Current);
        let choice = set("DOCKER_CONTEXT").map(Choice::Context).or_else(current).unwrap_or(Choice::Default);
        let (Choice::Context(name) | Choice::Current(name)) = &choice else { return Endpoint::at(DEFAULT) };
        if name.is_empty() || name == "default" {
            return Endpoint::at(DEFAULT);
        }
        // Falling back to the default engine would ignore the user's choice.
        let host = config.as_deref().and_then(|config| context_host(config, name)).unwrap_or_default();
        Endpoint { host, chosen_by: choice }
    }

    /// An engine that was not configured.
    pub fn at(host: impl Into<String>) -> Endpoint {
        Endpoint { host: host.into(), chosen_by: Choice::Default }
    }

    pub fn is_known(&self) -> bool {
        !self.host.is_empty()
    }

    /// Whether it is this machine's default socket.
    pub fn is_usual(&self) -> bool {
        self.host == DEFAULT
    }

    /// The command that undoes the choice. While DOCKER_HOST is set, nothing else counts.
    pub fn undo(&self) -> &'static str {
        match self.chosen_by {
            Choice::Host => "unset DOCKER_HOST",
            Choice::Context(_) => "unset DOCKER_CONTEXT",
            Choice::Current(_) | Choice::Default => "docker context use default",
        }
    }

    /// The path of the engine's Unix socket, if it has one.
    pub fn socket(&self) -> Option<&Path> {
        self.host.strip_prefix("unix://").map(Path::new)
    }

    /// Whether the engine binds ports on another machine, so that probing this one is useless. A
    /// loopback TCP address counts as this machine.
    pub fn is_remote(&self) -> bool {
        self.remote_host().is_some()
    }

    /// The other machine's name or address.
    pub fn remote_host(&self) -> Option<String> {
        let schemes = ["ssh://", "tcp://", "http://", "https://"];
        let rest = schemes.iter().find_map(|scheme| self.host.strip_prefix(scheme))?;
        let (_, name, _) = authority(rest);
        let here = name.is_empty() || name == "localhost" || name.starts_with("127.") || name == "[::1]";
        (!here || self.host.starts_with("ssh://")).then(|| name.to_owned())
    }

    /// User, host and port, if the engine is reached by ssh.
    pub fn ssh(&self) -> Option<(Option<&str>, &str, Option<&str>)> {
        let (user, host, port) = authority(self.host.strip_prefix("ssh://")?);
        // ssh expects an IPv6 address without brackets.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (!host.is_empty()).then_some((user, host, port))
    }
}

/// Splits the text after a scheme into user, host and port: `ann@box.lan:22/path`.
fn authority(rest: &str) -> (Option<&str>, &str, Option<&str>) {
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, name) = authority.rsplit_once('@').map_or((None, authority), |(user, name)| (Some(user), name));
    let colon = name.rfind(':').filter(|colon| name.rfind(']').is_none_or(|bracket| bracket < *colon));
    let (name, port) = colon.map_or((name, None), |colon| (&name[..colon], Some(&name[colon + 1..])));
    // ssh accepts no password.
    let user = user.map(|user| user.split(':').next().unwrap_or_default());
    (user.filter(|user| !user.is_empty()), name, port.filter(|port| !port.is_empty()))
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

fn current_context(config: &Path) -> Option<String> {
    let bytes = std::fs::read(config.join("config.json")).ok()?;
    serde_json::from_slice::<Config>(&bytes).ok()?.current_context
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    endpoints: std::collections::BTreeMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetaEndpoint {
    host: Option<String>,
}

/// Contexts are in folders named by a hash of their names, so all are searched for the name. A
/// context without an engine uses the default one.
fn context_host(config: &Path, name: &str) -> Option<String> {
    let folders = std::fs::read_dir(config.join("contexts").join("meta")).ok()?;
    folders.flatten().find_map(|folder| {
        let bytes = std::fs::read(folder.path().join("meta.json")).ok()?;
        let mut meta: Meta = serde_json::from_slice(&bytes).ok()?;
        if meta.name != name {
            return None;
        }
        let host = meta.endpoints.remove("docker").and_then(|endpoint| endpoint.host);
        Some(host.filter(|host| !host.is_empty()).unwrap_or_else(|| DEFAULT.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(vars: &[(&str, &str)], home: Option<&Path>) -> Endpoint {
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Endpoint::find(&env, home)
    }

    #[test]
    fn the_environment_beats_the_context_and_that_the_default() {
        let home = tempfile::tempdir().unwrap();
        let meta = home.path().join(".docker/contexts/meta/0123");
        std::fs::create_dir_all(&meta).unwrap();
        let json = r#"{"Name":"colima","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///h/colima.sock","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), json).unwrap();
        std::fs::write(home.path().join(".docker/config.json"), r#"{"currentContext":"colima"}"#).unwrap();
        let home = Some(home.path());
        assert_eq!(find(&[], home).host, "unix:///h/colima.sock");
        assert_eq!(find(&[("DOCKER_CONTEXT", "default")], home).host, DEFAULT);
        assert_eq!(find(&[("DOCKER_CONTEXT", "colima"), ("DOCKER_HOST", "tcp://h:1")], home).chosen_by, Choice::Host);
        assert_eq!(find(&[], None).host, DEFAULT);
        std::fs::write(meta.join("meta.json"), r#"{"Name":"colima","Endpoints":{}}"#).unwrap();
        assert_eq!(find(&[], home).host, DEFAULT);
    }

    #[test]
    fn a_context_that_is_gone_is_not_the_default_engine() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".docker")).unwrap();
        std::fs::write(home.path().join(".docker/config.json"), r#"{"currentContext":"gone"}"#).unwrap();
        let home = Some(home.path());
        let current = find(&[], home);
        assert_eq!((current.is_known(), current.chosen_by), (false, Choice::Current("gone".into())));
        let named = find(&[("DOCKER_CONTEXT", "nosuch")], None);
        assert_eq!((named.is_known(), named.chosen_by), (false, Choice::Context("nosuch".into())));
        assert_eq!(find(&[("DOCKER_CONTEXT", "default")], home), Endpoint::at(DEFAULT));
    }

    #[test]
    fn each_choice_is_undone_where_it_was_made() {
        for (vars, undo) in [
            (&[("DOCKER_HOST", "unix:///h/d.sock"), ("DOCKER_CONTEXT", "x")][..], "unset DOCKER_HOST"),
            (&[("DOCKER_CONTEXT", "x")], "unset DOCKER_CONTEXT"),
        ] {
            let endpoint = find(vars, None);
            assert_eq!((endpoint.undo(), endpoint.is_usual()), (undo, false));
        }
        let current = Endpoint { host: "ssh://box".into(), chosen_by: Choice::Current("box".into()) };
        assert_eq!(current.undo(), "docker context use default");
        assert!(find(&[("DOCKER_HOST", DEFAULT)], None).is_usual());
    }

    #[test]
    fn only_an_engine_elsewhere_is_remote() {
        for (host, remote) in [
            ("unix:///var/run/docker.sock", false),
            ("tcp://127.0.0.1:2375", false),
            ("tcp://localhost:2375", false),
            ("tcp://[::1]:2375", false),
            ("tcp://10.0.0.5:2376", true),
            ("ssh://me@box", true),
            ("npipe:////./pipe/docker_engine", false),
        ] {
            assert_eq!(Endpoint::at(host).is_remote(), remote, "{host}");
        }
        assert_eq!(Endpoint::at("ssh://me@box.lan:22").remote_host().as_deref(), Some("box.lan"));
    }
}
