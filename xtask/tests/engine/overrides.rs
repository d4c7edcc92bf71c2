//! Stacks whose ports are literals: started on other ports by a compose file of
//! ours, and back.

use crate::support::{Holder, Project, docker, get};

fn compose(port: u16) -> String {
    format!("services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n")
}

/// The files of the project's folder.
fn files(project: &Project) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(project.dir()).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_literal_is_started_on_another_port_and_goes_back() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", compose(port));
    let before = files(&project);
    let holder = Holder::http(port);
    let output = project.xtask(["start", "--on-conflict", "reassign"]).exits(0);
    let output = output.says(&format!("web:8080 {port} -> {}  (docker-compose.override.yml)", port + 1));
    output.says(&format!("http://localhost:{}", port + 1));
    get(&format!("http://127.0.0.1:{}/", port + 1));
    // A bare `docker compose` means the same stack.
    let docker_compose = |words: &[&str]| {
        let folder = project.dir();
        let words =
            ["compose", "--project-directory", folder.to_str().unwrap()].into_iter().chain(words.iter().copied());
        docker(words).exits(0).stdout
    };
    assert!(docker_compose(&["port", "web", "8080"]).trim().ends_with(&format!(":{}", port + 1)));

    // Nothing to go back to while the port is held.
    project.xtask(["start", "--restore-ports"]).exits(0).says("no port can be restored");
    drop(holder);
    let hint = format!("web:8080 can go back {} -> {port}: `cargo xtask start --restore-ports`", port + 1);
    project.xtask(["start"]).exits(0).says(&hint);
    let output = project.xtask(["--format", "json", "start", "--restore-ports"]).exits(0);
    let moved = serde_json::json!([{ "variable": null, "literal": "web:8080", "from": port + 1, "to": port }]);
    assert_eq!(output.json()["moved"], moved);
    assert_eq!(files(&project), before);
    assert!(docker_compose(&["port", "web", "8080"]).trim().ends_with(&format!(":{port}")));
    project.xtask(["stop"]).exits(0);
}

#[test]
fn beside_an_override_of_a_person_everything_goes_back() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", compose(port));
    project.write("docker-compose.override.yml", "services: {web: {environment: {A: b}}} # mine\r\n");
    project.write(".env", "# mine\r\nOTHER=1\r\n");
    let before = files(&project);
    let holder = Holder::http(port);
    project.xtask(["start", "--on-conflict", "reassign"]).exits(0).says("(docker-compose.xtask.yml)");
    assert_eq!(project.running(), ["web"]);
    let list = "COMPOSE_FILE=docker-compose.yml:docker-compose.override.yml:docker-compose.xtask.yml\r\n";
    assert_eq!(project.read(".env"), format!("# mine\r\nOTHER=1\r\n{list}"));
    drop(holder);
    project.xtask(["start", "--restore-ports"]).exits(0).says(&format!("web:8080 {} -> {port}", port + 1));
    assert_eq!(files(&project), before);
    project.xtask(["stop"]).exits(0);
}

/// The list in our file takes the place of the project's: one that was changed
/// since would be hidden.
#[test]
fn a_changed_compose_file_makes_ours_anew() {
    let project = Project::new();
    let (port, more) = (project.port(), project.port());
    project.write("docker-compose.yml", compose(port));
    let _holder = Holder::http(port);
    project.xtask(["check-ports", "--reassign"]).exits(0);
    let both = format!("services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\", \"{more}:8080\"]\n");
    project.write("docker-compose.yml", both);
    project.xtask(["check-ports"]).exits(0).says("docker-compose.override.yml is older than the compose files");
    let output = project.xtask(["start"]).exits(0).says("the override file was generated again");
    output.says(&format!("http://localhost:{}", port + 1)).says(&format!("http://localhost:{more}"));
    project.xtask(["stop"]).exits(0);
}
