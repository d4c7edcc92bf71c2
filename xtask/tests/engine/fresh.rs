//! The first start: services read a `.env` that is not there yet, and engines are
//! older than the compose file.

use crate::support::{Project, docker, need_engine};

/// Compose refuses such a project until the file is there.
#[test]
fn a_clone_whose_services_read_env_starts_from_its_template() {
    need_engine();
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        "services:\n  web:\n    image: engine-web\n    env_file: .env\n    ports: [\"${WEB_PORT:-1}:8080\"]\n",
    );
    project.write("env.example", format!("WEB_PORT={port}\n"));
    project.xtask(["check-ports"]).exits(0).says(&port.to_string()).says("free");
    project.xtask(["start", "--no-write"]).exits(2).says(".env does not exist, but service `web` reads it");
    project.xtask(["start"]).exits(0).says(".env created from env.example").says(&format!("http://localhost:{port}"));
    project.xtask(["stop"]).exits(0);
}

/// DOCKER_API_VERSION has Compose speak to this engine as to Docker 20.10, and
/// refuse the same.
#[test]
fn start_interval_is_left_out_for_an_engine_that_refuses_it() {
    need_engine();
    let project = Project::with(
        "services:\n  app:\n    image: python:3.13-slim\n    command: [sleep, '600']\n    init: true\n    healthcheck:\n      test: [CMD, python, -c, '']\n      start_interval: ${HEALTH:-300ms}\n      start_period: 20s\n      interval: 1s\n",
    );
    let old = [("DOCKER_API_VERSION", "1.41")];
    project.xtask_env(&old, ["start"]).exits(0).says("note: this engine does not support start_interval");
    let (_, id, _) = &project.containers()[0];
    let check = docker(["inspect", "--format", "{{json .Config.Healthcheck}}", id]).exits(0).stdout;
    assert!(check.contains("Interval") && !check.contains("StartInterval"), "{check}");
    project.xtask(["start"]).exits(0).never_says("start_interval");
    let (_, id, _) = &project.containers()[0];
    let check = docker(["inspect", "--format", "{{json .Config.Healthcheck}}", id]).exits(0).stdout;
    assert!(check.contains("StartInterval"), "{check}");
}
