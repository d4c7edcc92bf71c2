//! `prune-network` against a stand-in for the engine.

use serde_json::{Value, json};

use crate::fake_docker::project;
use crate::support::engine::{Engine, container};
use crate::support::{Project, snapshot};

/// As the engine lists one that is old enough.
fn network(name: &str, project: Option<&str>, subnet: &str) -> Value {
    let labels = project.map(|project| json!({ "com.docker.compose.project": project }));
    json!({
        "Id": format!("{name}-id"), "Name": name, "Driver": "bridge", "Scope": "local",
        "Created": "2026-01-01T00:00:00.5Z", "Labels": labels,
        "IPAM": { "Config": [{ "Subnet": subnet }] }, "Containers": {},
    })
}

/// A stopped stack, an orphan, a foreign network, a shared one, and the engine's.
pub(crate) fn machine() -> (Project, Engine) {
    let (project, engine) = project(vec![]);
    engine.has(container(("shop", "api", "/src/shop"), ("exited", "Exited (0)"), &[]));
    engine.state().networks = vec![
        network("bridge", None, "172.17.0.0/16"),
        network("shop_default", Some("shop"), "172.18.0.0/16"),
        network("blog_default", Some("blog"), "172.19.0.0/16"),
        network("kind", None, "172.20.0.0/16"),
        network("web", None, "172.21.0.0/16"),
    ];
    (project, engine)
}

fn names(engine: &Engine) -> Vec<String> {
    engine.state().networks.iter().map(|network| network["Name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn only_what_nobody_needs_goes() {
    let (project, engine) = machine();
    snapshot!("prune-dry-run", project.run("prune-network --dry-run").exits(0));
    assert_eq!(engine.state().changes, [""; 0]);
    // Without a terminal nobody agreed.
    let run = project.run("prune-network").exits(1);
    assert!(run.stderr.contains("hint: add --yes"), "{run}");
    assert_eq!(engine.state().changes, [""; 0]);
    snapshot!("prune", project.run("prune-network --yes").exits(0));
    assert_eq!(engine.state().changes, ["DELETE /networks/blog_default-id"]);
    assert_eq!(names(&engine), ["bridge", "shop_default", "kind", "web"]);
    let run = project.run("prune-network").exits(0);
    assert!(run.stdout.contains("no network to remove"), "{run}");
}

#[test]
fn all_takes_foreign_ones_and_never_a_shared_one() {
    let (project, engine) = machine();
    let run = project.run("prune-network --all --yes --format json").exits(0);
    assert_eq!(run.json()["removed"], json!(["blog_default", "kind"]));
    assert_eq!(run.json()["pools"], json!({ "before": 4, "after": 2, "total": 30 }));
    assert_eq!(names(&engine), ["bridge", "shop_default", "web"]);
    let why = |name: &str| {
        let kept = run.json()["kept"].clone();
        kept.as_array().unwrap().iter().find(|kept| kept["name"] == name).unwrap()["why"].as_str().unwrap().to_owned()
    };
    assert_eq!(why("shop_default"), "project shop has shop-api-1 (stopped)");
    assert!(why("web").contains("shared proxy"), "{run}");
}

#[test]
fn projects_that_are_named_are_the_only_ones_looked_at() {
    let (project, engine) = machine();
    let run = project.run("prune-network shop --yes --format json").exits(0);
    assert_eq!(run.json()["removed"], json!([]));
    assert_eq!(run.json()["kept"].as_array().unwrap().len(), 1);
    let run = project.run("prune-network shpo --yes").exits(0);
    assert!(run.stdout.contains("no network of shpo"), "{run}");
    project.run("prune-network shop blog --yes").exits(0);
    assert_eq!(names(&engine), ["bridge", "shop_default", "kind", "web"]);
}

#[test]
fn a_network_that_somebody_is_on_is_explained() {
    let (project, engine) = machine();
    engine.state().busy.push("blog_default-id".into());
    engine.state().networks[2]["Containers"] = json!({ "ff": { "Name": "grafana" } });
    let run = project.run("prune-network --yes").exits(1);
    assert!(
        run.stderr
            .contains("blog_default stays: grafana is connected: `docker network disconnect blog_default grafana`"),
        "{run}"
    );
}

/// The engine is asked again after the answer: a start may have come in between.
#[test]
fn a_project_that_came_back_meanwhile_keeps_its_network() {
    let (project, engine) = machine();
    engine.state().networks[2]["Created"] = json!(humantime::format_rfc3339(std::time::SystemTime::now()).to_string());
    let run = project.run("prune-network --yes").exits(0);
    assert!(run.stdout.contains("created a moment ago"), "{run}");
    assert_eq!(engine.state().changes, [""; 0]);
}

#[test]
fn no_engine_is_an_error() {
    let project = Project::new("services: {}\n");
    project.run("prune-network --yes").exits(2);
    project.run("prune-network --all shop").exits(2);
    project.run("prune-network --all --recreate").exits(2);
}
