//! `cargo xtask env`: what each subcommand says, what it writes, and that it
//! writes nothing where it should not.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;
use xtask::ledger::Book;
use xtask::model::{Lease, Protocol};

use crate::support::{Project, Run, snapshot};

const COMPOSE: &str = "\
services:
  web:
    image: web
    environment:
      API: ${API_URL:-none}
      DSN: postgres://app:${DB_PASSWORD:-s3cret}@db/x
    ports:
      - \"${WEB_PORT:-@0}:80\"
      - \"${ADMIN_PORT:-@1}:81\"
";

const TEMPLATE: &str = "\
# Settings.

# The page.
WEB_PORT=@0
# What it asks.
API_URL=http://localhost:${WEB_PORT}
CORS=http://localhost:@0
DB_PASSWORD=s3cret
#ADMIN_PORT=@1
";

/// With a template and, if it is not empty, a `.env`.
fn project(env: &str) -> Project {
    let project = Project::new(COMPOSE);
    project.file(".env.template", TEMPLATE);
    if !env.is_empty() {
        project.file(".env", env);
    }
    project
}

/// Exit code 2, an error, a hint, and every file as it was.
#[track_caller]
fn refused(project: &Project, words: &str) -> Run {
    let before = project.everything();
    let run = project.run(words).ends_with(2);
    assert_eq!(project.everything(), before, "{run}");
    assert_eq!((run.stderr.matches("error: ").count(), run.stdout.as_str()), (1, ""), "{run}");
    assert!(run.stderr.contains("hint: "), "{run}");
    run
}

/// A repository, if there is a git.
fn with_git(project: &Project) -> bool {
    let Ok(git) = which::which("git") else { return crate::support::skip("no git on PATH") };
    symlink(git, project.root().join("bin/git")).unwrap();
    let done = project.command(project.root().join("bin/git")).args(["init", "-q"]).status().unwrap();
    done.success() || crate::support::skip("`git init` does not work")
}

// --- init ------------------------------------------------------------------

#[test]
fn init_copies_the_template_once() {
    let project = project("");
    let run = project.run("env init --dry-run").ends_with(0);
    assert!(!project.path(".env").exists(), "{run}");
    let run = project.run("env init").ends_with(0);
    assert_eq!(project.read(".env"), project.read(".env.template"));
    assert!(run.stderr.contains(".env made from .env.template"), "{run}");
    project.file(".env", "WEB_PORT=1\n");
    let run = project.run("env init").ends_with(0);
    assert_eq!(project.read(".env"), "WEB_PORT=1\n");
    assert!(run.stderr.contains("stays as it is") && run.stderr.contains("cargo xtask env check"), "{run}");
}

#[test]
fn init_takes_the_example_where_there_is_no_template() {
    let project = Project::new(COMPOSE);
    project.file(".env.example", "A=1\n");
    project.run("env init").ends_with(0);
    assert_eq!(project.read(".env"), "A=1\n");
    snapshot!("env-init-no-template", refused(&Project::new(COMPOSE), "env init"));
}

#[test]
fn init_adds_what_is_missing_behind_what_is_there() {
    let before = "CORS=x\r\nMINE='y # z'\r\nWEB_PORT=@0 # own";
    let project = project(before);
    let run = project.run("env init --missing --dry-run").ends_with(0);
    assert_eq!(project.read(".env"), project.fill(before), "{run}");
    let run = project.run("env init --missing").ends_with(0);
    let added = "\r\n\r\n# What it asks.\r\nAPI_URL=http://localhost:${WEB_PORT}\r\nDB_PASSWORD=s3cret\r\n";
    assert_eq!(project.read(".env"), project.fill(&format!("{before}{added}")));
    snapshot!("env-init-missing", run);
    assert!(project.run("env init --missing").ends_with(0).stderr.contains(".env has all that .env.template has"));
}

#[test]
fn init_sees_to_it_that_git_ignores_the_file() {
    let project = project("");
    if !with_git(&project) {
        return;
    }
    project.file(".gitignore", "target/");
    let run = project.run("env init").ends_with(1);
    snapshot!("env-init-not-ignored", run);
    assert_eq!(project.read(".gitignore"), "target/");
    project.run("env init --yes --dry-run").ends_with(1);
    assert_eq!(project.read(".gitignore"), "target/");
    project.run("env init --yes").ends_with(0);
    assert_eq!(project.read(".gitignore"), "target/\n.env\n");
    assert_eq!(project.run("env init").ends_with(0).stderr.matches("warning").count(), 0);
    // A line in the list does not take it out of git.
    let git = |words: &[&str]| project.command(project.root().join("bin/git")).args(words).status().unwrap();
    assert!(git(&["add", "--force", ".env"]).success());
    let run = project.run("env init").ends_with(1);
    assert!(run.stderr.contains("git rm --cached .env"), "{run}");
}

