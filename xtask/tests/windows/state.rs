//! What is remembered, when several commands run at once or one is killed.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::engine::Engine;
use crate::support::{LIMIT, Output, Project, Rule, Running, XTASK, wait_until};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";

fn start(project: &Project, folder: &str, words: &str) -> Running {
    let mut command = project.command(XTASK);
    command.current_dir(project.path(folder)).args(words.split_whitespace());
    Running::start(command)
}

/// `neighbours` of one default port, which somebody has.
fn neighbours(names: &[&str]) -> Project {
    let mut project = Project::empty();
    for name in names {
        project.file(&format!("{name}/compose.yaml"), COMPOSE);
    }
    project.hold("0.0.0.0", &[0]);
    project
}

fn ledger(project: &Project) -> Value {
    serde_json::from_slice(&fs::read(project.root().join("state/leases.json")).unwrap()).unwrap()
}

#[test]
fn who_chooses_at_the_same_moment_never_chooses_the_same() {
    let names = ["one", "two", "three", "four", "five"];
    let project = neighbours(&names);
    let all: Vec<Running> = names.iter().map(|name| start(&project, name, "check-ports --reassign")).collect();
    let said: Vec<Output> = all.into_iter().map(|one| one.finish(LIMIT).exits(0)).collect();
    let ports: BTreeSet<String> = names.iter().map(|name| project.read(&format!("{name}/.env"))).collect();
    assert_eq!(ports.len(), names.len(), "{ports:?} {said:#?}");
    let ledger = ledger(&project);
    let kept: BTreeSet<u64> = ledger["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tenant| tenant["leases"][0]["published"].as_u64().unwrap())
        .collect();
    assert_eq!(kept.len(), names.len(), "{ledger}");
}

/// The system ends a lock with its holder, however that ends.
#[test]
fn a_ledger_whose_holder_is_killed_is_free() {
    let mut project = neighbours(&["one"]);
    let lock = project.root().join("state/leases.lock");
    let holder = project.hold_as("holder", "", &[format!("lock:{}", lock.display())]);
    let mut waiting = start(&project, "one", "check-ports --reassign");
    std::thread::sleep(Duration::from_secs(2));
    assert!(waiting.runs(), "it did not wait for the ledger");
    assert!(!project.path("one/.env").exists());
    project.end_holder(holder);
    waiting.finish(LIMIT).exits(0);
    assert_eq!(project.read("one/.env"), project.fill("WEB_PORT=@1\n"));
}

/// A real `start`, killed while `docker compose up` is under way.
#[test]
fn a_start_that_is_killed_leaves_its_turn_and_its_port_to_others() {
    let mut project = Project::new(COMPOSE);
    let _engine = Engine::start(&mut project);
    let config = || Rule::config("{{WEB_PORT:@0}}");
    project.fake_docker(&[config(), Rule::when("docker compose up").sleep(20_000)]);
    let killed = start(&project, "", "start");
    wait_until(|| project.calls() + &killed.so_far(), || project.calls().contains(" up "));
    assert_eq!(ledger(&project)["tenants"][0]["starting"]["pid"], killed.pid());
    drop(killed);
    project.fake_docker(&[config(), Rule::when("docker compose up").stderr("no\n").exit(1)]);
    // Long before the first `up` ends.
    let next = start(&project, "", "start").finish(Duration::from_secs(15)).exits(2);
    next.says("`docker compose up` failed: no");
}
