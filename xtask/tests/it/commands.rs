//! The options of `start`, and the commands that pass through to Compose: what
//! reaches `docker`, and which exit code comes back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::fake_docker::{comes_up, config, own, project};
use crate::support::engine::{Engine, container};
use crate::support::{Project, Rule, end, skip, snapshot};

/// The lines of `docker compose …` that change something.
fn doings(project: &Project) -> Vec<String> {
    let asks = [" config ", " version"];
    project.calls().lines().filter(|line| asks.iter().all(|ask| !line.contains(ask))).map(str::to_owned).collect()
}

#[test]
fn the_env_file_is_made_from_its_template() {
    let (project, engine) = project(vec![Rule::when("up").tells("up")]);
    let _proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second");
    project.file(".env.template", "# all of it\nOTHER=1\n");
    let run = project.run("start").exits(0);
    assert_eq!(project.read(".env"), "# all of it\nOTHER=1\n");
    assert!(run.stderr.contains(".env created from .env.template"), "{run}");
}

#[test]
fn reassign_by_option_by_variable_and_by_file() {
    for how in ["option", "variable", "file", "person"] {
        let (mut project, engine) = project(vec![Rule::when("up").tells("up")]);
        project.hold("0.0.0.0", &[0]);
        let _proxies = comes_up(&project, &engine, "up", project.port(1), "Up 1 second");
        let words = if how == "option" { "start --on-conflict reassign" } else { "start" };
        match how {
            "variable" => drop(project.set("XTASK_ON_CONFLICT", "reassign")),
            "file" => drop(project.file("xtask.toml", "on_conflict = \"reassign\"\n")),
            "person" => drop(
                project
                    .file("xtask.toml", "on_conflict = \"fail\"\n")
                    .file(".xtask.env", "XTASK_ON_CONFLICT=reassign\n"),
            ),
            _ => {}
        }
        let run = project.run(words).exits(0);
        assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"), "{how}");
        assert!(run.stdout.contains("WEB_PORT 18000 -> 18001  (.env)\nweb  http://localhost:18001\n"), "{how}: {run}");
    }
}

#[test]
fn start_reports_moved_ports_as_json() {
    let (mut project, engine) = project(vec![Rule::when("up").tells("up")]);
    project.hold("0.0.0.0", &[0]);
    let _proxies = comes_up(&project, &engine, "up", project.port(1), "Up 1 second");
    let answer = project.run("start --on-conflict reassign --format json").exits(0).json();
    assert_eq!(answer["moved"], json!([{ "variable": "WEB_PORT", "from": project.port(0), "to": project.port(1) }]));
}

#[test]
fn start_with_on_conflict_stop_stops_the_container_in_the_way() {
    let (mut project, engine) =
        project(vec![Rule::when("docker stop shop-api-id").tells("stopped"), Rule::when("compose up").tells("up")]);
    let proxy = project.hold_as("docker-proxy", "", &[format!("0.0.0.0:{}", project.port(0))]);
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]));
    engine.on("stopped", move |state| {
        end(proxy);
        state.containers[0]["State"] = json!("exited");
    });
    let _proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second");
    // Not without a word from somebody.
    let run = project.run("start --on-conflict stop").exits(1);
    assert!(run.stderr.contains("hint: add --yes"), "{run}");
    assert_eq!(doings(&project), Vec::<String>::new());
    project.run("start --on-conflict stop --yes").exits(0);
    assert_eq!(doings(&project), ["docker stop shop-api-id", "docker compose up -d"]);
}

