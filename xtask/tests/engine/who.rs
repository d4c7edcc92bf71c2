//! `who` and `kill` where an engine holds the port, for a container, for none
//! any more, or in its books only.

use std::path::PathBuf;

use crate::own_engine::{Engine, path_of_engine};
use crate::support::{LIMIT, Lone, Project, XTASK, command, docker, end, keys, run, skip, try_get, wait_until};

/// Ids of the docker-proxies of a port, of this machine's namespaces.
fn proxies(port: u16) -> Vec<u32> {
    let wanted = format!("\0-host-port\0{port}\0");
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("docker-proxy\0") && line.contains(&wanted) {
            found.push(pid);
        }
    }
    found
}

/// What a test leaves when it fails.
struct Ended(u32);

impl Drop for Ended {
    fn drop(&mut self) {
        // Its number may be somebody else's by now.
        let name = std::fs::read_to_string(format!("/proc/{}/comm", self.0)).unwrap_or_default();
        if name.trim() == "docker-proxy" {
            end(self.0);
        }
    }
}

/// A service beside another one, both on ports of the host.
fn two_services() -> (Project, u16) {
    let project = Project::new();
    let (port, other) = (project.port(), project.port());
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n  bystander:\n    image: engine-web\n    ports: [\"{other}:8080\"]\n"
        ),
    );
    project.xtask(["start"]).exits(0);
    (project, port)
}

#[test]
fn a_service_of_another_project_is_named_and_stopped_by_id() {
    let (holder, port) = two_services();
    let asking = Project::new();
    let port = port.to_string();
    let said = asking.xtask(["who", &port]).exits(0).says(&format!("{port}/tcp taken"));
    let said = said.says(&format!("by container {0}-web-1 (service web of project {0})", holder.name));
    let said = said.says(&holder.dir().display().to_string()).says("image engine-web");
    let stop = format!("docker stop {}-web-1", holder.name);
    said.says(&format!("0.0.0.0:{port}")).says(&format!("advice: stop it: `{stop}`")).never_says("docker-proxy");
    let json = asking.xtask(["who", &port, "--format", "json"]).exits(0).json();
    let owner = &json["ports"][0]["owners"][0];
    let wanted = [
        "cwd",
        "id",
        "image",
        "kind",
        "name",
        "parents",
        "project",
        "service",
        "sockets",
        "unit",
        "working_dir",
        "worktree",
    ];
    assert_eq!(keys(owner), wanted.into());
    assert_eq!((&owner["kind"], &owner["image"]), (&"container".into(), &"engine-web".into()));
    assert_eq!(owner["working_dir"], holder.dir().to_str().unwrap());
    assert_eq!(json["ports"][0]["owners"].as_array().unwrap().len(), 1, "{json}");
    asking.xtask(["kill", &port]).exits(1).says(&format!("stop: {stop}")).says("add --yes");
    assert_eq!(holder.running(), ["bystander", "web"]);
    let said = asking.xtask(["kill", &port, "--yes"]).exits(0).says(&format!("stop: {stop}"));
    said.says(&format!("{port}/tcp: free now")).never_says("ending ").never_says("docker-proxy");
    assert_eq!(holder.running(), ["bystander"]);
    // Stopped containers hold nothing, and another one may have the port.
    asking.xtask(["who", &port]).exits(0).says(&format!("{port}/tcp free"));
    asking.xtask(["kill", &port, "--yes"]).exits(0).says("already free");
}

