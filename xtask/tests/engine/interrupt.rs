//! Ctrl-C while services start: the containers stay, the message says so, and
//! the terminal is as it was.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{LIMIT, Project, Running};

/// A service that stays `starting` for as long as a test takes.
fn slow() -> Project {
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n    healthcheck:\n      test: [\"CMD\", \"/nope\"]\n      \
             interval: 1s\n      start_period: 300s\n"
        ),
    );
    project
}

#[test]
fn a_signal_during_the_wait() {
    let project = slow();
    let mut start = Running::start(project.command(["start"]));
    start.until("starting");
    std::thread::sleep(Duration::from_millis(500));
    start.signal(Signal::INT);
    let output = start.finish(LIMIT).exits(130);
    output.says("containers that were started keep running").says("cargo xtask stop").never_says("panicked");
    assert_eq!(project.running(), ["web"]);
}

/// While Compose still works: a dependency that is not healthy yet.
#[test]
fn a_signal_while_compose_works() {
    let project = slow();
    let mut text = project.read("docker-compose.yml");
    text += "  app:\n    image: engine-web\n    depends_on: { web: { condition: service_healthy } }\n";
    project.write("docker-compose.yml", text);
    let mut start = Running::start(project.command(["start"]));
    start.until("starting");
    std::thread::sleep(Duration::from_millis(500));
    start.signal(Signal::INT);
    start.finish(LIMIT).exits(130).says("keep running");
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn ctrl_c_on_a_terminal_ends_the_wait_with_130() {
    let project = slow();
    let mut terminal = project.terminal("start");
    terminal.sees("starting");
    std::thread::sleep(Duration::from_millis(700));
    terminal.types("\x03");
    terminal.ends().exits(130).says("keep running");
    assert_eq!(project.running(), ["web"]);
}

/// What is only looked at goes on.
#[test]
fn ctrl_c_ends_logs_that_are_followed_and_not_the_stack() {
    let (project, _) = Project::web();
    project.xtask(["start"]).exits(0);
    let mut terminal = project.terminal("logs --follow");
    terminal.sees("listens on port 8080");
    std::thread::sleep(Duration::from_millis(300));
    terminal.types("\x03");
    terminal.ends().exits(130);
    assert_eq!(project.running(), ["web"]);
}
