//! Containers carry labels that anybody can write. Who holds a port is stopped
//! by id, and a label that is no name is believed nowhere.

use serde_json::{Value, json};

use crate::fake_docker::{project, row};
use crate::support::engine::{Engine, container};
use crate::support::{Project, Rule, end};

/// A container on the project's first port that carries these two labels.
fn labelled(project: &Project, engine: &Engine, (name, service): (&str, &str)) {
    let mut other = container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 80)]);
    other["Labels"]["com.docker.compose.project"] = json!(name);
    other["Labels"]["com.docker.compose.service"] = json!(service);
    engine.has(other).on("stopped", |state| state.containers[0]["State"] = json!("exited"));
}

/// What was stopped, in which words.
fn stops(project: &Project) -> Vec<String> {
    project.calls().lines().filter(|line| line.contains("stop")).map(str::to_owned).collect()
}

#[test]
fn no_word_of_a_label_reaches_a_command_line() {
    for labels in [("--all", "web"), ("shop", "--volumes"), ("-x", "-y"), ("shop", "a b"), ("Shop;", "$(web)")] {
        let (project, engine) = project(vec![Rule::when("docker stop").tells("stopped")]);
        labelled(&project, &engine, labels);
        let run = project.run("check-ports --stop-holders --yes").exits(0);
        assert_eq!(stops(&project), ["docker stop shop-api-id"], "{labels:?}");
        assert!(run.stdout.contains("stop: docker stop shop-api-1\n"), "{labels:?}: {run}");
    }
}

#[test]
fn labels_that_are_no_names_are_shown_nowhere() {
    let (project, engine) = project(vec![]);
    labelled(&project, &engine, ("--all", "web"));
    let owner = &row(&project.run("check-ports --format json"))["owners"][0];
    let of = [&owner["name"], &owner["project"], &owner["service"], &owner["working_dir"]];
    assert_eq!(of, [&json!("shop-api-1"), &Value::Null, &Value::Null, &Value::Null]);
    let port = project.port(0).to_string();
    for words in ["ls", "ls --format json", "check-ports", "check-ports --all", &format!("who {port}"), "ranges"] {
        let run = project.run(words);
        assert!(!run.raw.contains("--all") && !run.raw.contains("/src/shop"), "{words}: {run}");
    }
}

/// `docker commit` keeps labels, and a service may have several containers.
#[test]
fn only_the_container_on_the_port_is_stopped() {
    let (mut project, engine) = project(vec![Rule::when("docker stop copy").tells("stopped")]);
    let address = format!("0.0.0.0:{}", project.port(0));
    let forwarder = project.hold_as("docker-proxy", "", &[address]);
    let of = ("shop", "api", "/src/shop");
    engine.has(container(of, ("running", "Up"), &[("0.0.0.0", project.port(1), 80)]));
    let mut copy = container(of, ("running", "Up"), &[("0.0.0.0", project.port(0), 80)]);
    (copy["Id"], copy["Names"]) = (json!("copy"), json!(["/copy-of-api"]));
    engine.has(copy).on("stopped", move |state| {
        end(forwarder);
        state.containers[1]["State"] = json!("exited");
    });
    let port = project.port(0).to_string();
    let said = project.run(&format!("who {port}"));
    assert!(said.stdout.contains("advice: stop it: `docker stop copy-of-api`"), "{said}");
    project.run(&format!("kill {port} --yes")).exits(0);
    assert_eq!(stops(&project), ["docker stop copy"]);
}
