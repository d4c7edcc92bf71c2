//! `diagnose` on a real engine: each fault is made, found, mended by the command
//! that is printed, and gone.

use serde_json::Value;

use crate::support::{Holder, Output, Project, command, docker, get, git, run, skip, try_get, wait_until};

const PYTHON: &str = "python:3.13-slim";

/// A service that runs this Python.
fn python(port: u16, code: &str, more: &str) -> String {
    let code = code.replace('\n', "\n        ");
    format!(
        "services:\n  web:\n    image: {PYTHON}\n    init: true\n    ports: [\"{port}:8080\"]\n{more}    command:\n      - python3\n      - -uc\n      - |\n        {code}\n"
    )
}

/// An HTTP server on this address in the container.
fn server(ip: &str, port: u16) -> String {
    format!(
        "import http.server as h\nh.ThreadingHTTPServer(('{ip}', {port}), h.SimpleHTTPRequestHandler).serve_forever()"
    )
}

fn diagnose(project: &Project, check: &str) -> Output {
    project.xtask(["diagnose", "--format", "json", "--only", check])
}

/// The findings that are not ok.
fn bad(output: &Output) -> Vec<Value> {
    output.json()["checks"].as_array().unwrap().iter().filter(|check| check["status"] != "ok").cloned().collect()
}

fn up(project: &Project) {
    docker(["compose", "--project-directory", project.dir().to_str().unwrap(), "up", "-d"]).exits(0);
}

/// Other tests have their own troubles on the same engine: `ports` looks at
/// everybody's forwarders, `networks` at everybody's networks.
#[test]
fn a_healthy_project_has_no_finding() {
    let (project, _) = Project::web();
    project.xtask(["start"]).exits(0);
    let words = ["tools", "engine", "project", "containers", "path", "leases"];
    let words: Vec<&str> = words.iter().flat_map(|word| ["--only", *word]).collect();
    let mut xtask = project.command(["diagnose", "--format", "json"]);
    xtask.args(words);
    let output = run(xtask).exits(0);
    let bad: Vec<Value> = bad(&output).into_iter().filter(|check| check["status"] != "note").collect();
    assert_eq!(bad, [Value::Null; 0]);
}

#[test]
fn a_server_that_listens_for_its_container_alone() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", python(port, &server("127.0.0.1", 8080), ""));
    up(&project);
    wait_until(|| "it listens", || diagnose(&project, "path").stdout.contains("127.0.0.1:8080"));
    let output = diagnose(&project, "path").exits(1);
    let found = bad(&output);
    assert!(found[0]["seen"].as_str().unwrap().contains("which only the container reaches"), "{found:?}");
    assert!(found[0]["remedy"].as_str().unwrap().contains("0.0.0.0:8080"), "{found:?}");
    project.write("docker-compose.yml", python(port, &server("0.0.0.0", 8080), ""));
    up(&project);
    wait_until(|| "it answers", || try_get(&format!("http://127.0.0.1:{port}/")).is_ok());
    diagnose(&project, "path").exits(0);
}

#[test]
fn a_mapping_to_a_port_where_nobody_is() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", python(port, &server("0.0.0.0", 3000), ""));
    up(&project);
    wait_until(|| "it listens", || diagnose(&project, "path").stdout.contains("only on 3000"));
    diagnose(&project, "path").exits(1).says("nothing listens on 8080, only on 3000");
}

#[test]
fn nothing_listens_in_the_container() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", python(port, "import time; time.sleep(1000)", ""));
    up(&project);
    diagnose(&project, "path").exits(1).says("nothing listens at all").says("cargo xtask logs web");
}

/// Ends the docker-proxies of one published port, and of no other.
fn kill_forwarders(port: u16) {
    let wanted = format!("-host-port\0{port}\0");
    let mut killed = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("docker-proxy") && line.contains(&wanted) {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            killed += 1;
        }
    }
    assert!(killed > 0, "no docker-proxy has {port}");
}

#[test]
fn a_container_whose_forwarder_was_killed() {
    if !rustix::process::geteuid().is_root() {
        skip("ending a docker-proxy needs root");
        return;
    }
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    kill_forwarders(port);
    let remedy = format!("docker restart {}-web-1", project.name);
    wait_until(|| "it is gone", || try_get(&format!("http://127.0.0.1:{port}/")).is_err());
    diagnose(&project, "ports").exits(1).says(&remedy);
    diagnose(&project, "path").exits(1).says(&remedy);
    docker(["restart", &format!("{}-web-1", project.name)]).exits(0);
    wait_until(|| "it answers", || try_get(&format!("http://127.0.0.1:{port}/")).is_ok());
    diagnose(&project, "path").exits(0);
    diagnose(&project, "ports").never_says(&remedy);
}

