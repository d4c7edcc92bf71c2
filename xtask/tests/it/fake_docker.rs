//! Stand-ins for Docker and its engine, each in one state of mind: what is said
//! of containers that hold ports, and what `start` does when the engine refuses.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::{Engine, Manner, container, network};
use crate::support::{Project, Rule, Run, XTASK, command, end, skip, snapshot};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports:\n      - \"${WEB_PORT:-@0}:80\"\n";

/// What `docker compose config --format json` says of it. In the stand-in's
/// answers `{{NAME:default}}` is the value in `.env`.
pub(crate) fn config() -> Rule {
    Rule::when("docker compose config").stdout(
        r#"{"name":"demo","services":{"web":{"image":"web","ports":[{"mode":"ingress","target":80,"published":"{{WEB_PORT:@0}}","protocol":"tcp"}]}}}"#,
    )
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

fn row(run: &Run) -> Value {
    run.json()["ports"][0].clone()
}

/// Programs that stand for docker-proxy, started by effects on the engine;
/// ended with this value.
#[derive(Default)]
pub(crate) struct Proxies(Arc<Mutex<Vec<Child>>>);

impl Proxies {
    /// What starts one at `port`.
    fn starter(&self, project: &Project, port: u16) -> impl Fn() + Send + Sync + 'static {
        let (program, children) = (project.tool("docker-proxy"), Arc::clone(&self.0));
        move || {
            let addresses = [format!("0.0.0.0:{port}"), format!("[::1]:{port}")];
            let mut child = command(&program).args(addresses).stdout(Stdio::piped()).spawn().unwrap();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
            children.lock().unwrap().push(child);
        }
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        for mut child in self.0.lock().unwrap().drain(..) {
            drop(child.kill());
            drop(child.wait());
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
    snapshot!("fake-other-project", project.run("check-ports").ends_with(1));
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
        let run = project.run("check-ports").ends_with(want);
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
        project.run("check-ports").ends_with(want);
    }
}

#[test]
fn our_own_container_is_ours() {
    let (mut project, engine) = project(vec![]);
    let address = format!("0.0.0.0:{}", project.port(0));
    project.hold_as("docker-proxy", "", &[address]);
    engine.has(own(&project, ("running", "Up 2 hours (healthy)"), project.port(0)));
    let run = project.run("check-ports --format json").ends_with(0);
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
    snapshot!("fake-elsewhere", project.run("check-ports").ends_with(1));
    snapshot!("fake-elsewhere-start", project.run("start").ends_with(2));
    snapshot!("fake-elsewhere-stop", project.run("stop").ends_with(2));
    assert!(!project.calls().contains(" up ") && !project.calls().contains(" down"), "{}", project.calls());
}

#[test]
fn a_one_off_container_of_ours_is_stopped_by_its_id() {
    let (project, engine) = project(vec![Rule::when("docker stop").tells("stopped")]);
    let mut one_off = own(&project, ("running", "Up"), project.port(0));
    one_off["Labels"]["com.docker.compose.oneoff"] = json!("True");
    engine.has(one_off).on("stopped", |state| state.containers.clear());
    project.run("check-ports --stop-holders --yes").ends_with(0);
    assert!(
        project.calls().ends_with("docker stop demo-web-id\n") || project.calls().contains("docker stop demo-web-id\n")
    );
}

#[test]
fn a_container_is_stopped_by_its_engine_and_its_proxy_is_let_alone() {
    let (mut project, engine) = project(vec![Rule::when("docker compose -p shop stop api").tells("stopped")]);
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("docker-proxy", "", &[address]);
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]));
    engine.on("stopped", move |state| {
        end(pid);
        state.containers[0]["State"] = json!("exited");
    });
    snapshot!("fake-stop-service", project.run("check-ports --stop-holders --yes").ends_with(0));
}

