//! Places outside of `.env` that name a port which has moved.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Project, git, snapshot};

/// `web` and `api` listen on the very number that they publish, `db` does not. All three are held.
const STACK: &str = "\
x-urls: &urls
  NEXT_PUBLIC_API_URL: http://localhost:@1/v1
services:
  web:
    image: web
    build:
      context: .
      args: { ORIGIN: 'http://localhost:@0' }
    env_file: web/.env.local
    environment:
      <<: *urls
      INTERNAL_URL: http://api:@1
      PORT: @0
      BIND: 0.0.0.0:@0
    healthcheck: { test: curl -f http://localhost:@0 }
    ports: ['${WEB_PORT:-@0}:@0']
  api:
    image: api
    command: [serve, --cors, 'http://localhost:@0', --wait, 'http://localhost:@1']
    environment: [ALLOWED_ORIGINS=http://127.0.0.1:@0]
    labels: { traefik.http.services.api.loadbalancer.server.port: @1 }
    expose: ['@1']
    ports: ['${API_PORT:-@1}:@1']
  db:
    image: db
    ports: ['${DB_PORT:-@2}:5432']
";

/// Files with a place each: line, what is named there, and the variable.
const PLACES: [(&str, &str, usize, &str, &str); 14] = [
    (
        "playwright.config.ts",
        "export default {\n  use: { baseURL: 'http://localhost:@0' },\n};\n",
        2,
        "localhost:@0",
        "WEB_PORT",
    ),
    ("web/vite.config.mts", "server: {\n  proxy: { '/api': 'http://127.0.0.1:@1' },\n", 2, "127.0.0.1:@1", "API_PORT"),
    (
        "web/next.config.js",
        "/* http://localhost:@0 */\ndestination: `http://[::1]:@1/:path*`\n",
        2,
        "[::1]:@1",
        "API_PORT",
    ),
    (
        "web/package.json",
        "{\"scripts\": {\n\"e2e\": \"wait-on http://localhost:@0 && run\"}}\n",
        2,
        "localhost:@0",
        "WEB_PORT",
    ),
    (".vscode/launch.json", "{\n// \"port\": @1\n\"port\": @1\n}\n", 3, "port=@1", "API_PORT"),
    (
        ".vscode/settings.json",
        "{\"sqltools.connections\": [{\n\"server\": \"localhost\", \"port\": @2}]}\n",
        2,
        "port=@2",
        "DB_PORT",
    ),
    (
        ".devcontainer/devcontainer.json",
        "{\"containerEnv\": {\"API\": \"http://host.docker.internal:@1\"}}\n",
        1,
        "host.docker.internal:@1",
        "API_PORT",
    ),
    (
        "requests/items.http",
        "### all\n# GET http://localhost:@0\nGET http://localhost:@1/items\n",
        3,
        "localhost:@1",
        "API_PORT",
    ),
    ("e2e/.env", "API_PORT=@1\n", 1, "API_PORT=@1", "API_PORT"),
    ("e2e/.env.test", "DATABASE_URL=postgres://u:secret@localhost:@2/x # @2\n", 1, "localhost:@2", "DB_PORT"),
    ("Makefile", "psql:\n\tpsql -h localhost -p @2\n", 2, "-p @2", "DB_PORT"),
    ("alembic.ini", "[alembic]\r\nsqlalchemy.url = postgresql://u@localhost:@2/x\r\n", 2, "localhost:@2", "DB_PORT"),
    ("app.code-workspace", "{\"url\": \"http://app.localhost:@0\"}\n", 1, "app.localhost:@0", "WEB_PORT"),
    ("scripts/seed.sh", "#!/bin/sh\ncurl http://localhost:@1/seed\n", 2, "localhost:@1", "API_PORT"),
];

/// Files with such a number that names no port of this machine, or that nobody reads.
const DECOYS: [(&str, &str); 15] = [
    ("vite.config.ts", "server: { port: @0, host: '0.0.0.0:@0' } // http://localhost:@1\n"),
    ("package.json", "{\"scripts\": {\"dev\": \"vite --port @0\", \"s\": \"docker compose exec db psql -p @2\"}}\n"),
    ("package-lock.json", "{\"url\": \"http://localhost:@0\", \"port\": @2}\n"),
    ("node_modules/x/package.json", "{\"url\": \"http://localhost:@0\"}\n"),
    ("vendor/y/Makefile", "PORT=@2\n"),
    ("Dockerfile", "EXPOSE @0\nHEALTHCHECK CMD curl http://localhost:@0\n"),
    ("docker/start.sh", "curl http://localhost:@1\n"),
    (".env.example", "URL=http://localhost:@0\nDB_PORT=@2\n"),
    ("api/.env", "PORT=@1\nVERSION=1.@1.0\nID=1@1\nTIME=12:@1\n# http://localhost:@1\n"),
    ("cypress.config.js", "x: 'localhost:@09', y: 'http://api:@1', viewport: @0, z: `localhost:${p}`, v: '1:@0'\n"),
    ("made.config.js", "// @generated\nx: 'http://localhost:@0'\n"),
    ("binary.http", "GET http://localhost:@0\n\0"),
    ("nginx/default.conf", "proxy_pass http://localhost:@1;\n"),
    ("ignored.config.ts", "url: 'http://localhost:@0'\n"),
    ("src/main.ts", "fetch('http://localhost:@1')\n"),
];

/// A repository with all of these files, and the three ports held.
fn project() -> Option<Project> {
    let mut project = Project::new(STACK);
    if !project.is_repository() {
        return None;
    }
    project.file(".gitignore", ".env.local\n.env\n!e2e/.env\n!api/.env\nignored.config.ts\n");
    project.file("web/.env.local", "# the API\nVITE_API_URL=http://localhost:@1\nPORT=@0\n");
    for (file, text, ..) in PLACES {
        project.file(file, text);
    }
    for (file, text) in DECOYS {
        project.file(file, text);
    }
    project.write("large.http", format!("{}\n{}", project.fill("GET http://localhost:@0"), "#".repeat(300 << 10)));
    git(project.dir(), &["add", "--all"]);
    project.hold("0.0.0.0", &[0, 1, 2]);
    Some(project)
}

/// `FILE:LINE` of findings or notes, with their messages.
fn places(list: &Value) -> BTreeMap<String, String> {
    let place = |one: &Value| format!("{}:{}", one["file"].as_str().unwrap(), one["line"]);
    list.as_array().unwrap().iter().map(|one| (place(one), one["message"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn every_place_is_listed_and_no_decoy_is() {
    let Some(project) = project() else { return };
    let files: Vec<Vec<u8>> = PLACES.iter().map(|(file, ..)| fs::read(project.path(file)).unwrap()).collect();
    let run = project.run("check-ports --reassign").exits(0);
    snapshot!("port-places-reassign", &run);
    let answer = project.run("env check --format json").exits(1).json();
    let now = |variable: &str| {
        let env = project.read(".env");
        env.lines().find_map(|line| Some(line.strip_prefix(variable)?.trim_start_matches('=').to_owned())).unwrap()
    };
    let message =
        |shown: &str, variable: &str| project.fill(&format!("names {shown}, but {variable} is now {}", now(variable)));
    let mut want: BTreeMap<String, String> = PLACES
        .iter()
        .map(|(file, _, line, shown, variable)| (format!("{file}:{line}"), message(shown, variable)))
        .collect();
    for (line, shown, variable) in [
        (2, "localhost:@1", "API_PORT"),
        (8, "localhost:@0", "WEB_PORT"),
        (19, "localhost:@0", "WEB_PORT"),
        (20, "127.0.0.1:@0", "WEB_PORT"),
    ] {
        want.insert(format!("compose.yaml:{line}"), message(shown, variable));
    }
    assert_eq!(places(&answer["notes"]), want);
    // Git ignores this one, so it is this checkout's to mend.
    let of_env_file = BTreeMap::from([("web/.env.local:2".to_owned(), message("localhost:@1", "API_PORT"))]);
    assert_eq!(places(&answer["findings"]), of_env_file);
    // Nothing was edited, and nothing secret was shown.
    for ((file, ..), before) in PLACES.iter().zip(files) {
        assert_eq!(fs::read(project.path(file)).unwrap(), before, "{file}");
    }
    let run = project.run("env check").exits(1);
    assert!(!run.stdout.contains("secret"), "{run}");
    fs::remove_file(project.path("web/.env.local")).unwrap();
    project.file("compose.yaml", &STACK.replace("    env_file: web/.env.local\n", ""));
    // Tracked files are right elsewhere: a note is no finding.
    project.run("env check").exits(0);
}

#[test]
fn a_dry_run_and_json_list_the_same_places() {
    let Some(project) = project() else { return };
    let count = |text: &str| text.lines().filter(|line| line.contains(", but ")).count();
    let dry = project.run("check-ports --reassign --dry-run");
    assert_eq!(count(&dry.stderr), 8, "{dry}");
    assert!(dry.stderr.contains("note: and 11 more places: `cargo xtask env check` lists all"), "{dry}");
    assert!(!project.path(".env").exists());
    let run = project.run("check-ports --reassign --format json").exits(0);
    let places = run.json()["places"].clone();
    assert_eq!(places.as_array().unwrap().len(), PLACES.len() + 5, "{places}");
    assert_eq!(places[0]["file"], json!("compose.yaml"));
    assert_eq!(places[0]["from"], json!(project.port(1)));
    let set = project.run("env set API_PORT=@7 --dry-run").exits(0);
    assert!(set.stderr.contains("note: compose.yaml:2 names localhost:18001, but API_PORT is now 18007"), "{set}");
    assert!(!set.stderr.contains("WEB_PORT"), "{set}");
    // They are told when the ports move, and not again.
    let again = project.run("check-ports").exits(0);
    assert_eq!(count(&again.stderr), 0, "{again}");
    assert_eq!(project.run("check-ports --format json").exits(0).json().get("places"), None);
}

#[test]
fn without_git_the_projects_own_folder_is_searched() {
    let mut project = Project::new("services: { web: { image: web, ports: ['${WEB:-@0}:80'] } }\n");
    project
        .file("playwright.config.ts", "baseURL: 'http://localhost:@0'\n")
        .file("sub/.env", "URL=http://localhost:@0\n");
    project.file("build/x.config.ts", "baseURL: 'http://localhost:@0'\n").file("web.http", "GET http://localhost:@1\n");
    fs::create_dir(project.path("odd.http")).unwrap();
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign --dry-run");
    let notes: Vec<&str> = run.stderr.lines().filter(|line| line.contains(", but ")).collect();
    assert_eq!(notes.len(), 2, "{run}");
    for (note, file) in notes.iter().zip(["playwright.config.ts:1", "sub/.env:1"]) {
        assert_eq!(*note, format!("note: {file} names localhost:18000, but WEB is now 18001"));
    }
}

/// Two ports that swapped numbers: a file that has either is right or wrong, nobody knows.
#[test]
fn a_number_that_another_port_has_now_is_left_out() {
    let project = Project::new(
        "services: { web: { image: web, ports: ['${A_PORT:-@0}:80'] }, api: { image: api, ports: ['${B_PORT:-@1}:81'] } }\n",
    );
    project.file(".env", "A_PORT=@1\nB_PORT=@2\n");
    project.file("a.http", "GET http://localhost:@0\n").file("b.http", "GET http://localhost:@1\n");
    let answer = project.run("env check --format json").exits(0).json();
    assert_eq!(places(&answer["notes"]).into_keys().collect::<Vec<_>>(), ["a.http:1"]);
}

/// A file names the port of the compose file, or the one that the main checkout has.
#[test]
fn a_worktree_hears_of_the_main_checkouts_ports() {
    let project = Project::new("services: { web: { image: web, ports: ['${WEB_PORT:-@0}:80'] } }\n");
    if !project.is_repository() {
        return;
    }
    project.file(".gitignore", ".env\n").file("a.http", "GET http://localhost:@0\n\nGET http://localhost:@3\n");
    project.file(".env", "WEB_PORT=@3\n");
    git(project.dir(), &["add", "--all"]);
    git(project.dir(), &["commit", "-qm", "files"]);
    git(project.dir(), &["worktree", "add", "-q", "../other"]);
    project.file("../other/.env", "WEB_PORT=@5\n");
    let lines = |folder: &str| {
        let answer = project.run_in(folder, "env check --format json").exits(0).json();
        places(&answer["notes"]).into_keys().collect::<Vec<String>>()
    };
    assert_eq!(lines("../other"), ["a.http:1", "a.http:3"]);
    assert_eq!(lines("."), ["a.http:1"]);
}

/// A port that an override file moves has no variable.
#[test]
fn a_literal_is_named_by_its_service() {
    let mut project = Project::new("services: { web: { image: web, ports: ['@0:80'] } }\n");
    if !project.real_docker() {
        return;
    }
    project.file("a.http", "GET http://localhost:@0\n");
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").exits(0);
    let note = "a.http:1 names localhost:18000, but the port of service `web` is now 18001";
    assert!(run.stderr.contains(note), "{run}");
    // There is no `.env`, and the place is found all the same.
    let run = project.run("env check").exits(0);
    assert!(run.stdout.starts_with("note: a.http:1: names localhost:18000, but "), "{run}");
}
