//! What the engine binds of what the model publishes: nothing in some networks,
//! another address in others, and what is missing is mended.

use crate::support::{Holder, Project, docker, get};

/// Engine 29 makes this state by itself after a failed start.
#[test]
fn a_container_without_its_binding_is_made_anew() {
    let (project, port) = Project::web();
    let file = project.dir().join("docker-compose.yml").display().to_string();
    let (network, container) = (format!("{}_default", project.name), format!("{}-web-1", project.name));
    docker(["compose", "-f", &file, "-p", &project.name, "create"]).exits(0);
    docker(["network", "disconnect", "-f", &network, &container]).exits(0);
    docker(["start", &container]).exits(0);
    project.xtask(["check-ports"]).exits(0).says("not published").says("the engine has not bound this port");
    let started = project.xtask(["start"]).exits(0);
    assert!(get(&format!("http://localhost:{port}/")).starts_with("name="), "{}", started.stderr);
    project.xtask(["check-ports"]).exits(0).says("ours, running");
}

/// The recipe as it stands: the start itself meets it.
#[test]
fn a_start_of_a_container_that_was_disconnected_publishes_its_port() {
    let (project, port) = Project::web();
    let file = project.dir().join("docker-compose.yml").display().to_string();
    let (network, container) = (format!("{}_default", project.name), format!("{}-web-1", project.name));
    docker(["compose", "-f", &file, "-p", &project.name, "create"]).exits(0);
    docker(["network", "disconnect", "-f", &network, &container]).exits(0);
    project.xtask(["start"]).exits(0).says(&format!("http://localhost:{port}"));
    assert!(get(&format!("http://localhost:{port}/")).starts_with("name="));
}

#[test]
fn what_the_engine_discards_is_in_nobody_s_way_and_is_said() {
    let project = Project::new();
    let port = project.port();
    let service = |keys: &str| {
        format!(
            "services:\n  web:\n    image: engine-web\n    {keys}\n    ports: [\"{port}:8080\"]\nnetworks:\n  inside: {{internal: true}}\n"
        )
    };
    let _holder = Holder::socket("tcp", "0.0.0.0", port);
    for (keys, why) in [("network_mode: none", "network_mode: none"), ("networks: [inside]", "internal")] {
        project.write("docker-compose.yml", service(keys));
        project.xtask(["check-ports"]).exits(0).says("not published").says(why);
        project.xtask(["start"]).exits(0).says(&format!("note: {port} of web is not published")).says(why);
    }
    project.write("docker-compose.yml", service("network_mode: container:nobody"));
    project.xtask(["check-ports"]).exits(1).says("the engine refuses `ports:` here");
}

#[test]
fn the_address_of_a_network_is_the_one_that_is_looked_at() {
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\nnetworks:\n  default:\n    driver_opts: {{com.docker.network.bridge.host_binding_ipv4: 127.0.0.2}}\n"
        ),
    );
    let beside = Holder::socket("tcp", "127.0.0.1", port);
    project.xtask(["check-ports"]).exits(0).says("free").says("on 127.0.0.2, set by its network");
    project.xtask(["start"]).exits(0).says(&format!("http://127.0.0.2:{port}"));
    assert!(get(&format!("http://127.0.0.2:{port}/")).starts_with("name="));
    project.xtask(["check-ports"]).exits(0).says("ours, running");
    project.xtask(["stop"]).exits(0);
    drop(beside);
    let _there = Holder::socket("tcp", "127.0.0.2", port);
    project.xtask(["check-ports"]).exits(1).says("taken");
}
