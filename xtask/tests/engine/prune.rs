//! `prune-network`: what `docker network prune` breaks stays whole, and what is
//! broken is healed. Only networks of projects of this test are ever named: other
//! tests have theirs on the same engine.

use crate::own_engine::Engine;
use crate::support::{LIMIT, Lone, Project, docker, get, list, wait_until};

/// A network as Compose makes it, and no container.
fn orphan(project: &str) -> String {
    let name = format!("{project}_default");
    docker(["network", "create", "--label", &format!("com.docker.compose.project={project}"), &name]).exits(0);
    name
}

fn is_there(network: &str) -> bool {
    docker(["network", "inspect", network]).code == 0
}

#[test]
fn a_stopped_stack_keeps_its_network_and_an_orphan_goes() {
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    docker(["stop", &format!("{}-web-1", project.name)]).exits(0);
    let ours = format!("{}_default", project.name);
    let gone = project.also("gone");
    let orphan = orphan(&gone);
    // A container that was never started counts, too.
    let created = project.also("created");
    let held = self::orphan(&created);
    let lone = format!("{created}-c");
    docker(["create", "--name", &lone, "--network", &held, "engine-web"]).exits(0);
    let _lone = Lone::expected(&lone);
    project.xtask(["prune-network", &project.name, &gone, &created]).exits(1).says("add --yes");
    assert!(is_there(&orphan));
    let output = project.xtask(["prune-network", &project.name, &gone, &created, "--yes"]).exits(0);
    output.says(&format!("removed {orphan}")).says(&format!("in use by {lone} (stopped)")).says("(stopped)");
    assert_eq!([is_there(&ours), is_there(&orphan), is_there(&held)], [true, false, true]);
    // What the engine's own prune would have ended.
    docker(["start", &format!("{}-web-1", project.name)]).exits(0);
    project.xtask(["start"]).exits(0);
    get(&format!("http://127.0.0.1:{port}/"));
}

#[test]
fn a_network_that_was_removed_behind_a_stopped_stack() {
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    let container = format!("{}-web-1", project.name);
    docker(["stop", &container]).exits(0);
    docker(["network", "rm", &format!("{}_default", project.name)]).exits(0);
    project.xtask(["start"]).exits(2).says("network that was removed").says("prune-network --recreate");
    project.xtask(["diagnose", "--only", "networks"]).exits(1).says("was removed").says("prune-network --recreate");
    project.xtask(["prune-network", "--recreate"]).exits(1).says("add --yes");
    project.xtask(["prune-network", "--recreate", "--dry-run"]).exits(0).says("would run: docker compose down");
    let output = project.xtask(["prune-network", "--recreate", "--yes"]).exits(0);
    // The same port as before.
    output.says(&format!("http://localhost:{port}")).says("address pools used");
    get(&format!("http://127.0.0.1:{port}/"));
    project.xtask(["diagnose", "--only", "networks", "--only", "path"]).never_says("was removed");
}

