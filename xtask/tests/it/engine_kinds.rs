//! What engines bind, and whether that is in the way: each kind as a stand-in, with the answers
//! that the real ones gave.

use serde_json::json;

use crate::diagnose::{diagnose, found, healthy, one};
use crate::fake_docker::{project, row};
use crate::support::engine::{Engine, container};
use crate::support::{Project, Rule};

const PODMAN_5: &str = "Libpod/5.8.6 (linux)";
const PODMAN_6: &str = "Libpod/6.1.1 (linux)";

/// The project on an engine with this `Server` header.
fn on(server: &'static str, rootless: bool) -> (Project, Engine) {
    let (project, engine) = project(vec![]);
    {
        let mut state = engine.state();
        state.server = server;
        let options = if rootless { json!(["name=rootless"]) } else { json!([]) };
        state.info = Some(json!({ "ServerVersion": "1", "SecurityOptions": options }));
    }
    (project, engine)
}

/// Podman lists 0.0.0.0 whatever the socket is.
fn own_at(project: &Project, engine: &Engine, ip: &str) {
    let (dir, port) = (project.dir(), project.port(0));
    engine.has(container(("demo", "web", dir.to_str().unwrap()), ("running", "Up 2 hours"), &[(ip, port, 80)]));
}

#[test]
fn one_socket_of_both_families_is_our_own() {
    for (server, rootless, helper) in [(PODMAN_6, false, "conmon"), (PODMAN_5, true, "rootlessport")] {
        let (mut project, engine) = on(server, rootless);
        own_at(&project, &engine, "0.0.0.0");
        // Dual-stack.
        let address = format!("[::]:{}", project.port(0));
        let pid = project.hold_as(helper, "", &[address]);
        let run = project.run("check-ports --format json").exits(0);
        assert_eq!(row(&run)["verdict"], "ours", "{helper}: {run}");
        assert!(project.runs(pid));
    }
}

/// For an engine that binds IPv4 alone somebody on ::1 is no conflict; for others it is one.
#[test]
fn a_holder_of_the_other_family_is_in_the_way_only_of_engines_that_bind_it() {
    for (server, rootless, exit) in [
        ("", false, 1),
        ("Docker/28.5.2 (linux)", false, 1),
        (PODMAN_5, false, 0),
        (PODMAN_5, true, 1),
        (PODMAN_6, false, 1),
    ] {
        let (mut project, _engine) = on(server, rootless);
        let port = project.port(0);
        project.hold_as("holder", "", &[format!("[::1]:{port}")]);
        let run = project.run("check-ports").exits(exit);
        assert_eq!(run.stdout.contains("holder [::1]:18000"), exit == 1, "{server} {rootless}: {run}");
        // Whoever asks is told in any case.
        let who = project.run(&format!("who {port}")).exits(0);
        assert!(who.stdout.contains("holder [::1]:18000"), "{who}");
    }
}

#[test]
fn the_helper_of_another_projects_container_stands_for_it() {
    let (mut project, engine) = on(PODMAN_6, false);
    let port = project.port(0);
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up 2 hours"), &[("0.0.0.0", port, 80)]));
    project.hold_as("conmon", "", &[format!("[::]:{port}")]);
    let run = project.run("check-ports --format json").exits(1);
    let owners = row(&run)["owners"].clone();
    assert_eq!((owners.as_array().unwrap().len(), &owners[0]["name"]), (1, &json!("shop-api-1")), "{run}");
}

/// Between two runs of a container that crashes its port can be bound.
#[test]
fn a_container_that_keeps_restarting_is_named_though_its_port_is_free() {
    let (project, engine) = project(vec![]);
    let port = project.port(0);
    engine.has(container(("shop", "api", "/src/shop"), ("restarting", "Restarting (1) 2 seconds ago"), &[]));
    let bindings = json!({ "80/tcp": [{ "HostIp": "", "HostPort": port.to_string() }] });
    let detail = json!({ "State": { "Status": "restarting" }, "HostConfig": { "PortBindings": bindings } });
    engine.state().details.insert("shop-api-id".into(), detail);
    let run = project.run("check-ports").exits(1);
    assert!(run.stdout.contains("by container shop-api-1 (service api of project shop)"), "{run}");
    assert!(run.stdout.contains("which keeps restarting"), "{run}");
    let who = project.run(&format!("who {port}")).exits(0);
    assert!(who.stdout.contains("publishes 0.0.0.0:18000 and [::]:18000"), "{who}");
    assert!(
        who.stdout.contains("restarts again and again") && who.stdout.contains("`docker stop shop-api-1`"),
        "{who}"
    );
    let start = project.run("start --on-conflict fail").exits(1);
    assert!(start.stdout.contains("shop-api-1"), "{start}");
    // Another port is nobody's.
    let other = project.run(&format!("who {}", project.port(1))).exits(0);
    assert!(other.stdout.contains("free"), "{other}");
}

/// A container that its engine starts again after it was stopped is not gone.
#[test]
fn kill_does_not_call_a_port_free_whose_container_runs_again() {
    let (project, engine) = project(vec![Rule::when("docker stop").stdout("")]);
    let port = project.port(0);
    engine.has(container(("shop", "api", "/src/shop"), ("restarting", "Restarting (1)"), &[]));
    let bindings = json!({ "80/tcp": [{ "HostIp": "", "HostPort": port.to_string() }] });
    engine
        .state()
        .details
        .insert("shop-api-id".into(), json!({ "State": {}, "HostConfig": { "PortBindings": bindings } }));
    let run = project.run(&format!("kill {port} --yes")).exits(1);
    assert!(!run.stdout.contains("free now") && run.stderr.contains("still held"), "{run}");
}

#[test]
fn external_networks_and_volumes_that_are_missing_are_named() {
    let (mut project, engine) = healthy();
    let model = json!({ "name": "demo", "networks": { "edge": { "name": "edge", "external": true } },
        "volumes": { "data": { "name": "shared data", "external": true } },
        "services": { "web": { "image": "web", "networks": { "edge": null },
            "volumes": [{ "type": "volume", "source": "data", "target": "/data" }] } } });
    project.fake_docker(&[Rule::when("docker compose config").stdout(model.to_string())]);
    let run = diagnose(&project, "external").exits(1);
    let missing = found(&run, "external.missing");
    let remedies: Vec<&str> = missing.iter().filter_map(|found| found["remedy"].as_str()).collect();
    assert_eq!(remedies, ["docker network create edge", "docker volume create 'shared data'"], "{run}");
    engine.state().networks.push(json!({ "Id": "1", "Name": "edge" }));
    engine.state().volumes.push(json!({ "Name": "shared data" }));
    assert_eq!(one(&diagnose(&project, "external").exits(0), "external.exists")["status"], json!("ok"));
}

/// Podman 5's list says only that a container is up; its description knows more.
#[test]
fn the_health_of_a_container_of_podman_5_is_asked_for() {
    for (server, state) in [(PODMAN_5, "unhealthy"), (PODMAN_6, "running")] {
        let (project, engine) = on(server, false);
        own_at(&project, &engine, "0.0.0.0");
        let detail = json!({ "State": { "Status": "running", "Pid": 1, "Health": { "Status": "unhealthy" } } });
        engine.state().details.insert("demo-web-id".into(), detail);
        let ls = project.run("ls").exits(0);
        assert!(ls.stdout.contains(state), "{server}: {ls}");
    }
}
