//! Places where nothing can be written, or that nobody named: a checkout that is
//! read-only, a home folder that is not set.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bad_input::web;
use crate::fake_docker::{comes_up, project};
use crate::support::engine::Engine;
use crate::support::{Project, Rule, XTASK};

const NO_WRITE: &str = "hint: `cargo xtask start --no-write` passes ports and name to Compose in its environment";

fn close(project: &Project) {
    fs::set_permissions(project.dir(), fs::Permissions::from_mode(0o555)).unwrap();
}

fn open(project: &Project) {
    fs::set_permissions(project.dir(), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The folder of a project whose `.env` is to be made from its template.
#[test]
fn a_checkout_that_is_read_only_is_started_without_writing() {
    let (project, engine) = project(vec![Rule::when("up -d").tells("up"), Rule::when("up -d --build").tells("up")]);
    let _proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second (healthy)");
    project.file(".env.template", "WEB_PORT=@0\n");
    if project.run_as_nobody("--version").is_none() {
        return;
    }
    fs::set_permissions(project.root().join("engine.sock"), fs::Permissions::from_mode(0o777)).unwrap();
    close(&project);
    let before = project.everything();
    for command in ["start", "env init"] {
        let run = project.run_as_nobody(command).unwrap().exits(2);
        assert!(run.stderr.contains("error: failed to write `[root]/demo/.env`: Permission denied"), "{run}");
        assert_eq!(run.stderr.matches(NO_WRITE).count(), 1, "{run}");
    }
    let run = project.run_as_nobody("proxy labels --write").unwrap().exits(2);
    assert!(run.stderr.contains("`cargo xtask start --traefik --no-write`"), "{run}");
    // What it names works, and so does all that follows.
    let run = project.run_as_nobody("start --no-write").unwrap().exits(0);
    assert!(run.stdout.contains("http://localhost:18000"), "{run}");
    project.run_as_nobody("check-ports").unwrap().exits(0);
    assert_eq!(project.everything(), before);
    open(&project);
}

#[test]
fn other_ports_in_a_read_only_checkout_are_for_one_run() {
    let (mut project, engine) = project(vec![Rule::when("up -d").tells("up")]);
    let _proxies = comes_up(&project, &engine, "up", project.port(1), "Up 1 second (healthy)");
    project.hold("0.0.0.0", &[0]);
    if project.run_as_nobody("--version").is_none() {
        return;
    }
    fs::set_permissions(project.root().join("engine.sock"), fs::Permissions::from_mode(0o777)).unwrap();
    close(&project);
    for command in ["check-ports --reassign", "start --on-conflict reassign"] {
        let run = project.run_as_nobody(command).unwrap().exits(2);
        assert_eq!(run.stderr.matches(NO_WRITE).count(), 1, "{run}");
    }
    let run = project.run_as_nobody("start --on-conflict reassign --no-write").unwrap();
    assert!(run.stdout.contains("WEB_PORT 18000 -> 18001  (for this run)"), "{run}");
    open(&project);
}

/// The system's list of users has a home folder; that it is used is said, as
/// nobody would look there.
#[test]
fn without_home_it_is_said_where_ports_are_kept() {
    let project = Project::new(&web("@0"));
    let run = |home: Option<&str>, words: &str| {
        let mut command = project.command(XTASK);
        command.env_remove("XTASK_STATE_DIR").env_remove("HOME").args(words.split(' '));
        // Not into the home folder of who runs the tests.
        command.env("XDG_STATE_HOME", "");
        if let Some(home) = home {
            command.env("HOME", home);
        }
        project.finish(words, command)
    };
    let before = project.everything();
    for home in [None, Some(""), Some("home"), Some("./home")] {
        for words in ["check-ports", "ls", "who 1", "env explain WEB_PORT", "diagnose --only leases"] {
            let run = run(home, words);
            assert!(run.code < 2 && !run.stderr.contains("panicked"), "{home:?}: {run}");
        }
    }
    // A relative one would lie in the project.
    let said = run(Some("home"), "release --all").exits(2);
    assert!(said.stderr.contains("HOME is not an absolute path"), "{said}");
    assert_eq!(project.everything(), before);
}

#[test]
fn a_state_folder_that_cannot_be_written_names_the_variable() {
    let mut project = Project::new(&web("@0"));
    let _engine = Engine::start(&mut project);
    project.set("XTASK_STATE_DIR", "/proc/nowhere");
    let run = project.run("release --all").exits(2);
    assert!(run.stderr.contains("set XTASK_STATE_DIR to a folder where this user may write"), "{run}");
    project.set("XTASK_STATE_DIR", "/nowhere/state");
    let Some(run) = project.run_as_nobody("diagnose --only leases") else { return };
    assert!(run.exits(0).stdout.contains("/nowhere/state cannot be written"));
    project.set("XTASK_STATE_DIR", "state");
    let run = project.run("release --all").exits(2);
    assert!(run.stderr.contains("XTASK_STATE_DIR is not an absolute path"), "{run}");
    assert!(!project.path("state").exists());
}
