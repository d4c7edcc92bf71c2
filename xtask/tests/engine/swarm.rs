//! An engine of its own that is a Swarm: real services, tasks and ports. Only host mode: an
//! ingress port needs IPVS in the kernel, without which dockerd does not listen on it.

use crate::own_engine::Engine;
use crate::support::{LIMIT, Project, wait_until};

#[test]
fn a_service_loses_its_port_and_keeps_running() {
    let Some(engine) = Engine::start(&[]) else { return };
    engine.load("engine-web");
    engine.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]).exits(0);
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!("services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n"),
    );
    let publish = format!("published={port},target=8080,mode=host");
    let create = ["service", "create", "--detach", "--no-resolve-image", "--name", "shop_admin", "--publish", &publish];
    engine.docker(&[&create[..], &["engine-web"]].concat()).exits(0);
    let published = || engine.docker(&["ps", "--format", "{{.Ports}}"]).stdout.contains(&format!(":{port}->"));
    wait_until(|| engine.docker(&["service", "ps", "shop_admin"]).stdout, published);
    let run = |words: &[&str]| engine.xtask(&project, words).finish(LIMIT);
    let number = port.to_string();

    run(&["who", &number]).exits(0).says("by Swarm service shop_admin").says("--publish-rm");
    run(&["check-ports"]).exits(1).says("by Swarm service shop_admin");
    run(&["ls"]).exits(0).says(&format!("{port}->8080/tcp"));
    for (words, what) in [
        (vec!["kill", "2377", "--yes", "--force"], "Swarm's cluster management of this engine"),
        (vec!["kill", "7946", "--yes", "--force"], "Swarm's node communication of this engine"),
        (vec!["kill", "7946", "--udp", "--yes", "--force"], "Swarm's node communication of this engine"),
        (vec!["kill", "4789", "--udp", "--yes", "--force"], "Swarm's overlay traffic of this engine"),
    ] {
        run(&words).exits(1).says(what).says("refuses to stop");
    }
    engine.docker(&["version"]).exits(0);

    run(&["kill", &number, "--yes"]).exits(0).says("free now").says("undo: docker service update");
    let running = || engine.docker(&["service", "ls", "--format", "{{.Replicas}}"]).stdout.trim() == "1/1";
    wait_until(|| engine.docker(&["service", "ps", "shop_admin"]).stdout, running);
    run(&["start"]).exits(0).says(&format!("http://localhost:{port}"));

    // Its undo works.
    let undo = format!("published={port},target=8080,protocol=tcp,mode=host");
    run(&["stop"]).exits(0);
    engine.docker(&["service", "update", "--detach", "--publish-add", &undo, "shop_admin"]).exits(0);
    wait_until(|| engine.docker(&["service", "ps", "shop_admin"]).stdout, published);
}
