//! `diagnose` against stand-ins: each fault is made, found, mended as printed,
//! and gone.

use serde_json::{Value, json};

use crate::fake_docker::{own, project};
use crate::support::engine::{Engine, Manner, container};
use crate::support::{Output, Project, Rule, git, snapshot};

const VERSION: &str = "docker compose version";

/// A machine on which all is well, as far as the stand-ins go.
pub(crate) fn healthy() -> (Project, Engine) {
    let (mut project, engine) = project(vec![Rule::when(VERSION).stdout("2.40.3\n")]);
    engine.state().images.push("web".into());
    for tool in ["git", "cargo"] {
        project.tool(tool);
    }
    project.set("LC_ALL", "C");
    (project, engine)
}

/// The findings of this id.
pub(crate) fn found(run: &Output, id: &str) -> Vec<Value> {
    run.json()["checks"].as_array().unwrap().iter().filter(|check| check["id"] == id).cloned().collect()
}

#[track_caller]
pub(crate) fn one(run: &Output, id: &str) -> Value {
    let all = found(run, id);
    assert_eq!(all.len(), 1, "{id}: {run}");
    all[0].clone()
}

pub(crate) fn status(run: &Output, id: &str) -> String {
    one(run, id)["status"].as_str().unwrap().to_owned()
}

pub(crate) fn diagnose(project: &Project, only: &str) -> Output {
    project.run(&format!("diagnose --format json --only {only}"))
}

#[test]
fn a_healthy_machine_has_nothing_to_complain_of() {
    let (project, _engine) = healthy();
    let run = project.run("diagnose --format json --only tools --only engine --only project --only ports --only containers --only path --only networks --only leases").exits(0);
    // The machine that the test runs on may have an engine of its own.
    let is_bad = |check: &&Value| check["status"] != "ok" && check["id"] != "engine.others";
    let bad: Vec<Value> = run.json()["checks"].as_array().unwrap().iter().filter(is_bad).cloned().collect();
    assert_eq!(bad, [Value::Null; 0], "{run}");
    assert_eq!(run.json()["fixed"], json!([]));
    for key in ["id", "title", "status", "seen", "why", "remedy", "fixable"] {
        assert!(run.json()["checks"].as_array().unwrap().iter().all(|check| check.get(key).is_some()), "{key}: {run}");
    }
}

#[test]
fn the_text_says_what_why_and_what_to_do() {
    let (project, _engine) = healthy();
    project.file(".env.template", "WEB_PORT=@0\n");
    snapshot!("diagnose", project.run("diagnose --only project --only containers --only leases").exits(0));
    let quiet = project.run("-q diagnose --only project --only leases").exits(0);
    assert!(!quiet.stdout.contains("ok  ") && quiet.stdout.contains("note     .env"), "{quiet}");
}

#[test]
fn an_unknown_check_is_refused_with_the_list() {
    let run = Project::empty().run("diagnose --only everything").exits(2);
    assert!(run.stderr.contains("firewall") && run.stderr.contains("networks"), "{run}");
}

#[test]
fn markdown_is_for_diagnose_alone() {
    let run = Project::empty().run("check-ports --format markdown").exits(2);
    assert!(run.stderr.contains("only diagnose prints Markdown"), "{run}");
}

// --- Tools -------------------------------------------------------------------

#[test]
fn without_docker_it_says_how_to_get_it() {
    let project = Project::new("services:\n  web:\n    image: web\n");
    let run = diagnose(&project, "tools").exits(1);
    assert_eq!(status(&run, "tools.docker"), "problem");
}

#[test]
fn versions_of_compose_that_cannot_be_used() {
    for (version, want) in [("1.29.2", "problem"), ("2.19.0", "problem"), ("2.25.0", "problem"), ("5.0.0", "ok")] {
        let (mut project, _engine) = project(vec![]);
        project.fake_docker(&[Rule::when(VERSION).stdout(format!("{version}\n"))]);
        assert_eq!(status(&diagnose(&project, "tools"), "tools.compose"), want, "{version}");
    }
}

// --- Engine ------------------------------------------------------------------

#[test]
fn engines_that_do_not_answer() {
    let (project, engine) = healthy();
    let run = diagnose(&project, "engine").exits(0);
    assert!(one(&run, "engine.answers")["seen"].as_str().unwrap().contains("28.5.2"), "{run}");
    engine.state().manner = Manner::Raw("HTTP/1.0 500 .\r\n\r\n{\"message\":\"on fire\"}");
    let run = diagnose(&project, "engine").exits(1);
    assert!(one(&run, "engine.answers")["seen"].as_str().unwrap().contains("on fire"), "{run}");
    engine.state().manner = Manner::Silent;
    let run = project.run("diagnose --format json").exits(1);
    let seen = one(&run, "engine.answers")["seen"].as_str().unwrap().to_owned();
    assert!(seen.contains("does not answer within 4 s"), "{run}");
}