#[test]
fn a_container_that_cannot_be_stopped() {
    let (project, engine) = project(vec![Rule::when("stop api").stderr("Error response from daemon: no\n").exit(1)]);
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]));
    let run = project.run("check-ports --stop-holders --yes").ends_with(1);
    assert!(
        run.stderr.contains(
            "error: still held: 18000\nhint: `docker compose -p shop stop api` failed: Error response from daemon: no"
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
    for run in [project.run("check-ports"), project.run("check-ports --format json")] {
        assert!(!run.raw.contains(['\u{1b}', '\u{7}']) && !run.raw.contains("\\u001b"), "{run}");
    }
}

#[test]
fn the_options_reach_compose() {
    let (project, _engine) = project(vec![]);
    project.file("other.yaml", COMPOSE).file("a.env", "A=1\n");
    project.run("check-ports -f other.yaml -p name --profile dev --env-file a.env").ends_with(0);
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
        let run = project.run("check-ports").ends_with(0);
        assert!(run.stderr.contains("warning: containers are not seen: "), "{name}: {run}");
        snapshot!(format!("fake-engine-{name}"), project.run("start").ends_with(2));
    }
}

fn an_engine_that_hangs_costs_ten_seconds_and_no_more() {
    let (project, engine) = project(vec![]);
    engine.state().manner = Manner::Silent;
    let begin = Instant::now();
    snapshot!("fake-engine-hangs", project.run("start").ends_with(2));
    assert!(begin.elapsed() < Duration::from_secs(14), "{:?}", begin.elapsed());
}

#[test]
fn a_slow_engine_is_waited_for() {
    let (project, engine) = project(vec![]);
    engine.state().manner = Manner::Slow(Duration::from_millis(1500));
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 8000)]));
    assert!(project.run("check-ports").ends_with(1).stdout.contains("shop-api-1"));
}

fn compose_that_hangs_is_ended() {
    let mut project = Project::new(COMPOSE);
    let _engine = Engine::start(&mut project);
    project.fake_docker(&[Rule::when("config").sleep(60_000)]);
    let begin = Instant::now();
    snapshot!("fake-compose-hangs", project.run("check-ports").ends_with(0));
    assert!(begin.elapsed() < Duration::from_secs(14), "{:?}", begin.elapsed());
}

/// As nobody, where the tests run as root; the socket is for nobody at all.
#[test]
fn a_socket_that_is_not_for_us() {
    let (mut project, _engine) = project(vec![]);
    fs::set_permissions(project.root().join("engine.sock"), fs::Permissions::from_mode(0o000)).unwrap();
    let Some(run) = as_nobody(&mut project, "start") else { return };
    snapshot!("fake-engine-denied", run.ends_with(2));
}

/// Somebody else's process is held and hidden, never free.
#[test]
fn a_holder_that_cannot_be_seen_is_a_holder() {
    let mut project = Project::new(COMPOSE);
    project.hold("0.0.0.0", &[0]);
    let Some(run) = as_nobody(&mut project, "check-ports") else { return };
    snapshot!("check-hidden-holder", run.ends_with(1));
    let run = as_nobody(&mut project, "check-ports --stop-holders --yes").unwrap();
    snapshot!("stop-hidden-holder", run.ends_with(1));
}

/// Ports below 1024 are free to an engine, whatever we may do ourselves.
#[test]
fn a_privileged_port_is_no_conflict_for_an_ordinary_person() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"1:80\"]\n");
    let Some(run) = as_nobody(&mut project, "check-ports") else { return };
    assert!(run.ends_with(0).stdout.contains("free"));
}

/// Runs the program as an ordinary user; `None` where that cannot be done.
pub(crate) fn as_nobody(project: &mut Project, words: &str) -> Option<Run> {
    let Ok(setpriv) = which::which("setpriv") else {
        skip("an ordinary user: no setpriv");
        return None;
    };
    // Where the repository is, nobody may not look.
    let copy = project.root().join("xtask-copy");
    if !copy.exists() {
        fs::copy(XTASK, &copy).unwrap();
        for folder in ["", "demo", "home", "state", "bin", "fake-docker"] {
            let path = project.root().join(folder);
            if path.exists() {
                fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
            }
        }
        std::os::unix::fs::chown(project.root().join("state"), Some(65534), Some(65534)).unwrap();
        let tool = fs::canonicalize(project.tool("docker-proxy")).unwrap();
        let docker = project.root().join("bin/docker");
        if docker.exists() {
            fs::remove_file(&docker).unwrap();
            fs::copy(tool, &docker).unwrap();
            // Its notes are ours by now.
            drop(fs::remove_file(project.root().join("fake-docker/calls")));
        }
    }
    let mut program = project.command(setpriv);
    program.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy).args(words.split_whitespace());
    let run = project.finish(words, program);
    if run.stderr.contains("setpriv") {
        skip(&format!("an ordinary user: {}", run.stderr.trim()));
        return None;
    }
    Some(run)
}

