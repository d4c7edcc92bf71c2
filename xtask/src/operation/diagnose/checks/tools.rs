//! The programs that are called.

use super::engine::with_script;
use crate::docker::{self, OVERRIDE};
use crate::exec::{self, Command};
use crate::model::Version;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::scene::Scene;
use crate::ui;

pub(crate) fn check(scene: &Scene) -> Vec<Finding> {
    let mut found = vec![docker_cli(scene)];
    std::thread::scope(|scope| {
        let compose = scope.spawn(|| compose(scene));
        let python = scope.spawn(python_compose);
        let buildx = scope.spawn(|| buildx(scene));
        for thread in [compose, python, buildx] {
            found.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    found.extend(helpers());
    found
}

fn docker_cli(scene: &Scene) -> Finding {
    let (id, title) = ("tools.docker", "Docker's command line");
    match exec::find("docker") {
        Some(path) => Finding::ok(id, title, path.display().to_string()),
        None => with_script(
            scene,
            Finding::new(id, title, Status::Problem, "no `docker` on PATH")
                .why("everything but check-ports, who and kill needs it")
                .remedy(scene.ctx.install_hints().engine().join("; ")),
        ),
    }
}

/// The oldest version that is tested against: older ones lack options used here.
const OLDEST: Version = Version(2, 20, 0);

fn compose(scene: &Scene) -> Option<Finding> {
    let (id, title) = ("tools.compose", "Compose");
    exec::find("docker")?;
    let Some(version) = docker::compose_version() else {
        let why = "the stack is started by Compose";
        let Some(error) = scene.ctx.without_compose() else {
            let found = Finding::new(id, title, Status::Problem, "`docker compose version` does not answer");
            return Some(found.why(why).remedy("docker compose version"));
        };
        return Some(with_script(scene, Finding::of_error(id, title, Status::Problem, &error).why(why)));
    };
    let seen = format!("version {}", ui::clean(&version));
    Some(match judge(version.parse().ok(), || uses_override(scene)) {
        Compose::Good => Finding::ok(id, title, seen),
        Compose::Odd => Finding::new(id, title, Status::Unknown, seen)
            .why("this is no version that can be compared")
            .remedy("docker compose version"),
        Compose::Bad(why) => {
            Finding::new(id, title, Status::Problem, seen).why(why).remedy(scene.ctx.install_hints().plugin())
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Compose {
    Good,
    Odd,
    Bad(&'static str),
}

/// 3 and 4 were never released: after 2.40 came 5.0, which works the same.
fn judge(version: Option<Version>, uses_override: impl FnOnce() -> bool) -> Compose {
    match version {
        None => Compose::Odd,
        Some(version) if version < OLDEST => {
            Compose::Bad("versions before 2.20 lack what this tool asks for, and 1.x is no longer kept up")
        }
        // docker/compose#11651: YAML, whatever was asked for; 2.26.0 mends it.
        Some(Version(2, 25, _)) => Compose::Bad("2.25 ignores `config --format json`, so the project cannot be read"),
        Some(version) if version < OVERRIDE && uses_override() => {
            Compose::Bad("before 2.24.4 `!override` is not known, and the ports of both files are published")
        }
        Some(_) => Compose::Good,
    }
}

fn uses_override(scene: &Scene) -> bool {
    let files = scene.project().map(|found| found.stack.files.as_slice()).unwrap_or_default();
    files.iter().any(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains("!override")))
}

/// The Python program, which ended in 2023 and which Debian 12 still has: scripts
/// that call `docker-compose` get it.
fn python_compose() -> Option<Finding> {
    let seen = format!("version {} is on PATH", ui::clean(&docker::python_compose()?));
    Some(
        Finding::new("tools.docker-compose", "docker-compose", Status::Note, seen)
            .why("it is not `docker compose`: it refuses newer compose files, and names containers in another way")
            .remedy("call `docker compose`, or remove the package docker-compose"),
    )
}

/// Compose builds with it; without it builds fall back to the old builder or fail.
fn buildx(scene: &Scene) -> Option<Finding> {
    let (id, title) = ("tools.buildx", "buildx");
    let builds = scene.project()?.stack.services.iter().any(|service| service.build);
    if !builds || exec::find("docker").is_none() {
        return None;
    }
    let answer = Command::new("docker").args(["buildx", "version"]).ask(exec::LIMIT);
    if answer.is_ok_and(|answer| answer.ok()) {
        return Some(Finding::ok(id, title, "there"));
    }
    let found = Finding::new(id, title, Status::Warning, "`docker buildx version` fails");
    Some(found.why("services of this project are built").remedy(scene.ctx.install_hints().buildx()))
}

/// git and cargo are not called for ports; on macOS lsof is.
fn helpers() -> Vec<Finding> {
    let mut found = Vec::new();
    let mut missing = |tool: &str, status, why: &str, remedy: &str| {
        if exec::find(tool).is_none() {
            let seen = format!("no `{tool}` on PATH");
            found.push(Finding::new("tools.helpers", "other programs", status, seen).why(why).remedy(remedy));
        }
    };
    missing("git", Status::Note, "whether .env is ignored cannot be told", "install git");
    missing("cargo", Status::Note, "`cargo xtask` needs it", "rustup.rs, or the package cargo");
    if cfg!(target_os = "macos") && !std::path::Path::new("/usr/sbin/lsof").exists() {
        missing("lsof", Status::Warning, "who holds a port cannot be told", "it is part of macOS: look at PATH");
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
            assert_eq!(judge(version.parse().ok(), || false) == Compose::Good, good, "{version}");
        }
        assert!(matches!(judge(Some(Version(2, 24, 3)), || true), Compose::Bad(_)));
        assert_eq!(judge(Some(OVERRIDE), || true), Compose::Good);
        assert_eq!(judge(None, || true), Compose::Odd);
    }
}
