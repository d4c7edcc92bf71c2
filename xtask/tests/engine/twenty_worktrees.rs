//! Twenty checkouts of one repository start at the same moment, while ports are
//! taken away under them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::Running;
use crate::worktrees::Repository;

/// Where twenty worktrees and the thief meet: apart from the ports of other
/// tests, whose ledgers know nothing of these.
const RANGE: (u16, u16) = (29_000, 29_399);

/// Takes ports that a start may choose, one after the other and each for a
/// moment, until it is told to stop.
fn steal(stop: &AtomicBool) {
    let mut seed = u64::from(std::process::id());
    while !stop.load(Ordering::Relaxed) {
        // A linear congruential generator does: any port will do.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let port = RANGE.0 + u16::try_from((seed >> 33) % u64::from(RANGE.1 - RANGE.0)).unwrap();
        let held = TcpListener::bind(SocketAddr::from(([0u16; 8], port)));
        std::thread::sleep(Duration::from_millis(50));
        drop(held);
    }
}

/// Sends the thief home.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The names in which Compose drops what it does not like are among them.
fn worktree_names() -> Vec<String> {
    let odd = ["feature.login", "featurelogin", "Feature.Login", "feature-login", "_fix", "fix"];
    odd.map(str::to_owned).into_iter().chain((odd.len()..20).map(|i| format!("work{i}"))).collect()
}

#[test]
fn twenty_worktrees_start_at_once_and_never_meet() {
    let mut repository = Repository::new(&["api", "web", "db", "cache"]);
    repository.commit(&[("xtask.toml", &format!("port_range = \"{}-{}\"\n", RANGE.0, RANGE.1))]);
    for name in worktree_names() {
        repository.add_worktree(&name);
    }
    let repository = &repository;
    let start_all = || {
        let running: Vec<Running> = repository.worktrees.iter().map(|name| repository.start(name, &["-v"])).collect();
        for start in running {
            start.finish(Duration::from_mins(5)).exits(0);
        }
        let ports = |name: &String| (name.clone(), repository.published(name));
        repository.worktrees.iter().map(ports).collect::<BTreeMap<String, BTreeMap<String, u16>>>()
    };
    let stop_all = || {
        let stop = |name: &String| {
            let mut stop = repository.project.command(["stop", "--timeout", "0"]);
            stop.current_dir(repository.dir(name));
            Running::start(stop)
        };
        let running: Vec<Running> = repository.worktrees.iter().map(stop).collect();
        for stop in running {
            stop.finish(Duration::from_mins(5)).exits(0);
        }
    };
    for round in 1..=3 {
        let stop = AtomicBool::new(false);
        let first = std::thread::scope(|scope| {
            // Also where a start fails, which ends the test.
            let _stop = Stop(&stop);
            scope.spawn(|| steal(&stop));
            start_all()
        });
        let distinct: BTreeSet<u16> = first.values().flat_map(BTreeMap::values).copied().collect();
        assert_eq!(distinct.len(), 80, "round {round}: {first:?}");
        let names: BTreeSet<String> = repository.worktrees.iter().map(|name| repository.name(name)).collect();
        assert_eq!(names.len(), 20, "round {round}: {names:?}");
        stop_all();
        if round == 3 {
            // Nobody steals now: what was kept must be had again.
            assert_eq!(start_all(), first);
            stop_all();
        }
        // The next round begins as on the first day.
        std::fs::remove_dir_all(repository.project.home().join("state")).unwrap();
        for name in &repository.worktrees {
            std::fs::remove_file(repository.dir(name).join(".env")).unwrap();
        }
    }
}
