//! Stand-ins for Docker and its engine, each in one state of mind: what is said
//! of containers that hold ports, and what is done while the engine is not well.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::engine::{Engine, Manner, container};
use crate::support::{Ending, Output, Project, Rule, bare, end, first_line, snapshot};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports:\n      - \"${WEB_PORT:-@0}:80\"\n";

/// What `docker compose config --format json` says of it. In the stand-in's
/// answers `{{NAME:default}}` is the value in `.env`.
pub(crate) fn config() -> Rule {
    Rule::config("{{WEB_PORT:@0}}")
}

/// The project with its engine and these rules for `docker`.
pub(crate) fn project(rules: Vec<Rule>) -> (Project, Engine) {
    let mut project = Project::new(COMPOSE);
    let engine = Engine::start(&mut project);
    let rules: Vec<Rule> = std::iter::once(config()).chain(rules).collect();
    project.fake_docker(&rules);
    (project, engine)
}

/// Our own service, on `port`.
pub(crate) fn own(project: &Project, (state, status): (&str, &str), port: u16) -> Value {
    let dir = project.dir();
    container(("demo", "web", dir.to_str().unwrap()), (state, status), &[("0.0.0.0", port, 80), ("::", port, 80)])
}

pub(crate) fn row(run: &Output) -> Value {
    run.json()["ports"][0].clone()
}

/// Programs that stand for docker-proxy, started by effects on the engine;
/// ended with this value.
#[derive(Default)]
pub(crate) struct Proxies(Arc<Mutex<Vec<Ending>>>);

impl Proxies {
    /// What starts one at `port`.
    fn starter(&self, project: &Project, port: u16) -> impl Fn() + Send + Sync + 'static {
        let (program, children) = (project.tool("docker-proxy"), Arc::clone(&self.0));
        move || {
            let addresses = [format!("0.0.0.0:{port}"), format!("[::1]:{port}")];
            let mut child = Ending(bare(&program).args(addresses).stdout(Stdio::piped()).spawn().unwrap());
            first_line(&mut child.0);
            children.lock().unwrap().push(child);
        }
    }
}

/// What `up` does when all goes well: at the word `on` our service is at `port`,
/// in the place of the one before.
pub(crate) fn comes_up(project: &Project, engine: &Engine, on: &str, port: u16, status: &str) -> Proxies {
    let proxies = Proxies::default();
    let start = proxies.starter(project, port);
    let running = own(project, ("running", status), port);
    engine.on(on, move |state| {
        start();
        state.containers.retain(|container| container["Id"] != running["Id"]);
        state.containers.push(running.clone());
    });
    proxies
}

// --- Whose is it -----------------------------------------------------------

#[test]
fn a_container_of_another_project_is_named_with_its_folder() {
    let (mut project, engine) = project(vec![]);
    // Its proxy is the engine's business and not shown.
    let address = format!("0.0.0.0:{}", project.port(0));
    project.hold_as("docker-proxy", "", &[address]);
    engine.has(container(
        ("shop", "api", "/src/shop"),
        ("running", "Up 2 hours"),
        &[("0.0.0.0", project.port(0), 8000)],
    ));
    snapshot!("fake-other-project", project.run("check-ports").exits(1));
    let owners = row(&project.run("check-ports --format json"))["owners"].clone();
    assert_eq!(
        owners,
        json!([{ "kind": "container", "id": "shop-api-id", "name": "shop-api-1", "project": "shop", "service": "api", "working_dir": "/src/shop" }])
    );
}

/// The kernel may not know: a DNAT rule, or an engine in a virtual machine.
#[test]
fn a_container_counts_even_where_the_port_can_be_bound() {
    for (state, want) in [("running", 1), ("paused", 1), ("restarting", 1), ("exited", 0), ("created", 0), ("dead", 0)]
    {
        let (project, engine) = project(vec![]);
        engine.has(container(
            ("shop", "api", "/src/shop"),
            (state, "Some time ago"),
            &[("0.0.0.0", project.port(0), 8000)],
        ));
        let run = project.run("check-ports").exits(want);
        assert_eq!(run.stdout.contains("shop"), want == 1, "{state}: {run}");
    }
}

