//! The wait: services that fail, hang, end, or listen late.

use crate::support::{Project, docker, get, run, wait_until};

#[test]
fn a_service_that_ends_with_3_is_named_with_its_code() {
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n    environment: {{ START_DELAY: 2 }}\n  job:\n    \
             image: redis:7-alpine\n    entrypoint: [\"sh\", \"-c\", \"echo about to fail >&2; exit 3\"]\n"
        ),
    );
    let output = project.xtask(["start"]).exits(1);
    output.says("service `job` failed: it exited with code 3").says("| about to fail").says("cargo xtask logs job");
    assert_eq!(project.running(), ["web"]);
}

/// It looks well until it ends, and then nobody will ever answer.
#[test]
fn a_service_that_ends_while_it_is_waited_for() {
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  app:\n    image: redis:7-alpine\n    ports: [\"{port}:8000\"]\n    \
             entrypoint: [\"sh\", \"-c\", \"sleep 1; echo no module named app; exit 1\"]\n"
        ),
    );
    let output = project.xtask(["start"]).exits(1);
    output.says("service `app` failed: it exited with code 1").says("| no module named app");
}

/// Seen while it restarts: that it runs in between means nothing.
#[test]
fn a_service_that_crashes_again_and_again_is_not_up() {
    let project = Project::with(
        "services:\n  app:\n    image: redis:7-alpine\n    restart: always\n    \
         entrypoint: [\"sh\", \"-c\", \"sleep 0.2; echo no module named app; exit 1\"]\n",
    );
    // The very first look may find it running.
    project.xtask(["start", "--wait-timeout", "2"]);
    let seen = || docker(["compose", "-p", &project.name, "ps", "--all", "--format", "{{.State}}"]).stdout;
    wait_until(seen, || seen().trim() == "restarting");
    let output = project.xtask(["start", "--wait-timeout", "3"]).exits(1);
    output.says("app is starting").says("| no module named app");
}

fn checked(port: u16, test: &str, more: &str) -> String {
    format!(
        "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n    healthcheck:\n      test: {test}\n{more}"
    )
}

#[test]
fn an_unhealthy_service_is_a_finding_with_its_reason_and_log() {
    let project = Project::new();
    let port = project.port();
    let check = "[\"CMD\", \"/web\", \"nonsense\"]";
    // The check itself fails: its port is taken, by the server.
    project.write("docker-compose.yml", checked(port, check, "      interval: 200ms\n      retries: 2\n"));
    let output = project.xtask(["start"]).exits(1);
    output
        .says("service `web` failed: its healthcheck fails")
        .says("Address already in use")
        .says("listens on port 8080");
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn a_dependency_that_is_unhealthy_is_named() {
    let project = Project::new();
    let port = project.port();
    let more = "      interval: 200ms\n      retries: 2\n  app:\n    image: engine-web\n    depends_on: { web: { condition: service_healthy } }\n";
    project.write("docker-compose.yml", checked(port, "[\"CMD\", \"/nope\"]", more));
    project.xtask(["start"]).exits(1).says("service `web` failed: its healthcheck fails");
}

#[test]
fn a_service_that_is_never_healthy_ends_the_wait_in_time() {
    let project = Project::new();
    let port = project.port();
    let more = "      interval: 300ms\n      start_period: 300s\n";
    project.write(
        "docker-compose.yml",
        checked(port, "[\"CMD\", \"/web\", \"nonsense\"]", more) + "    environment: { NAME: web }\n",
    );
    let output = project.xtask(["start", "--wait-timeout", "3"]).exits(1);
    let mut output =
        output.says("web is starting").says("keep running").says("--wait-timeout 6").says("listens on port 8080");
    // How many of the states before were seen is chance.
    output.stderr = output.stderr.split_inclusive('\n').filter(|line| !line.starts_with("  web ")).collect();
    insta::assert_snapshot!("never_healthy", project.redact(&output.text()));
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn a_one_shot_that_ends_well_is_well() {
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  migrate:\n    image: redis:7-alpine\n    entrypoint: [\"sh\", \"-c\", \"sleep 1\"]\n  web:\n    image: engine-web\n    \
             ports: [\"{port}:8080\"]\n    depends_on: {{ migrate: {{ condition: service_completed_successfully }} }}\n"
        ),
    );
    let output = project.xtask(["start", "--format", "json"]).exits(0).json();
    let states: Vec<(&str, &str)> = output["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| (service["service"].as_str().unwrap(), service["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("migrate", "done"), ("web", "running")]);
    assert_eq!(output["services"][1]["urls"][0], format!("http://localhost:{port}"));
    // A second start runs it again, or not: Compose decides. It is well.
    project.xtask(["start"]).exits(0);
}

