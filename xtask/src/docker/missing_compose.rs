//! Finds out whether Compose is installed. Only done after a call of Compose failed, so it costs
//! nothing otherwise. The message of the failed call is not used: without the plugin `docker`
//! parses Compose's options as its own, and complains about the first one (`unknown flag:
//! --env-file`, `unknown shorthand flag: 'p' in -p`, or its whole usage).

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::exec::{self, Answer, Command, NoAnswer, Unusable, unusable};
use crate::model::Version;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingCompose {
    NoDocker,
    /// `docker` exists but cannot be run.
    Broken {
        path: PathBuf,
        why: String,
    },
    /// `docker` is Podman's, which runs another program for `compose`: none was found, or one of this
    /// version, which is too old.
    Podman(Option<String>),
    /// `docker` has no Compose plugin; perhaps the Python program of this version is installed.
    NoPlugin(Option<String>),
}

/// Result of [`find_compose`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Compose(String),
    Absent(MissingCompose),
    /// Compose may be there, but `docker` fails because of DOCKER_HOST or its context.
    NoEndpoint,
    Silent,
}

/// `env` is added to the environment.
pub(super) fn find_compose(env: &BTreeMap<String, String>) -> Found {
    let Some(docker) = exec::find("docker") else {
        return Found::Absent(unusable("docker").map_or(MissingCompose::NoDocker, broken));
    };
    let set = |command: Command| env.iter().fold(command, |command, (name, value)| command.env(name, value));
    let answer = match set(version()).try_ask(exec::LIMIT) {
        Ok(answer) => answer,
        Err(NoAnswer::NotStarted(error)) => {
            return Found::Absent(MissingCompose::Broken { path: docker, why: error.message().to_owned() });
        }
        Err(NoAnswer::TimedOut(_) | NoAnswer::Lost(_)) => return Found::Silent,
    };
    if let Some(version) = word(&answer) {
        return if is_old(&version) { Found::Absent(without(Some(version))) } else { Found::Compose(version) };
    }
    // A shell's exit codes for a command that is not found or cannot be executed
    // (POSIX, Shell Command Language 2.8.2): `docker` is a script that calls
    // something missing.
    if let Some(code @ (126 | 127)) = answer.code {
        let said = answer.error_text();
        let said = said.lines().last().unwrap_or("what it calls is not there").to_owned();
        return Found::Absent(MissingCompose::Broken {
            path: docker,
            why: format!("it exits with code {code}: {said}"),
        });
    }
    // `docker` resolves its context before it looks for plugins.
    let elsewhere = set(version()).env_remove("DOCKER_HOST").env("DOCKER_CONTEXT", "default");
    if elsewhere.ask(exec::LIMIT).is_ok_and(|answer| word(&answer).is_some()) {
        return Found::NoEndpoint;
    }
    Found::Absent(without(None))
}

/// `docker compose version --short` without a leading `v`; `None` if it fails.
pub fn compose_version() -> Option<String> {
    word(&version().ask(exec::LIMIT).ok()?)
}

fn version() -> Command {
    Command::new("docker").args(["compose", "version", "--short"])
}

/// The version in an answer: one word, usually a number, or `dev` for own builds. Without the
/// plugin `docker` may print its usage and exit with 0.
fn word(answer: &Answer) -> Option<String> {
    let text = String::from_utf8_lossy(&answer.stdout).trim().trim_start_matches('v').to_owned();
    (answer.ok() && !text.is_empty() && !text.contains(char::is_whitespace)).then_some(text)
}

/// Whether it is the Python program docker-compose or podman-compose, which lacks
/// `config --format json` and more.
fn is_old(version: &str) -> bool {
    version.parse::<Version>().is_ok_and(|version| version < Version(2, 0, 0))
}

/// The plugin is missing; `behind` is the version that answers instead.
fn without(behind: Option<String>) -> MissingCompose {
    let answer = Command::new("docker").arg("--version").ask(exec::LIMIT);
    if answer.is_ok_and(|answer| is_podman(&answer)) {
        return MissingCompose::Podman(behind);
    }
    MissingCompose::NoPlugin(behind.or_else(python_compose))
}

/// Podman prints `podman version 5.7.1`, Docker `Docker version 28.2.2, build e6534b4`. The
/// package podman-docker is a script that calls podman with the same arguments.
fn is_podman(answer: &Answer) -> bool {
    answer.stdout.trim_ascii_start().to_ascii_lowercase().starts_with(b"podman ")
}

/// The version of `docker-compose` if it is the Python program: users who have it think that they
/// have Compose.
pub fn python_compose() -> Option<String> {
    exec::find("docker-compose")?;
    let answer = Command::new("docker-compose").args(["version", "--short"]).ask(exec::LIMIT).ok()?;
    word(&answer).filter(|version| is_old(version))
}

fn broken(found: Unusable) -> MissingCompose {
    match found {
        Unusable::Link { path, target, denied } => {
            let why = if denied { "which this user may not access" } else { "which is not there" };
            MissingCompose::Broken { path, why: format!("it is a link to {}, {why}", target.display()) }
        }
        Unusable::NotExecutable(path) => MissingCompose::Broken { path, why: "it is not executable".to_owned() },
    }
}

/// The error message.
impl std::fmt::Display for MissingCompose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MissingCompose::NoDocker => f.write_str("no `docker` on PATH"),
            MissingCompose::Broken { path, why } => write!(f, "`docker` at {} cannot be run: {why}", path.display()),
            MissingCompose::Podman(None) => {
                f.write_str("`docker` is Podman's here, and Podman finds no Compose to hand `docker compose` over to")
            }
            MissingCompose::Podman(Some(version)) => write!(
                f,
                "`docker` is Podman's here, and its `docker compose` is version {version}: Compose 2.20 or later is needed"
            ),
            MissingCompose::NoPlugin(None) => f.write_str("`docker` has no Compose plugin"),
            MissingCompose::NoPlugin(Some(version)) => {
                write!(f, "`docker` has no Compose plugin, and docker-compose {version} is too old to stand in for it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i32, stdout: &str) -> Answer {
        Answer { code: Some(code), stdout: stdout.into(), stderr: Vec::new() }
    }

    #[test]
    fn only_a_word_is_a_version() {
        for (code, stdout, version) in [
            (0, "2.40.3\n", Some("2.40.3")),
            (0, "v2.17.2\n", Some("2.17.2")),
            (0, "2.40.3-desktop.1\n", Some("2.40.3-desktop.1")),
            (0, "2.26.1-4", Some("2.26.1-4")),
            (0, "dev\n", Some("dev")),
            (0, "\nUsage:  docker [OPTIONS] COMMAND\n", None),
            (0, "podman-compose version: 1.0.6\n", None),
            (1, "2.40.3\n", None),
            (0, "", None),
        ] {
            assert_eq!(word(&answer(code, stdout)).as_deref(), version, "{stdout}");
        }
    }

    #[test]
    fn podman_says_its_own_name() {
        assert!(is_podman(&answer(0, "podman version 4.3.1\n")));
        assert!(!is_podman(&answer(0, "Docker version 28.2.2, build e6534b4\n")));
    }
}
