//! What cannot be done: exit code 2, one clear error with file and line, a
//! hint, and nothing changed. Each once without Docker and once with the real
//! Compose, which must lead to the same exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::engine::Engine;
use crate::support::{Output, Project, Rule, XTASK, keys, snapshot};

/// Compose of a service `web` whose port is this.
pub(crate) fn web(port: &str) -> String {
    format!("services:\n  web:\n    image: web\n    ports:\n      - \"{port}:80\"\n")
}

/// One error, at least one hint, no half-printed report, nothing changed.
#[track_caller]
fn refused(project: &Project, words: &str) -> Output {
    let before = project.everything();
    let run = project.run(words).exits(2);
    assert_eq!(project.everything(), before, "{run}");
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{run}");
    assert!(run.stderr.contains("hint: "), "{run}");
    assert_eq!(run.stdout, "", "{run}");
    run
}

/// Both without Docker and with it.
#[track_caller]
fn both_refuse(name: &str, make: impl Fn() -> Project, words: &str) {
    let mut project = make();
    snapshot!(name, refused(&project, words));
    if project.real_docker() {
        let with = refused(&project, words);
        // Where our own reader sees it too, the words are the same.
        snapshot!(format!("{name}-with-docker"), with);
    }
}

#[test]
fn no_compose_file() {
    both_refuse("bad-no-compose-file", Project::empty, "check-ports");
}

#[test]
fn a_compose_file_that_is_not_there() {
    both_refuse("bad-file-option", || Project::new(&web("@0")), "check-ports -f nowhere.yaml");
}

#[test]
fn invalid_yaml() {
    both_refuse(
        "bad-yaml",
        || Project::new("services:\n  web:\n    image: web\n    ports: [\"80\"\n  db: {\n"),
        "check-ports",
    );
}

#[test]
fn yaml_that_is_no_compose_file() {
    both_refuse("bad-not-a-mapping", || Project::new("- web\n- db\n"), "check-ports");
    both_refuse("bad-empty", || Project::new("# nothing yet\n"), "check-ports");
}

#[test]
fn an_env_line_that_compose_refuses() {
    for (name, line) in [("space", "FOO BAR=1"), ("sign", "A+B=2"), ("quote", "FOO=\"bar"), ("brace", "{")] {
        let make = || {
            let project = Project::new(&web("${WEB_PORT:-@0}"));
            project.file(".env", &format!("# first\nWEB_PORT=@0\n{line}\n"));
            project
        };
        both_refuse(&format!("bad-env-{name}"), make, "check-ports");
    }
}

#[test]
fn ports_that_are_none() {
    both_refuse("bad-port-word", || Project::new(&web("abc")), "check-ports");
    both_refuse("bad-port-large", || Project::new(&web("70000")), "check-ports");
    both_refuse("bad-port-negative", || Project::new(&web("-1")), "check-ports");
    let from_env = || {
        let project = Project::new(&web("${WEB_PORT:-@0}"));
        project.file(".env", "\nWEB_PORT=eighty\n");
        project
    };
    both_refuse("bad-port-from-env", from_env, "check-ports");
}

/// 0 is no mistake: Compose lets the engine pick.
#[test]
fn port_0_is_a_random_one() {
    let mut project = Project::new(&web("${WEB_PORT:-0}"));
    assert!(project.run("check-ports").exits(0).stdout.contains("random"));
    if project.real_docker() {
        assert!(project.run("check-ports").exits(0).stdout.contains("random"));
    }
}

#[test]
fn a_required_variable_that_is_missing() {
    both_refuse("bad-required", || Project::new(&web("${WEB_PORT:?set it in .env}")), "check-ports");
    both_refuse("bad-required-silent", || Project::new(&web("${WEB_PORT?}")), "check-ports");
}

#[test]
fn an_interpolation_that_does_not_end() {
    both_refuse("bad-interpolation", || Project::new(&web("${WEB_PORT")), "check-ports");
}

#[test]
fn settings_that_are_none() {
    for (name, text) in [
        ("syntax", "port_range = \n"),
        ("key", "# ours\nport_rang = \"8000-8009\"\n"),
        ("range", "\nport_range = \"8009-8000\"\n"),
        ("value", "on_conflict = \"explode\"\n"),
        ("follow", "[ports]\nfollow = [\"web.environment\", \"web.ports\"]\n"),
    ] {
        let project = Project::new(&web("@0"));
        project.file("xtask.toml", text);
        snapshot!(format!("bad-settings-{name}"), refused(&project, "check-ports"));
    }
    let project = Project::new(&web("@0"));
    project.file(".xtask.env", "XTASK_ON_CONFLIKT=ask\n");
    snapshot!("bad-settings-personal", refused(&project, "check-ports"));
}

#[test]
fn a_project_name_that_compose_refuses() {
    both_refuse("bad-project-name", || Project::new(&web("@0")), "check-ports -p My.Project");
}

#[test]
fn an_env_file_that_is_not_there() {
    both_refuse("bad-env-file", || Project::new(&web("@0")), "check-ports --env-file nope.env");
}

#[test]
fn a_service_that_is_none() {
    let mut project = Project::new(&web("@0"));
    let _engine = Engine::start(&mut project);
    if project.real_docker() {
        snapshot!("bad-service", refused(&project, "start webb"));
    }
}

