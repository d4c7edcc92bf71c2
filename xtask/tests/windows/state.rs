//! What is remembered, when several commands run at once or one is killed.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engine::Engine;
use crate::support::{Project, Rule, XTASK};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";

/// A child that is ended when its test is over, also when that fails.
struct Running(Child);

impl Running {
    fn start(project: &Project, folder: &str, words: &str) -> Running {
        let mut command = project.command(XTASK);
        command.current_dir(project.path(folder)).args(words.split_whitespace());
        Running(
            command
                .stdout(Stdio::null())
                .stderr(fs::File::create(project.path(folder).join("stderr")).unwrap())
                .spawn()
                .unwrap(),
        )
    }

    fn ends(&mut self) -> i32 {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
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
    let mut all: Vec<Running> =
        names.iter().map(|name| Running::start(&project, name, "check-ports --reassign")).collect();
    assert_eq!(all.iter_mut().map(Running::ends).collect::<Vec<_>>(), [0; 5]);
    let ports: BTreeSet<String> = names.iter().map(|name| project.read(&format!("{name}/.env"))).collect();
    let said: Vec<String> = names.iter().map(|name| project.read(&format!("{name}/stderr"))).collect();
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
    let mut waiting = Running::start(&project, "one", "check-ports --reassign");
    std::thread::sleep(Duration::from_secs(2));
    assert!(waiting.runs(), "it did not wait for the ledger");
    assert!(!project.path("one/.env").exists());
    project.end_holder(holder);
    assert_eq!(waiting.ends(), 0);
    assert_eq!(project.read("one/.env"), project.fill("WEB_PORT=@1\n"));
}

/// A real `start`, killed while `docker compose up` is under way.
#[test]
fn a_start_that_is_killed_leaves_its_turn_and_its_port_to_others() {
    let mut project = Project::new(COMPOSE);
    let _engine = Engine::start(&mut project);
    let config = r#"{"name":"demo","services":{"web":{"image":"web","ports":[{"mode":"ingress","target":80,"published":"{{WEB_PORT:@0}}","protocol":"tcp"}]}}}"#;
    let config = || Rule::when("docker compose config").stdout(config);
    project.fake_docker(&[config(), Rule::when("docker compose up").sleep(20_000)]);
    let mut start = Running::start(&project, "", "start");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !project.calls().contains(" up ") {
        assert!(start.runs() && Instant::now() < deadline, "{}", project.calls());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ledger(&project)["tenants"][0]["starting"]["pid"], start.0.id());
    start.0.kill().unwrap();
    start.ends();
    project.fake_docker(&[config(), Rule::when("docker compose up").stderr("no\n").exit(1)]);
    let began = Instant::now();
    let run = project.run("start").ends_with(2);
    assert!(run.stderr.contains("`docker compose up` failed: no"), "{run}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
