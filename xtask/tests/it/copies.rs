//! Two folders of one project name, without git: an unpacked archive, `cp -r`.

use std::fs;

use serde_json::json;

use crate::kept::{keeps, tenant};
use crate::support::engine::{Engine, container};
use crate::support::{Project, Rule};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:53/udp\"]\n";

/// This folder, `demo`, and the ledger of another one, `first/demo`, which has
/// data in a volume. Neither is in git.
fn copies() -> (Project, Engine) {
    let mut project = Project::new(COMPOSE);
    let engine = Engine::start(&mut project);
    let config = r#"{"name":"{{COMPOSE_PROJECT_NAME:demo}}","services":{"web":{"image":"web","ports":[{"target":53,"published":"{{WEB_PORT:@0}}","protocol":"udp"}]}}}"#;
    project.fake_docker(&[
        Rule::when("docker compose config").stdout(config),
        Rule::when("docker compose version").stdout("2.40.3"),
        Rule::when("docker compose up").tells("up"),
        Rule::when("docker compose down"),
    ]);
    fs::create_dir_all(project.root().join("first/demo")).unwrap();
    fs::write(project.root().join("first/demo/compose.yaml"), project.fill(COMPOSE)).unwrap();
    keeps(&project, &tenant(&project, "demo", "first/demo", "null", &[("web", 53, 0)]));
    let volume = json!({ "Name": "demo_data", "Labels": { "com.docker.compose.project": "demo" } });
    engine.state().volumes.push(volume);
    let (dir, first) = (project.dir(), project.port(0));
    engine.on("up", move |state| {
        let env = fs::read_to_string(dir.join(".env")).unwrap_or_default();
        let value = |name: &str| env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let name = value("COMPOSE_PROJECT_NAME").unwrap_or("demo");
        let port = value("WEB_PORT").and_then(|port| port.parse().ok()).unwrap_or(first);
        let mut made = container((name, "web", dir.to_str().unwrap()), ("running", "Up"), &[("0.0.0.0", port, 53)]);
        made["Ports"][0]["Type"] = json!("udp");
        state.containers.push(made);
    });
    (project, engine)
}

#[test]
fn a_copy_gets_a_name_of_its_own() {
    let (project, engine) = copies();
    let run = project.run("start").exits(0);
    assert!(run.stderr.contains("this copy of demo gets its own project name: demo-"), "{run}");
    let env = project.read(".env");
    assert!(env.contains("COMPOSE_PROJECT_NAME=demo-") && !env.contains(&format!("={}\n", project.port(0))), "{env}");
    let name = engine.state().containers[0]["Labels"]["com.docker.compose.project"].clone();
    assert!(name.as_str().unwrap().starts_with("demo-"), "{name}");
    // It stays what it is.
    project.run("start").exits(0);
    assert_eq!(project.read(".env"), env);
}

#[test]
fn a_copy_that_was_never_started_takes_no_data() {
    let (project, _engine) = copies();
    for words in ["stop --volumes --yes", "stop --volumes --yes --dry-run"] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains("`demo` is the project of [root]/first/demo"), "{run}");
    }
    assert!(!project.calls().contains(" down"), "{}", project.calls());
}

/// A program of before this rule let both have the name.
#[test]
fn a_copy_that_shares_the_name_takes_no_data() {
    let (project, _engine) = copies();
    let both = json!([
        tenant(&project, "demo", "first/demo", "null", &[("web", 53, 0)]),
        tenant(&project, "demo", "demo", "null", &[("web", 53, 1)]),
    ]);
    keeps(&project, &both);
    project.run("stop --volumes --yes").exits(2);
    assert!(!project.calls().contains(" down"), "{}", project.calls());
}

