//! `diagnose`: ports, containers, networks and leases.

use serde_json::json;

use crate::diagnose::{diagnose, found, healthy, one, status};
use crate::fake_docker::{own, project};
use crate::support::engine::container;
use crate::support::{Project, Rule};

#[test]
fn a_taken_port_is_a_problem_with_its_holder_and_a_way_out() {
    let (mut project, _engine) = healthy();
    let pid = project.hold("0.0.0.0", &[0]);
    let run = diagnose(&project, "ports").exits(1);
    let taken = one(&run, "ports.taken");
    assert!(taken["seen"].as_str().unwrap().contains(&format!("pid {pid}")), "{run}");
    assert!(taken["remedy"].as_str().unwrap().contains("--on-conflict reassign"), "{run}");
    assert_eq!(taken["fixable"], json!(false));
    crate::support::end(pid);
    while project.runs(pid) {
        std::thread::yield_now();
    }
    assert_eq!(status(&diagnose(&project, "ports").exits(0), "ports.taken"), "ok");
}

#[test]
fn a_docker_proxy_that_nobody_needs_is_ended() {
    let (mut project, _engine) = healthy();
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("docker-proxy", "", &[address]);
    let run = diagnose(&project, "ports").exits(1);
    assert_eq!(one(&run, "ports.taken")["fixable"], json!(true), "{run}");
    let run = project.run("diagnose --fix --yes --only ports --format json").exits(0);
    assert_eq!((status(&run, "ports.taken"), run.json()["fixed"][0]["mended"].clone()), ("ok".into(), json!(true)));
    assert!(!project.runs(pid));
}

/// The engine publishes, and nobody listens: docker-proxy was killed.
#[test]
fn a_container_whose_forwarder_died() {
    let (mut project, engine) = healthy();
    engine.has(own(&project, ("running", "Up 2 hours"), project.port(0)));
    let run = diagnose(&project, "ports").exits(1);
    let dead = one(&run, "ports.forwarder");
    assert_eq!((&dead["status"], &dead["remedy"]), (&json!("problem"), &json!("docker restart demo-web-1")), "{run}");
    // It is back.
    let address = format!("0.0.0.0:{}", project.port(0));
    project.hold_as("docker-proxy", "", &[address]);
    assert!(found(&diagnose(&project, "ports").exits(0), "ports.forwarder").is_empty());
}

#[test]
fn a_program_on_the_other_loopback_address_stands_in_the_way() {
    let (mut project, engine) = healthy();
    let port = project.port(0);
    let dir = project.dir();
    engine.has(container(("demo", "web", dir.to_str().unwrap()), ("running", "Up"), &[("127.0.0.1", port, 80)]));
    let proxy = format!("127.0.0.1:{port}");
    project.hold_as("docker-proxy", "", &[proxy]);
    assert!(found(&diagnose(&project, "ports"), "ports.shadow").is_empty());
    let pid = project.hold_as("holder", "", &[format!("[::1]:{port}")]);
    let run = diagnose(&project, "ports");
    assert!(one(&run, "ports.shadow")["seen"].as_str().unwrap().contains(&format!("pid {pid}")), "{run}");
}

#[test]
fn a_port_for_outgoing_connections_is_noted() {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let Some(first) = range.split_whitespace().next().and_then(|word| word.parse::<u16>().ok()) else { return };
    let project = Project::new(&format!("services:\n  web:\n    image: web\n    ports: [\"{}:80\"]\n", first + 100));
    let run = diagnose(&project, "ports");
    assert_eq!(status(&run, "ports.ephemeral"), "note");
    assert_eq!(status(&diagnose(&project, "project"), "project.literals"), "note");
}