// --- check -----------------------------------------------------------------

#[test]
fn check_finds_nothing_in_a_fresh_copy() {
    let project = project("");
    project.run("env init").ends_with(0);
    snapshot!("env-check-fine", project.run("env check").ends_with(0));
    // Even where the file is moved with all that belongs to it.
    project.run("env set WEB_PORT=@5 CORS=x").ends_with(0);
    project.run("env check").ends_with(0);
}

const ODD: &str = "\
WEB_PORT=1
API_URL=http://localhost:@0
CORS=http://localhost:@0
TYPO=1
COMPOSE_PROFILES=x
EMPTY= # why
TAB=1\t# why
DB_PASSWORD=pa$word
LATE=$API_URL$LATER
LATER=1
WEB_PORT=@5\r
HOST_NAME
last";

#[test]
fn check_points_at_every_line() {
    let mut project = project(ODD);
    project.set("LATER", "2");
    let run = project.run("env check").ends_with(1);
    snapshot!("env-check-odd", run);
    let answer = project.run("env check --format json").ends_with(1).json();
    assert_eq!(
        (&answer["schema"], &answer["file"], &answer["template"]),
        (&json!(1), &json!(".env"), &json!(".env.template"))
    );
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(
        findings[0],
        json!({
            "kind": "duplicate", "variable": "WEB_PORT", "file": ".env", "line": 1,
            "message": "WEB_PORT is set again on line 11, and that one counts", "remedy": "remove line 1, or line 11",
        })
    );
    let of_kind = |kind: &str| findings.iter().filter(|finding| finding["kind"] == kind).count();
    for (kind, count) in [
        ("duplicate", 1),
        ("dependent", 1),
        ("old_port", 1),
        ("unknown", 5),
        ("comment_is_value", 1),
        ("tab_before_comment", 1),
        ("expands_to_nothing", 1),
        ("shadowed", 1),
        ("mixed_line_ends", 1),
        ("inherited", 1),
        ("dropped", 1),
    ] {
        assert_eq!(of_kind(kind), count, "{kind}: {findings:#?}");
    }
}

#[test]
fn check_knows_what_is_used_in_other_ways() {
    // By another value, by an included file, by a service that takes the file.
    let project = project("");
    project.run("env init").ends_with(0);
    let own = project.read(".env");
    project.file(".env", &format!("{own}PART=x\nADMIN_PORT=${{PART}}1\nFROM_INCLUDE=1\n"));
    assert_eq!(project.run("env check").ends_with(1).stdout.matches("neither").count(), 1);
    project.file("more.yaml", "services: {more: {image: \"x:${FROM_INCLUDE}\"}}\n");
    project.file("compose.yaml", &format!("include: [more.yaml]\n{COMPOSE}"));
    let run = project.run("env check");
    assert!(!run.stdout.contains("FROM_INCLUDE"), "{run}");
    project.file("compose.yaml", "services: {web: {image: x, env_file: .env}}\n");
    let run = project.run("env check");
    assert!(!run.stdout.contains("neither"), "{run}");
}

#[test]
fn check_without_a_template_or_without_a_file() {
    let bare = Project::new(COMPOSE);
    snapshot!("env-check-no-env", refused(&bare, "env check"));
    bare.file(".env", "ANYTHING=1\nA= # x\n");
    snapshot!("env-check-no-template", bare.run("env check").ends_with(1));
    snapshot!("env-check-no-env-but-template", refused(&project(""), "env check"));
}

#[test]
fn check_tells_line_and_cure_where_compose_refuses() {
    snapshot!("env-check-refused", refused(&project("WEB_PORT=1\nFOO BAR=1\n"), "env check"));
    snapshot!("env-check-unended", refused(&project("WEB_PORT='1\n"), "env check"));
}

// --- explain ---------------------------------------------------------------

#[test]
fn explain_lists_every_source_in_the_order_of_compose() {
    let mut project = project("WEB_PORT=1\nWEB_PORT=@2\nAPI_URL=x$WEB_PORT\n");
    snapshot!("env-explain", project.run("env explain WEB_PORT").ends_with(0));
    snapshot!("env-explain-default", project.run("env explain ADMIN_PORT").ends_with(0));
    snapshot!("env-explain-secret", project.run("env explain DB_PASSWORD").ends_with(0));
    project.set("WEB_PORT", "18");
    snapshot!("env-explain-shell", project.run("env explain WEB_PORT").ends_with(0));
    snapshot!("env-explain-unknown", project.run("env explain NOPE").ends_with(1));
}