/// The folder that had the data is gone: this may be it after a move, or another project.
#[test]
fn data_of_a_folder_that_is_gone_is_asked_about_until_somebody_decides() {
    let (project, _engine) = copies();
    fs::remove_dir_all(project.root().join("first")).unwrap();
    let run = project.run("start").exits(1);
    for words in [
        "demo_data, from [root]/first/demo, which is gone",
        "`cargo xtask start -p demo`",
        "COMPOSE_PROJECT_NAME=demo-2`",
    ] {
        assert!(run.stderr.contains(words), "{run}");
    }
    project.run("stop --volumes --yes").exits(2);
    assert!(!project.calls().contains(" up") && !project.calls().contains(" down"), "{}", project.calls());
    project.run("start -p demo").exits(0);
    let run = project.run("start").exits(0);
    assert!(!project.path(".env").exists(), "{run}");
    project.run("stop --volumes --yes").exits(0);
    assert!(project.calls().contains("docker compose down --volumes"), "{}", project.calls());
}

#[test]
fn at_a_terminal_another_project_gets_its_own_name_and_data() {
    let (project, engine) = copies();
    fs::remove_dir_all(project.root().join("first")).unwrap();
    let Some(mut terminal) = project.terminal("start") else { return };
    terminal.sees("which is gone").sees("use its data as demo").sees("(default)").sees("[k/n]").types("\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 0, "{screen}");
    assert!(project.read(".env").contains("COMPOSE_PROJECT_NAME=demo-"), "{screen}");
    let name = engine.state().containers[0]["Labels"]["com.docker.compose.project"].clone();
    assert!(name.as_str().unwrap().starts_with("demo-"), "{name}");
}

/// Nothing is lost where the folder that is gone left no data.
#[test]
fn a_name_without_data_is_free() {
    let (project, engine) = copies();
    fs::remove_dir_all(project.root().join("first")).unwrap();
    engine.state().volumes.clear();
    project.run("start").exits(0);
}

/// The ports of a project are released, and its data stays its own.
#[test]
fn a_copy_takes_no_data_that_is_only_on_record() {
    let (project, _engine) = copies();
    let first = project.root().join("first/demo");
    let record =
        json!({ "project": "demo", "dir": first, "origin": "folder", "services": "", "volumes": ["demo_data"] });
    fs::write(project.root().join("state/checkouts.json"), json!({ "schema": 1, "checkouts": [record] }).to_string())
        .unwrap();
    fs::remove_file(project.root().join("state/leases.json")).unwrap();
    project.run("stop --volumes --yes").exits(2);
    let run = project.run("start").exits(0);
    assert!(run.stderr.contains("this copy of demo gets its own project name: demo-"), "{run}");
}

#[test]
fn a_damaged_record_is_set_aside_and_begun_anew() {
    let (project, _engine) = copies();
    let state = project.root().join("state");
    fs::write(state.join("checkouts.json"), "{\"schema\":1,").unwrap();
    let run = project.run("start").exits(0);
    assert!(run.stderr.contains("was damaged and was moved to [root]/state/checkouts.json.broken-"), "{run}");
    let record = fs::read_to_string(state.join("checkouts.json")).unwrap();
    assert!(record.contains("\"project\":\"demo-"), "{record}");
}

/// A later program may know more: what it wrote stays, and a start works without it.
#[test]
fn a_record_of_a_newer_version_is_left_alone() {
    let (project, _engine) = copies();
    let file = project.root().join("state/checkouts.json");
    fs::write(&file, "{\"schema\":2}").unwrap();
    let run = project.run("start").exits(0);
    assert!(run.stderr.contains("has schema 2, and this version reads schema 1"), "{run}");
    assert_eq!(fs::read_to_string(file).unwrap(), "{\"schema\":2}");
}

#[test]
fn explain_says_which_project_name_is_on_record() {
    let project = Project::new(COMPOSE);
    let record = json!({ "project": "old", "dir": project.dir(), "origin": "env_file", "services": "" });
    fs::create_dir_all(project.root().join("state")).unwrap();
    let all = json!({ "schema": 1, "checkouts": [record] }).to_string();
    fs::write(project.root().join("state/checkouts.json"), all).unwrap();
    let run = project.run("env explain COMPOSE_PROJECT_NAME --format json").exits(0);
    assert_eq!((&run.json()["recorded"], &run.json()["value"]), (&json!("old"), &json!(null)));
    let run = project.run("env explain COMPOSE_PROJECT_NAME").exits(0);
    assert!(run.stdout.contains("this folder was last started as old"), "{run}");
}