#[test]
fn a_container_that_failed_says_why_and_what_it_said_last() {
    let (project, engine) = {
        let rules = vec![Rule::when("docker logs").stdout("starting\nTOKEN=abc is wrong\n")];
        project(rules)
    };
    engine.has(own(&project, ("exited", "Exited (3) 2 seconds ago"), project.port(0)));
    let state = json!({ "State": { "ExitCode": 3 } });
    engine.state().details.insert("demo-web-id".into(), state);
    let run = diagnose(&project, "containers").exits(1);
    let seen = one(&run, "containers.state")["seen"].as_str().unwrap().to_owned();
    assert_eq!(seen, "it exited with code 3\n  | starting\n  | TOKEN=*** is wrong");
    let out_of_memory = json!({ "State": { "ExitCode": 137, "OOMKilled": true } });
    engine.state().details.insert("demo-web-id".into(), out_of_memory);
    let run = diagnose(&project, "containers").exits(1);
    assert!(one(&run, "containers.state")["seen"].as_str().unwrap().starts_with("it ran out of memory"), "{run}");
}

#[test]
fn images_that_are_missing_are_pulled() {
    let (project, engine) = project(vec![Rule::when("docker compose pull").tells("pulled")]);
    engine.on("pulled", |state| state.images.push("web".into()));
    assert_eq!(status(&diagnose(&project, "containers").exits(0), "containers.pull"), "note");
    let run = project.run("diagnose --fix --yes --only containers --format json").exits(0);
    assert_eq!(status(&run, "containers.images"), "ok");
}

#[test]
fn exhausted_address_ranges_are_found_and_made_room_in() {
    let (project, engine) = healthy();
    let network = |name: &str, project: Option<&str>, subnet: &str| {
        let labels = project.map(|project| json!({ "com.docker.compose.project": project }));
        json!({ "Id": format!("{name}-id"), "Name": name, "Scope": "local", "Driver": "bridge", "Labels": labels,
            "Created": "2026-01-01T00:00:00Z", "IPAM": { "Config": [{ "Subnet": subnet }] } })
    };
    engine.state().info =
        Some(json!({ "ServerVersion": "28", "DefaultAddressPools": [{ "Base": "10.251.0.0/24", "Size": 26 }] }));
    engine.state().networks = vec![
        network("bridge", None, "10.251.0.0/26"),
        network("a", Some("a"), "10.251.0.64/26"),
        network("b", Some("b"), "10.251.0.128/26"),
        network("c", None, "10.251.0.192/26"),
    ];
    let run = diagnose(&project, "networks").exits(1);
    let pools = one(&run, "networks.pools");
    assert_eq!((&pools["status"], &pools["seen"]), (&json!("problem"), &json!("3 of 3 used")), "{run}");
    let run = project.run("diagnose --fix --yes --only networks --format json").exits(0);
    assert_eq!(one(&run, "networks.pools")["seen"], "1 of 3 used");
    assert!(found(&run, "networks.orphans").is_empty());
    assert_eq!(engine.state().changes, ["DELETE /networks/a-id", "DELETE /networks/b-id"]);
}

#[test]
fn a_container_whose_network_is_gone() {
    let (project, engine) = healthy();
    let mut stale = own(&project, ("exited", "Exited (0)"), project.port(0));
    stale["NetworkSettings"] = json!({ "Networks": { "demo_default": { "NetworkID": "gone" } } });
    engine.has(stale);
    let run = diagnose(&project, "networks").exits(1);
    assert_eq!(one(&run, "networks.stale")["remedy"], "cargo xtask prune-network --recreate");
}

#[test]
fn ports_kept_for_a_folder_that_is_gone_are_given_back() {
    let (project, _engine) = healthy();
    let gone = project.root().join("gone");
    let there = project.dir();
    let unmounted = project.root().join("disk/gone");
    let tenant = |name: &str, dir: &std::path::Path| {
        json!({ "project": name, "dir": dir, "leases": [{ "service": "web", "target": 80, "protocol": "tcp",
            "published": 8010, "since": "2026-01-01T00:00:00Z" }] })
    };
    let book = json!({ "schema": 1, "tenants": [tenant("a", &gone), tenant("b", &there), tenant("c", &unmounted)] });
    let path = project.root().join("state/leases.json");
    std::fs::write(&path, book.to_string()).unwrap();
    assert_eq!(status(&diagnose(&project, "leases").exits(0), "leases.gone"), "note");
    let run = project.run("diagnose --fix --yes --only leases --format json").exits(0);
    assert_eq!(status(&run, "leases.gone"), "ok");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("\"a\"") && text.contains("\"b\"") && text.contains("\"c\""), "{text}");
}