/// Two services, of which only one is wanted: the other's port does not matter.
#[test]
fn only_the_services_that_are_named() {
    let mut project = Project::new(
        "services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n  other:\n    image: other\n    ports: [\"@1:80\"]\n",
    );
    let engine = Engine::start(&mut project);
    let ports = |at: &str| format!(r#"[{{"target":80,"published":"{at}","protocol":"tcp"}}]"#);
    let model = format!(
        r#"{{"name":"demo","services":{{"other":{{"image":"other","ports":{}}},"web":{{"image":"web","ports":{}}}}}}}"#,
        ports("@1"),
        ports("@0")
    );
    project.fake_docker(&[Rule::when("config").stdout(model), Rule::when("up -d --build web").tells("up")]);
    project.hold("0.0.0.0", &[1]);
    let _proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second");
    project.run("start").exits(1);
    project.run("start --build web").exits(0);
}

#[test]
fn further_urls_are_printed() {
    let (project, engine) = project(vec![Rule::when("up").tells("up")]);
    let _proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second");
    project.file("xtask.toml", "[urls]\nweb = [\"/docs\", \"health\"]\n");
    let run = project.run("start").exits(0);
    let urls = "web  http://localhost:18000\n     http://localhost:18000/docs\n     http://localhost:18000/health\n";
    assert_eq!(run.stdout, urls, "{run}");
}

#[test]
fn setup_runs_the_project_s_own_script() {
    let mut project = Project::new("services:\n  web:\n    image: web\n");
    let path = format!("{}:/usr/bin:/bin", project.root().join("bin").display());
    project.set("PATH", path);
    project.file("scripts/engine/up", "#!/bin/sh\necho setting up\nexit 7\n");
    fs::set_permissions(project.path("scripts/engine/up"), fs::Permissions::from_mode(0o755)).unwrap();
    project.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let run = project.run("start --setup").exits(2);
    assert!(run.stderr.contains("error: `scripts/engine/up` failed with exit code 7"), "{run}");
    // What the script said is the one message.
    project.file("scripts/engine/up", "#!/bin/sh\necho 'error: no engine' >&2\nexit 2\n");
    let run = project.run("start --setup").exits(2);
    assert!(run.stderr.ends_with("error: no engine\n"), "{run}");
}

/// Another machine: its ports are not ours to probe, its holders not ours to stop.
#[test]
fn an_engine_on_another_machine() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n");
    let port = project.port(0);
    let other = container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", port, 8000)]);
    let answer = format!("HTTP/1.0 200 OK\r\n\r\n{}", json!([other]));
    project.fake_docker(&[config(), Rule::when("system dial-stdio").stdout(answer)]);
    project.set("DOCKER_HOST", "tcp://192.0.2.1:2375");
    snapshot!("remote-engine", project.run("check-ports").exits(1));
    snapshot!("remote-engine-stop", project.run("check-ports --stop-holders --yes").exits(1));
    project.fake_docker(&[config(), Rule::when("system dial-stdio").stdout("HTTP/1.0 200 OK\r\n\r\n[]")]);
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports").exits(0);
    project.fake_docker(&[
        config(),
        Rule::when("system dial-stdio").stderr("Cannot connect to the Docker daemon\n").exit(1),
    ]);
    let run = project.run("start").exits(2);
    assert!(run.stderr.contains("no Docker engine answers at tcp://192.0.2.1:2375 (DOCKER_HOST)"), "{run}");
    assert!(run.stderr.contains("hint: for this machine's usual engine: `unset DOCKER_HOST`\n"), "{run}");
}

/// The default engine is another one, which nobody meant.
#[test]
fn a_context_that_does_not_exist_is_no_engine() {
    let mut project = Project::new("services:\n  web:\n    image: web\n");
    let gone = "Failed to initialize: unable to resolve docker endpoint: context \"nosuch\": context not found";
    // As before 23.0; later ones do without an engine where they need none.
    let plugin = Rule::when("compose version").given("DOCKER_CONTEXT=default").stdout("2.40.3\n");
    project.fake_docker(&[plugin, Rule::when("").stderr(gone).exit(1)]);
    project.set("DOCKER_HOST", "").set("DOCKER_CONTEXT", "nosuch");
    let script = "#!/bin/sh\necho ran > ran\n";
    project.file("scripts/engine/up", script);
    fs::set_permissions(project.path("scripts/engine/up"), fs::Permissions::from_mode(0o755)).unwrap();
    let says = "error: the Docker context `nosuch` (DOCKER_CONTEXT) does not exist\n\
        hint: `docker context ls` shows those that do\nhint: for this machine's usual engine: `unset DOCKER_CONTEXT`\n";
    for command in ["start", "start --setup", "stop", "stop --volumes --yes", "restart", "logs", "prune-network"] {
        let run = project.run(command).exits(2);
        assert!(run.stderr.contains(says), "{run}");
    }
    let run = project.run("check-ports").exits(0);
    let blind = "warning: containers cannot be listed: the Docker context `nosuch` (DOCKER_CONTEXT) does not exist";
    assert!(run.stderr.contains(blind), "{run}");
    let run = project.run("diagnose --only engine").exits(1);
    assert!(run.stdout.contains("the Docker context `nosuch`"), "{run}");
    assert!(!project.path("ran").exists());
    // The current context, no less; DOCKER_HOST goes before it, and the word for the default engine.
    project.set("DOCKER_CONTEXT", "");
    let config = project.root().join("home/.docker/config.json");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(config, r#"{"currentContext":"gone"}"#).unwrap();
    let run = project.run("start").exits(2);
    assert!(run.stderr.contains("error: the Docker context `gone` (the current one) does not exist\n"), "{run}");
}

// --- Passing through -------------------------------------------------------

#[test]
fn restart_and_logs_pass_their_words_on() {
    let (project, _engine) = project(vec![
        Rule::when("restart").stderr(" Container demo-web-1  Started\n"),
        Rule::when("logs").stdout("web-1  | hello\n"),
    ]);
    project.run("restart web").exits(0);
    let run = project.run("logs --follow --tail 5 web").exits(0);
    assert_eq!(run.stdout, "web-1  | hello\n");
    project.run("-p name logs").exits(0);
    assert_eq!(
        doings(&project),
        [
            "docker compose restart web",
            "docker compose logs --tail 5 --follow web",
            "docker compose -p name logs --tail 100",
        ]
    );
}

#[test]
fn compose_s_failure_is_ours() {
    let (project, _engine) = project(vec![Rule::when("compose").stderr("no such service: x\n").exit(1)]);
    for words in ["restart x", "logs x", "stop"] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains("no such service: x"), "{run}");
    }
}

