//! Runs the checks of `diagnose` in parallel, each with a time limit. Each check is a
//! function in a file of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::checks;
use super::facts::Facts;
use super::finding::{Finding, Status};
use crate::context::Context;
use crate::docker::Engine;
use crate::project::started_context;
use crate::ui::Live;

struct Check {
    /// For `--only`.
    name: &'static str,
    about: &'static str,
    run: fn(&Facts) -> Vec<Finding>,
}

/// In the order of the report: what other checks depend on comes first.
const CHECKS: [Check; 14] = [
    Check { name: "tools", about: "Docker's command line, Compose and helpers", run: checks::tools::check },
    Check { name: "engine", about: "the Docker engine", run: checks::engine::check },
    Check { name: "disk", about: "free disk space", run: checks::engine::disk },
    Check { name: "project", about: "compose files and .env", run: checks::project::check },
    Check { name: "ports", about: "published ports", run: checks::ports::check },
    Check { name: "containers", about: "containers and images of this project", run: checks::containers::check },
    Check { name: "path", about: "the way from a port to its process", run: checks::path::check },
    Check { name: "networks", about: "networks and their address ranges", run: checks::networks::check },
    Check { name: "external", about: "external networks and volumes", run: checks::external::check },
    Check { name: "firewall", about: "firewalls of this machine", run: checks::firewall::check },
    Check { name: "names", about: "names under .localhost", run: checks::names::check },
    Check { name: "wsl", about: "WSL2", run: checks::wsl::check },
    Check { name: "leases", about: "ports kept for folders", run: checks::leases::check },
    Check { name: "proxy", about: "the shared proxy, its routes and certificates", run: checks::proxy::check },
];

/// Per check.
const LIMIT: Duration = Duration::from_secs(5);
/// Less than [`LIMIT`], so that the check of a hanging engine still reports it.
const ENGINE_LIMIT: Duration = Duration::from_secs(4);

pub fn names() -> Vec<&'static str> {
    CHECKS.iter().map(|check| check.name).collect()
}

/// Runs the named checks; with no names, all of them.
pub fn run_checks(ctx: &Context, only: &[String]) -> Vec<Finding> {
    let wanted = |check: &&Check| only.is_empty() || only.iter().any(|name| name == check.name);
    let checks: Vec<&'static Check> = CHECKS.iter().filter(wanted).collect();
    let ctx = started_context(ctx).unwrap_or_else(|_| ctx.clone());
    let engine = Engine::new(ctx.engine.endpoint().clone(), ENGINE_LIMIT.min(ctx.engine.limit()));
    let facts = Arc::new(Facts::new(Context { engine, ..ctx }));
    let (sender, receiver) = mpsc::channel();
    for (at, check) in checks.iter().enumerate() {
        let (sender, facts, run) = (sender.clone(), Arc::clone(&facts), check.run);
        // Detached: a lookup at a name server that does not answer cannot be
        // cancelled, so nothing waits for it beyond its time.
        std::thread::spawn(move || drop(sender.send((at, run(&facts)))));
    }
    drop(sender);
    let mut found = gather(&receiver, &checks);
    let mut all = Vec::new();
    for (check, found) in checks.iter().zip(&mut found) {
        all.append(found.get_or_insert_with(|| vec![timed_out(check)]));
    }
    all
}

/// Collects the results as they arrive, and shows which checks are still running.
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
            live.set("checking", &format!("{} of {}", checks.len() - open.len(), checks.len()), &names.join(", "));
        }
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((at, findings)) => found[at] = Some(findings),
            Err(_) => return found,
        }
    }
}

fn timed_out(check: &Check) -> Finding {
    let id = check.name;
    Finding::new(id, check.about, Status::Unknown, format!("unknown: took longer than {} s", LIMIT.as_secs()))
        .why("what it queries does not answer; other commands may hang on it too")
        .remedy(format!("cargo xtask diagnose -v --only {id}"))
}