// --- start, when all goes well ---------------------------------------------

#[test]
fn up_and_proved() {
    let (project, engine) = project(vec![Rule::when("docker compose up -d").tells("up")]);
    let port = project.port(0);
    let _proxies = comes_up(&project, &engine, "up", port, "Up 1 second (healthy)");
    snapshot!("fake-start", project.run("start").ends_with(0));
    assert_eq!(engine.state().changes, ["POST /up"]);
    // Again: it is ours, and Compose is asked all the same.
    engine.on("up", |_| {});
    let run = project.run("start --format json").ends_with(0);
    let answer = run.json();
    assert_eq!(
        answer,
        json!({
            "schema": 1, "project": "demo", "moved": [],
            "services": [{ "service": "web", "state": "healthy", "urls": [format!("http://localhost:{port}")] }],
        })
    );
}

/// Somebody took the port while the container came up, as forwarders of virtual
/// machines allow.
fn a_stranger_that_answers_is_found_out() {
    let (mut project, engine) = project(vec![Rule::when("up").tells("up")]);
    let port = project.port(0);
    let running = own(&project, ("running", "Up 1 second"), port);
    engine.has(running).on("up", |_| {});
    project.hold("127.0.0.1", &[0]);
    // The mapping is ours by the engine's books, so nothing is in the way of up.
    let run = project.run("start --wait-timeout 1").ends_with(1);
    assert!(run.stderr.contains("is answered by [root]/bin/holder"), "{run}");
}

fn a_port_that_nobody_answers() {
    let (project, engine) = project(vec![Rule::when("up").tells("up")]);
    let running = own(&project, ("running", "Up 1 second"), project.port(0));
    engine.on("up", move |state| state.containers.push(running.clone()));
    snapshot!("fake-silent-port", project.run("start --wait-timeout 1").ends_with(1));
}

#[test]
fn a_service_that_ends() {
    let log = "starting\npassword=hunter2 --token=abc\nfatal: no database\n";
    let (project, engine) = project(vec![Rule::when("compose up").tells("up"), Rule::when("docker logs").stderr(log)]);
    let failed = own(&project, ("exited", "Exited (3) 1 second ago"), project.port(0));
    engine.on("up", move |state| {
        state
            .details
            .insert("demo-web-id".into(), json!({ "State": { "ExitCode": 3, "Error": "", "OOMKilled": false } }));
        state.containers.push(failed.clone());
    });
    snapshot!("fake-service-ends", project.run("start").ends_with(1));
}

#[test]
fn a_service_that_does_not_become_well_in_time() {
    let (project, engine) = project(vec![Rule::when("compose up").tells("up"), Rule::when("docker logs")]);
    let starting = own(&project, ("running", "Up 1 second (health: starting)"), project.port(0));
    engine.on("up", move |state| state.containers.push(starting.clone()));
    snapshot!("fake-too-slow", project.run("start --wait-timeout 1").ends_with(1));
}

#[test]
fn an_image_that_is_not_there() {
    let text = "Error response from daemon: pull access denied for web, repository does not exist or may require 'docker login'\n";
    let (project, _engine) =
        project(vec![Rule::when("compose up").stderr(format!(" Container demo-web-1  Creating\n{text}")).exit(1)]);
    snapshot!("fake-no-image", project.run("start").ends_with(2));
}

