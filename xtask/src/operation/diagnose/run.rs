//! The state of this machine and project: checks that run side by side, each
//! under a time limit, each a small function in a file of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::checks;
use super::finding::{Finding, Status};
use super::scene::Scene;
use crate::context::Context;
use crate::docker::Engine;
use crate::project::started_context;
use crate::ui::Live;

/// A check: its name for `--only`, what it is about, and how it is done.
struct Check {
    name: &'static str,
    about: &'static str,
    run: fn(&Scene) -> Vec<Finding>,
}

/// In the order in which people would look: what the others need comes first.
const CHECKS: [Check; 13] = [
    Check { name: "tools", about: "Docker's command line, Compose and helpers", run: checks::tools::check },
    Check { name: "engine", about: "the Docker engine", run: checks::engine::check },
    Check { name: "disk", about: "room on the disks", run: checks::engine::disk },
    Check { name: "project", about: "compose files and .env", run: checks::project::check },
    Check { name: "ports", about: "published ports", run: checks::ports::check },
    Check { name: "containers", about: "containers and images of this project", run: checks::containers::check },
    Check { name: "path", about: "the way from a port to its process", run: checks::path::check },
    Check { name: "networks", about: "networks and their address ranges", run: checks::networks::check },
    Check { name: "firewall", about: "firewalls of this machine", run: checks::firewall::check },
    Check { name: "names", about: "names under .localhost", run: checks::names::check },
    Check { name: "wsl", about: "WSL2", run: checks::wsl::check },
    Check { name: "leases", about: "ports kept for folders", run: checks::leases::check },
    Check { name: "proxy", about: "the shared proxy, its routes and certificates", run: checks::proxy::check },
];

/// How long a check may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the engine may take for an answer: less, so that a hanging engine is
/// told as what it is.
const ENGINE_LIMIT: Duration = Duration::from_secs(4);

/// Names of all checks, for `--only`.
pub fn names() -> Vec<&'static str> {
    CHECKS.iter().map(|check| check.name).collect()
}

/// Runs the checks of these names; none = all.
pub fn checkup(ctx: &Context, only: &[String]) -> Vec<Finding> {
    let wanted = |check: &&Check| only.is_empty() || only.iter().any(|name| name == check.name);
    let checks: Vec<&'static Check> = CHECKS.iter().filter(wanted).collect();
    let ctx = started_context(ctx).unwrap_or_else(|_| ctx.clone());
    let engine = Engine::new(ctx.engine.endpoint().clone(), ENGINE_LIMIT.min(ctx.engine.limit()));
    let scene = Arc::new(Scene::new(Context { engine, ..ctx }));
    let (sender, receiver) = mpsc::channel();
    for (at, check) in checks.iter().enumerate() {
        let (sender, scene, run) = (sender.clone(), Arc::clone(&scene), check.run);
        // Not waited for beyond its time: a name server that does not answer
        // cannot be told to stop.
        std::thread::spawn(move || drop(sender.send((at, run(&scene)))));
    }
    drop(sender);
    let mut found = gather(&receiver, &checks);
    let mut all = Vec::new();
    for (check, found) in checks.iter().zip(&mut found) {
        all.append(found.get_or_insert_with(|| vec![too_long(check)]));
    }
    all
}

/// The answers as they come, with a line that says what is still looked at.
fn gather(receiver: &mpsc::Receiver<(usize, Vec<Finding>)>, checks: &[&Check]) -> Vec<Option<Vec<Finding>>> {
    let deadline = Instant::now() + LIMIT;
    let mut found: Vec<Option<Vec<Finding>>> = vec![None; checks.len()];
    let mut live = Live::new();
    loop {
        let open: BTreeSet<&str> =
            checks.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(check, _)| check.name).collect();
        if open.is_empty() {
            return found;
        }
        if live.is_watched() {
            let names: Vec<&str> = open.iter().copied().collect();
            live.set("looking", &format!("{} of {}", checks.len() - open.len(), checks.len()), &names.join(", "));
        }
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((at, findings)) => found[at] = Some(findings),
            Err(_) => return found,
        }
    }
}

fn too_long(check: &Check) -> Finding {
    let id = check.name;
    Finding::new(id, check.about, Status::Unknown, format!("could not tell: took longer than {} s", LIMIT.as_secs()))
        .why("whatever it asks does not answer, and other commands may hang on it as well")
        .remedy(format!("cargo xtask diagnose -v --only {id}"))
}
