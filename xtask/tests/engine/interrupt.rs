//! Ctrl-C while services start: the containers stay, the message says so, and
//! the terminal is as it was.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{LIMIT, Project, Running, Terminal};

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
    let mut text = String::from_utf8(project.read("docker-compose.yml")).unwrap();
    text += "  app:\n    image: engine-web\n    depends_on: { web: { condition: service_healthy } }\n";
    project.write("docker-compose.yml", text);
    let mut start = Running::start(project.command(["start"]));
    start.until("starting");
    std::thread::sleep(Duration::from_millis(500));
    start.signal(Signal::INT);
    let output = start.finish(LIMIT).exits(130).says("keep running");
    assert!(output.took < Duration::from_secs(30), "{:?}", output.took);
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn the_key_on_a_terminal() {
    let project = slow();
    let start = project.command(["start"]);
    let line = format!(
        "trap : INT; stty -g >before; {} start; code=$?; stty -g >after; exit $code",
        start.get_program().to_string_lossy()
    );
    let mut terminal = Terminal::start(&start, &line);
    terminal.until("starting");
    std::thread::sleep(Duration::from_millis(700));
    terminal.press(&[3]);
    let output = terminal.finish().exits(130).says("keep running");
    assert_eq!(project.read("before"), project.read("after"));
    // The cursor was hidden at most as often as it was shown again.
    let count = |what: &str| output.stdout.matches(what).count();
    assert!(
        count("\x1b[?25l") == 0 || output.stdout.rfind("\x1b[?25h") > output.stdout.rfind("\x1b[?25l"),
        "{}",
        output.stdout
    );
    assert_eq!(project.running(), ["web"]);
}

/// What is only looked at goes on.
#[test]
fn the_key_while_logs_are_followed() {
    let (project, _) = Project::web();
    project.xtask(["start"]).exits(0);
    let logs = project.command(["logs", "--follow"]);
    let line = format!("trap : INT; {} logs --follow; exit $?", logs.get_program().to_string_lossy());
    let mut terminal = Terminal::start(&logs, &line);
    terminal.until("listens on port 8080");
    std::thread::sleep(Duration::from_millis(300));
    terminal.press(&[3]);
    terminal.finish().exits(130);
    assert_eq!(project.running(), ["web"]);
}
