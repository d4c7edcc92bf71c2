//! Ports that the engine will not bind, or has not, although they stand under
//! `ports:`.

use serde_json::{Value, json};

use crate::fake_docker::{comes_up, own, project, row};
use crate::support::engine::{Engine, network};
use crate::support::{Project, Rule, snapshot};

/// A project whose service `web` has these further keys, and these networks.
fn with(service: &str, networks: &str) -> (Project, Engine) {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    let engine = Engine::start(&mut project);
    let config = format!(
        r#"{{"name":"demo","networks":{{{networks}}},"services":{{"web":{{"image":"web",{service},"ports":[{{"target":80,"published":"@0","protocol":"tcp"}}]}}}}}}"#
    );
    project.fake_docker(&[Rule::when("docker compose config").stdout(config), Rule::when("up").tells("up")]);
    (project, engine)
}

const DEFAULT: &str = r#""networks":{"default":null}"#;

#[test]
fn modes_and_internal_networks() {
    let internal = r#""default":{"name":"demo_default","internal":true}"#;
    for (service, networks, why, exit) in [
        (r#""network_mode":"host""#, "", "network_mode: host: the engine discards", 0),
        (r#""network_mode":"none""#, "", "network_mode: none", 0),
        (r#""network_mode":"service:vpn""#, "", "the engine refuses `ports:` here; they belong to the service vpn", 1),
        (r#""network_mode":"container:vpn-1""#, "", "they belong to the container vpn-1", 1),
        (DEFAULT, internal, "all its networks are internal", 0),
    ] {
        let (mut project, _engine) = with(service, networks);
        // Nobody there is in the way.
        project.hold("0.0.0.0", &[0]);
        let run = project.run("check-ports").exits(exit);
        assert!(run.stdout.contains("not published") && run.stdout.contains(why), "{run}");
        let found = row(&project.run("check-ports --format json").exits(exit));
        assert_eq!(found["verdict"], "not published");
        assert!(found["why"].as_str().unwrap().contains(why), "{found}");
        assert_eq!((&found["owners"], &found["suggestion"]), (&json!([]), &Value::Null));
        if exit == 1 {
            let run = project.run("start --on-conflict reassign").exits(1);
            assert!(run.stderr.contains("web cannot publish 18000") && !project.calls().contains(" up "), "{run}");
        }
    }
}

#[test]
fn what_is_discarded_is_said_at_a_start() {
    let (mut project, engine) = with(r#""network_mode":"host""#, "");
    project.hold("0.0.0.0", &[0]);
    let mut running = own(&project, ("running", "Up 1 second"), project.port(0));
    running["Ports"] = json!([]);
    engine.on("up", move |state| state.containers = vec![running.clone()]);
    snapshot!("not-published-start", project.run("start").exits(0));
    let answer = project.run("start --format json").exits(0).json();
    assert_eq!(
        (&answer["not_published"][0]["service"], &answer["not_published"][0]["address"]),
        (&json!("web"), &json!(project.port(0).to_string()))
    );
}

/// From the model while the network is not there, and then from the engine.
#[test]
fn the_address_comes_from_the_network() {
    let option = r#"{"com.docker.network.bridge.host_binding_ipv4":"127.0.0.2"}"#;
    let plain = r#""default":{"name":"demo_default"}"#;
    let own = format!(r#""default":{{"name":"demo_default","driver_opts":{option}}}"#);
    let external = r#""default":{"name":"shared","external":true}"#;
    let there = |name: &str| {
        let mut network = network("demo", name);
        network["Options"] = serde_json::from_str(option).unwrap();
        network
    };
    for (networks, there) in
        [(own.as_str(), None), (plain, Some(there("demo_default"))), (external, Some(there("shared")))]
    {
        let (mut project, engine) = with(DEFAULT, networks);
        engine.state().networks.extend(there);
        project.hold("127.0.0.1", &[0]);
        let found = row(&project.run("check-ports --format json").exits(0));
        assert_eq!((&found["verdict"], &found["network_ip"]), (&json!("free"), &json!("127.0.0.2")), "{networks}");
        assert!(project.run("check-ports").stdout.contains("on 127.0.0.2, set by its network"));
        project.hold("127.0.0.2", &[0]);
        let found = row(&project.run("check-ports --format json").exits(1));
        assert_eq!((&found["verdict"], &found["host_ip"]), (&json!("taken"), &Value::Null), "{networks}");
    }
}

// --- A container that runs without its ports -------------------------------

/// As `docker network disconnect` leaves it.
fn unbound(project: &Project) -> Value {
    let mut container = own(project, ("running", "Up 2 hours (healthy)"), project.port(0));
    container["Ports"] = json!([{ "PrivatePort": 80, "Type": "tcp" }]);
    container
}

#[test]
fn a_missing_binding_is_seen_and_mended_once() {
    let anew = "docker compose up -d --force-recreate --no-deps web";
    let (project, engine) = project(vec![Rule::when(anew).tells("anew"), Rule::when("up -d").tells("up")]);
    engine.has(unbound(&project)).on("up", |_| {});
    let check = project.run("check-ports").exits(0);
    assert!(check.stdout.contains("not published"), "{check}");
    assert!(
        check.stdout.contains("demo-web-1 is running, but the engine has not bound this port: `cargo xtask start`"),
        "{check}"
    );
    let _proxies = comes_up(&project, &engine, "anew", project.port(0), "Up 1 second (healthy)");
    let run = project.run("start").exits(0);
    assert!(
        run.stderr.contains("note: web is running, but the engine has not bound 18000: recreating its container"),
        "{run}"
    );
    assert_eq!(engine.state().changes, ["POST /up", "POST /anew"]);
    assert!(project.run("check-ports").exits(0).stdout.contains("ours, running"));
}

#[test]
fn a_binding_that_stays_away_is_an_error() {
    let (project, engine) = project(vec![Rule::when("up").tells("up")]);
    engine.has(unbound(&project)).on("up", |_| {});
    let run = project.run("start").exits(1);
    assert!(run.stderr.contains("error: started, but the engine has not bound 18000 of web"), "{run}");
    assert_eq!(engine.state().changes, ["POST /up", "POST /up"]);
    assert!(!run.stderr.contains(" up\n") && run.stdout.is_empty(), "{run}");
}
