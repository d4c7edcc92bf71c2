//! The programs that this tool runs.

use super::engine::with_engine_script;
use crate::docker::{self, OVERRIDE};
use crate::exec::{self, Command};
use crate::model::Version;
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::ui;

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![docker_cli(facts)];
    std::thread::scope(|scope| {
        let compose = scope.spawn(|| compose(facts));
        let python = scope.spawn(python_compose);
        let buildx = scope.spawn(|| buildx(facts));
        for thread in [compose, python, buildx] {
            found.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    found.extend(helpers());
    found
}

fn docker_cli(facts: &Facts) -> Finding {
    let (id, title) = ("tools.docker", "Docker's command line");
    match exec::find("docker") {
        Some(path) => Finding::ok(id, title, path.display().to_string()),
        None => with_engine_script(
            facts,
            Finding::new(id, title, Status::Problem, "no `docker` on PATH")
                .why("everything but check-ports, who and kill needs it")
                .remedy(facts.ctx.install_hints().engine().join("; ")),
        ),
    }
}

/// The oldest version that is tested; older ones lack options used here.
const OLDEST: Version = Version(2, 20, 0);

fn compose(facts: &Facts) -> Option<Finding> {
    let (id, title) = ("tools.compose", "Compose");
    exec::find("docker")?;
    let Some(version) = docker::compose_version() else {
        let why = "Compose starts the stack";
        let Some(error) = facts.ctx.compose_absence() else {
            let found = Finding::new(id, title, Status::Problem, "`docker compose version` does not answer");
            return Some(found.why(why).remedy("docker compose version"));
        };
        return Some(with_engine_script(facts, Finding::of_error(id, title, Status::Problem, &error).why(why)));
    };
    let seen = format!("version {}", ui::clean(&version));
    Some(match check_version(version.parse().ok(), || uses_override(facts)) {
        Compose::Good => Finding::ok(id, title, seen),
        Compose::Unparsable => Finding::new(id, title, Status::Unknown, seen)
            .why("the version number cannot be read")
            .remedy("docker compose version"),
        Compose::Bad(why) => {
            Finding::new(id, title, Status::Problem, seen).why(why).remedy(facts.ctx.install_hints().plugin())
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Compose {
    Good,
    Unparsable,
    Bad(&'static str),
}

/// After 2.40 came 5.0, which works the same; 3 and 4 were never released.
fn check_version(version: Option<Version>, uses_override: impl FnOnce() -> bool) -> Compose {
    match version {
        None => Compose::Unparsable,
        Some(version) if version < OLDEST => {
            Compose::Bad("versions before 2.20 lack options that this tool uses, and 1.x is no longer maintained")
        }
        // docker/compose#11651: prints YAML in any case; fixed in 2.26.0.
        Some(Version(2, 25, _)) => Compose::Bad("2.25 ignores `config --format json`, so the project cannot be read"),
        Some(version) if version < OVERRIDE && uses_override() => {
            Compose::Bad("versions before 2.24.4 do not know `!override`, and publish the ports of both files")
        }
        Some(_) => Compose::Good,
    }
}

fn uses_override(facts: &Facts) -> bool {
    let files = facts.project().map(|found| found.stack.files.as_slice()).unwrap_or_default();
    files.iter().any(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains("!override")))
}

/// The Python program, unmaintained since 2023 but still in Debian 12, is what scripts
/// that call `docker-compose` get.
fn python_compose() -> Option<Finding> {
    let seen = format!("version {} is on PATH", ui::clean(&docker::python_compose()?));
    Some(
        Finding::new("tools.docker-compose", "docker-compose", Status::Note, seen)
            .why("it is not `docker compose`: it rejects newer compose files and names containers differently")
            .remedy("call `docker compose`, or remove the package docker-compose"),
    )
}

/// Compose builds with buildx; without it, builds use the old builder or fail.
fn buildx(facts: &Facts) -> Option<Finding> {
    let (id, title) = ("tools.buildx", "buildx");
    let builds = facts.project()?.stack.services.iter().any(|service| service.build);
    if !builds || exec::find("docker").is_none() {
        return None;
    }
    let answer = Command::new("docker").args(["buildx", "version"]).ask(exec::LIMIT);
    if let Some(answer) = answer.ok().filter(exec::Answer::ok) {
        let version = buildx_version(&answer.stdout);
        let seen = version.map_or_else(|| "installed".to_owned(), |version| format!("version {version}"));
        let compose = docker::compose_version().and_then(|version| version.parse().ok());
        if !is_buildx_too_old(version, compose) {
            return Some(Finding::ok(id, title, seen));
        }
        let found = Finding::new(id, title, Status::Problem, seen);
        let why = "Compose 2.40.2 and later build with buildx 0.17 or later only, and this project builds images";
        return Some(found.why(why).remedy(facts.ctx.install_hints().buildx()));
    }
    let found = Finding::new(id, title, Status::Warning, "`docker buildx version` fails");
    Some(found.why("this project builds images").remedy(facts.ctx.install_hints().buildx()))
}

/// Of `github.com/docker/buildx v0.13.1 788433953af1` or, as Debian says it,
/// `github.com/docker/buildx 0.19.3+ds1-4 …`.
fn buildx_version(output: &[u8]) -> Option<Version> {
    String::from_utf8_lossy(output).split_whitespace().nth(1)?.parse().ok()
}

/// "compose build requires buildx 0.17 or later" (docker/compose, `pkg/compose/build_bake.go`).
fn is_buildx_too_old(buildx: Option<Version>, compose: Option<Version>) -> bool {
    buildx.is_some_and(|buildx| buildx < Version(0, 17, 0))
        && compose.is_some_and(|compose| compose >= Version(2, 40, 2))
}

/// On macOS, lsof finds out who holds a port.
fn helpers() -> Vec<Finding> {
    let mut found = Vec::new();
    let mut missing = |tool: &str, status, why: &str, remedy: &str| {
        if exec::find(tool).is_none() {
            let seen = format!("no `{tool}` on PATH");
            found.push(Finding::new("tools.helpers", "other programs", status, seen).why(why).remedy(remedy));
        }
    };
    missing("git", Status::Note, "without it there is no way to tell whether .env is ignored", "install git");
    missing("cargo", Status::Note, "`cargo xtask` needs it", "rustup.rs, or the package cargo");
    if cfg!(target_os = "macos") && !std::path::Path::new("/usr/sbin/lsof").exists() {
        missing(
            "lsof",
            Status::Warning,
            "without it there is no way to tell who holds a port",
            "it is part of macOS: check PATH",
        );
    }
    if found.is_empty() {
        found.push(Finding::ok("tools.helpers", "other programs", "git, cargo"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_buildx_is_only_too_old_for_a_newer_compose() {
        let version = |output: &str| buildx_version(output.as_bytes());
        assert_eq!(version("github.com/docker/buildx v0.13.1 788433953af1\n"), Some(Version(0, 13, 1)));
        assert_eq!(version("github.com/docker/buildx 0.19.3+ds1-4 0.19.3\n"), Some(Version(0, 19, 3)));
        assert_eq!(version("buildx"), None);
        for (buildx, compose, old) in [
            (Version(0, 16, 2), Version(2, 40, 2), true),
            (Version(0, 16, 2), Version(5, 0, 0), true),
            (Version(0, 16, 2), Version(2, 40, 1), false),
            (Version(0, 17, 0), Version(5, 5, 0), false),
        ] {
            assert_eq!(is_buildx_too_old(Some(buildx), Some(compose)), old, "{buildx} {compose}");
        }
        assert!(!is_buildx_too_old(None, Some(Version(5, 0, 0))));
    }

    #[test]
    fn versions_are_compared_by_number() {
        for (version, good) in [
            ("2.40.3", true),
            ("v2.40.3-desktop.1", true),
            ("5.0.0", true),
            ("5.1", true),
            ("2.20.0", true),
            ("2.19.1", false),
            ("1.29.2", false),
            ("2.25.0", false),
            ("2.26.1", true),
            ("2.24.3", true),
        ] {
            assert_eq!(check_version(version.parse().ok(), || false) == Compose::Good, good, "{version}");
        }
        assert!(matches!(check_version(Some(Version(2, 24, 3)), || true), Compose::Bad(_)));
        assert_eq!(check_version(Some(OVERRIDE), || true), Compose::Good);
        assert_eq!(check_version(None, || true), Compose::Unparsable);
    }
}