/// A new machine, as far as its engine goes: the project has a script for that.
#[test]
fn an_engine_is_brought_up_by_the_projects_script() {
    use std::os::unix::fs::PermissionsExt;

    let (mut project, _engine) = healthy();
    let (there, wanted) = (project.root().join("engine.sock"), project.root().join("new.sock"));
    project.set("DOCKER_HOST", format!("unix://{}", wanted.display()));
    let run = diagnose(&project, "engine").exits(1);
    assert_eq!(one(&run, "engine.answers")["fixable"], json!(false), "{run}");
    let script = format!("#!/bin/sh\n/bin/ln -s {} {}\n", there.display(), wanted.display());
    project.file("scripts/engine/up", &script);
    let path = project.path("scripts/engine/up");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    if !cfg!(target_os = "linux") {
        return;
    }
    let run = project.run("diagnose --fix --yes --only engine --format json").exits(0);
    assert_eq!((status(&run, "engine.answers"), run.json()["fixed"][0]["mended"].clone()), ("ok".into(), json!(true)));
}

#[test]
fn a_check_that_takes_too_long_says_so_and_the_others_are_there() {
    let (mut project, _engine) = project(vec![]);
    project.fake_docker(&[Rule::when(VERSION).sleep(7000).stdout("2.40.3\n"), crate::fake_docker::config()]);
    let run = project.run("diagnose --format json --only tools --only leases").exits(0);
    assert!(one(&run, "tools")["seen"].as_str().unwrap().contains("took longer than 5 s"), "{run}");
    assert_eq!(status(&run, "leases.gone"), "ok");
}

#[test]
fn an_old_traefik_and_a_new_engine() {
    let (project, engine) = healthy();
    let mut traefik = container(("edge", "traefik", "/src/edge"), ("running", "Up"), &[]);
    traefik["Image"] = json!("traefik:v3.5");
    engine.has(traefik).state().min_api = "1.44";
    assert_eq!(status(&diagnose(&project, "engine").exits(1), "engine.traefik"), "problem");
    engine.state().containers[0]["Image"] = json!("traefik:v3.7");
    assert!(found(&diagnose(&project, "engine").exits(0), "engine.traefik").is_empty());
}

// --- Project -----------------------------------------------------------------

#[test]
fn a_broken_line_in_env_is_named() {
    let (project, _engine) = healthy();
    project.file(".env", "WEB_PORT=\"80\n");
    let run = diagnose(&project, "project").exits(1);
    assert!(one(&run, "project.file")["seen"].as_str().unwrap().contains("line 1"), "{run}");
}

#[test]
fn env_is_made_completed_and_ignored() {
    let (mut project, _engine) = project(vec![Rule::when(VERSION).stdout("2.40.3\n")]);
    if !project.is_repository() {
        return;
    }
    project.set("GIT_CONFIG_NOSYSTEM", "1");
    project.file(".env.template", "WEB_PORT=@0\nOTHER=1\n");
    // Nobody to ask: nothing is done.
    let run = project.run("diagnose --fix --only project").exits(1);
    assert!(run.stderr.contains("hint: add --yes") && !project.path(".env").exists(), "{run}");
    let run = project.run("diagnose --fix --dry-run --only project").exits(0);
    assert!(run.stderr.contains("would fix .env") && !project.path(".env").exists(), "{run}");
    let run = project.run("diagnose --fix --yes --only project --format json").exits(0);
    assert_eq!(run.json()["fixed"][0]["mended"], json!(true), "{run}");
    assert_eq!((status(&run, "project.env"), status(&run, "project.env-ignored")), ("ok".into(), "ok".into()));
    assert_eq!(project.read(".gitignore"), ".env\n");
    // Later the template grows, and somebody forgets the line in .gitignore.
    project.file(".gitignore", "target/\n").file(".env.template", "WEB_PORT=@0\nOTHER=1\nNEW=2\n");
    let run = diagnose(&project, "project").exits(0);
    assert_eq!((status(&run, "project.env"), status(&run, "project.env-ignored")), ("note".into(), "warning".into()));
    let run = project.run("diagnose --fix --yes --only project --format json").exits(0);
    assert_eq!((status(&run, "project.env"), status(&run, "project.env-ignored")), ("ok".into(), "ok".into()));
    assert!(project.read(".env").contains("NEW=2") && project.read(".gitignore") == "target/\n.env\n");
    // And somebody adds the file itself, which no line in .gitignore undoes.
    git(project.dir(), &["add", "--force", ".env"]);
    let run = project.run("diagnose --fix --yes --only project --format json").exits(0);
    let tracked = one(&run, "project.env-ignored");
    assert_eq!((&tracked["status"], &tracked["seen"]), (&json!("warning"), &json!("git tracks .env")), "{run}");
    assert!(tracked["remedy"].as_str().unwrap().starts_with("git rm --cached .env, then commit"), "{run}");
    assert_eq!((&tracked["fixable"], &run.json()["fixed"]), (&json!(false), &json!([])), "{run}");
    assert_eq!(project.read(".gitignore"), "target/\n.env\n");
    git(project.dir(), &["rm", "-q", "--cached", ".env"]);
    assert_eq!(status(&diagnose(&project, "project"), "project.env-ignored"), "ok");
}

