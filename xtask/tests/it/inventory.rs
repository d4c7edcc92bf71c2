//! `ls`, with a ledger written by hand and a stand-in for the engine.

use std::fs;

use serde_json::json;

use crate::kept::{keeps, tenant, worktree};
use crate::support::engine::{Engine, container};
use crate::support::{Project, snapshot};

const COMPOSE: &str = "\
services:
  web:
    image: web
    ports: [\"${WEB_PORT:-@0}:80\"]
  db:
    image: postgres:17
    environment: { POSTGRES_USER: me, POSTGRES_DB: shop }
    ports: [\"127.0.0.1:@1:5432\"]
";

/// This project runs in part, its worktree is kept, a stack of somebody else
/// has ended, one has lost its folder, and two dev servers are known.
fn machine() -> (Project, Engine) {
    let mut project = Project::new(COMPOSE);
    let engine = Engine::start(&mut project);
    worktree(&project);
    project.file("xtask.toml", "[urls]\nweb = [\"/docs\"]\n");
    keeps(
        &project,
        &json!([
            tenant(&project, "demo-login", "login", "\"@5-@7\"", &[("web", 80, 5), ("db", 5432, 6)]),
            tenant(
                &project,
                "demo",
                "demo",
                "null",
                &[("web", 80, 0), ("db", 5432, 1), ("vite", 0, 2), ("docs", 0, 3)]
            ),
            tenant(&project, "old", "old", "null", &[("web", 80, 4)]),
        ]),
    );
    let folder = |name: &str| project.root().join(name).to_str().unwrap().to_owned();
    fs::create_dir(folder("theirs")).unwrap();
    let (demo, theirs, old) = (folder("demo"), folder("theirs"), folder("old"));
    let on = |ip: &'static str, at: u16, target: u16| (ip, project.port(at), target);
    engine.has(container(
        ("demo", "web", &demo),
        ("running", "Up 2 minutes (unhealthy)"),
        &[on("0.0.0.0", 0, 80), on("::", 0, 80)],
    ));
    engine.has(container(("demo", "db", &demo), ("running", "Up"), &[on("127.0.0.1", 1, 5432)]));
    engine.has(container(("demo", "job", &demo), ("exited", "Exited (0) 3 minutes ago"), &[]));
    engine.has(container(("theirs", "app", &theirs), ("exited", "Exited (1) 1 hour ago"), &[]));
    engine.has(container(("old", "web", &old), ("running", "Up (healthy)"), &[on("0.0.0.0", 4, 80)]));
    let mut lone = container(("x", "x", "/x"), ("running", "Up"), &[]);
    lone["Labels"] = json!({});
    engine.has(lone);
    project.hold("127.0.0.1", &[2]);
    (project, engine)
}

#[test]
fn everything_that_runs_or_is_kept() {
    let (project, engine) = machine();
    let run = project.run("ls").exits(0);
    snapshot!("ls", run);
    assert_eq!(engine.state().questions, 1);
    // Paths of temporary folders are longer than most people's.
    let too_long = |line: &&str| line.chars().count() > 80 && !line.contains("http") && !line.contains("[root]");
    assert_eq!(run.stdout.lines().find(too_long), None);
}

#[test]
fn everything_as_json() {
    let (project, _engine) = machine();
    snapshot!("ls-json", project.run("ls --format json").exits(0));
}

#[test]
fn this_folder_s_project_comes_first_from_within_too() {
    let (project, _engine) = machine();
    project.file("deep/er/x", "");
    let first = |words: &str, folder: &str| {
        let run = project.run_in(folder, words).exits(0);
        run.json()["projects"][0]["project"].as_str().unwrap().to_owned()
    };
    assert_eq!(first("ls --format json", "deep/er"), "demo");
    assert_eq!(first("ls --format json", "../login"), "demo-login");
}

#[test]
fn without_an_engine_what_is_kept_is_listed() {
    let project = Project::new(COMPOSE);
    keeps(&project, &tenant(&project, "demo", "demo", "null", &[("web", 80, 0)]));
    snapshot!("ls-no-engine", project.run("ls").exits(0));
    let report = project.run("ls --format json").exits(0).json();
    assert_eq!(report["projects"][0]["state"], "leased");
    assert!(report["trouble"].is_string(), "{report}");
}

#[test]
fn watching_needs_a_terminal() {
    let project = Project::new(COMPOSE);
    for words in ["ls --watch", "ls --watch --format json"] {
        let run = project.run(words).exits(2);
        assert!(format!("{run}").contains("without --watch"), "{run}");
    }
}