#[test]
fn bindings_on_other_addresses_and_protocols_are_not_in_the_way() {
    for (ip, protocol, want) in
        [("127.0.0.1", "tcp", 1), ("::1", "tcp", 1), ("0.0.0.0", "udp", 0), ("192.0.2.7", "tcp", 1)]
    {
        let (project, engine) = project(vec![]);
        let mut other = container(("shop", "api", "/src/shop"), ("running", "Up"), &[(ip, project.port(0), 8000)]);
        other["Ports"][0]["Type"] = json!(protocol);
        engine.has(other);
        project.run("check-ports").exits(want);
    }
}

#[test]
fn our_own_container_is_ours() {
    let (mut project, engine) = project(vec![]);
    let address = format!("0.0.0.0:{}", project.port(0));
    project.hold_as("docker-proxy", "", &[address]);
    engine.has(own(&project, ("running", "Up 2 hours (healthy)"), project.port(0)));
    let run = project.run("check-ports --format json").exits(0);
    assert_eq!((&row(&run)["verdict"], &row(&run)["owners"][0]["name"]), (&json!("ours"), &json!("demo-web-1")));
    assert!(project.run("check-ports").stdout.contains("ours, running"));
}

/// `ours` is the same project, folder and service; anything less is another's.
#[test]
fn a_project_of_this_name_from_another_folder_is_another() {
    let (project, engine) = project(vec![]);
    engine.has(container(
        ("demo", "web", "/src/elsewhere/demo"),
        ("running", "Up"),
        &[("0.0.0.0", project.port(0), 80)],
    ));
    snapshot!("fake-elsewhere", project.run("check-ports").exits(1));
    snapshot!("fake-elsewhere-start", project.run("start").exits(2));
    snapshot!("fake-elsewhere-stop", project.run("stop").exits(2));
    assert!(!project.calls().contains(" up ") && !project.calls().contains(" down"), "{}", project.calls());
}

#[test]
fn a_one_off_container_of_ours_is_stopped_by_its_id() {
    let (project, engine) = project(vec![Rule::when("docker stop").tells("stopped")]);
    let mut one_off = own(&project, ("running", "Up"), project.port(0));
    one_off["Labels"]["com.docker.compose.oneoff"] = json!("True");
    engine.has(one_off).on("stopped", |state| state.containers.clear());
    project.run("check-ports --stop-holders --yes").exits(0);
    assert!(project.calls().contains("docker stop demo-web-id\n"), "{}", project.calls());
}

#[test]
fn a_container_is_stopped_by_its_engine_and_its_proxy_is_let_alone() {
    let (mut project, engine) = project(vec![Rule::when("docker stop shop-api-id").tells("stopped")]);
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("docker-proxy", "", &[address]);
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]));
    engine.on("stopped", move |state| {
        end(pid);
        state.containers[0]["State"] = json!("exited");
    });
    snapshot!("fake-stop-service", project.run("check-ports --stop-holders --yes").exits(0));
}

#[test]
fn a_container_that_cannot_be_stopped() {
    let (project, engine) =
        project(vec![Rule::when("stop shop-api-id").stderr("Error response from daemon: no\n").exit(1)]);
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]));
    let run = project.run("check-ports --stop-holders --yes").exits(1);
    assert!(
        run.stderr.contains(
            "error: still held: 18000\nhint: `docker stop shop-api-id` failed: Error response from daemon: no"
        ),
        "{run}"
    );
}

