//! Why the engine does not answer, and hints.

use std::time::Duration;

use super::endpoint::Choice;
use super::{Endpoint, InstallHints, permission};
use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineError {
    /// Neither `docker` nor a socket.
    Absent,
    /// The configured context does not exist; no engine was asked.
    NoContext,
    /// The socket does not exist, or nobody serves it.
    NotRunning,
    /// This user may not access the socket.
    Denied,
    /// It accepted and did not answer.
    Hanging(Duration),
    /// Any other message.
    Other(String),
}

/// An answer that could not be parsed.
impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        EngineError::Other(error.message().to_owned())
    }
}

impl EngineError {
    /// Whether the set-up script could help because there is no engine. It cannot help with an engine
    /// that hangs, that this user may not access, or that is on another machine.
    pub fn is_missing_engine(&self, endpoint: &Endpoint) -> bool {
        matches!(self, EngineError::Absent | EngineError::NotRunning) && !endpoint.is_remote()
    }

    /// The error with hints.
    pub fn error(&self, endpoint: &Endpoint, hints: &InstallHints) -> Error {
        let host = &endpoint.host;
        let chosen = &endpoint.chosen_by;
        let start = |word: &str| {
            if endpoint.is_remote() {
                elsewhere_hint(host)
            } else if endpoint.is_usual() {
                hints.service(word)
            } else {
                chosen_hint(word)
            }
        };
        let undo = format!("for this machine's usual engine: `{}`", endpoint.undo());
        match self {
            EngineError::Absent => {
                let error = Error::new("no Docker engine, and no `docker` on PATH");
                with_hints(with_hints(error, podman_hint(endpoint, hints)), hints.engine())
            }
            EngineError::NoContext => no_context(chosen).hint(undo),
            EngineError::NotRunning => {
                let error = Error::new(format!("no Docker engine answers at {host} ({chosen})"));
                let error = with_hints(error, podman_hint(endpoint, hints));
                if !endpoint.is_usual() {
                    error.hint(start("start")).hint(undo)
                } else if hints.has_engine {
                    with_hints(error.hint(start("start")), hints.set_up())
                } else {
                    // Not installed, so it cannot be started.
                    with_hints(error, hints.engine())
                }
            }
            EngineError::Denied => {
                let error = Error::new(format!("no permission for the Docker engine's socket {host}"));
                if endpoint.is_remote() {
                    error.hint(elsewhere_hint(host))
                } else {
                    with_hints(error, permission::hints(endpoint.socket(), endpoint.undo(), hints))
                }
            }
            EngineError::Hanging(limit) => {
                let error = Error::new(format!(
                    "the Docker engine at {host} ({chosen}) accepts connections but does not answer within {} s",
                    limit.as_secs()
                ))
                .hint(start("restart"));
                if endpoint.is_usual() { error } else { error.hint(undo) }
            }
            EngineError::Other(text) => Error::new(format!("the Docker engine at {host} ({chosen}): {text}"))
                .hint("check it with `docker version`"),
        }
    }
}

/// Where nothing was chosen and Podman is there.
fn podman_hint(endpoint: &Endpoint, hints: &InstallHints) -> Option<String> {
    let podman = hints.podman.as_ref().filter(|_| endpoint.is_usual() && endpoint.chosen_by == Choice::Default);
    podman.map(|podman| podman.hint(hints.is_root))
}

fn with_hints(error: Error, hints: impl IntoIterator<Item = String>) -> Error {
    hints.into_iter().fold(error, Error::hint)
}

fn no_context(chosen: &Choice) -> Error {
    let what = match chosen {
        Choice::Context(name) => format!("`{name}` (DOCKER_CONTEXT)"),
        Choice::Current(name) => format!("`{name}` (the current one)"),
        Choice::Host | Choice::Default => "that was chosen".to_owned(),
    };
    Error::new(format!("the Docker context {what} does not exist")).hint("`docker context ls` shows those that do")
}