#[test]
fn a_container_of_no_project_and_one_that_has_crashed() {
    let (project, port) = Project::web();
    let name = format!("{}-lone", project.name);
    let lone = Lone::run(&name, &["-p", &format!("127.0.0.1:{port}:8080")]);
    let words = port.to_string();
    project
        .xtask(["who", &words])
        .exits(0)
        .says(&format!("by container {name}"))
        .says(&format!("`docker stop {name}`"));
    docker(["kill", &name]).exits(0);
    // The engine learns of the end a moment later.
    wait_until(|| "the engine does not see its end", || !lone.is_running());
    project.xtask(["who", &words]).exits(0).says(&format!("{port}/tcp free")).never_says(&name);
    docker(["start", &name]).exits(0);
    project.xtask(["kill", &words, "--yes"]).exits(0).says(&format!("docker stop {name}"));
    assert!(!lone.is_running());
}

/// Its port can be bound between two runs, and it takes it again in a moment.
#[test]
fn a_container_that_crashes_again_and_again_is_always_named() {
    let (project, port) = Project::web();
    let name = format!("{}-loop", project.name);
    let published = format!("{port}:8080");
    let _lone = Lone::expected(&name);
    // Asks its own server, which does not run, and ends at once.
    docker(["run", "-d", "--name", &name, "--restart", "always", "-p", &published, "engine-web", "check"]).exits(0);
    let words = port.to_string();
    let mut between = 0;
    wait_until(
        || "it is never between two runs",
        || {
            let run_of = || docker(["inspect", "-f", "{{.RestartCount}} {{.State.StartedAt}}", &name]).stdout;
            let before = run_of();
            let said = project.xtask(["who", &words]).exits(0);
            // The engine lists neither run while it changes from one to the next.
            if run_of() == before {
                let said = said.says(&format!("by container {name}"));
                between += u32::from(said.stdout.contains("which keeps restarting"));
            }
            between > 2
        },
    );
    // The pauses are seconds long by now.
    project.xtask(["check-ports"]).exits(1).says(&format!("by container {name}"));
    project.xtask(["start", "--on-conflict", "fail"]).exits(1).says(&format!("by container {name}"));
    let said = project.xtask(["kill", &words, "--yes"]).exits(0).says(&format!("stop: docker stop {name}"));
    said.says(&format!("{port}/tcp: free now"));
    project.xtask(["start"]).exits(0);
}

