//! `check-ports`: verdicts and exit codes, and ports to go to.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::{Project, Rule};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n  db:\n    image: db\n    ports: [\"127.0.0.1:${DB_PORT:-@1}:5432\"]\n";

#[test]
fn free_is_0_and_a_conflict_is_1_with_the_process_and_a_free_port() {
    let mut project = Project::new(COMPOSE);
    let verdicts = |run: &Value| [run["ports"][0]["verdict"].clone(), run["ports"][1]["verdict"].clone()];
    let free = project.run("check-ports --format json").exits(0).json();
    assert_eq!(verdicts(&free), [json!("free"), json!("free")]);
    // On the wildcard: in the way of a mapping to 127.0.0.1 too.
    let pids = [project.hold("127.0.0.1", &[0]), project.hold("0.0.0.0", &[1])];
    let taken = project.run("check-ports --format json").exits(1).json();
    assert_eq!(verdicts(&taken), [json!("taken"), json!("taken")], "{taken}");
    for (service, pid) in ["web", "db"].iter().zip(pids) {
        let row = taken["ports"].as_array().unwrap().iter().find(|row| row["service"] == *service).unwrap();
        assert_eq!((&row["owners"][0]["pid"], &row["owners"][0]["name"]), (&json!(pid), &json!("holder.exe")));
        let port = u16::try_from(row["suggestion"].as_u64().unwrap()).unwrap();
        TcpListener::bind(("0.0.0.0", port)).unwrap();
        TcpListener::bind(("::", port)).unwrap();
    }
    let said = project.run("check-ports").exits(1);
    assert!(
        said.stdout.contains("demo: 2 ports, 2 conflicts") && said.stdout.contains("by holder.exe (pid "),
        "{said}"
    );
}

#[test]
fn what_cannot_be_read_is_2() {
    let project = Project::new("services: [\n");
    for words in ["check-ports", "check-ports --no-such-option", "check-ports -f missing.yaml", "no-such-command"] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains("error: ") && run.stdout.is_empty(), "{run}");
    }
    let json = project.run("check-ports --format json").exits(2).json();
    assert!(json["error"]["message"].is_string(), "{json}");
    project.run("--help").exits(0);
}

#[test]
fn stopping_the_holders_makes_it_0() {
    let mut project = Project::new(COMPOSE);
    let pid = project.hold("0.0.0.0", &[0]);
    // Windows has no other way than by force, and that was not said.
    project.run("check-ports --stop-holders --yes").exits(1);
    assert!(project.runs(pid));
    project.run("kill @0 --force --yes").exits(0);
    project.run("check-ports").exits(0);
}

/// Recorded from a German console, in its own bytes. Wine's bind() knows no
/// reserved ports, so that a bind of one gives 10013 is shown nowhere.
#[test]
fn ports_that_windows_keeps_are_not_suggested() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n");
    // The first ports that would be suggested.
    let (first, last) = (project.port(1), project.port(3));
    let sample = fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/tools/netsh-excludedportrange-windows-de.cp850.bin"
    ))
    .unwrap();
    let mut bytes = sample.clone();
    bytes.extend(format!("{first:>12} {last:>12}\r\n").as_bytes());
    project.hold("0.0.0.0", &[0]);
    let suggestion = |project: &Project| {
        let run = project.run("check-ports --format json").exits(1);
        run.json()["ports"][0]["suggestion"].clone()
    };
    assert_eq!(suggestion(&project), json!(first));
    project.fake_docker(&[Rule::when("show excludedportrange"), Rule::when("show dynamicport")]);
    fs::remove_file(project.root().join("bin/docker.exe")).unwrap();
    fs::write(project.root().join("fake-docker/rules/00/stdout"), bytes).unwrap();
    project.tool("netsh");
    assert_eq!(suggestion(&project), json!(last + 1));
    assert!(
        project.calls().contains("netsh interface ipv6 show excludedportrange protocol=tcp"),
        "{}",
        project.calls()
    );
}