#[test]
fn explain_knows_which_of_several_files_wins() {
    let project = project("WEB_PORT=@1\n");
    project.file("one.env", "WEB_PORT=@2\n").file("two.env", "WEB_PORT=@3\n");
    project.file("sub/.env", "WEB_PORT=@4\n");
    for (folder, words, value, file) in [
        ("", "", project.port(1), ".env"),
        ("", "--env-file one.env --env-file two.env", project.port(3), "two.env"),
        ("sub", "", project.port(4), ".env"),
    ] {
        let run = project.run_in(folder, &format!("env explain WEB_PORT --format json {words}")).ends_with(0);
        let answer = run.json();
        assert_eq!((&answer["value"], &answer["write_to"]), (&json!(value.to_string()), &json!(file)), "{run}");
        assert_eq!(answer["sources"][0]["counts"], json!(true), "{run}");
        assert_eq!(answer["ports"][0]["published"], json!(value.to_string()), "{run}");
    }
}

// --- set -------------------------------------------------------------------

#[test]
fn set_changes_the_value_and_what_belongs_to_it() {
    let before = "WEB_PORT=@0 # ours\r\nAPI_URL=http://localhost:@0\r\nCORS=http://localhost:@0\r\n";
    let project = project(before);
    let run = project.run("env set WEB_PORT=@5 ADMIN_PORT=@6 --dry-run").ends_with(0);
    assert_eq!(project.read(".env"), project.fill(before));
    let done = project.run("env set WEB_PORT=@5 ADMIN_PORT=@6").ends_with(0);
    assert_eq!((&run.stdout, &run.stderr), (&done.stdout, &done.stderr));
    let after = "WEB_PORT=@5 # ours\r\nAPI_URL=http://localhost:@5\r\nCORS=http://localhost:@0\r\nADMIN_PORT=@6\r\n";
    assert_eq!(project.read(".env"), project.fill(after));
    snapshot!("env-set", done);
    let answer = project.run("env set WEB_PORT=@7 --format json").ends_with(0).json();
    let (from, to) = (project.port(5).to_string(), project.port(7).to_string());
    assert_eq!(answer["changed"][0], json!({ "variable": "WEB_PORT", "from": from, "to": to, "file": ".env" }));
    assert_eq!(answer["changed"][1]["variable"], json!("API_URL"));
    // Once more is no change.
    let same = project.everything();
    assert!(project.run("env set WEB_PORT=@7").ends_with(0).stdout.contains("is 18007 already"));
    assert_eq!(project.everything(), same);
}

#[test]
fn set_makes_the_file_from_the_template() {
    let project = project("");
    let run = project.run("env set WEB_PORT=@5").ends_with(0);
    assert_eq!(
        project.read(".env"),
        project.read(".env.template").replacen(&project.port(0).to_string(), &project.port(5).to_string(), 1)
    );
    assert!(run.stderr.contains(".env made from .env.template"), "{run}");
    assert!(run.stdout.contains("WEB_PORT 18000 -> 18005"), "{run}");
    let bare = Project::new(COMPOSE);
    bare.run("env set NEW=1").ends_with(0);
    assert_eq!(bare.read(".env"), "NEW=1\n");
}

#[test]
fn set_writes_where_compose_reads() {
    let project = project("WEB_PORT=@1\n");
    project.file("one.env", "WEB_PORT=@2\n").file("two.env", "OTHER=1\n").file("sub/.env", "WEB_PORT=@4\n");
    project.run("env set WEB_PORT=@5 OTHER=2 --env-file one.env --env-file two.env").ends_with(0);
    assert_eq!(project.read("one.env"), project.fill("WEB_PORT=@5\n"));
    assert_eq!(project.read("two.env"), "OTHER=2\n");
    project.run_in("sub", "env set WEB_PORT=@6").ends_with(0);
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
    refused(&project, "env set NEW=1");
}

/// A project that cannot be read is mended one value at a time.
#[test]
fn set_mends_a_value_that_is_wrong() {
    let project = project("WEB_PORT=eighty\nADMIN_PORT=eighty\n");
    let run = project.run("env set WEB_PORT=@0").ends_with(0);
    assert!(run.stderr.contains("Compose cannot read the project yet"), "{run}");
    let run = project.run("env set ADMIN_PORT=@1").ends_with(0);
    assert!(!run.stderr.contains("warning"), "{run}");
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@0\nADMIN_PORT=@1\n"));
}

