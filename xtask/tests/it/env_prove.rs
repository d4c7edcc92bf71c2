//! `env set`: what Compose would not accept, what would change more than was named, and names that
//! nothing reads.

use std::fs;

use crate::env::refused;
use crate::support::{Project, git, snapshot};

const STACK: &str = "\
name: ${APP:-demo}
services:
  web:
    image: busybox:${TAG:-latest}
    mem_limit: ${MEM:-64m}
    scale: ${REPLICAS:-1}
    environment: [TOKEN, 'SEEN=${WEB_PORT:-@0}']
    volumes: ['${DATA_DIR:-./data}:/data']
    ports: ['${WEB_PORT:-@0}:80', '${SAME:-@1}:${SAME:-@1}']
  db:
    image: busybox
    depends_on: ['${NEEDS:-web}']
    ports: ['${DB_PORT:-127.0.0.1:@2}:5432']
  night:
    image: busybox
    profiles: ['${WHEN:-night}']
volumes: { data: {} }
";

/// With the machine's own Compose, and a `.env` with these lines; `None` where there is no Compose.
fn project(env: &str) -> Option<Project> {
    let mut project = Project::new(STACK);
    if !project.real_docker() {
        return None;
    }
    if !env.is_empty() {
        project.file(".env", env);
    }
    Some(project)
}

#[test]
fn what_breaks_the_project_is_refused_and_put_back() {
    for env in ["", "# mine\r\nMEM=32m\r\n"] {
        let Some(project) = project(env) else { return };
        for (set, why) in [
            ("DATA_DIR=data", "/data of service `web` would be a volume instead of a path"),
            ("MEM=lots", "invalid size: 'lots'"),
            ("TAG=-1", "the image of service `web` would be `busybox:-1`"),
            ("TAG=a:b", "which is no valid name"),
            ("NEEDS=nobody", "nobody"),
            ("DB_PORT=@3", "would publish 5432/tcp of service `db` on port 18003 of every address"),
            ("DB_PORT=0.0.0.0:@2", "on 0.0.0.0:18002; currently it is on 127.0.0.1:18002"),
            ("APP=other DB_PORT=@2", "of every address"),
            ("COMPOSE_PROJECT_NAME=other DB_PORT=@2", "of every address"),
            ("COMPOSE_PROFILES=night DB_PORT=@2", "of every address"),
            ("COMPOSE_FILE=compose.yaml DB_PORT=@2", "set COMPOSE_FILE alone"),
            ("REPLICAS=x", "REPLICAS"),
        ] {
            // The file is as it was, or there is none again.
            let run = refused(&project, &project.fill(&format!("env set {set}")));
            assert!(run.stderr.contains(why), "{run}");
            assert_eq!(project.path(".env").exists(), !env.is_empty(), "{run}");
        }
    }
}

#[test]
fn an_address_without_a_port_gets_a_command_that_works() {
    let Some(project) = project("") else { return };
    let run = refused(&project, "env set DB_PORT=127.0.0.1:");
    snapshot!("env-prove-no-number", &run);
    project.run("env set DB_PORT=127.0.0.1:@2").exits(0);
    let run = refused(&project, "env set WEB_PORT=127.0.0.1:");
    assert!(run.stderr.contains("`cargo xtask env set WEB_PORT=127.0.0.1:18000`"), "{run}");
    // Fewer addresses are no danger.
    project.run("env set WEB_PORT=127.0.0.1:@0").exits(0);
}

#[test]
fn a_named_port_changes_with_all_that_reads_it() {
    let Some(project) = project("") else { return };
    let run = project.run("env set WEB_PORT=@5").exits(0);
    assert!(run.stderr.contains("web.environment.SEEN 18000 -> 18005"), "{run}");
    let run = project.run("env set SAME=@6").exits(0);
    assert!(run.stderr.contains("web.ports[1].target 18001 -> 18006"), "{run}");
    // Without a port there is nothing to tell.
    assert_eq!(project.run("env set MEM=128m").exits(0).stderr, "");
}

#[test]
fn services_that_come_and_go_are_told() {
    let Some(project) = project("") else { return };
    let run = project.run("env set COMPOSE_PROFILES=night").exits(0);
    assert!(run.stderr.contains("warning: with COMPOSE_PROFILES=night, `night` will start too"), "{run}");
    // Only COMPOSE_PROFILES chooses services.
    let run = refused(&project, "env set WHEN=day");
    assert!(run.stderr.contains("with WHEN=day, `night` would no longer start"), "{run}");
    let run = project.run("env set COMPOSE_PROFILES=").exits(0);
    assert!(run.stderr.contains("`night` will no longer start"), "{run}");
    let run = project.run("env set REPLICAS=0").exits(0);
    assert!(run.stderr.contains("warning: with REPLICAS=0, `web` will have no container"), "{run}");
    let run = project.run("env set APP=other").exits(0);
    assert!(run.stderr.contains("the project will be `other`: containers and volumes of `demo`"), "{run}");
}

