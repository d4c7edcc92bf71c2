//! `check-ports`: ports to go to, and what `--reassign` writes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::check_ports::{STACK, one, row, rows};
use crate::support::{Project, snapshot};

#[test]
fn a_suggestion_is_neither_held_nor_wanted_by_another_service() {
    let mut project = Project::new(
        "services:\n  a:\n    image: a\n    ports: [\"${A_PORT:-@0}:80\"]\n  b:\n    image: b\n    ports: [\"${B_PORT:-@2}:80\"]\n",
    );
    project.hold("0.0.0.0", &[0, 1, 2]);
    project.hold("[::1]", &[3]);
    let run = project.run("check-ports --format json").exits(1);
    // 1 and 3 are held, 2 is wanted by b; 4 is a's by then.
    assert_eq!(row(&run, "a")["suggestion"], project.port(4));
    assert_eq!(row(&run, "b")["suggestion"], project.port(5));
}

#[test]
fn a_variable_that_feeds_two_ports_gets_one_suggestion_free_for_both() {
    let mut project = Project::new(
        "services:\n  a:\n    image: a\n    ports:\n      - \"${PORT:-@0}:80\"\n      - \"${PORT:-@0}:80/udp\"\n",
    );
    project.hold("0.0.0.0", &[0]);
    project.hold_as("holder", "", &[format!("udp:0.0.0.0:{}", project.port(1))]);
    let run = project.run("check-ports --format json").exits(1);
    let found: Vec<(Value, Value)> =
        rows(&run).iter().map(|row| (row["verdict"].clone(), row["suggestion"].clone())).collect();
    assert_eq!(found, [(json!("taken"), json!(project.port(2))), (json!("free"), Value::Null)]);
}

#[test]
fn suggestions_keep_to_the_range_of_the_project() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file("xtask.toml", "port_range = \"@6-@8\"\n");
    project.hold("0.0.0.0", &[0, 6]);
    assert_eq!(row(&project.run("check-ports --format json").exits(1), "web")["suggestion"], project.port(7));
    project.hold("0.0.0.0", &[7, 8]);
    assert_eq!(row(&project.run("check-ports --format json").exits(1), "web")["suggestion"], Value::Null);
    snapshot!("reassign-range-is-full", project.run("check-ports --reassign").exits(1));
}

#[test]
fn a_port_of_an_inactive_profile_is_not_suggested() {
    let mut project = Project::new(
        "services:\n  web:\n    image: web\n    ports: [\"${WEB:-@0}:80\"]\n  debug:\n    image: web\n    profiles: [debug]\n    ports: [\"@1:80\"]\n",
    );
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports").exits(1);
    assert!(run.stdout.contains("free: 18002"), "{run}");
}

/// The bytes of `.env` before and after a reassign of `WEB_PORT`, whose port
/// `@0` is held: it must become `@1`.
#[test]
fn reassign_changes_the_value_and_no_other_byte() {
    for (before, after) in [
        ("WEB_PORT=@0\n", "WEB_PORT=@1\n"),
        ("# a\r\nA=1\r\nWEB_PORT=@0\r\nB=2\r\n", "# a\r\nA=1\r\nWEB_PORT=@1\r\nB=2\r\n"),
        ("\u{feff}WEB_PORT=@0\nA=ä # c\n", "\u{feff}WEB_PORT=@1\nA=ä # c\n"),
        ("A=1\nWEB_PORT=@0", "A=1\nWEB_PORT=@1"),
        ("WEB_PORT=@0 # the page\n\n\n", "WEB_PORT=@1 # the page\n\n\n"),
        ("export WEB_PORT = \"@0\"\n", "export WEB_PORT = \"@1\"\n"),
        ("WEB_PORT='@0'\nX=\"two\nlines\"\n", "WEB_PORT='@1'\nX=\"two\nlines\"\n"),
        ("WEB_PORT=1\nWEB_PORT=@0\n", "WEB_PORT=1\nWEB_PORT=@1\n"),
        ("# WEB_PORT=1234\nWEB_PORT: @0\n", "# WEB_PORT=1234\nWEB_PORT: @1\n"),
        ("A=1", "A=1\nWEB_PORT=@1\n"),
        ("A=1\r\n", "A=1\r\nWEB_PORT=@1\r\n"),
        ("", "WEB_PORT=@1\n"),
    ] {
        let mut project = one("\"${WEB_PORT:-@0}:80\"");
        project.file(".env", before);
        project.hold("0.0.0.0", &[0]);
        let run = project.run("check-ports --reassign").exits(0);
        assert_eq!(project.read(".env"), project.fill(after), "{before:?}\n{run}");
        assert!(run.stdout.contains("WEB_PORT 18000 -> 18001  (.env)"), "{run}");
    }
}