/// A configured socket is not served by the system's service.
fn chosen_hint(word: &str) -> String {
    if cfg!(target_os = "macos") {
        format!("{word} Docker Desktop, OrbStack, or `colima {word}`")
    } else if cfg!(windows) {
        format!("{word} Docker Desktop")
    } else {
        format!("{word} the engine that serves it (rootless: `systemctl --user {word} docker`)")
    }
}

/// An engine on another machine cannot be started from here.
fn elsewhere_hint(host: &str) -> String {
    format!("is that machine up, and may you use its engine? `docker -H {host} version` says more")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::docker::install_hints::{SetUp, System};
    use crate::docker::podman::Podman;

    const USUAL: &str = "unix:///var/run/docker.sock";

    fn hints(trouble: &EngineError, endpoint: &Endpoint, is_root: bool) -> String {
        let set_up = Some(if is_root { SetUp::Here } else { SetUp::Script("scripts/engine/up".into()) });
        let hints = InstallHints {
            system: System::Debian(Some(13)),
            is_root,
            has_sudo: true,
            has_engine: false,
            set_up,
            podman: None,
        };
        trouble.error(endpoint, &hints).hints().join("\n")
    }

    fn chosen(host: &str) -> Endpoint {
        Endpoint { host: host.into(), chosen_by: Choice::Host }
    }

    #[test]
    fn the_advice_is_for_the_engine_that_was_chosen() {
        let usual = hints(&EngineError::NotRunning, &Endpoint::at(USUAL), false);
        assert!(usual.contains("`sudo scripts/engine/up`") && !usual.contains("unset"), "{usual}");
        for host in ["unix:///run/user/1/docker.sock", "tcp://127.0.0.1:2375", "tcp://box:2375"] {
            let hints = hints(&EngineError::NotRunning, &chosen(host), false);
            assert!(hints.contains("`unset DOCKER_HOST`") && !hints.contains("sudo"), "{hints}");
        }
    }

    #[test]
    fn nobody_is_told_to_run_cargo_as_root() {
        let troubles = [
            EngineError::Absent,
            EngineError::NotRunning,
            EngineError::Denied,
            EngineError::Hanging(Duration::from_secs(1)),
        ];
        for (trouble, is_root) in troubles.iter().flat_map(|trouble| [(trouble, true), (trouble, false)]) {
            let hints = hints(trouble, &Endpoint::at(USUAL), is_root);
            assert!(!hints.contains("sudo cargo") && !hints.contains("with sudo"), "{hints}");
        }
    }

    #[test]
    fn podman_is_offered_where_nothing_else_was_chosen() {
        let podman = Some(Podman::At("/run/podman/podman.sock".into()));
        let hints = InstallHints {
            system: System::Fedora,
            is_root: false,
            has_sudo: true,
            has_engine: false,
            set_up: None,
            podman,
        };
        let offers = |trouble: &EngineError, endpoint: &Endpoint| {
            trouble
                .error(endpoint, &hints)
                .hints()
                .join("\n")
                .contains("`export DOCKER_HOST=unix:///run/podman/podman.sock`")
        };
        let usual = Endpoint::at(USUAL);
        assert!(offers(&EngineError::NotRunning, &usual) && offers(&EngineError::Absent, &usual));
        assert!(!offers(&EngineError::Denied, &usual));
        assert!(!offers(&EngineError::NotRunning, &chosen("unix:///run/user/1/docker.sock")));
        assert!(!offers(&EngineError::NotRunning, &chosen(USUAL)));
    }

    #[test]
    fn only_what_is_not_there_can_be_brought_up() {
        let usual = Endpoint::at(USUAL);
        assert!(EngineError::Absent.is_missing_engine(&usual) && EngineError::NotRunning.is_missing_engine(&usual));
        for trouble in [
            EngineError::Denied,
            EngineError::NoContext,
            EngineError::Hanging(Duration::ZERO),
            EngineError::Other("x".into()),
        ] {
            assert!(!trouble.is_missing_engine(&usual), "{trouble:?}");
        }
        assert!(!EngineError::NotRunning.is_missing_engine(&chosen("tcp://box:2375")));
    }
}