/// docker-proxy accepts for a container that does not listen.
#[test]
fn a_port_that_nobody_serves_inside_is_not_reachable() {
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!("services:\n  web:\n    image: engine-web\n    ports: [\"{port}:9999\"]\n"),
    );
    let output = project.xtask(["start", "--wait-timeout", "2"]).exits(1);
    output.says("not reachable from here").says(&format!("web at 127.0.0.1:{port}")).says("cargo xtask logs");
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn a_server_that_listens_late_and_has_no_healthcheck_is_waited_for() {
    let project = Project::new();
    let port = project.port();
    let compose = format!(
        "services:\n  web:\n    image: engine-web\n    environment: {{ START_DELAY: 4 }}\n    ports: [\"{port}:8080\"]\n"
    );
    project.write("docker-compose.yml", compose);
    project.xtask(["start"]).exits(0);
    assert!(get(&format!("http://127.0.0.1:{port}/")).starts_with("name="));
}

/// It ends after it was well: the next start brings it back.
#[test]
fn a_service_that_ended_is_started_again() {
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    drop(crate::support::try_get(&format!("http://127.0.0.1:{port}/exit")));
    wait_until(|| "/exit did not end it", || project.running().is_empty());
    project.xtask(["start"]).exits(0);
    assert_eq!(project.running(), ["web"]);
}

/// `docker compose run --service-ports` makes a container of our own service
/// that `up` never replaces.
#[test]
fn a_one_off_container_is_in_the_way() {
    let (project, port) = Project::web();
    let name = format!("{}-once", project.name);
    let mut once = crate::support::command("docker");
    once.args(["compose", "run", "-d", "--service-ports", "--name", &name, "web"]).current_dir(project.dir());
    run(once).exits(0);
    project.xtask(["check-ports"]).exits(1).says(&format!("by container {name}"));
    project.xtask(["start", "--on-conflict", "stop", "--yes"]).exits(0).says(&format!("docker stop {name}"));
    assert!(get(&format!("http://127.0.0.1:{port}/")).starts_with("name="));
}

#[test]
fn start_of_one_service_ignores_conflicts_of_others() {
    let project = Project::new();
    let (one, two) = (project.port(), project.port());
    let _holder = crate::support::Holder::http(two);
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  db:\n    image: engine-web\n  one:\n    image: engine-web\n    ports: [\"{one}:8080\"]\n    depends_on: [db]\n  \
             two:\n    image: engine-web\n    ports: [\"{two}:8080\"]\n"
        ),
    );
    // The conflict of a service that is not asked for is none.
    project.xtask(["start", "one"]).exits(0);
    assert_eq!(project.running(), ["db", "one"]);
    project.xtask(["start", "nope"]).exits(2).says("no service `nope`").says("db, one, two");
}

#[test]
fn an_image_that_is_not_there_is_said() {
    let project = Project::with("services:\n  web:\n    image: xt-no-such-image:1\n    pull_policy: never\n");
    project.xtask(["start"]).exits(2).says("xt-no-such-image:1");
    project.has_nothing();
}