#[test]
fn reassign_reports_what_it_wrote() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@3\n");
    project.hold("0.0.0.0", &[0, 3]);
    snapshot!("reassign", project.run("check-ports --reassign").exits(0));
    assert_eq!(project.read(".env"), project.fill("FRONTEND_PORT=@4\nBACKEND_PORT=@1\n"));
    snapshot!("reassign-json", {
        project.file(".env", "FRONTEND_PORT=@3\n");
        project.run("check-ports --reassign --format json").exits(0)
    });
}

#[test]
fn reassign_dry_run_writes_nothing() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@3\n");
    project.hold("0.0.0.0", &[0, 3]);
    let before = project.everything();
    snapshot!("reassign-dry-run", project.run("check-ports --reassign --dry-run").exits(1));
    assert_eq!(project.everything(), before);
}

#[test]
fn reassign_writes_nothing_without_a_conflict() {
    let project = Project::new(STACK);
    project.file(".env.template", "BACKEND_PORT=@1\n");
    let before = project.everything();
    project.run("check-ports --reassign").exits(0);
    assert_eq!(project.everything(), before);
}

#[test]
fn reassign_makes_the_env_file_from_its_template() {
    let mut project = Project::new(STACK);
    project.file(".env.template", "# mine\nBACKEND_PORT=@0\nOTHER=kept # c\n");
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").exits(0);
    assert_eq!(project.read(".env"), project.fill("# mine\nBACKEND_PORT=@1\nOTHER=kept # c\n"));
    assert!(run.stderr.contains(".env created from .env.template"), "{run}");
    assert_eq!(project.read(".env.template"), project.fill("# mine\nBACKEND_PORT=@0\nOTHER=kept # c\n"));
}

#[test]
fn reassign_keeps_permissions() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file(".env", "WEB_PORT=@0\n");
    fs::set_permissions(project.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").exits(0);
    assert_eq!(fs::metadata(project.path(".env")).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn reassign_writes_the_target_of_a_link() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    let target = project.root().join("home/shared.env");
    fs::write(&target, project.fill("WEB_PORT=@0\n")).unwrap();
    symlink(&target, project.path(".env")).unwrap();
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").exits(0);
    assert!(fs::symlink_metadata(project.path(".env")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(target).unwrap(), project.fill("WEB_PORT=@1\n"));
}

#[test]
fn reassign_shows_a_literal_and_does_not_write_it() {
    let mut project = one("\"@0:80\"");
    project.hold("0.0.0.0", &[0]);
    let before = project.everything();
    snapshot!("reassign-literal", project.run("check-ports --reassign").exits(1));
    assert_eq!(project.everything(), before);
}

#[test]
fn reassign_writes_the_env_file_that_compose_reads() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file(".env", "WEB_PORT=@0\n").file("a.env", "WEB_PORT=@0\n").file("b.env", "OTHER=1\n");
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign --env-file a.env --env-file b.env").exits(0);
    assert!(run.stdout.contains("(a.env)"), "{run}");
    assert_eq!(project.read("a.env"), project.fill("WEB_PORT=@1\n"));
    project.file("a.env", "A=1\n");
    project.set("COMPOSE_ENV_FILES", "a.env,b.env");
    // In neither of them yet: the last one counts.
    project.run("check-ports --reassign").exits(0);
    assert_eq!(project.read("b.env"), project.fill("OTHER=1\nWEB_PORT=@1\n"));
    assert_eq!((project.read("a.env"), project.read(".env")), ("A=1\n".to_owned(), project.fill("WEB_PORT=@0\n")));
}

#[test]
fn reassign_in_a_subfolder_writes_its_own_env_file() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file(".env", "WEB_PORT=@2\n").file("sub/.env", "WEB_PORT=@0\n");
    project.hold("0.0.0.0", &[0]);
    let run = project.run_in("sub", "check-ports --reassign").exits(0);
    assert_eq!(project.read("sub/.env"), project.fill("WEB_PORT=@1\n"), "{run}");
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@2\n"));
}

#[test]
fn reassign_remembers_the_old_port() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").exits(0);
    let moves = fs::read_to_string(project.root().join("state/moves.json")).unwrap();
    let moves: Value = serde_json::from_str(&moves).unwrap();
    let file = &moves["files"][project.path(".env").to_str().unwrap()];
    assert_eq!(file["WEB_PORT"], json!({ "from": project.port(0), "to": project.port(1) }));
}

#[test]
fn reassign_works_without_a_state_folder() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.set("XTASK_STATE_DIR", "/proc/no/such/folder");
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").exits(0);
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"));
}