#[test]
fn set_warns_of_a_port_that_is_taken() {
    let mut project = project("WEB_PORT=@0\n");
    project.hold("0.0.0.0", &[5]);
    let run = project.run("env set WEB_PORT=@5").ends_with(0);
    assert!(run.stderr.contains("warning: 18005 is not free: `cargo xtask who 18005`"), "{run}");
    let run = project.run("env set WEB_PORT=@1").ends_with(0);
    assert!(run.stderr.contains("warning: 18001 is what service `web` publishes too"), "{run}");
}

/// Whoever asks for it by name gets it, and is told.
#[test]
fn set_warns_of_a_port_that_is_kept_for_another_project() {
    let project = project("WEB_PORT=@0\n");
    let other = project.root().join("other");
    fs::create_dir(&other).unwrap();
    let mut book = Book::open(&project.root().join("state")).unwrap();
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
    let run = project.run("env set WEB_PORT=@5").ends_with(0);
    assert!(run.stderr.contains("warning: 18005 is kept for shop in [root]/other"), "{run}");
    // Where its folder is gone, so is its claim.
    fs::remove_dir(&other).unwrap();
    project.run("env set WEB_PORT=@0").ends_with(0);
    let run = project.run("env set WEB_PORT=@5").ends_with(0);
    assert!(!run.stderr.contains("warning"), "{run}");
}

#[test]
fn two_at_once_do_not_undo_each_other() {
    let project = project("WEB_PORT=@0\n");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let project = &project;
            scope.spawn(move || project.run(&format!("env set V{number}={number}")).ends_with(0));
        }
    });
    let mut lines: Vec<String> = project.read(".env").lines().map(str::to_owned).collect();
    lines.sort();
    let wanted: Vec<String> = (0..8).map(|number| format!("V{number}={number}")).collect();
    assert_eq!(lines[..8], wanted);
}

// --- diff ------------------------------------------------------------------

#[test]
fn diff_shows_what_is_written_otherwise() {
    let project =
        project("WEB_PORT=@5\nAPI_URL='http://localhost:${WEB_PORT}'\nMINE=1\nDB_PASSWORD=other\nADMIN_PORT=@6\n");
    snapshot!("env-diff", project.run("env diff").ends_with(0));
    let answer = project.run("env diff --format json").ends_with(0).json();
    let kinds: Vec<_> = answer["differences"].as_array().unwrap().iter().map(|d| d["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["changed", "changed", "missing", "changed", "changed", "added"]);
    assert_eq!(answer["differences"][3]["file"], json!({ "line": 4, "value": "***" }));
    project.file(".env", TEMPLATE);
    assert_eq!(project.run("env diff").ends_with(0).stdout, "");
}

// --- odd places --------------------------------------------------------------

#[test]
fn links_and_permissions_stay() {
    let project = project("");
    project.file("real/env", "WEB_PORT=@0\n");
    symlink("real/env", project.path(".env")).unwrap();
    fs::set_permissions(project.path("real/env"), fs::Permissions::from_mode(0o600)).unwrap();
    project.run("env set WEB_PORT=@5").ends_with(0);
    project.run("env init --missing").ends_with(0);
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
    read_only.run("env diff").ends_with(0);
}

#[test]
fn bytes_that_are_no_utf8_stay() {
    let project = project("");
    fs::write(project.path(".env"), b"# caf\xe9\nNAME=\xe9t\xe9\nWEB_PORT=1\n").unwrap();
    project.run("env set WEB_PORT=@5").ends_with(0);
    project.run("env check").ends_with(1);
    project.run("env explain NAME").ends_with(0);
    let want =
        [b"# caf\xe9\nNAME=\xe9t\xe9\nWEB_PORT=".as_slice(), project.port(5).to_string().as_bytes(), b"\n"].concat();
    assert_eq!(fs::read(project.path(".env")).unwrap(), want);
}

// --- moves by other commands -------------------------------------------------

#[test]
fn reassign_moves_what_belongs_to_the_port_and_points_at_the_rest() {
    let before = "# mine\nWEB_PORT=@0\nAPI_URL=\"http://localhost:@0\" # page\nCORS=http://localhost:@0\n";
    let mut project = project(before);
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign --dry-run");
    assert!(run.stdout.contains("API_URL http://localhost:18000 -> http://localhost:18002  (.env)"), "{run}");
    assert_eq!(project.read(".env"), project.fill(before));
    let run = project.run("check-ports --reassign").ends_with(0);
    let after = "# mine\nWEB_PORT=@2\nAPI_URL=\"http://localhost:@2\" # page\nCORS=http://localhost:@0\n";
    assert_eq!(project.read(".env"), project.fill(after));
    snapshot!("env-reassign", run);
}