#[test]
fn a_docker_proxy_that_nobody_wants_any_more_is_ended() {
    let Some(path) = path_of_engine() else {
        skip("no docker-proxy: the engine here is not one of scripts/engine/up");
        return;
    };
    let proxy = std::env::split_paths(&path).map(|dir| dir.join("docker-proxy")).find(|path| path.is_file());
    let Some(proxy) =
        proxy.or_else(|| Some(PathBuf::from("/usr/libexec/docker/docker-proxy")).filter(|path| path.is_file()))
    else {
        skip("no docker-proxy beside dockerd");
        return;
    };
    let project = Project::new();
    let port = project.port();
    let words = port.to_string();
    // The shell that starts it ends at once, so it is given to the first process.
    let mut shell = command("setsid");
    shell.args(["sh", "-c", "\"$@\" 3>/dev/null 4>/dev/null >/dev/null 2>&1 &", "sh"]).arg(&proxy);
    shell.args(["-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", &words]);
    shell.args(["-container-ip", "172.31.250.250", "-container-port", "8080"]);
    assert!(shell.status().unwrap().success());
    wait_until(|| "docker-proxy does not come up", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let [pid] = proxies(port)[..] else { panic!("{:?}", proxies(port)) };
    let _ended = Ended(pid);
    let said = project.xtask(["who", &words]).exits(0).says(&format!("(pid {pid}"));
    said.says("a docker-proxy that its engine left behind without a container").says(&format!("`kill {pid}` is safe"));
    project.xtask(["kill", &words, "--yes"]).exits(0).says(&format!("stop: kill {pid} ")).says("free now");
    assert_eq!(proxies(port), [0u32; 0]);
}

/// The engine says that the port is taken, and nobody listens.
#[test]
fn the_proxy_of_a_running_container_has_died() {
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    let words = port.to_string();
    let name = format!("{}-web-1", project.name);
    let found = proxies(port);
    if found.is_empty() {
        skip("this engine has no docker-proxy");
        return;
    }
    found.into_iter().for_each(end);
    // A process that ends has no command line any more before it has no sockets.
    let listened = || ["127.0.0.1", "::1"].iter().any(|ip| std::net::TcpStream::connect((*ip, port)).is_ok());
    wait_until(|| "a docker-proxy lives", || proxies(port).is_empty() && !listened());
    let said = project
        .xtask(["who", &words])
        .exits(0)
        .says(&format!("{port}/tcp taken"))
        .says(&format!("by container {name}"));
    said.says("its port forwarder has died").says(&format!("`docker restart {name}`"));
    // The advice is good.
    docker(["restart", "-t", "1", &name]).exits(0);
    wait_until(|| "no answer after a restart", || try_get(&format!("http://127.0.0.1:{port}/")).is_ok());
    // And a ghost can be stopped as well.
    proxies(port).into_iter().for_each(end);
    project.xtask(["kill", &words, "--yes"]).exits(0).says("docker stop ").says("free now");
    assert_eq!(project.running(), [""; 0]);
}

/// Without a userland proxy the engine itself has the socket.
#[test]
fn an_engine_that_listens_itself_is_never_signalled() {
    let Some(engine) = Engine::start(&["--userland-proxy=false"]) else { return };
    engine.load("engine-web");
    let (project, port) = Project::web();
    engine.xtask(&project, &["start", "--on-conflict", "fail"]).finish(LIMIT);
    let words = port.to_string();
    let dockerd = engine.pid();
    let name = format!("{}-web-1", project.name);
    let said = engine.xtask(&project, &["who", &words]).finish(LIMIT).exits(0);
    said.says(&format!("by container {name}")).never_says("dockerd");
    // Without a word from the engine it is still no process to end.
    let blind = |words: &[&str]| {
        let mut nsenter = command("nsenter");
        nsenter.args(["--net", "--target", &dockerd.to_string(), XTASK]).args(words);
        nsenter.current_dir(project.dir()).env("DOCKER_HOST", "unix:///nonexistent");
        run(nsenter)
    };
    let said = blind(&["who", &words]).exits(0);
    said.says(&format!("(pid {dockerd}")).says("it holds the port for a container of Docker: stop that container");
    blind(&["kill", &words, "--yes", "--force"]).exits(1).says("is left alone").never_says("ending ");
    let stop = format!("docker stop {}-web-1", project.name);
    let said = engine.xtask(&project, &["kill", &words, "--yes"]).finish(LIMIT).exits(0);
    said.says(&stop).says("free now").never_says("ending ");
    assert_eq!(engine.pid(), dockerd);
    engine.docker(&["version"]).exits(0);
}

/// `docker commit` keeps the labels of the container that it copies.
#[test]
fn a_copy_with_the_same_labels_and_another_replica_run_on() {
    let (holder, port) = two_services();
    let image = format!("{}-copy", holder.name);
    holder.owns_image(image.clone());
    let original = format!("{}-web-1", holder.name);
    docker(["commit", &original, &image]).exits(0);
    let copy = format!("{}-copied", holder.name);
    let elsewhere = holder.port();
    docker(["run", "-d", "--name", &copy, "-p", &format!("{elsewhere}:8080"), &image]).exits(0);
    let runs = || docker(["ps", "--format", "{{.Names}}"]).stdout;
    holder.xtask(["kill", &elsewhere.to_string(), "--yes"]).exits(0).says("free now");
    let left = runs();
    assert!(left.contains(&original) && !left.contains(&copy), "{left}");
    docker(["start", &copy]).exits(0);
    holder.xtask(["kill", &port.to_string(), "--yes"]).exits(0).says("free now");
    let left = runs();
    assert!(!left.contains(&original) && left.contains(&copy), "{left}");
    docker(["rm", "-f", &copy]).exits(0);
}
