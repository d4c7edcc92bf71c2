//! Allocation under the lock: 20 projects of 4 services get their ports, one
//! after the other, each as `start` does it (open the ledger, choose, keep,
//! write), beside 0 to 10,000 leases of others. In-process, medians.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use xtask::decide::{LeasedPorts, Limits, suggest};
use xtask::host::{self, Probe};
use xtask::ledger::Ledger;
use xtask::model::{Lease, PortRange, Protocol};

const PROJECTS: u16 = 20;
const SERVICES: u16 = 4;
const ROUNDS: usize = 15;
/// Ports of one tenant, as a project with its block has them.
const EACH: u16 = 10;
/// Others' ports begin here, and those of the 20 projects above them.
const OTHERS: u16 = 12_000;
const OWN: u16 = 22_000;

/// Where the time went.
#[derive(Clone, Copy, Default)]
struct Times {
    open: Duration,
    choose: Duration,
    close: Duration,
}

impl Times {
    fn sum(self) -> Duration {
        self.open + self.choose + self.close
    }
}

fn lease(service: u16, port: u16) -> Lease {
    let name = format!("service-{service}");
    Lease::new(&name, 8000 + service, Protocol::Tcp, port, "2026-01-31T12:00:00Z".to_owned())
}

/// Writes `count` leases of others, ten a project, each with a folder.
fn fill(state: &Path, folders: &Path, count: u16) {
    drop(std::fs::remove_file(state.join("leases.json")));
    let mut ledger = Ledger::open(state).expect("open the ledger");
    for number in 0..count / EACH {
        let dir = folders.join(format!("project-{number}"));
        std::fs::create_dir_all(&dir).expect("make a folder");
        let first = OTHERS + number * EACH;
        let tenant = ledger.leases.tenant_mut(&format!("project-{number}"), &dir);
        tenant.range = PortRange::new(first, first + EACH - 1);
        tenant.leases.extend((0..EACH).map(|at| lease(at, first + at)));
    }
    ledger.close().expect("write the ledger");
}

fn is_free(port: u16) -> bool {
    let probe = |ip| host::probe(ip, port, Protocol::Tcp);
    host::probe_addresses(None).into_iter().all(|ip| matches!(probe(ip), Probe::Free | Probe::NoFamily))
}

/// One project gets its ports.
fn allocate(state: &Path, dir: &Path, number: u16) -> Times {
    let begin = Instant::now();
    let name = format!("new-{number}");
    let mut ledger = Ledger::open(state).expect("open the ledger");
    let open = begin.elapsed();
    let mut used = BTreeSet::new();
    let mut chosen = Vec::new();
    let kept = LeasedPorts::new(&ledger.leases, &name, dir, &Path::is_dir);
    let outside: Vec<PortRange> = host::ephemeral().into_iter().collect();
    for service in 0..SERVICES {
        let has = |port: u16| kept.contains(port);
        let limits = Limits { within: None, outside: &outside, used: &used, kept: &has };
        let port = suggest(OWN, &limits, &mut |port| is_free(port)).expect("a free port");
        used.insert(port);
        chosen.push(lease(service, port));
    }
    ledger.leases.tenant_mut(&name, dir).leases = chosen;
    let choose = begin.elapsed().saturating_sub(open);
    ledger.close().expect("write the ledger");
    Times { open, choose, close: begin.elapsed().saturating_sub(open + choose) }
}

/// All of them, from a ledger that holds `count` leases of others.
fn round(state: &Path, folders: &Path, count: u16) -> Times {
    fill(state, folders, count);
    let mut total = Times::default();
    for number in 0..PROJECTS {
        let dir = folders.join(format!("new-{number}"));
        std::fs::create_dir_all(&dir).expect("make a folder");
        let times = allocate(state, &dir, number);
        total.open += times.open;
        total.choose += times.choose;
        total.close += times.close;
    }
    total
}

fn main() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let (state, folders) = (temp.path().join("state"), temp.path().join("src"));
    let counts = [0, 100, 1_000, 10_000];
    let mut rounds: Vec<Vec<Times>> = vec![Vec::new(); counts.len()];
    // In turns, so that what else the machine does meets all alike.
    for _ in 0..ROUNDS {
        for (times, count) in rounds.iter_mut().zip(counts) {
            times.push(round(&state, &folders, count));
        }
    }
    println!("| leases of others | 20 projects, ms | open | choose | write | ratio |");
    println!("|--:|--:|--:|--:|--:|--:|");
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let mut first = None;
    for (times, count) in rounds.iter_mut().zip(counts) {
        times.sort_by_key(|times| times.sum());
        let median = times[ROUNDS / 2];
        let base = *first.get_or_insert(ms(median.sum()));
        let (open, choose, close) = (ms(median.open), ms(median.choose), ms(median.close));
        let ratio = ms(median.sum()) / base;
        println!("| {count} | {:.1} | {open:.1} | {choose:.1} | {close:.1} | {ratio:.2} |", ms(median.sum()));
    }
}
