//! `env set`, and what moves along with a port.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;
use std::path::Path;
use xtask::ledger::Ledger;
use xtask::model::{Lease, Protocol};

use crate::env::{COMPOSE, project, refused};
use crate::support::{Project, snapshot};

#[test]
fn set_changes_the_value_and_what_belongs_to_it() {
    let before = "WEB_PORT=@0 # ours\r\nAPI_URL=http://localhost:@0\r\nCORS=http://localhost:@0\r\n";
    let project = project(before);
    let run = project.run("env set WEB_PORT=@5 ADMIN_PORT=@6 --dry-run").exits(0);
    assert_eq!(project.read(".env"), project.fill(before));
    let done = project.run("env set WEB_PORT=@5 ADMIN_PORT=@6").exits(0);
    assert_eq!((&run.stdout, &run.stderr), (&done.stdout, &done.stderr));
    let after = "WEB_PORT=@5 # ours\r\nAPI_URL=http://localhost:@5\r\nCORS=http://localhost:@0\r\nADMIN_PORT=@6\r\n";
    assert_eq!(project.read(".env"), project.fill(after));
    snapshot!("env-set", done);
    let answer = project.run("env set WEB_PORT=@7 --format json").exits(0).json();
    let (from, to) = (project.port(5).to_string(), project.port(7).to_string());
    assert_eq!(answer["changed"][0], json!({ "variable": "WEB_PORT", "from": from, "to": to, "file": ".env" }));
    assert_eq!(answer["changed"][1]["variable"], json!("API_URL"));
    // Once more is no change.
    let same = project.everything();
    assert!(project.run("env set WEB_PORT=@7").exits(0).stdout.contains("is already 18007"));
    assert_eq!(project.everything(), same);
}

#[test]
fn set_makes_the_file_from_the_template() {
    let project = project("");
    let run = project.run("env set WEB_PORT=@5").exits(0);
    assert_eq!(
        project.read(".env"),
        project.read(".env.template").replacen(&project.port(0).to_string(), &project.port(5).to_string(), 1)
    );
    assert!(run.stderr.contains(".env created from .env.template"), "{run}");
    assert!(run.stdout.contains("WEB_PORT 18000 -> 18005"), "{run}");
    let bare = Project::new(COMPOSE);
    bare.run("env set --new NEW=1").exits(0);
    assert_eq!(bare.read(".env"), "NEW=1\n");
}

#[test]
fn set_writes_where_compose_reads() {
    let project = project("WEB_PORT=@1\n");
    project.file("one.env", "WEB_PORT=@2\n").file("two.env", "OTHER=1\n").file("sub/.env", "WEB_PORT=@4\n");
    project.run("env set WEB_PORT=@5 OTHER=2 --env-file one.env --env-file two.env").exits(0);
    assert_eq!(project.read("one.env"), project.fill("WEB_PORT=@5\n"));
    assert_eq!(project.read("two.env"), "OTHER=2\n");
    project.run_in("sub", "env set WEB_PORT=@6").exits(0);
    assert_eq!(project.read("sub/.env"), project.fill("WEB_PORT=@6\n"));
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"));
}

#[test]
fn set_refuses_what_would_not_take_effect_or_is_wrong() {
    let mut project = project("WEB_PORT=@0\n");
    snapshot!("env-set-port-word", refused(&project, "env set ADMIN_PORT=@6 WEB_PORT=eighty"));
    for word in ["WEB_PORT=0", "WEB_PORT=65536", "WEB_PORT=-1", "WEB_PORT=80x", "WEB_PORT=9-8"] {
        refused(&project, &format!("env set {word}"));
    }
    snapshot!("env-set-no-name", refused(&project, "env set A-B=1"));
    snapshot!("env-set-no-value", refused(&project, "env set WEB_PORT"));
    snapshot!("env-set-twice", refused(&project, "env set A=1 A=2"));
    refused(&project, "env set COMPOSE_ENV_FILES=x");
    refused(&project, "env set COMPOSE_FILE=nowhere.yaml");
    refused(&project, "env set A=1 --env-file nowhere.env");
    project.set("DB_PASSWORD", "from-shell");
    let run = refused(&project, "env set DB_PASSWORD=x");
    snapshot!("env-set-shadowed", &run);
    assert!(!run.stderr.contains("from-shell"), "{run}");
    project.set("COMPOSE_DISABLE_ENV_FILE", "1");
    refused(&project, "env set --new NEW=1");
}

/// A project that cannot be read is mended one value at a time.
#[test]
fn set_mends_a_value_that_is_wrong() {
    let project = project("WEB_PORT=eighty\nADMIN_PORT=eighty\n");
    let run = project.run("env set WEB_PORT=@0").exits(0);
    assert!(run.stderr.contains("Compose cannot read the project yet"), "{run}");
    let run = project.run("env set ADMIN_PORT=@1").exits(0);
    assert!(!run.stderr.contains("warning"), "{run}");
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@0\nADMIN_PORT=@1\n"));
}