/// Ctrl-C while it waits: the containers stay, and that is said.
#[test]
fn an_interrupt_during_the_wait() {
    let (project, engine) = project(vec![Rule::when("compose up").tells("up")]);
    let starting = own(&project, ("running", "Up 1 second (health: starting)"), project.port(0));
    engine.on("up", move |state| state.containers.push(starting.clone()));
    let mut program = project.command(XTASK);
    let mut child = program.arg("start").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("starting") {
        assert!(stderr.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("error: interrupted: containers that were started keep running\nhint: "), "{text}");
    assert_eq!(engine.state().changes, ["POST /up"]);
}

// --- start, when the engine refuses a port ---------------------------------

/// Every form of FACTS A 2.10 that an `up` can end with. `@0` is the port.
const REFUSALS: [&str; 22] = [
    "Bind for 0.0.0.0:@0 failed: port is already allocated",
    "Bind for :::@0 failed: port is already allocated",
    "Bind for 127.0.0.1:@0 failed: port is already allocated",
    "Error starting userland proxy: listen tcp4 0.0.0.0:@0: bind: address already in use",
    "Error starting userland proxy: listen tcp 0.0.0.0:@0: bind: address already in use",
    "Error starting userland proxy: listen tcp6 [::]:@0: bind: address already in use",
    "failed to bind port 0.0.0.0:@0/tcp: Error starting userland proxy: listen tcp4 0.0.0.0:@0: bind: address already in use",
    "failed to bind host port for 0.0.0.0:@0:172.18.0.2:80/tcp: address already in use",
    "failed to bind host port for [::]:@0:172.18.0.3:8000/tcp: address already in use",
    "failed to bind host port 0.0.0.0:@0/tcp: address already in use",
    "failed to bind host port 10.0.2.100:@0/tcp: address already in use",
    "failed to bind host port 192.0.2.1:@0/tcp: cannot assign requested address",
    "error while calling RootlessKit PortManager.AddPort(): listen tcp4 0.0.0.0:@0: bind: address already in use",
    "Ports are not available: listen tcp 0.0.0.0:@0: bind: address already in use",
    "Ports are not available: exposing port TCP 0.0.0.0:@0 -> 0.0.0.0:0: listen tcp 0.0.0.0:@0: bind: address already in use",
    "ports are not available: exposing port TCP 0.0.0.0:@0 -> 127.0.0.1:0: listen tcp4 0.0.0.0:@0: bind: address already in use",
    "Ports are not available: exposing port TCP 0.0.0.0:@0 -> 0.0.0.0:0: listen tcp 0.0.0.0:@0: bind: Only one usage of each socket address (protocol/network address/port) is normally permitted.",
    "Ports are not available: exposing port TCP 0.0.0.0:@0 -> 0.0.0.0:0: listen tcp 0.0.0.0:@0: bind: Der Zugriff auf einen Socket war aufgrund der Zugriffsrechte des Sockets unzulässig.",
    "ports are not available: exposing port TCP 0.0.0.0:@0 -> 127.0.0.1:0: /forwards/expose returned unexpected status: 500",
    "rootlessport listen tcp 0.0.0.0:@0: bind: address already in use",
    "cannot expose port @0: listen tcp 0.0.0.0:@0: bind: address already in use: error while calling PortManager.AddPort()",
    "something went wrong with the request: \"listen tcp :@0: bind: address already in use\\n\"",
];

/// An `up` that creates a container and a network and then fails.
fn refusing(text: &str) -> Rule {
    let frame = "Error response from daemon: failed to set up container networking: driver failed programming external \
                 connectivity on endpoint demo-web-1 (0123456789abcdef): ";
    let progress = " Network demo_default  Created\n Container demo-web-1  Starting\n";
    Rule::when("docker compose up -d").stderr(format!("{progress}{frame}{text}\n")).exit(1).tells("up")
}

/// The engine as it is after such an `up`: with what was there before, too.
fn half_up(project: &Project, engine: &Engine) {
    let dir = project.dir();
    let created = container(("demo", "web", dir.to_str().unwrap()), ("created", "Created"), &[]);
    let before = container(("demo", "db", dir.to_str().unwrap()), ("running", "Up 2 hours"), &[]);
    engine.has(before);
    engine.state().networks.push(network("demo", "demo_back"));
    engine.state().volumes.push(json!({ "Name": "demo_data", "Labels": { "com.docker.compose.project": "demo" } }));
    engine.on("up", move |state| {
        state.containers.push(created.clone());
        state.networks.push(network("demo", "demo_default"));
    });
}

#[test]
fn every_refusal_is_understood_and_what_was_made_is_taken_back() {
    let wrong: Vec<String> = REFUSALS
        .iter()
        .filter_map(|text| {
            let (project, engine) = project(vec![refusing(text)]);
            half_up(&project, &engine);
            let run = project.run("start");
            let want = ["POST /up", "DELETE /containers/demo-web-id?force=1", "DELETE /networks/demo_default-id"];
            let state = engine.state();
            let good = run.code == 1
                && state.changes == want
                && state.containers.len() == 1
                && run.stderr.contains("warning: the engine refused port 18000 (")
                && run.stdout.contains("18000")
                && run.stdout.contains("      the engine refused it: ")
                && run.stdout.contains("free: 18001");
            (!good).then(|| format!("{text}\n{run}\n{:?}", state.changes))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REFUSALS.len(), wrong.join("\n\n"));
}

#[test]
fn a_refusal_that_is_reassigned() {
    let text = "Bind for 0.0.0.0:{{WEB_PORT:@0}} failed: port is already allocated";
    let (project, engine) = project(vec![refusing(text).times(1), Rule::when("docker compose up").tells("well")]);
    half_up(&project, &engine);
    let _proxies = comes_up(&project, &engine, "well", project.port(1), "Up 1 second");
    snapshot!("fake-refused-once", project.run("start --on-conflict reassign").ends_with(0));
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"));
}

#[test]
fn three_attempts_and_no_more() {
    let text = "failed to bind host port for 0.0.0.0:{{WEB_PORT:@0}}:172.18.0.2:80/tcp: address already in use";
    let (project, engine) = project(vec![refusing(text)]);
    half_up(&project, &engine);
    snapshot!("fake-refused-thrice", project.run("start --on-conflict reassign").ends_with(1));
    let ups = engine.state().changes.iter().filter(|change| *change == "POST /up").count();
    assert_eq!(ups, 3);
    assert_eq!(engine.state().containers.len(), 1);
    assert_eq!(engine.state().networks.len(), 1);
}

/// What was refused once is not chosen again, although a range begins with it.
#[test]
fn a_range_of_the_project_is_gone_through() {
    let text = "Bind for 0.0.0.0:{{WEB_PORT:@0}} failed: port is already allocated";
    let (project, engine) = project(vec![refusing(text)]);
    project.file("xtask.toml", "port_range = \"@0-@9\"\n");
    half_up(&project, &engine);
    let run = project.run("start --on-conflict reassign").ends_with(1);
    assert_eq!(
        run.stdout.lines().take(2).collect::<Vec<_>>(),
        ["WEB_PORT 18000 -> 18001  (.env)", "WEB_PORT 18001 -> 18002  (.env)"]
    );
}

#[test]
fn ports_go_back_when_they_are_free_again() {
    let (mut project, engine) = project(vec![Rule::when("compose up").tells("up")]);
    project.file(".env", "# mine\nWEB_PORT=@0\n");
    let pid = project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").ends_with(0);
    let _moved = comes_up(&project, &engine, "up", project.port(1), "Up 1 second");
    // Still held: nothing is said of it.
    let run = project.run("start").ends_with(0);
    assert!(!run.stderr.contains("could go back"), "{run}");
    end(pid);
    engine.on("up", |_| {});
    let run = project.run("start").ends_with(0);
    assert!(
        run.stderr.contains("note: WEB_PORT could go back 18001 -> 18000: `cargo xtask start --restore-ports`"),
        "{run}"
    );
    let _back = comes_up(&project, &engine, "up", project.port(0), "Up 1 second");
    snapshot!("fake-restore-ports", project.run("start --restore-ports").ends_with(0));
    assert_eq!(project.read(".env"), project.fill("# mine\nWEB_PORT=@0\n"));
    let run = project.run("start --restore-ports").ends_with(0);
    assert!(run.stderr.contains("no port can go back"), "{run}");
}

/// Messages without a port: there is nothing to choose again.
#[test]
fn a_refusal_that_names_no_port() {
    let text = "Ports are not available: unable to list exposed ports: Get http://unix/forwards/list: EOF";
    let (project, engine) = project(vec![refusing(text)]);
    half_up(&project, &engine);
    snapshot!("fake-refused-nameless", project.run("start --on-conflict reassign").ends_with(1));
    assert_eq!(engine.state().changes.len(), 3);
}

/// The one form of a taken port that does not say which: whoever had it may be
/// gone, or is seen by the next look.
#[test]
fn a_taken_port_without_a_number_is_tried_again() {
    let text = "failed to listen on TCP socket: address already in use";
    let (project, engine) = project(vec![refusing(text).times(2), Rule::when("docker compose up").tells("well")]);
    half_up(&project, &engine);
    let _proxies = comes_up(&project, &engine, "well", project.port(0), "Up 1 second");
    let run = project.run("start").ends_with(0);
    assert!(run.stderr.contains("on attempt 2 of 3"), "{run}");
}

/// Compose had replaced a container before it failed: that one cannot come back.
#[test]
fn what_was_replaced_is_named() {
    let (project, engine) = project(vec![refusing("Bind for 0.0.0.0:@0 failed: port is already allocated")]);
    let dir = project.dir();
    let mut old = container(("demo", "web", dir.to_str().unwrap()), ("exited", "Exited (0)"), &[]);
    old["Id"] = json!("old-id");
    let new = container(("demo", "web", dir.to_str().unwrap()), ("created", "Created"), &[]);
    engine.has(old).on("up", move |state| state.containers = vec![new.clone()]);
    let run = project.run("start").ends_with(1);
    assert!(run.stderr.contains("warning: containers of web had been replaced and are gone"), "{run}");
    assert_eq!(engine.state().changes, ["POST /up", "DELETE /containers/demo-web-id?force=1"]);
}

/// A container's own log that has the words is no refusal.
#[test]
fn a_program_that_says_the_words_itself_is_no_refusal() {
    let text = "web-1  | Error: listen EADDRINUSE: address already in use :::3000\ncontainer demo-web-1 exited (1)\n";
    let (project, engine) =
        project(vec![Rule::when("compose up").stderr(text).exit(1).tells("up"), Rule::when("logs")]);
    half_up(&project, &engine);
    let run = project.run("start");
    assert!(!run.stderr.contains("the engine refused"), "{run}");
    assert_eq!(engine.state().changes, ["POST /up"]);
}

#[test]
fn a_conflict_stops_start_before_up() {
    let (mut project, engine) = project(vec![]);
    project.hold("0.0.0.0", &[0]);
    snapshot!("fake-start-conflict", project.run("start").ends_with(1));
    let run = project.run("start --format json").ends_with(1);
    assert_eq!(row(&run)["verdict"], "taken");
    assert!(engine.state().changes.is_empty());
    assert!(!project.calls().contains(" up "), "{}", project.calls());
}

#[test]
fn a_dry_run_of_start_starts_nothing() {
    let (mut project, engine) = project(vec![]);
    project.file(".env.template", "WEB_PORT=@0\n");
    let before = project.everything();
    snapshot!("fake-start-dry-run", project.run("start --dry-run").ends_with(0));
    project.hold("0.0.0.0", &[0]);
    project.run("start --dry-run --on-conflict reassign").ends_with(1);
    assert_eq!(project.everything(), before);
    assert!(engine.state().changes.is_empty());
}

// --- stop ------------------------------------------------------------------

#[test]
fn stop_asks_before_volumes_and_says_what_is_left() {
    let (project, engine) = project(vec![Rule::when("docker compose down").tells("down")]);
    half_up(&project, &engine);
    engine.on("down", |state| state.containers.clear());
    snapshot!("fake-stop-volumes", project.run("stop --volumes").ends_with(1));
    assert!(engine.state().changes.is_empty());
    snapshot!("fake-stop", project.run("stop --timeout 2").ends_with(0));
    snapshot!("fake-stop-volumes-yes", project.run("stop --volumes --yes").ends_with(0));
    let calls = project.calls();
    let downs: Vec<&str> = calls.lines().filter(|line| line.contains(" down")).collect();
    assert_eq!(downs, ["docker compose down --timeout 2", "docker compose down --volumes"]);
}

// --- Waiting ---------------------------------------------------------------

/// These wait more than they work: side by side.
#[test]
fn what_takes_its_time() {
    let tests: [fn(); 4] = [
        an_engine_that_hangs_costs_ten_seconds_and_no_more,
        compose_that_hangs_is_ended,
        a_port_that_nobody_answers,
        a_stranger_that_answers_is_found_out,
    ];
    std::thread::scope(|scope| {
        for test in tests {
            scope.spawn(test);
        }
    });
}