/// A service that nobody starts blocks nothing.
#[test]
fn a_broken_inactive_profile_is_not_asked_about() {
    let mut project = Project::new(
        "services:\n  web: { image: a, mem_limit: '${MEM:-1m}', ports: ['${P:-127.0.0.1:@0}:80'] }\n  off: { image: a, profiles: [off], depends_on: [nobody] }\n",
    );
    if !project.real_docker() {
        return;
    }
    project.run("env set MEM=2m").exits(0);
    refused(&project, "env set MEM=lots");
    refused(&project, "env set P=@0");
}

#[test]
fn a_name_that_nothing_reads_is_refused() {
    let mut project = Project::new(STACK);
    project.file(".env", "OWN_NAME=1\nDERIVED=${BASE}\n").file(".env.template", "OFFERED=1\n#COMMENTED=1\n");
    snapshot!("env-prove-misspelt", refused(&project, "env set WEB_PROT=@5"));
    let run = refused(&project, "env set --dry-run UNRELATED=secret");
    assert!(run.stderr.contains("error: nothing reads UNRELATED: neither a compose file"), "{run}");
    let run = refused(&project, "env set TOKNE=s3cr3t");
    assert!(run.stderr.contains("did you mean TOKEN?") && !run.stderr.contains("s3cr3t TOKEN"), "{run}");
    for known in ["TOKEN", "OWN_NAME", "BASE", "OFFERED", "COMMENTED", "COMPOSE_PARALLEL_LIMIT", "DOCKER_BUILDKIT"] {
        project.run(&format!("env set {known}=1 --dry-run")).exits(0);
    }
    project.run("env set --new UNRELATED=1").exits(0);
    assert!(project.read(".env").ends_with("UNRELATED=1\n"));
    // From now on it is known.
    project.run("env set UNRELATED=2").exits(0);
    // A program of the repository may read it.
    if project.is_repository() {
        project.file("app/settings.py", "os.environ['APP_LOG_LEVEL']\n");
        git(project.dir(), &["add", "app"]);
        project.run("env set APP_LOG_LEVEL=debug --dry-run").exits(0);
        refused(&project, "env set APP_LOG=debug");
    }
    project.set("COMPOSE_DISABLE_ENV_FILE", "1");
    refused(&project, "env set TOKEN=1");
}

/// A program that gets the whole file may read any name, but hardly two so alike.
#[test]
fn where_the_whole_file_is_passed_on_only_typing_errors_are_refused() {
    let project = Project::new(
        "services: { web: { image: a, env_file: .env, ports: ['${BACKEND_PORT:-@0}:80', '${KEY_1:-@1}:1'] } }\n",
    );
    fs::write(project.path(".env"), "LOG_LEVEL=info\n").unwrap();
    for name in ["BACKEND_HOST", "KEY_2", "ANYTHING"] {
        project.run(&format!("env set {name}=1 --dry-run")).exits(0);
    }
    for (name, meant) in [("BACKED_PORT", "BACKEND_PORT"), ("LOG_LEVLE", "LOG_LEVEL"), ("backend_port", "BACKEND_PORT")]
    {
        let run = refused(&project, &format!("env set {name}=1"));
        assert!(run.stderr.contains(&format!("did you mean {meant}?")), "{run}");
    }
}

#[test]
fn check_finds_values_that_are_no_ports() {
    let project = Project::new(STACK);
    project.file(".env", "# ports\nWEB_PORT=80a0\nSAME=99999\nDB_PORT=127.0.0.1:x\n");
    let run = project.run("env check").exits(1);
    snapshot!("env-check-not-ports", &run);
    project.file(".env", "WEB_PORT=@0-@1\nDB_PORT=127.0.0.1:@3\n");
    project.run("env check").exits(0);
}

#[test]
fn check_finds_two_variables_with_one_port() {
    let project = Project::new(STACK);
    project.file(".env", "WEB_PORT=@5\nDB_PORT=127.0.0.1:@5\n");
    let answer = project.run("env check --format json").exits(1).json();
    assert_eq!(answer["findings"].as_array().unwrap().len(), 1, "{answer}");
    let finding = &answer["findings"][0];
    assert_eq!((finding["kind"].as_str(), finding["line"].as_u64()), (Some("same_port"), Some(1)), "{answer}");
    snapshot!("env-check-same-port", project.run("env check").exits(1));
    // The other one is a default.
    project.file(".env", "DB_PORT=127.0.0.1:@0\n");
    let run = project.run("env check").exits(1);
    assert!(run.stdout.contains(".env:1: DB_PORT gives service `db` port 18000, which compose.yaml:9 gives"), "{run}");
    project.file(".env", "WEB_PORT=127.0.0.2:@5\nDB_PORT=127.0.0.1:@5\n");
    project.run("env check").exits(0);
}