#[test]
fn names_from_the_engine_are_cleaned() {
    let (project, engine) = project(vec![]);
    let mut other =
        container(("shop", "api", "/src/\u{1b}[2Jshop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]);
    other["Names"] = json!(["/a\u{1b}]0;title\u{7}b"]);
    engine.has(other);
    for words in ["check-ports", "check-ports --format json"] {
        let run = project.run(words).exits(1).says("shop");
        assert!(!run.raw.contains(['\u{1b}', '\u{7}']) && !run.raw.contains("\\u001b"), "{run}");
    }
}

#[test]
fn the_options_reach_compose() {
    let (project, _engine) = project(vec![]);
    project.file("other.yaml", COMPOSE).file("a.env", "A=1\n");
    project.run("check-ports -f other.yaml -p name --profile dev --env-file a.env").exits(0);
    assert_eq!(
        project.calls(),
        "docker compose -f other.yaml -p name --profile dev --env-file a.env config --format json\n"
    );
}

// --- An engine that is not well --------------------------------------------

/// `check-ports` goes on without containers; `start` cannot.
#[test]
fn an_engine_that_does_not_answer_as_engines_do() {
    for (name, answer) in [
        ("html", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body>Log in</body></html>"),
        ("500", "HTTP/1.1 500 Internal Server Error\r\n\r\n{\"message\":\"driver is broken\"}"),
        ("proxy", "HTTP/1.1 403 Forbidden\r\n\r\n<html><body>\x1b[31mDenied by policy</body></html>"),
        ("no-http", "SSH-2.0-OpenSSH_9.9\r\n"),
        ("closes", ""),
    ] {
        let (project, engine) = project(vec![]);
        engine.state().manner = Manner::Raw(answer);
        let run = project.run("check-ports").exits(0);
        assert!(run.stderr.contains("warning: containers cannot be listed: "), "{name}: {run}");
        snapshot!(format!("fake-engine-{name}"), project.run("start").exits(2));
    }
}

#[test]
fn an_engine_that_never_answers_is_given_up_with_a_cure() {
    let (project, engine) = project(vec![]);
    engine.state().manner = Manner::Silent;
    snapshot!("fake-engine-hangs", project.run("start").exits(2));
}

#[test]
fn a_slow_engine_is_waited_for() {
    let (project, engine) = project(vec![]);
    engine.state().manner = Manner::Slow(Duration::from_millis(1500));
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]));
    assert!(project.run("check-ports").exits(1).stdout.contains("shop-api-1"));
}

#[test]
fn compose_that_hangs_is_ended_and_the_ports_are_checked_without_it() {
    let mut project = Project::new(COMPOSE);
    let _engine = Engine::start(&mut project);
    // Longer than a run may take here.
    project.fake_docker(&[Rule::when("config").sleep(600_000)]);
    snapshot!("fake-compose-hangs", project.run("check-ports").exits(0));
}

/// As nobody, where the tests run as root; the socket is for nobody at all.
#[test]
fn a_socket_that_is_not_for_us() {
    let (project, _engine) = project(vec![]);
    fs::set_permissions(project.root().join("engine.sock"), fs::Permissions::from_mode(0o000)).unwrap();
    let Some(run) = project.run_as_nobody("start") else { return };
    let run = run.exits(2);
    assert!(
        run.stderr.starts_with("error: no permission for the Docker engine's socket unix://[root]/engine.sock\nhint: "),
        "{run}"
    );
    assert!(!run.stderr.contains("with sudo"), "{run}");
}

/// Somebody else's process is held and hidden, never free.
#[test]
fn a_holder_that_cannot_be_seen_is_a_holder() {
    let mut project = Project::new(COMPOSE);
    project.hold("0.0.0.0", &[0]);
    let Some(run) = project.run_as_nobody("check-ports") else { return };
    snapshot!("check-hidden-holder", run.exits(1));
    let run = project.run_as_nobody("check-ports --stop-holders --yes").unwrap();
    snapshot!("stop-hidden-holder", run.exits(1));
}

/// Ports below 1024 are free to an engine, whatever we may do ourselves.
#[test]
fn a_privileged_port_is_no_conflict_for_an_ordinary_person() {
    let project = Project::new("services:\n  web:\n    image: web\n    ports: [\"1:80\"]\n");
    let Some(run) = project.run_as_nobody("check-ports") else { return };
    assert!(run.exits(0).stdout.contains("free"));
}
