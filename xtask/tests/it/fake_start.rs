//! `start` and `stop` on an engine that is imitated: all goes well, or the engine
//! refuses a port.

use rustix::process::Signal;

use serde_json::json;

use crate::fake_docker::{comes_up, own, project, row};
use crate::support::engine::{Engine, container, network};
use crate::support::{LIMIT, Project, Rule, Running, XTASK, end, snapshot};

// --- start, when all goes well ---------------------------------------------

#[test]
fn start_reports_a_stack_that_answers() {
    let (project, engine) = project(vec![Rule::when("docker compose up -d").tells("up")]);
    let port = project.port(0);
    let _proxies = comes_up(&project, &engine, "up", port, "Up 1 second (healthy)");
    snapshot!("fake-start", project.run("start").exits(0));
    assert_eq!(engine.state().changes, ["POST /up"]);
    // Again: it is ours, and Compose is asked all the same.
    engine.on("up", |_| {});
    let run = project.run("start --format json").exits(0);
    let mut answer = run.json();
    let mut ports = answer.as_object_mut().unwrap().remove("ports").unwrap();
    // What could not be checked depends on the machine.
    assert!(!ports[0].as_object_mut().unwrap().remove("not_checked").unwrap().as_array().unwrap().is_empty());
    assert_eq!(
        ports,
        json!([{ "service": "web", "address": port.to_string(), "target": 80, "protocol": "tcp", "proof": "answered" }])
    );
    assert_eq!(
        answer,
        json!({
            "schema": 1, "project": "demo", "moved": [], "not_published": [], "places": [],
            "services": [{ "service": "web", "state": "healthy", "urls": [format!("http://localhost:{port}")] }],
        })
    );
}

/// Docker before 25.0 refuses what newer compose files say.
#[test]
fn an_old_engine_is_not_given_what_it_refuses() {
    let with = |api: &'static str| {
        let config = Rule::when("config").stdout(
            r#"{"name":"demo","services":{"web":{"image":"web","healthcheck":{"test":["CMD","true"],"start_interval":"500ms"},
            "ports":[{"mode":"ingress","target":80,"published":"@0","protocol":"tcp"}]}}}"#,
        );
        let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
        let engine = Engine::start(&mut project);
        engine.state().api = api;
        project.fake_docker(&[config, Rule::when("up -d").tells("up")]);
        let proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second (healthy)");
        (project, engine, proxies)
    };
    let (old, _engine, _proxies) = with("1.41");
    let run = old.run("start -f compose.yaml").exits(0);
    assert!(run.stderr.contains("note: this engine does not support start_interval"), "{run}");
    let up = old.calls().lines().find(|line| line.contains(" up -d")).unwrap().to_owned();
    assert!(up.starts_with("docker compose -f compose.yaml -f [root]/state/overrides/"), "{up}");
    let file = up.split(' ').nth(5).unwrap().replace("[root]", &old.root().display().to_string());
    assert!(std::fs::read_to_string(file).unwrap().contains("start_interval: !reset null"));
    let (mut new, _engine, _proxies) = with("1.51");
    assert!(!new.run("start").exits(0).stderr.contains("start_interval"));
    // Which API is spoken is the person's choice, too.
    new.set("DOCKER_API_VERSION", "1.43");
    assert!(new.run("start").exits(0).stderr.contains("note: this engine does not support start_interval"));
}

/// Somebody took the port while the container came up, as forwarders of virtual
/// machines allow.
#[test]
fn a_stranger_that_answers_in_the_containers_place_is_found_out() {
    let (mut project, engine) = project(vec![Rule::when("up").tells("up")]);
    let port = project.port(0);
    let running = own(&project, ("running", "Up 1 second"), port);
    engine.has(running).on("up", |_| {});
    project.hold("127.0.0.1", &[0]);
    // The mapping is ours by the engine's books, so nothing is in the way of up.
    let run = project.run("start --wait-timeout 1").exits(1);
    assert!(run.stderr.contains("is answered by [root]/bin/holder"), "{run}");
    assert_eq!(run.stdout, "", "its URL leads elsewhere");
    let run = project.run("start --wait-timeout 1 --format json").exits(1);
    let port = &run.json()["ports"][0];
    assert!(port["proof"].is_null() && port["not_checked"][0].as_str().unwrap().contains("is answered by"), "{run}");
}