#[test]
fn a_network_is_made_anew_and_the_data_stays() {
    let project = Project::new();
    let port = project.port();
    let volume = "    volumes: [\"data:/data\"]\n\nvolumes:\n  data:\n";
    project.write("docker-compose.yml", crate::support::web(port) + volume);
    project.xtask(["start"]).exits(0);
    let (networks, volumes) = (list("network", &project.name), project.volumes());
    let output = project.xtask(["prune-network", "--recreate", "--yes", "--format", "json"]).exits(0);
    assert_eq!(output.json()["removed"], serde_json::json!([format!("{}_default", project.name)]));
    assert_ne!(list("network", &project.name), networks);
    assert_eq!(project.volumes(), volumes);
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn somebody_else_on_the_network_is_named_before_anything_is_done() {
    let (project, _) = Project::web();
    project.xtask(["start"]).exits(0);
    let network = format!("{}_default", project.name);
    let stranger = Lone::run(&project.also("stranger"), &["--network", &network]);
    let name = format!("{}-stranger", project.name);
    let command = format!("docker network disconnect {network} {name}");
    project.xtask(["diagnose", "--only", "networks"]).says(&command);
    project.xtask(["prune-network", "--recreate", "--yes"]).exits(1).says("active endpoints").says(&command);
    assert_eq!(project.running(), ["web"]);
    docker(["network", "disconnect", &network, &name]).exits(0);
    project.xtask(["prune-network", "--recreate", "--yes"]).exits(0);
    assert!(stranger.is_running());
}

/// On an engine of its own: only there nobody else has foreign networks, or a
/// few address ranges.
#[test]
fn address_ranges_run_out_and_come_back() {
    let Some(engine) = Engine::start(&["--default-address-pool", "base=10.99.0.0/24,size=26"]) else { return };
    engine.load("engine-web");
    let host = engine.host();
    let (project, _) = Project::web();
    let xtask = |words: &[&str]| engine.xtask(&project, words).finish(LIMIT);
    // docker0 has the first of four.
    engine.docker(&["network", "create", "--label", "com.docker.compose.project=gone", "gone_default"]).exits(0);
    engine.docker(&["network", "create", "foreign"]).exits(0);
    engine.docker(&["network", "create", "web"]).exits(0);
    xtask(&["diagnose", "--only", "networks"]).exits(1).says("3 of 3 used");
    xtask(&["start"]).exits(2).says("no address range left").says("cargo xtask prune-network");
    // Made a moment ago: a start of that project may be on its way.
    xtask(&["prune-network", "--yes"]).exits(0).says("no network to remove").says("created a moment ago");
    xtask(&["prune-network", "gone", "--yes"])
        .exits(0)
        .says("removed gone_default")
        .says("2 of 3 address pools used (3 before)");
    xtask(&["start"]).exits(0);
    xtask(&["prune-network", "--all", "--yes"]).exits(0).says("removed foreign");
    let left = engine.docker(&["network", "ls", "--format", "{{.Name}}"]).exits(0).stdout;
    let mut left: Vec<&str> = left.lines().collect();
    left.sort_unstable();
    assert_eq!(left, ["bridge", "host", "none", "web", &format!("{}_default", project.name)], "{host}");
}

/// Half of the orphans are gone when the engine goes: that is said, and the next
/// run takes the others.
#[test]
fn an_engine_that_is_killed_during_a_prune() {
    let Some(mut engine) = Engine::start(&["--default-address-pool", "base=10.98.0.0/16,size=26"]) else { return };
    let (project, _) = Project::web();
    let names: Vec<String> = (0..24).map(|i| format!("gone{i:02}")).collect();
    for name in &names {
        let label = format!("com.docker.compose.project={name}");
        engine.docker(&["network", "create", "--label", &label, &format!("{name}_default")]).exits(0);
    }
    let mut words = vec!["prune-network", "--yes"];
    words.extend(names.iter().map(String::as_str));
    let left = || {
        let list = engine.docker(&["network", "ls", "--format", "{{.Name}}", "--filter", "name=gone"]).exits(0).stdout;
        list.lines().count()
    };
    let prune = engine.xtask(&project, &words);
    wait_until(|| "too few networks are removed", || left() <= 20);
    engine.kill();
    let output = prune.finish(LIMIT).exits(2).never_says("panicked");
    output.says("removed gone00_default").says("of 24 networks were removed").never_says("gone23_default stays");
    engine.revive();
    let output = engine.xtask(&project, &words).finish(LIMIT).exits(0);
    output.says("removed gone23_default").never_says("removed gone00_default");
    let left = engine.docker(&["network", "ls", "-q", "--filter", "name=gone"]).exits(0).stdout;
    assert_eq!(left, "");
}

/// The containers take their time to end, and the engine goes meanwhile: the
/// next run has the project up again.
#[test]
fn an_engine_that_is_killed_while_a_network_is_made_anew() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    engine.load("engine-web");
    let (project, port) = Project::web();
    let text = project.read("docker-compose.yml");
    // It gets a signal that it does not end by.
    project.write("docker-compose.yml", format!("{text}    stop_signal: SIGWINCH\n    stop_grace_period: 60s\n"));
    engine.xtask(&project, &["start"]).finish(LIMIT).exits(0);
    let mut recreate = engine.xtask(&project, &["prune-network", "--recreate", "--yes"]);
    recreate.until("Stopping");
    engine.kill();
    recreate.finish(LIMIT).exits(2).says("no Docker engine answers").says("hint: ").never_says("panicked");
    engine.revive();
    project.write("docker-compose.yml", text);
    let again = engine.xtask(&project, &["prune-network", "--recreate", "--yes"]).finish(LIMIT).exits(0);
    again.says(&format!("http://localhost:{port}"));
}