#[test]
fn a_program_on_the_other_loopback_address() {
    let project = Project::new();
    let port = project.port();
    let compose = crate::support::web(port).replace("\"${", "\"127.0.0.1:${");
    project.write("docker-compose.yml", compose);
    project.xtask(["start"]).exits(0);
    let holder = Holder::socket("tcp", "::1", port);
    diagnose(&project, "ports").says(&format!("pid {}", holder.pid())).says("ports.shadow");
    drop(holder);
    diagnose(&project, "ports").never_says("ports.shadow");
}

#[test]
fn a_container_that_ended_says_what_it_said_last() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", python(port, "print('last words'); raise SystemExit(3)", ""));
    up(&project);
    wait_until(|| "it ended", || project.running().is_empty());
    diagnose(&project, "containers").exits(1).says("exited with code 3").says("| last words");
    // One that ended well is as it should be.
    project.write("docker-compose.yml", python(port, "print('done')", ""));
    up(&project);
    wait_until(|| "it ended", || project.running().is_empty());
    diagnose(&project, "containers").exits(0);
}

#[test]
fn a_container_that_ran_out_of_memory_or_is_unhealthy() {
    let project = Project::new();
    let port = project.port();
    let memory = "    mem_limit: 24m\n    memswap_limit: 24m\n";
    project.write("docker-compose.yml", python(port, "x = b'1' * (200 << 20)", memory));
    up(&project);
    wait_until(|| "it ended", || project.running().is_empty());
    diagnose(&project, "containers").exits(1).says("ran out of memory");
    let check = "    healthcheck:\n      test: [\"CMD\", \"python3\", \"-c\", \"raise SystemExit('not well')\"]\n      interval: 1s\n      retries: 1\n";
    project.write("docker-compose.yml", python(port, &server("0.0.0.0", 8080), check));
    up(&project);
    wait_until(|| "it is unhealthy", || diagnose(&project, "containers").stdout.contains("healthcheck fails"));
    diagnose(&project, "containers").exits(1).says("not well");
}

/// A VPN, as far as its route goes: in a network namespace of our own, where the
/// engine is reached over its socket.
#[test]
fn a_route_that_claims_a_networks_addresses() {
    if !rustix::process::geteuid().is_root() {
        skip("a network namespace needs root");
        return;
    }
    let (project, _) = Project::web();
    project.xtask(["start"]).exits(0);
    let network = format!("{}_default", project.name);
    let range = docker(["network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", &network]).exits(0);
    let xtask = project.command(["diagnose", "--only", "networks"]);
    let mut inside = command("unshare");
    let script = "ip link set lo up && ip route add \"$1\" dev lo && shift && exec \"$@\"";
    inside
        .args(["--net", "sh", "-c", script, "sh", range.stdout.trim()])
        .arg(xtask.get_program())
        .args(xtask.get_args());
    inside.current_dir(project.dir()).envs(xtask.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = run(inside);
    output.says(&format!("network {network}: {} overlaps the route to", range.stdout.trim())).says("over lo");
    project.xtask(["diagnose", "--only", "networks"]).never_says("over lo");
}

/// A clone on a new machine, as far as an engine is there: everything that can be
/// mended is, and the stack starts.
#[test]
fn a_new_clone_is_made_ready() {
    let project = Project::new();
    let port = project.port();
    let web = format!("services:\n  web:\n    build: web\n    ports: [\"${{WEB_PORT:-{port}}}:8080\"]\n");
    project.write("docker-compose.yml", web);
    project.write("web/Dockerfile", "FROM engine-web\n");
    project.write(".env.template", format!("WEB_PORT={port}\n"));
    project.owns_image(format!("{}-web", project.name));
    git(project.dir(), &["init", "-q"]);
    let words = ["--only", "engine", "--only", "project", "--only", "containers", "--only", "leases"];
    let mut xtask = project.command(["diagnose", "--fix", "--yes", "--format", "json"]);
    xtask.args(words);
    let output = run(xtask).exits(0);
    let left: Vec<Value> = bad(&output).into_iter().filter(|check| check["id"] != "engine.others").collect();
    assert_eq!(left, [Value::Null; 0], "{}", output.stdout);
    assert_eq!(project.read(".gitignore"), ".env\n");
    project.xtask(["start"]).exits(0);
    get(&format!("http://127.0.0.1:{port}/"));
}