#[test]
fn a_port_that_nobody_answers_is_a_finding() {
    let (project, engine) = project(vec![Rule::when("up").tells("up")]);
    let running = own(&project, ("running", "Up 1 second"), project.port(0));
    engine.on("up", move |state| state.containers.push(running.clone()));
    snapshot!("fake-silent-port", project.run("start --wait-timeout 1").exits(1));
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
    snapshot!("fake-service-ends", project.run("start").exits(1));
}

#[test]
fn a_service_that_does_not_become_well_in_time() {
    let (project, engine) = project(vec![Rule::when("compose up").tells("up"), Rule::when("docker logs")]);
    let starting = own(&project, ("running", "Up 1 second (health: starting)"), project.port(0));
    engine.on("up", move |state| state.containers.push(starting.clone()));
    snapshot!("fake-too-slow", project.run("start --wait-timeout 1").exits(1));
}

#[test]
fn an_image_that_is_not_there() {
    let text = "Error response from daemon: pull access denied for web, repository does not exist or may require 'docker login'\n";
    let (project, _engine) =
        project(vec![Rule::when("compose up").stderr(format!(" Container demo-web-1  Creating\n{text}")).exit(1)]);
    snapshot!("fake-no-image", project.run("start").exits(2));
}

/// Ctrl-C while it waits: the containers stay, and that is said.
#[test]
fn an_interrupt_during_the_wait() {
    let (project, engine) = project(vec![Rule::when("compose up").tells("up")]);
    let starting = own(&project, ("running", "Up 1 second (health: starting)"), project.port(0));
    engine.on("up", move |state| state.containers.push(starting.clone()));
    let mut program = project.command(XTASK);
    program.arg("start");
    let mut start = Running::start(program);
    start.until("starting");
    start.signal(Signal::INT);
    let run = start.finish(LIMIT).exits(130);
    run.says("error: interrupted: containers that were started keep running\nhint: ");
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
fn start_reassigns_a_port_that_the_engine_refuses() {
    let text = "Bind for 0.0.0.0:{{WEB_PORT:@0}} failed: port is already allocated";
    let (project, engine) = project(vec![refusing(text).times(1), Rule::when("docker compose up").tells("well")]);
    half_up(&project, &engine);
    let _proxies = comes_up(&project, &engine, "well", project.port(1), "Up 1 second");
    snapshot!("fake-refused-once", project.run("start --on-conflict reassign").exits(0));
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"));
}

#[test]
fn start_gives_up_after_three_refused_attempts() {
    let text = "failed to bind host port for 0.0.0.0:{{WEB_PORT:@0}}:172.18.0.2:80/tcp: address already in use";
    let (project, engine) = project(vec![refusing(text)]);
    half_up(&project, &engine);
    snapshot!("fake-refused-thrice", project.run("start --on-conflict reassign").exits(1));
    let ups = engine.state().changes.iter().filter(|change| *change == "POST /up").count();
    assert_eq!(ups, 3);
    assert_eq!(engine.state().containers.len(), 1);
    assert_eq!(engine.state().networks.len(), 1);
}

/// What was refused once is not chosen again, although a range begins with it.
#[test]
fn a_refused_port_is_not_chosen_again() {
    let text = "Bind for 0.0.0.0:{{WEB_PORT:@0}} failed: port is already allocated";
    let (project, engine) = project(vec![refusing(text)]);
    project.file("xtask.toml", "port_range = \"@0-@9\"\n");
    half_up(&project, &engine);
    let run = project.run("start --on-conflict reassign").exits(1);
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
    project.run("check-ports --reassign").exits(0);
    let _moved = comes_up(&project, &engine, "up", project.port(1), "Up 1 second");
    // Still held: nothing is said of it.
    let run = project.run("start").exits(0);
    assert!(!run.stderr.contains("can go back"), "{run}");
    end(pid);
    engine.on("up", |_| {});
    let run = project.run("start").exits(0);
    assert!(
        run.stderr.contains("note: WEB_PORT can go back 18001 -> 18000: `cargo xtask start --restore-ports`"),
        "{run}"
    );
    let _back = comes_up(&project, &engine, "up", project.port(0), "Up 1 second");
    snapshot!("fake-restore-ports", project.run("start --restore-ports").exits(0));
    assert_eq!(project.read(".env"), project.fill("# mine\nWEB_PORT=@0\n"));
    let run = project.run("start --restore-ports").exits(0);
    assert!(run.stderr.contains("no port can be restored"), "{run}");
}

/// Messages without a port: there is nothing to choose again.
#[test]
fn a_refusal_without_a_port_is_taken_back_and_reported() {
    let text = "Ports are not available: unable to list exposed ports: Get http://unix/forwards/list: EOF";
    let (project, engine) = project(vec![refusing(text)]);
    half_up(&project, &engine);
    snapshot!("fake-refused-nameless", project.run("start --on-conflict reassign").exits(1));
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
    let run = project.run("start").exits(0);
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
    let run = project.run("start").exits(1);
    assert!(run.stderr.contains("warning: containers of web had been replaced and are lost"), "{run}");
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
    snapshot!("fake-start-conflict", project.run("start").exits(1));
    let run = project.run("start --format json").exits(1);
    assert_eq!(row(&run)["verdict"], "taken");
    assert!(engine.state().changes.is_empty());
    assert!(!project.calls().contains(" up "), "{}", project.calls());
}

#[test]
fn a_dry_run_of_start_starts_nothing() {
    let (mut project, engine) = project(vec![]);
    project.file(".env.template", "WEB_PORT=@0\n");
    let before = project.everything();
    snapshot!("fake-start-dry-run", project.run("start --dry-run").exits(0));
    project.hold("0.0.0.0", &[0]);
    project.run("start --dry-run --on-conflict reassign").exits(1);
    assert_eq!(project.everything(), before);
    assert!(engine.state().changes.is_empty());
}

// --- stop ------------------------------------------------------------------

#[test]
fn stop_asks_before_volumes_and_says_what_is_left() {
    let (project, engine) = project(vec![Rule::when("docker compose down").tells("down")]);
    half_up(&project, &engine);
    engine.on("down", |state| state.containers.clear());
    snapshot!("fake-stop-volumes", project.run("stop --volumes").exits(1));
    assert!(engine.state().changes.is_empty());
    snapshot!("fake-stop", project.run("stop --timeout 2").exits(0));
    snapshot!("fake-stop-volumes-yes", project.run("-p demo stop --volumes --yes").exits(0));
    let calls = project.calls();
    let downs: Vec<&str> = calls.lines().filter(|line| line.contains(" down")).collect();
    assert_eq!(downs, ["docker compose down --timeout 2", "docker compose -p demo down --volumes"]);
}

#[test]
fn a_container_of_a_name_that_is_had_is_named_with_the_cure() {
    let said = "Error response from daemon: Conflict. The container name \"/shop-db\" is already in use by container \"0f2c0f2c0f2c\". You have to remove (or rename) that container to be able to reuse that name.\n";
    let (project, _engine) = project(vec![Rule::when("docker compose up -d").stderr(said).exit(1)]);
    let run = project.run("start").exits(1);
    assert!(run.stderr.contains("a container named `shop-db` already exists"), "{run}");
    assert!(run.stderr.contains("container_name:") && run.stderr.contains("`docker rm shop-db`"), "{run}");
}