#[test]
fn a_value_that_the_shell_hides_is_said() {
    let (mut project, _engine) = healthy();
    project.file(".env", "WEB_PORT=@1\n");
    let other = project.port(2).to_string();
    project.set("WEB_PORT", other);
    let run = diagnose(&project, "project").exits(0);
    let env = one(&run, "project.env");
    assert_eq!((&env["status"], &env["remedy"]), (&json!("warning"), &json!("unset WEB_PORT")), "{run}");
}

/// `start` gives it a name and ports of its own: nothing to be mended by hand.
#[test]
fn a_second_checkout_is_no_problem() {
    let (mut project, engine) = healthy();
    project.file(".git/HEAD", "ref: refs/heads/main\n");
    let other = project.root().join("other");
    std::fs::create_dir(&other).unwrap();
    let published = [("0.0.0.0", project.port(0), 80)];
    engine.has(container(("demo", "web", other.to_str().unwrap()), ("running", "Up"), &published));
    let run = project.run("diagnose --format json --only project --only ports");
    assert_eq!((status(&run, "project.name"), status(&run, "ports.taken")), ("note".into(), "note".into()), "{run}");
    // A name that was chosen by hand is kept, and so the two would meet.
    project.set("COMPOSE_PROJECT_NAME", "demo");
    assert_eq!(status(&diagnose(&project, "project").exits(1), "project.name"), "problem");
}

#[test]
fn names_that_a_second_copy_would_meet_are_noted() {
    let compose = "services:\n  web:\n    image: web\n    container_name: fixed\n";
    let run = diagnose(&Project::new(compose), "project").exits(0);
    assert_eq!(one(&run, "project.fixed-names")["seen"], "fixed (compose.yaml:4)");
}

// --- Containers, networks, leases --------------------------------------------

/// The table in docs/troubleshooting.md has every finding there is, and no other.
#[test]
fn the_documentation_has_every_finding() {
    use std::collections::BTreeSet;
    use std::path::Path;

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ids = |text: &str, quote: char| -> BTreeSet<String> {
        let help = Project::empty().run("diagnose --only x").stderr;
        let areas = help.split("[possible values: ").nth(1).unwrap().split(']').next().unwrap().to_owned();
        let is_id = |word: &&str| {
            // Podman's file begins like the area of that name.
            let is_file = *word == "containers.conf";
            !is_file
                && word.split_once('.').is_some_and(|(area, rest)| {
                    areas.split(", ").any(|known| known == area)
                        && !rest.is_empty()
                        && rest.chars().all(|c| c.is_ascii_lowercase() || c == '-')
                })
        };
        text.split(quote).filter(is_id).map(str::to_owned).collect()
    };
    let folder = std::fs::read_dir(root.join("xtask/src/operation/diagnose/checks")).unwrap();
    let source: String = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let docs = std::fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let (coded, told) = (ids(&source, '"'), ids(&docs, '`'));
    assert!(coded.len() > 20, "{coded:?}");
    // These have nothing to cure of their own.
    let well = ["containers.images", "names.localhost", "project.literals", "project.range", "tools.helpers"];
    let untold: Vec<&String> = coded.difference(&told).filter(|id| !well.contains(&id.as_str())).collect();
    assert!(untold.is_empty(), "not in docs/troubleshooting.md: {untold:?}");
    let unknown: Vec<&String> = told.difference(&coded).collect();
    assert!(unknown.is_empty(), "no such finding: {unknown:?}");
}

// --- For an issue ------------------------------------------------------------

#[test]
fn nothing_secret_and_no_home_folder_is_in_the_markdown() {
    let (mut project, engine) = {
        let log = "connecting to postgres://app:hunter2222@db with s3cr3t-value\n";
        let rules = vec![Rule::when(VERSION).stdout("2.40.3\n"), Rule::when("docker logs").stdout(log)];
        project(rules)
    };
    project.file(".env", "WEB_PORT=@0\nDB_PASSWORD=s3cr3t-value\nUNUSED=1\n").file(".env.template", "WEB_PORT=@0\n");
    project.set("API_TOKEN", "t0ken-of-the-shell");
    let home = project.root().to_path_buf();
    project.set("HOME", home.clone());
    engine.has(own(&project, ("exited", "Exited (3) 2 seconds ago"), project.port(0)));
    engine.state().details.insert(
        "demo-web-id".into(),
        json!({ "State": { "ExitCode": 3, "Error": "s3cr3t-value and t0ken-of-the-shell" } }),
    );
    let run = project.run("diagnose --format markdown --only project --only containers --only engine").exits(1);
    for secret in ["hunter2222", "s3cr3t-value", "t0ken-of-the-shell", home.to_str().unwrap()] {
        assert!(!run.raw.contains(secret), "{secret}: {run}");
    }
    assert!(run.raw.starts_with("### cargo xtask diagnose\n") && run.raw.contains("~/engine.sock"), "{run}");
}
