//! The engine: whether it answers, which one it is, and how it is set up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::docker::{Endpoint, Engine, EngineError};
use crate::labels::image_is_too_old;
use crate::operation::check::engine_host;
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Fix;
use crate::{disk, host, ui};

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let info = match facts.info() {
        Ok(info) => info,
        Err(trouble) => return vec![unreachable(facts, trouble)],
    };
    let endpoint = facts.ctx.engine.endpoint();
    let seen = format!(
        "{} ({}) answers at {} ({})",
        ui::clean(&info.version),
        ui::clean(&info.system),
        ui::clean(&endpoint.host),
        ui::clean(&endpoint.chosen_by.to_string())
    );
    let mut found = vec![if endpoint.is_remote() {
        Finding::new("engine.answers", "Docker engine", Status::Note, seen)
            .why("ports are bound on that machine, so whether one is free here does not matter")
            .remedy(endpoint.undo())
    } else {
        Finding::ok("engine.answers", "Docker engine", seen)
    }];
    found.extend(mounts(facts));
    if info.rootless {
        found.push(rootless(facts));
    }
    found.extend(other_engines(facts));
    found.extend(traefik(facts));
    found
}

/// Bind mounts of local folders, which an engine on another machine will not find.
fn mounts(facts: &Facts) -> Option<Finding> {
    let ctx = &facts.ctx;
    let mounts: Vec<String> =
        engine_host::mounts(ctx).iter().map(|mount| engine_host::describe_mount(ctx, mount)).collect();
    let finding = Finding::new("engine.mounts", "folders of this machine", Status::Warning, mounts.join("\n"));
    let finding = finding.why("the engine mounts folders of its own machine, so containers find them empty");
    (!mounts.is_empty()).then(|| finding.remedy("use `build:`, a volume or `configs:` instead"))
}

fn unreachable(facts: &Facts, trouble: &EngineError) -> Finding {
    let error = facts.ctx.engine_error(trouble);
    let found = Finding::of_error("engine.answers", "Docker engine", Status::Problem, &error)
        .why("nothing can be started without it");
    if trouble.is_missing_engine(facts.ctx.engine.endpoint()) { with_engine_script(facts, found) } else { found }
}

/// Adds the fix that runs the project's scripts/engine/up, if it has one and this is Linux.
pub(crate) fn with_engine_script(facts: &Facts, found: Finding) -> Finding {
    let script = facts.project().map(|project| project.stack.dir.join("scripts/engine/up"));
    let runs_here = cfg!(target_os = "linux") && script.is_some_and(|script| script.is_file());
    if runs_here { found.fix(Fix::Engine) } else { found }
}

/// In rootless mode an unprivileged process binds the ports, so the kernel's limit on
/// privileged ports applies (docs.docker.com, "Rootless mode").
fn rootless(facts: &Facts) -> Finding {
    let (id, title) = ("engine.rootless", "rootless engine");
    let from = host::unprivileged_from().unwrap_or(1024);
    let ports = facts.project().map(|found| found.stack.ports()).into_iter().flatten();
    let low: Vec<String> = ports
        .filter(|wanted| wanted.mapping.published.is_some_and(|range| range.first < from))
        .map(|wanted| wanted.mapping.address())
        .collect();
    if low.is_empty() {
        return Finding::ok(id, title, format!("runs without root: it cannot bind ports below {from}"));
    }
    Finding::new(
        id,
        title,
        Status::Problem,
        format!("{} is below {from}, and the engine runs without root", low.join(", ")),
    )
    .why("it cannot bind privileged ports")
    .remedy("sudo sysctl net.ipv4.ip_unprivileged_port_start=80, or choose a larger port")
}