#[test]
fn a_command_line_that_is_none() {
    let project = Project::new(&web("@0"));
    for (name, words) in [
        ("option", "check-ports --reasign"),
        ("command", "chek-ports"),
        ("value", "start --on-conflict explode"),
        ("both", "check-ports --reassign --stop-holders"),
        ("number", "start --wait-timeout soon"),
    ] {
        let before = project.everything();
        snapshot!(format!("bad-usage-{name}"), project.run(words).exits(2));
        assert_eq!(project.everything(), before);
    }
}

#[test]
fn an_error_as_json() {
    let project = Project::new(&web("abc"));
    for words in ["check-ports --format json", "check-ports --format=json --reasign", "--format json start webb"] {
        let run = project.run(words).exits(2);
        let answer = run.json();
        assert_eq!(keys(&answer), ["error", "schema"].into());
        assert_eq!(keys(&answer["error"]), ["hints", "message"].into());
        assert!(answer["error"]["message"].as_str().unwrap().len() > 5, "{run}");
        assert!(!answer["error"]["hints"].as_array().unwrap().is_empty(), "{run}");
        assert_eq!(run.stderr, "", "{run}");
    }
    snapshot!("bad-json", project.run("check-ports --format json"));
}

// --- Docker and its engine -------------------------------------------------

#[test]
fn no_docker_at_all() {
    let project = Project::new(&web("@0"));
    for words in ["start", "stop", "restart", "logs", "open"] {
        let run = refused(&project, words);
        assert!(run.stderr.contains("no `docker` on PATH"), "{run}");
    }
    // Why --setup did nothing is said after the cure, which differs by system.
    let run = refused(&project, "start --setup");
    assert!(
        run.stderr.ends_with("hint: --setup runs the project's scripts/engine/up, and this project has none\n"),
        "{run}"
    );
}

#[test]
fn an_engine_that_is_not_there() {
    let mut project = Project::new(&web("@0"));
    project.fake_docker(&[Rule::config("@0")]);
    snapshot!("bad-no-engine", refused(&project, "start"));
    // A socket that nobody serves any more.
    let socket = project.root().join("engine.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    project.set("DOCKER_HOST", format!("unix://{}", socket.display()));
    snapshot!("bad-dead-engine", refused(&project, "start"));
    // Ports can be told all the same.
    let run = project.run("check-ports").exits(0);
    assert!(run.stderr.contains("containers cannot be listed"), "{run}");
}

/// Compose refuses what our reader reads: its own words are shown.
#[test]
fn a_model_that_only_compose_refuses_shows_its_words() {
    let mut project = Project::new(&web("@0"));
    let _engine = Engine::start(&mut project);
    project.fake_docker(&[Rule::when("config")
        .stderr("time=\"x\" level=warning msg=\"The \\\"A\\\" variable is not set.\"\nvalidating compose.yaml: services.web additional properties 'prots' not allowed\n")
        .exit(15)]);
    snapshot!("bad-compose-refuses", refused(&project, "check-ports"));
}

// --- Files that cannot be written ------------------------------------------

#[test]
fn an_env_file_that_is_read_only() {
    let mut project = Project::new(&web("${WEB_PORT:-@0}"));
    project.file(".env", "WEB_PORT=@0\n");
    fs::set_permissions(project.path(".env"), fs::Permissions::from_mode(0o444)).unwrap();
    project.hold("0.0.0.0", &[0]);
    snapshot!("bad-read-only", unwritten(&project));
}

/// The report is printed before the failure: it is what made the write wanted.
pub(crate) fn unwritten(project: &Project) -> Output {
    let before = project.everything();
    let run = project.run("check-ports --reassign").exits(2);
    assert_eq!(project.everything(), before, "{run}");
    run
}

#[test]
fn a_variable_that_the_shell_sets() {
    let mut project = Project::new(&web("${WEB_PORT:-@0}"));
    project.file(".env", "WEB_PORT=@5\n");
    project.set("WEB_PORT", project.port(0).to_string());
    project.hold("0.0.0.0", &[0]);
    snapshot!("bad-shadowed", unwritten(&project));
}

/// One of two variables is the shell's: then neither is written.
#[test]
fn reassign_writes_all_variables_or_none() {
    let mut project = Project::new(
        "services:\n  a:\n    image: a\n    ports: [\"${A_PORT:-@0}:80\"]\n  b:\n    image: b\n    ports: [\"${B_PORT:-@2}:80\"]\n",
    );
    project.set("B_PORT", project.port(2).to_string());
    project.hold("0.0.0.0", &[0, 2]);
    let run = unwritten(&project);
    assert!(run.stderr.contains("the shell sets B_PORT"), "{run}");
    assert!(!project.path(".env").exists());
}

/// A folder that is gone while one stands in it.
#[test]
fn a_current_folder_that_is_gone() {
    let project = Project::new(&web("@0"));
    fs::create_dir(project.path("gone")).unwrap();
    let script = "cd gone && rmdir ../gone && exec \"$0\" check-ports";
    let mut shell = project.command("/bin/sh");
    shell.env("PATH", "/bin:/usr/bin").args(["-c", script, XTASK]);
    snapshot!("bad-gone-folder", project.finish("check-ports", shell).exits(2));
}
