//! Names in place of ports, as far as no engine is needed: the file of names,
//! hand-written labels, and the CA that is trusted by nobody without consent.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Project, XTASK, bare, skip, snapshot};

const COMPOSE: &str = "\
services:
  backend:
    image: own/backend
    ports: [\"@0:8000\", \"@1:9229\"]
  db:
    image: postgres:17
    ports: [\"@2:5432\"]
  mysql:
    image: mysql:8
    ports: [\"@3:3306\"]
";

const FILE: &str = "docker-compose.traefik.yml";

#[test]
fn the_help_of_each_part() {
    for part in ["up", "down", "status", "trust", "logs", "labels"] {
        let run = Project::empty().run(&format!("proxy {part} --help")).exits(0);
        assert!(run.stdout.contains(&format!("Usage: cargo xtask proxy {part}")), "{run}");
        assert!(run.stdout.contains("Exit codes: "), "{run}");
        snapshot!(format!("help-proxy-{part}"), run);
    }
}

/// The repository's own file is what the program would write.
#[test]
fn the_file_of_names_of_this_repository_is_up_to_date() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let state = tempfile::tempdir().unwrap();
    // Whatever a developer has put on top in an override file is not meant.
    let mut xtask = bare(XTASK);
    xtask.args(["-f", "docker-compose.yml", "proxy", "labels"]).current_dir(repository);
    let output = xtask.env("XTASK_STATE_DIR", state.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let there = fs::read_to_string(repository.join(FILE)).unwrap();
    assert_eq!(there, text, "run: cargo xtask -f docker-compose.yml proxy labels --write");
}

#[test]
fn the_file_of_names_is_written_once_and_never_over_another() {
    let project = Project::new(COMPOSE);
    let shown = project.run("proxy labels").exits(0);
    assert!(!project.path(FILE).exists());
    project.run("proxy labels --write --dry-run").exits(0);
    assert!(!project.path(FILE).exists());
    snapshot!("proxy-labels-write", project.run("proxy labels --write").exits(0));
    assert_eq!(project.read(FILE), shown.raw);
    let again = project.run("proxy labels --write").exits(0);
    assert!(again.stderr.contains("is up to date"), "{again}");
    // One that is ours and old is written anew.
    project.file(FILE, &format!("{}\nservices: {{}}\n", project.read(FILE).lines().next().unwrap()));
    project.run("proxy labels --write").exits(0);
    assert_eq!(project.read(FILE), shown.raw);

    project.file(FILE, "# mine\nservices: {}\n");
    snapshot!("proxy-labels-foreign", project.run("proxy labels --write").exits(2));
    assert_eq!(project.read(FILE), "# mine\nservices: {}\n");
}

/// The file does not change what it is made from, also where it is in use.
#[test]
fn a_file_of_names_in_use_makes_the_same_one() {
    let mut project = Project::new(COMPOSE);
    project.run("proxy labels --write").exits(0);
    let text = project.read(FILE);
    project.set("COMPOSE_FILE", format!("compose.yaml:{FILE}"));
    if !project.path("compose.yaml").exists() {
        fs::rename(project.path("docker-compose.yml"), project.path("compose.yaml")).unwrap();
    }
    assert_eq!(project.run("proxy labels").exits(0).raw, text);
}

#[test]
fn settings_and_the_environment_are_heard() {
    let mut project = Project::new(COMPOSE);
    let settings =
        "[proxy]\nhost = \"shop\"\n[proxy.services]\nmysql = { kind = \"web\", port = 8080, host = \"panel\" }\n";
    project.file("xtask.toml", settings);
    project.set("PROXY_HOST", "wt.shop");
    let json = project.run("proxy labels --format json").exits(0).json();
    assert_eq!(json["host"], "wt.shop");
    assert_eq!(json["routes"][2]["host"], "panel.wt.shop.localhost");
    project.file("xtask.toml", &settings.replace("mysql", "mysq"));
    snapshot!("proxy-settings-service", project.run("proxy labels").exits(2));
    project.file("xtask.toml", &settings.replace("\"web\"", "\"page\""));
    snapshot!("proxy-settings-kind", project.run("proxy labels").exits(2));
}

#[test]
fn mistakes_in_labels_are_told_with_file_and_line() {
    let project = Project::new(
        "\
services:
  web:
    image: own/web
    expose: [80, 443]
    labels:
      traefik.enable: true
      traefik.http.routers.${COMPOSE_PROJECT_NAME}-web.rule: Host(`shop.localhost`)
  api:
    image: own/api
    networks: [default, web]
    labels:
      - traefik.enable=true
      - traefik.docker.network=demo_web
      - traefik.http.routers.api.rule=Host(`shop.localhost`)
      - traefik.http.services.api.loadbalancer.server.port=8000
networks:
  web: {external: true}
",
    );
    snapshot!("proxy-lint", project.run("proxy labels --lint").exits(1));
    let json = project.run("proxy labels --lint --format json").exits(1).json();
    let lines: Vec<u64> = json["findings"].as_array().unwrap().iter().filter_map(|f| f["line"].as_u64()).collect();
    assert_eq!(lines, [13, 14, 15, 6, 7, 7, 7]);
}

#[test]
fn a_proxy_needs_an_engine_of_this_machine_and_a_good_name() {
    let mut project = Project::new(COMPOSE);
    let run = project.run("proxy up").exits(2);
    assert!(run.stderr.contains("no Docker engine"), "{run}");
    project.set("DOCKER_HOST", "ssh://me@box");
    snapshot!("proxy-remote", project.run("proxy up").exits(2));
    project.set("PROXY_NETWORK", "a b");
    snapshot!("proxy-bad-network", project.run("proxy status").exits(2));
}

#[test]
fn lines_of_the_log_are_a_number_or_all() {
    for part in ["proxy logs", "logs"] {
        let run = Project::new(COMPOSE).run(&format!("{part} --tail abc")).exits(2);
        assert!(run.stderr.contains("not a number of lines, and not `all`"), "{run}");
    }
}

/// A stand-in that writes down how it was called.
fn note_taker(project: &Project, name: &str) {
    let path = project.root().join("bin").join(name);
    let log = project.root().join("called");
    fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >> {}\n", log.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn nothing_is_trusted_without_consent() {
    if !Path::new("/usr/local/share/ca-certificates").is_dir() {
        skip("the system's store is not where Debian has it");
        return;
    }
    let project = Project::empty();
    for name in ["install", "update-ca-certificates", "sudo"] {
        note_taker(&project, name);
    }
    let called = || fs::read_to_string(project.root().join("called")).unwrap_or_default().replace("sudo ", "");
    project.run("proxy trust --dry-run").exits(0);
    let run = project.run("proxy trust").exits(1);
    assert!(
        run.stderr.contains("There is no terminal to ask on") && run.stderr.contains("update-ca-certificates"),
        "{run}"
    );
    assert!(run.stdout.contains("NODE_EXTRA_CA_CERTS") && run.stdout.contains("keytool -importcert"), "{run}");
    assert_eq!(called(), "");
    project.run("proxy trust --yes").exits(0);
    let lines = called();
    assert!(lines.starts_with("install -m 644 ") && lines.contains("/ca/ca.crt /usr/local/share"), "{lines}");
    assert!(lines.ends_with("\nupdate-ca-certificates\n"), "{lines}");
}
