//! `start` and `stop` with a stand-in for Docker Desktop.

use crate::support::engine::{Engine, container};
use crate::support::{Project, Rule, wait_until};

fn project() -> (Project, Engine) {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n");
    let engine = Engine::start(&mut project);
    project.fake_docker(&[
        Rule::config("{{WEB_PORT:@0}}"),
        Rule::when("docker compose up").sleep(1500).tells("up"),
        Rule::when("docker compose down").tells("down"),
    ]);
    (project, engine)
}

/// Docker Desktop's own process listens as soon as `up` is under way.
fn forward(project: &mut Project, at: u16) {
    wait_until(|| project.calls(), || project.calls().contains(" up "));
    let addresses = [format!("0.0.0.0:{}", project.port(at)), format!("[::1]:{}", project.port(at))];
    project.hold_as("com.docker.backend", "", &addresses);
}

#[test]
fn up_and_proved_and_down() {
    let (mut project, engine) = project();
    let dir = project.dir().display().to_string();
    let port = project.port(1);
    let running =
        container(("demo", "web", &dir), ("running", "Up 1 second"), &[("0.0.0.0", port, 80), ("::", port, 80)]);
    engine.on("up", move |state| state.containers.push(running.clone()));
    engine.on("down", |state| state.containers.clear());
    // Somebody has the port: it moves.
    let stranger = project.hold("0.0.0.0", &[0]);
    let start = {
        let mut command = project.command(crate::support::XTASK);
        command.args(["start", "--on-conflict", "reassign"]);
        std::thread::scope(|scope| {
            let start = scope.spawn(move || command.output().unwrap());
            forward(&mut project, 1);
            start.join().unwrap()
        })
    };
    let said = String::from_utf8_lossy(&start.stdout).into_owned() + &String::from_utf8_lossy(&start.stderr);
    assert_eq!(start.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("http://localhost:{port}")), "{said}");
    assert_eq!(project.read(".env"), format!("WEB_PORT={port}\n"));
    let run = project.run("check-ports").exits(0);
    assert!(run.stdout.contains("ours, running"), "{run}");
    project.run("stop").exits(0);
    assert!(engine.state().containers.is_empty() && project.calls().contains("docker compose down\n"));
    assert!(project.runs(stranger));
}

#[test]
fn what_the_engine_refuses_is_1_or_2_and_said() {
    let (mut project, _engine) = project();
    let refused = "Error response from daemon: Ports are not available: exposing port TCP 0.0.0.0:@0 -> 0.0.0.0:0: listen tcp 0.0.0.0:@0: bind: Der Zugriff auf einen Socket war aufgrund der Zugriffsrechte des Sockets unzul\u{e4}ssig.\n";
    project.fake_docker(&[Rule::config("{{WEB_PORT:@0}}"), Rule::when("docker compose up").stderr(refused).exit(1)]);
    let run = project.run("start --on-conflict fail").exits(1);
    assert!(run.stdout.contains("18000") || run.stderr.contains("18000"), "{run}");
}
