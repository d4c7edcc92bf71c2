//! The engine: whether it answers, which one it is, and what it is like.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::docker::{Endpoint, Engine, EngineError};
use crate::labels::image_is_too_old;
use crate::operation::check::engine_host;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Mend;
use crate::operation::diagnose::scene::Scene;
use crate::{disk, host, ui};

pub(crate) fn check(scene: &Scene) -> Vec<Finding> {
    let info = match scene.info() {
        Ok(info) => info,
        Err(trouble) => return vec![absent(scene, trouble)],
    };
    let endpoint = scene.ctx.engine.endpoint();
    let seen = format!(
        "{} ({}) answers at {} ({})",
        ui::clean(&info.version),
        ui::clean(&info.system),
        ui::clean(&endpoint.host),
        ui::clean(&endpoint.chosen_by.to_string())
    );
    let mut found = vec![if endpoint.is_remote() {
        Finding::new("engine.answers", "Docker engine", Status::Note, seen)
            .why("ports are bound on that machine: what is free here says nothing")
            .remedy(endpoint.undo())
    } else {
        Finding::ok("engine.answers", "Docker engine", seen)
    }];
    found.extend(mounts(scene));
    if info.rootless {
        found.push(rootless(scene));
    }
    found.extend(others(scene));
    found.extend(traefik(scene));
    found
}

/// Folders that an engine elsewhere will not find.
fn mounts(scene: &Scene) -> Option<Finding> {
    let ctx = &scene.ctx;
    let mounts: Vec<String> =
        engine_host::mounts(ctx).iter().map(|mount| engine_host::describe_mount(ctx, mount)).collect();
    let finding = Finding::new("engine.mounts", "folders of this machine", Status::Warning, mounts.join("\n"));
    let finding = finding.why("the engine mounts folders of its own machine: containers find them empty");
    (!mounts.is_empty()).then(|| finding.remedy("use `build:`, a volume or `configs:` in their place"))
}

fn absent(scene: &Scene, trouble: &EngineError) -> Finding {
    let error = scene.ctx.engine_error(trouble);
    let found = Finding::of_error("engine.answers", "Docker engine", Status::Problem, &error)
        .why("without it nothing can be started");
    if trouble.is_missing_engine(scene.ctx.engine.endpoint()) { with_script(scene, found) } else { found }
}

/// Mended by the project's own script, where it has one for this system.
pub(crate) fn with_script(scene: &Scene, found: Finding) -> Finding {
    let script = scene.project().map(|project| project.stack.dir.join("scripts/engine/up"));
    let runs_here = cfg!(target_os = "linux") && script.is_some_and(|script| script.is_file());
    if runs_here { found.mend(Mend::Engine) } else { found }
}

/// In rootless mode the ports are bound by a process of the person, for which the
/// kernel's rule counts (docs.docker.com, "Rootless mode").
fn rootless(scene: &Scene) -> Finding {
    let (id, title) = ("engine.rootless", "rootless engine");
    let from = host::unprivileged_from().unwrap_or(1024);
    let ports = scene.project().map(|found| found.stack.ports()).into_iter().flatten();
    let low: Vec<String> = ports
        .filter(|wanted| wanted.mapping.published.is_some_and(|range| range.first < from))
        .map(|wanted| wanted.mapping.address())
        .collect();
    if low.is_empty() {
        return Finding::ok(id, title, format!("runs without root: ports below {from} are not for it"));
    }
    Finding::new(
        id,
        title,
        Status::Problem,
        format!("{} below {from}, and the engine runs without root", low.join(", ")),
    )
    .why("it may not bind privileged ports")
    .remedy("sudo sysctl net.ipv4.ip_unprivileged_port_start=80, or choose a larger port")
}

/// A second engine's containers hold ports that the first one knows nothing of:
/// the usual one and a snap, rootless and not, Podman, a virtual machine
/// (docker/for-linux#1180).
fn others(scene: &Scene) -> Option<Finding> {
    let home = scene.ctx.home.as_deref();
    let runtime = scene.ctx.var("XDG_RUNTIME_DIR").map(PathBuf::from);
    let ours = scene.ctx.engine.endpoint().socket().and_then(real);
    let mut sockets: Vec<PathBuf> = candidates(home, runtime.as_deref()).iter().filter_map(|path| real(path)).collect();
    sockets.sort();
    sockets.dedup();
    sockets.retain(|socket| Some(socket) != ours.as_ref());
    let answering: Vec<String> = std::thread::scope(|scope| {
        let asked: Vec<_> = sockets.iter().map(|socket| scope.spawn(|| name(socket))).collect();
        asked.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    });
    if answering.is_empty() {
        return None;
    }
    let found = Finding::new(
        "engine.others",
        "other engines",
        Status::Note,
        format!("{} more: {}", answering.len(), answering.join(", ")),
    );
    Some(
        found
            .why("their containers hold ports of this machine too, and are not in `docker ps` here")
            .remedy("`docker context ls`; ask one with `docker --host unix://SOCKET ps`"),
    )
}