#[test]
fn set_warns_of_a_port_that_is_taken() {
    let mut project = project("WEB_PORT=@0\n");
    project.hold("0.0.0.0", &[5]);
    let run = project.run("env set WEB_PORT=@5").exits(0);
    assert!(run.stderr.contains("warning: 18005 is not free: `cargo xtask who 18005`"), "{run}");
    let run = project.run("env set WEB_PORT=@1").exits(0);
    assert!(run.stderr.contains("warning: 18001 is also published by service `web`"), "{run}");
}

/// Whoever asks for it by name gets it, and is told.
#[test]
fn set_warns_of_a_port_that_is_kept_for_another_project() {
    let project = project("WEB_PORT=@0\n");
    let other = project.root().join("other");
    fs::create_dir(&other).unwrap();
    let mut book = Ledger::open(&project.root().join("state")).unwrap();
    let lease = Lease {
        service: "api".into(),
        target: 80,
        protocol: Protocol::Tcp,
        published: project.port(5),
        since: "2026-01-31T12:00:00Z".into(),
        runner: None,
    };
    book.leases.tenant_mut("shop", &other).leases.push(lease);
    book.close().unwrap();
    let run = project.run("env set WEB_PORT=@5").exits(0);
    assert!(run.stderr.contains("warning: 18005 is kept for shop in [root]/other"), "{run}");
    // Where its folder is gone, so is its claim.
    fs::remove_dir(&other).unwrap();
    project.run("env set WEB_PORT=@0").exits(0);
    let run = project.run("env set WEB_PORT=@5").exits(0);
    assert!(!run.stderr.contains("warning"), "{run}");
}

#[test]
fn two_sets_at_once_do_not_undo_each_other() {
    let project = project("WEB_PORT=@0\n");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let project = &project;
            scope.spawn(move || project.run(&format!("env set --new V{number}={number}")).exits(0));
        }
    });
    let mut lines: Vec<String> = project.read(".env").lines().map(str::to_owned).collect();
    lines.sort();
    let wanted: Vec<String> = (0..8).map(|number| format!("V{number}={number}")).collect();
    assert_eq!(lines[..8], wanted);
}

#[test]
fn set_keeps_links_and_permissions() {
    let project = project("");
    project.file("real/env", "WEB_PORT=@0\n");
    symlink("real/env", project.path(".env")).unwrap();
    fs::set_permissions(project.path("real/env"), fs::Permissions::from_mode(0o600)).unwrap();
    project.run("env set WEB_PORT=@5").exits(0);
    project.run("env init --missing").exits(0);
    assert_eq!(fs::read_link(project.path(".env")).unwrap(), Path::new("real/env"));
    assert!(project.read("real/env").starts_with(&project.fill("WEB_PORT=@5\n")));
    assert_eq!(fs::metadata(project.path("real/env")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn places_that_cannot_be_written_are_refused() {
    let folder = project("");
    fs::create_dir(folder.path(".env")).unwrap();
    snapshot!("env-folder", refused(&folder, "env set WEB_PORT=@5"));
    refused(&folder, "env init");
    refused(&folder, "env check");
    let dangling = project("");
    symlink("nowhere", dangling.path(".env")).unwrap();
    snapshot!("env-dangling", refused(&dangling, "env set WEB_PORT=@5"));
    refused(&dangling, "env init");
    let read_only = project("WEB_PORT=@0\n");
    fs::set_permissions(read_only.path(".env"), fs::Permissions::from_mode(0o444)).unwrap();
    snapshot!("env-read-only", refused(&read_only, "env set WEB_PORT=@5"));
    refused(&read_only, "env init --missing");
    // Looking is no writing.
    read_only.run("env diff").exits(0);
}

#[test]
fn set_keeps_bytes_that_are_not_utf8() {
    let project = project("");
    fs::write(project.path(".env"), b"# caf\xe9\nNAME=\xe9t\xe9\nWEB_PORT=1\n").unwrap();
    project.run("env set WEB_PORT=@5").exits(0);
    project.run("env check").exits(1);
    project.run("env explain NAME").exits(0);
    let want =
        [b"# caf\xe9\nNAME=\xe9t\xe9\nWEB_PORT=".as_slice(), project.port(5).to_string().as_bytes(), b"\n"].concat();
    assert_eq!(fs::read(project.path(".env")).unwrap(), want);
}

#[test]
fn reassign_moves_what_belongs_to_the_port_and_points_at_the_rest() {
    let before = "# mine\nWEB_PORT=@0\nAPI_URL=\"http://localhost:@0\" # page\nCORS=http://localhost:@0\n";
    let mut project = project(before);
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign --dry-run");
    assert!(run.stdout.contains("API_URL http://localhost:18000 -> http://localhost:18002  (.env)"), "{run}");
    assert_eq!(project.read(".env"), project.fill(before));
    let run = project.run("check-ports --reassign").exits(0);
    let after = "# mine\nWEB_PORT=@2\nAPI_URL=\"http://localhost:@2\" # page\nCORS=http://localhost:@0\n";
    assert_eq!(project.read(".env"), project.fill(after));
    snapshot!("env-reassign", run);
}
