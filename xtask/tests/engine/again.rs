//! A stack that is up already, here or from another folder.

use crate::support::{LIMIT, Project, Running, get, web};

#[test]
fn a_second_start_finds_its_own_and_keeps_it() {
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    let before = project.containers();
    let report = project.xtask(["check-ports", "--format", "json"]).exits(0).json();
    assert_eq!(report["ports"][0]["verdict"], "ours");
    assert_eq!(report["ports"][0]["owners"][0]["id"], before[0].1.as_str());
    project.xtask(["start"]).exits(0).says(&format!("http://localhost:{port}"));
    assert_eq!(project.containers(), before);
}

#[test]
fn a_changed_mapping_of_a_running_service_is_ours() {
    let project = Project::new();
    let (first, second) = (project.port(), project.port());
    project.write("docker-compose.yml", web(first));
    project.xtask(["start"]).exits(0);
    // The same port for another container port, and a further one.
    let changed = format!(
        "services:\n  web:\n    image: engine-web\n    environment: {{ PORT: 8081 }}\n    ports: [\"{first}:8081\", \"{second}:8081\"]\n"
    );
    project.write("docker-compose.yml", changed);
    project.xtask(["check-ports"]).exits(0).says("ours, running").never_says("taken");
    project.xtask(["start"]).exits(0);
    for port in [first, second] {
        assert!(get(&format!("http://127.0.0.1:{port}/")).starts_with("name="));
    }
}

#[test]
fn stop_and_start_keep_the_same_ports() {
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    project.xtask(["stop"]).exits(0);
    project.has_nothing();
    project.xtask(["start"]).exits(0).says(&format!("http://localhost:{port}"));
    // Containers that were stopped and not removed hold nothing.
    crate::support::docker(["compose", "-p", &project.name, "stop"]).exits(0);
    project.xtask(["check-ports"]).exits(0).says("free");
    project.xtask(["start"]).exits(0);
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn the_same_name_from_another_folder_is_refused() {
    let (theirs, _) = Project::web();
    theirs.xtask(["start"]).exits(0);
    let before = theirs.containers();
    // The same folder name somewhere else: to Compose one project.
    let ours = Project::named(&theirs.name);
    let port = ours.port();
    ours.write("docker-compose.yml", web(port));
    let folder = theirs.dir();
    for command in ["start", "stop", "restart"] {
        ours.xtask([command]).exits(2).says(&folder.display().to_string()).says("COMPOSE_PROJECT_NAME=");
    }
    ours.xtask(["stop", "--volumes", "--yes"]).exits(2);
    ours.xtask(["check-ports"]).exits(0).says(&folder.display().to_string());
    assert_eq!(theirs.containers(), before);
    // As the hint says.
    let name = ours.also("2");
    ours.write(".env", format!("COMPOSE_PROJECT_NAME={name}\n"));
    ours.xtask(["start"]).exits(0);
    assert!(get(&format!("http://127.0.0.1:{port}/")).starts_with("name="));
    ours.xtask(["stop"]).exits(0);
    assert_eq!(theirs.containers(), before);
}

#[test]
fn two_projects_run_side_by_side() {
    let (one, first) = Project::web();
    let (two, second) = Project::web();
    let (a, b) = (Running::start(one.command(["start"])), Running::start(two.command(["start"])));
    a.finish(LIMIT).exits(0).says(&format!("http://localhost:{first}"));
    b.finish(LIMIT).exits(0).says(&format!("http://localhost:{second}"));
    one.xtask(["stop"]).exits(0);
    assert_eq!(two.running(), ["web"]);
}

/// Compose twice at once fails on the name of a container: the second waits.
#[test]
fn two_starts_of_one_project_at_once() {
    let (project, _) = Project::web();
    let starts = [1, 2, 3].map(|_| Running::start(project.command(["start"])));
    let outputs = starts.map(|start| start.finish(LIMIT).exits(0));
    assert!(outputs.iter().any(|output| output.stderr.contains("another start or stop of")), "{outputs:?}");
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn stop_names_what_stays() {
    let (project, _) = Project::web();
    project.xtask(["start"]).exits(0);
    let network = format!("{}_default", project.name);
    let lone = crate::support::Lone::run(&format!("{}-guest", project.name), &["--network", &network]);
    project.xtask(["stop"]).exits(0).says(&format!("left: network {network}"));
    assert!(lone.is_running());
    drop(lone);
    project.xtask(["stop"]).exits(0).never_says("left:");
    project.has_nothing();
}