/// Where engines put their sockets by their own documentation.
fn candidates(home: Option<&Path>, runtime: Option<&Path>) -> Vec<PathBuf> {
    let mut sockets: Vec<PathBuf> = ["/var/run/docker.sock", "/run/podman/podman.sock"].map(PathBuf::from).to_vec();
    if let Some(runtime) = runtime {
        sockets.extend(["docker.sock", "podman/podman.sock"].map(|name| runtime.join(name)));
    }
    let of_home = [
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".colima/default/docker.sock",
        ".orbstack/run/docker.sock",
        ".rd/docker.sock",
    ];
    sockets.extend(home.into_iter().flat_map(|home| of_home.map(|name| home.join(name))));
    sockets
}

fn real(path: &Path) -> Option<PathBuf> {
    disk::canonical(path).ok()
}

/// A socket that nobody serves is no engine.
fn name(socket: &Path) -> Option<String> {
    let endpoint = Endpoint::at(format!("unix://{}", socket.display()));
    let info = Engine::new(endpoint, Duration::from_secs(1)).info().ok()?;
    Some(format!("{} at {}", ui::clean(&info.version), ui::clean(&socket.display().to_string())))
}

/// Traefik containers that the engine refuses to speak to.
fn traefik(scene: &Scene) -> Option<Finding> {
    let containers = scene.project()?.containers.as_ref().ok()?;
    let mut running = containers.iter().filter(|container| container.image.contains("traefik")).peekable();
    running.peek()?;
    let min = scene.ctx.engine.version().ok()?.min_api?;
    let old = running.find(|container| image_is_too_old(&container.image, min))?;
    let seen = format!(
        "container {} is {}, and the engine speaks no API before {}.{}",
        ui::clean(&old.name),
        ui::clean(&old.image),
        min.0,
        min.1
    );
    Some(
        Finding::new("engine.traefik", "Traefik and the engine", Status::Problem, seen)
            .why("it runs, sees no container, and answers every name with `404 page not found`")
            .remedy("use traefik:v3.7 (3.6.1 or later, or 2.11.31)"),
    )
}

/// Below this the engine cannot pull or build.
const FULL: u64 = 200 << 20;
/// Below this it soon cannot.
const LOW: u64 = 2 << 30;

/// The disk that the engine keeps its data on, where that is one of this machine,
/// and the one that the project is on.
pub(crate) fn disk(scene: &Scene) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Ok(info) = scene.info()
        && scene.is_local()
        && info.root_dir.is_dir()
    {
        found.extend(room("disk.engine", "the engine's disk", &info.root_dir));
    }
    if let Some(project) = scene.project() {
        found.extend(room("disk.project", "the project's disk", &project.stack.dir));
    }
    found
}

fn room(id: &'static str, title: &str, path: &Path) -> Option<Finding> {
    let disk = host::disk(path).filter(|disk| disk.total > 0)?;
    let status = how_full(disk.free);
    let seen = format!("{} MB free of {} MB", disk.free >> 20, disk.total >> 20);
    let found = Finding::new(id, title, status, seen);
    Some(match status {
        Status::Ok => found,
        _ => found
            .why("images cannot be pulled or built, databases stop, and .env cannot be written")
            // `docker system prune` would take networks of stopped projects.
            .remedy(
                "`docker system df` shows what takes room; `docker image prune` and `docker builder prune` free some",
            ),
    })
}

fn how_full(free: u64) -> Status {
    match free {
        ..FULL => Status::Problem,
        FULL..LOW => Status::Warning,
        _ => Status::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_a_problem() {
        assert_eq!(how_full(0), Status::Problem);
        assert_eq!(how_full(FULL), Status::Warning);
        assert_eq!(how_full(LOW), Status::Ok);
    }

    #[test]
    fn sockets_are_looked_for_where_engines_put_them() {
        let found = candidates(Some(Path::new("/h")), Some(Path::new("/run/user/1")));
        assert!(found.contains(&PathBuf::from("/run/user/1/podman/podman.sock")));
        assert!(found.contains(&PathBuf::from("/h/.colima/default/docker.sock")));
    }
}
