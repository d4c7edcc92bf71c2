//! `check-ports --stop-holders`, without a terminal: who ends, and who lives.

use std::collections::BTreeSet;
use std::net::TcpListener;

use crate::check_ports::{one, row};
use crate::support::snapshot;

#[test]
fn every_holder_of_a_port_is_listed_and_stopped() {
    let mut project = one("\"@0:80\"");
    let first = project.hold("127.0.0.1", &[0]);
    let second = project.hold("[::1]", &[0]);
    let run = project.run("check-ports --format json").exits(1);
    let pids: BTreeSet<u64> =
        row(&run, "web")["owners"].as_array().unwrap().iter().map(|owner| owner["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids, BTreeSet::from([first.into(), second.into()]));
    project.run("check-ports --stop-holders --yes").exits(0);
    assert!(!project.runs(first) && !project.runs(second));
}

/// A supervisor starts it again: then the port is not free, and that is said.
#[test]
fn a_holder_that_comes_back_is_noticed() {
    let mut project = one("\"@0:80\"");
    let address = format!("127.0.0.1:{}", project.port(0));
    let supervisor = project.hold_as("holder", "while :; do \"$0\" \"$@\"; done;", &[address]);
    let run = project.run("check-ports --stop-holders --yes");
    let found = project.run("check-ports --format json");
    crate::support::end(supervisor);
    let pid = row(&found, "web")["owners"][0]["pid"].as_u64().unwrap();
    crate::support::end(u32::try_from(pid).unwrap());
    assert_eq!(run.code, 1, "{run}");
    assert!(run.stderr.contains("error: still held: 18000\n"), "{run}");
    assert!(run.stderr.contains("holds it now; /bin/sh"), "{run}");
    assert!(run.stderr.contains("started it: stop that one first"), "{run}");
}

#[test]
fn stop_holders_refuses_without_a_terminal_and_without_yes() {
    let mut project = one("\"@0:80\"");
    let pid = project.hold("0.0.0.0", &[0]);
    snapshot!("stop-holders-no-terminal", project.run("check-ports --stop-holders").exits(1));
    snapshot!("stop-holders-dry-run", project.run("check-ports --stop-holders --dry-run").exits(1));
    assert!(project.runs(pid));
}

#[test]
fn stop_holders_with_yes_stops_only_the_holders() {
    let mut project = one("\"@0:80\"");
    let pid = project.hold("0.0.0.0", &[0]);
    let other = project.hold("127.0.0.1", &[5]);
    snapshot!("stop-holders-yes", project.run("check-ports --stop-holders --yes").exits(0));
    assert!(!project.runs(pid) && project.runs(other));
}

#[test]
fn stop_holders_never_kills_by_yes_alone() {
    let mut project = one("\"@0:80\"");
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("holder", "trap '' TERM;", &[address]);
    snapshot!("stop-holders-stubborn", project.run("check-ports --stop-holders --yes").exits(1));
    assert!(project.runs(pid));
}

#[test]
fn stop_holders_never_signals_a_docker_proxy() {
    let mut project = one("\"@0:80\"");
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("docker-proxy", "", &[address]);
    snapshot!("stop-holders-proxy", project.run("check-ports --stop-holders --yes").exits(1));
    assert!(project.runs(pid));
}

#[test]
fn an_ancestor_of_the_command_is_never_signalled() {
    let project = one("\"@0:80\"");
    // The test program itself holds it.
    let _held = TcpListener::bind(("0.0.0.0", project.port(0))).unwrap();
    let run = project.run("check-ports --stop-holders --yes").exits(1);
    assert!(run.stdout.contains("is left alone: this command runs under it"), "{run}");
}
