//! Where `docker` is found: by PATH and PATHEXT, and nowhere else.

use std::ffi::OsString;
use std::fs;

use crate::support::{Project, Rule};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n";

fn with_docker() -> Project {
    let mut project = Project::new(COMPOSE);
    project.fake_docker(&[Rule::config("@0"), Rule::when("docker system").exit(1)]);
    project
}

#[test]
fn docker_exe_is_found_by_pathext() {
    let project = with_docker();
    project.run("check-ports").exits(0);
    assert!(project.calls().contains("docker compose config --format json\n"), "{}", project.calls());
}

/// As Git and npm lay them out: a script for other shells beside the program.
#[test]
fn a_script_without_an_ending_is_passed_over() {
    let project = with_docker();
    fs::write(project.root().join("bin/docker"), "#!/bin/sh\nexit 1\n").unwrap();
    project.run("check-ports").exits(0);
    assert!(project.calls().contains("docker compose config"), "{}", project.calls());
}

/// What a repository brings is not run because somebody stands in it.
#[test]
fn docker_exe_of_the_current_folder_is_not_run() {
    let mut project = with_docker();
    fs::rename(project.root().join("bin/docker.exe"), project.path("docker.exe")).unwrap();
    let bin = project.root().join("bin").into_os_string().into_string().unwrap();
    for tool in ["netsh", "netstat", "git"] {
        fs::copy(project.path("docker.exe"), project.path(&format!("{tool}.exe"))).unwrap();
    }
    let holder = project.hold("0.0.0.0", &[0]);
    for path in [bin.clone(), format!("{bin};;"), String::new()] {
        project.set("PATH", OsString::from(&path));
        let run = project.run("check-ports").exits(1);
        assert!(run.stderr.contains("no `docker` on PATH"), "{path}: {run}");
        assert_eq!(project.calls(), "", "{path}");
    }
    project.run("kill @0 --force --yes").exits(0);
    assert!(!project.runs(holder));
}

#[test]
fn without_docker_a_start_says_what_to_install_and_is_2() {
    let project = Project::new(COMPOSE);
    for words in ["start", "stop"] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains("no Docker engine, and no `docker` on PATH"), "{run}");
        assert!(run.stderr.contains("winget install Docker.DockerDesktop"), "{run}");
    }
}

#[test]
fn an_engine_that_does_not_run_is_2() {
    let mut project = with_docker();
    project.fake_docker(&[
        Rule::config("@0"),
        Rule::when("docker system dial-stdio").exit(1).stderr(
            "error during connect: Get \"http://%2F%2F.%2Fpipe%2Fdocker_engine/v1.51/info\": open //./pipe/docker_engine: The system cannot find the file specified.\n",
        ),
    ]);
    let run = project.run("start").exits(2);
    assert!(
        run.stderr.contains("no Docker engine answers at npipe:") && run.stderr.contains("start Docker Desktop"),
        "{run}"
    );
}