/// Other engines on this machine (a snap, rootless, Podman, a virtual machine): their
/// containers hold ports that the first engine does not know of (docker/for-linux#1180).
fn other_engines(facts: &Facts) -> Option<Finding> {
    let home = facts.ctx.home.as_deref();
    let runtime = facts.ctx.var("XDG_RUNTIME_DIR").map(PathBuf::from);
    let ours = facts.ctx.engine.endpoint().socket().and_then(real);
    let mut sockets: Vec<PathBuf> =
        known_sockets(home, runtime.as_deref()).iter().filter_map(|path| real(path)).collect();
    sockets.sort();
    sockets.dedup();
    sockets.retain(|socket| Some(socket) != ours.as_ref());
    let answering: Vec<String> = std::thread::scope(|scope| {
        let asked: Vec<_> = sockets.iter().map(|socket| scope.spawn(|| engine_name(socket))).collect();
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
            .why("their containers hold ports of this machine too, and `docker ps` does not list them here")
            .remedy("`docker context ls`; query one with `docker --host unix://SOCKET ps`"),
    )
}

/// Where engines put their sockets, by their documentation.
fn known_sockets(home: Option<&Path>, runtime: Option<&Path>) -> Vec<PathBuf> {
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

/// `VERSION at SOCKET`; `None` where no engine answers there.
fn engine_name(socket: &Path) -> Option<String> {
    let endpoint = Endpoint::at(format!("unix://{}", socket.display()));
    let info = Engine::new(endpoint, Duration::from_secs(1)).info().ok()?;
    Some(format!("{} at {}", ui::clean(&info.version), ui::clean(&socket.display().to_string())))
}

/// A Traefik whose Docker client is too old for the engine.
fn traefik(facts: &Facts) -> Option<Finding> {
    let containers = facts.project()?.containers.as_ref().ok()?;
    let mut running = containers.iter().filter(|container| container.image.contains("traefik")).peekable();
    running.peek()?;
    let min = facts.ctx.engine.version().ok()?.min_api?;
    let old = running.find(|container| image_is_too_old(&container.image, min))?;
    let seen = format!(
        "container {} is {}, and the engine's oldest API version is {}.{}",
        ui::clean(&old.name),
        ui::clean(&old.image),
        min.0,
        min.1
    );
    Some(
        Finding::new("engine.traefik", "Traefik and the engine", Status::Problem, seen)
            .why("it runs, sees no containers, and answers every name with `404 page not found`")
            .remedy("use traefik:v3.7 (3.6.1 or later, or 2.11.31)"),
    )
}

/// With less the engine cannot pull or build.
const FULL: u64 = 200 << 20;
const LOW: u64 = 2 << 30;

/// The disk with the engine's data, if it is local, and the project's disk.
pub(crate) fn disk(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Ok(info) = facts.info()
        && facts.is_local()
        && info.root_dir.is_dir()
    {
        found.extend(disk_space("disk.engine", "the engine's disk", &info.root_dir));
    }
    if let Some(project) = facts.project() {
        found.extend(disk_space("disk.project", "the project's disk", &project.stack.dir));
    }
    found
}

fn disk_space(id: &'static str, title: &str, path: &Path) -> Option<Finding> {
    let disk = host::disk(path).filter(|disk| disk.total > 0)?;
    let status = disk_status(disk.free);
    let seen = format!("{} MB free of {} MB", disk.free >> 20, disk.total >> 20);
    let found = Finding::new(id, title, status, seen);
    Some(match status {
        Status::Ok => found,
        _ => found
            .why("images cannot be pulled or built, databases stop, and .env cannot be written")
            // `docker system prune` would take networks of stopped projects.
            .remedy(
                "`docker system df` shows what takes space; `docker image prune` and `docker builder prune` free some",
            ),
    })
}

fn disk_status(free: u64) -> Status {
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
        assert_eq!(disk_status(0), Status::Problem);
        assert_eq!(disk_status(FULL), Status::Warning);
        assert_eq!(disk_status(LOW), Status::Ok);
    }

    #[test]
    fn sockets_are_looked_for_where_engines_put_them() {
        let found = known_sockets(Some(Path::new("/h")), Some(Path::new("/run/user/1")));
        assert!(found.contains(&PathBuf::from("/run/user/1/podman/podman.sock")));
        assert!(found.contains(&PathBuf::from("/h/.colima/default/docker.sock")));
    }
}