#[test]
fn open_prints_the_url_and_starts_the_browser() {
    let (mut project, engine) = project(vec![Rule::when("docker browser")]);
    let run = project.run("open").exits(1);
    assert!(run.stderr.contains("error: no service of this project has a web page"), "{run}");
    engine.has(own(&project, ("running", "Up"), project.port(3)));
    assert_eq!(project.run("open --dry-run").exits(0).stdout, "http://localhost:18003\n");
    project.set("BROWSER", "no-such-browser");
    let run = project.run("open web").exits(2);
    assert!(run.stderr.contains("`no-such-browser` is not installed"), "{run}");
    let run = project.run("open wbe").exits(2);
    assert!(
        run.stderr.contains("no service `wbe` in this project") && run.stderr.contains("services are: web"),
        "{run}"
    );
}

/// A folder that may not be written: nothing is half made.
#[test]
fn reassign_in_a_read_only_folder_changes_nothing() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n");
    project.hold("0.0.0.0", &[0]);
    let Some(_) = project.run_as_nobody("check-ports") else { return };
    fs::set_permissions(project.dir(), fs::Permissions::from_mode(0o555)).unwrap();
    let before = project.everything();
    let run = project.run_as_nobody("check-ports --reassign").unwrap().exits(2);
    assert_eq!(project.everything(), before);
    fs::set_permissions(project.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    snapshot!("bad-folder-read-only", run);
}

/// In a real bash, as its own TAB would ask.
#[test]
fn bash_completes_the_words_after_cargo_xtask() {
    let Ok(bash) = which::which("bash") else {
        skip("bash: none");
        return;
    };
    let project = Project::empty();
    let script = project.run("completions bash").exits(0).raw;
    std::fs::write(project.path("completions.bash"), script).unwrap();
    let ask = r#"
        try() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            local f; f=$(complete -p cargo); f="${f#* -F }"
            "${f%% *}" cargo "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "$* = ${COMPREPLY[*]}"
        }
        before() { COMPREPLY=(of before "$2"); }
        complete -F before cargo
        source completions.bash
        source completions.bash
        try cargo xtask sto
        try cargo xtask start --on-con
        try cargo xtask check-ports --format ""
        try cargo xtask -p demo diagnose --only na
        try cargo bu
        try cargo test xtask
    "#;
    let output = project.command(bash).args(["--norc", "-uc", ask]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let wanted = "cargo xtask sto = stop\n\
        cargo xtask start --on-con = --on-conflict\n\
        cargo xtask check-ports --format  = text json\n\
        cargo xtask -p demo diagnose --only na = names\n\
        cargo bu = of before bu\n\
        cargo test xtask = of before xtask\n";
    assert_eq!(said, wanted, "{}", String::from_utf8_lossy(&output.stderr));
}
