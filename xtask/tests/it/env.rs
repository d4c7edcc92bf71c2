//! `cargo xtask env`: what each subcommand says, what it writes, and that it
//! writes nothing where it should not.

use serde_json::json;

use crate::support::{Output, Project, git, snapshot};

pub(crate) const COMPOSE: &str = "\
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
pub(crate) fn project(env: &str) -> Project {
    let project = Project::new(COMPOSE);
    project.file(".env.template", TEMPLATE);
    if !env.is_empty() {
        project.file(".env", env);
    }
    project
}

/// Exit code 2, an error, a hint, and every file as it was.
#[track_caller]
pub(crate) fn refused(project: &Project, words: &str) -> Output {
    let before = project.everything();
    let run = project.run(words).exits(2);
    assert_eq!(project.everything(), before, "{run}");
    assert_eq!((run.stderr.matches("error: ").count(), run.stdout.as_str()), (1, ""), "{run}");
    assert!(run.stderr.contains("hint: "), "{run}");
    run
}

// --- init ------------------------------------------------------------------

#[test]
fn init_copies_the_template_once() {
    let project = project("");
    let run = project.run("env init --dry-run").exits(0);
    assert!(!project.path(".env").exists(), "{run}");
    let run = project.run("env init").exits(0);
    assert_eq!(project.read(".env"), project.read(".env.template"));
    assert!(run.stderr.contains(".env created from .env.template"), "{run}");
    project.file(".env", "WEB_PORT=1\n");
    let run = project.run("env init").exits(0);
    assert_eq!(project.read(".env"), "WEB_PORT=1\n");
    assert!(run.stderr.contains("was not changed") && run.stderr.contains("cargo xtask env check"), "{run}");
}

#[test]
fn init_takes_the_example_where_there_is_no_template() {
    let project = Project::new(COMPOSE);
    project.file(".env.example", "A=1\n");
    project.run("env init").exits(0);
    assert_eq!(project.read(".env"), "A=1\n");
    snapshot!("env-init-no-template", refused(&Project::new(COMPOSE), "env init"));
}

#[test]
fn init_adds_what_is_missing_behind_what_is_there() {
    let before = "CORS=x\r\nMINE='y # z'\r\nWEB_PORT=@0 # own";
    let project = project(before);
    let run = project.run("env init --missing --dry-run").exits(0);
    assert_eq!(project.read(".env"), project.fill(before), "{run}");
    let run = project.run("env init --missing").exits(0);
    let added = "\r\n\r\n# What it asks.\r\nAPI_URL=http://localhost:${WEB_PORT}\r\nDB_PASSWORD=s3cret\r\n";
    assert_eq!(project.read(".env"), project.fill(&format!("{before}{added}")));
    snapshot!("env-init-missing", run);
    assert!(project.run("env init --missing").exits(0).stderr.contains(".env has every variable of .env.template"));
}

#[test]
fn init_sees_to_it_that_git_ignores_the_file() {
    let project = project("");
    if !project.is_repository() {
        return;
    }
    project.file(".gitignore", "target/");
    let run = project.run("env init").exits(1);
    snapshot!("env-init-not-ignored", run);
    assert_eq!(project.read(".gitignore"), "target/");
    project.run("env init --yes --dry-run").exits(1);
    assert_eq!(project.read(".gitignore"), "target/");
    project.run("env init --yes").exits(0);
    assert_eq!(project.read(".gitignore"), "target/\n.env\n");
    assert_eq!(project.run("env init").exits(0).stderr.matches("warning").count(), 0);
    // A line in the list does not take it out of git.
    git(project.dir(), &["add", "--force", ".env"]);
    let run = project.run("env init").exits(1);
    assert!(run.stderr.contains("git rm --cached .env"), "{run}");
}

// --- check -----------------------------------------------------------------

#[test]
fn check_finds_nothing_in_a_fresh_copy() {
    let project = project("");
    project.run("env init").exits(0);
    snapshot!("env-check-fine", project.run("env check").exits(0));
    // Even where the file is moved with all that belongs to it.
    project.run("env set WEB_PORT=@5 CORS=x").exits(0);
    project.run("env check").exits(0);
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
    let run = project.run("env check").exits(1);
    snapshot!("env-check-odd", run);
    let answer = project.run("env check --format json").exits(1).json();
    assert_eq!(
        (&answer["schema"], &answer["file"], &answer["template"]),
        (&json!(1), &json!(".env"), &json!(".env.template"))
    );
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(
        findings[0],
        json!({
            "kind": "duplicate", "variable": "WEB_PORT", "file": ".env", "line": 1,
            "message": "WEB_PORT is set again on line 11, which overrides this one", "remedy": "remove line 1, or line 11",
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
    project.run("env init").exits(0);
    let own = project.read(".env");
    project.file(".env", &format!("{own}PART=x\nADMIN_PORT=${{PART}}1\nFROM_INCLUDE=1\n"));
    assert_eq!(project.run("env check").exits(1).stdout.matches("neither").count(), 1);
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
    snapshot!("env-check-no-template", bare.run("env check").exits(1));
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
    snapshot!("env-explain", project.run("env explain WEB_PORT").exits(0));
    snapshot!("env-explain-default", project.run("env explain ADMIN_PORT").exits(0));
    snapshot!("env-explain-secret", project.run("env explain DB_PASSWORD").exits(0));
    project.set("WEB_PORT", "18");
    snapshot!("env-explain-shell", project.run("env explain WEB_PORT").exits(0));
    snapshot!("env-explain-unknown", project.run("env explain NOPE").exits(1));
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
        let run = project.run_in(folder, &format!("env explain WEB_PORT --format json {words}")).exits(0);
        let answer = run.json();
        assert_eq!((&answer["value"], &answer["write_to"]), (&json!(value.to_string()), &json!(file)), "{run}");
        assert_eq!(answer["sources"][0]["counts"], json!(true), "{run}");
        assert_eq!(answer["ports"][0]["published"], json!(value.to_string()), "{run}");
    }
}

// --- diff ------------------------------------------------------------------

#[test]
fn diff_shows_what_is_written_otherwise() {
    let project =
        project("WEB_PORT=@5\nAPI_URL='http://localhost:${WEB_PORT}'\nMINE=1\nDB_PASSWORD=other\nADMIN_PORT=@6\n");
    snapshot!("env-diff", project.run("env diff").exits(0));
    let answer = project.run("env diff --format json").exits(0).json();
    let kinds: Vec<_> = answer["differences"].as_array().unwrap().iter().map(|d| d["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["changed", "changed", "missing", "changed", "changed", "added"]);
    assert_eq!(answer["differences"][3]["file"], json!({ "line": 4, "value": "***" }));
    project.file(".env", TEMPLATE);
    assert_eq!(project.run("env diff").exits(0).stdout, "");
}
