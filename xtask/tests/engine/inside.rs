//! Within a container that was given the engine's socket, as dev containers are:
//! ports are bound around it, where nothing of the inside is seen.
use crate::support::{Holder, Output, Project, XTASK, command, docker, need_engine, run, skip};

/// Has glibc, and a shell.
const IMAGE: &str = "python:3.13-slim";

/// Runs the program in a container, the project at the same path as here.
fn inside(project: &Project, options: &[&str], words: &str) -> Option<Output> {
    let client = which::which("docker").ok()?;
    let plugin = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"]
        .map(|folder| format!("{folder}/docker/cli-plugins/docker-compose"))
        .into_iter()
        .find_map(|path| std::fs::canonicalize(path).ok());
    let Some(plugin) = plugin else {
        skip("Compose's plugin is in none of the usual folders");
        return None;
    };
    let mount = |from: &std::path::Path, to: &str| format!("{}:{to}", from.display());
    let dir = project.dir();
    let program = std::path::Path::new(XTASK);
    let mut docker = command("docker");
    docker
        .args(["run", "--rm", "-v", "/var/run/docker.sock:/var/run/docker.sock", "-e", "XTASK_STATE_DIR=/tmp/state"])
        .args(["-v", &mount(&client, "/usr/bin/docker:ro")])
        .args(["-v", &mount(&plugin, "/usr/libexec/docker/cli-plugins/docker-compose:ro")])
        .args(["-v", &mount(program, "/usr/bin/xtask:ro"), "-v", &mount(&dir, &dir.display().to_string())])
        .args(["-w", &dir.display().to_string()])
        .args(options)
        .args([IMAGE, "xtask"])
        .args(words.split(' '));
    Some(run(docker))
}

const NOTE: &str = "note: this is a container, and its engine binds ports on the machine around it";

#[test]
fn ports_are_judged_by_the_engine_and_proved_over_the_gateway() {
    need_engine();
    let project = Project::new();
    let (open, own) = (project.port(), project.port());
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{open}:8080\"]\n  own:\n    image: engine-web\n    ports: [\"127.0.0.1:{own}:8080\"]\n"
        ),
    );
    // Held by a process that cannot be seen from there: not free.
    let holder = Holder::http(open);
    let Some(run) = inside(&project, &[], "check-ports") else { return };
    run.exits(0).says(NOTE).says("no container has it").never_says("free");
    inside(&project, &[], &format!("who {open}")).unwrap().exits(0).says("no container has it").never_says("free");
    inside(&project, &[], "check-ports --probe-remote").unwrap().exits(1).says("taken");
    inside(&project, &[], "start").unwrap().exits(1).says("the engine refused it");
    drop(holder);
    let run = inside(&project, &[], "start").unwrap().exits(0);
    run.says(NOTE)
        .says(&format!("http://localhost:{open}"))
        .never_says("not reachable")
        .says(&format!("note: not checked from inside this container: own {own}"));
    inside(&project, &[], "check-ports").unwrap().exits(0).says("ours, running");
    inside(&project, &[], &format!("who {open}")).unwrap().exits(0).says("by container").never_says("forwarder");
    inside(&project, &[], "stop").unwrap().exits(0);
    project.has_nothing();
}

/// On the host's network everything is seen, and nothing is different.
#[test]
fn on_the_network_of_the_host_it_is_the_host() {
    need_engine();
    let (project, port) = Project::web();
    let Some(run) = inside(&project, &["--network", "host"], "start") else { return };
    run.exits(0).never_says(NOTE);
    assert!(docker(["port", &project.containers()[0].1]).stdout.contains(&port.to_string()));
}
