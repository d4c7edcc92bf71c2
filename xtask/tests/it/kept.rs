//! `ranges`, `release` and `check-ports --all`, with a ledger written by hand.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::engine::{Engine, container};
use crate::support::{Project, snapshot};

/// A tenant of the ledger. `folder` is beside the project's own, `demo`; ports
/// are `@N` of the project, as service, target and N.
pub(crate) fn tenant(project: &Project, name: &str, folder: &str, range: &str, leases: &[(&str, u16, u16)]) -> Value {
    let lease = |(service, target, at): &(&str, u16, u16)| {
        json!({ "service": service, "target": target, "protocol": "tcp", "published": project.port(*at),
            "since": "2026-01-01T00:00:00Z" })
    };
    let range: Value = serde_json::from_str(&project.fill(range)).unwrap();
    json!({ "project": name, "dir": project.root().join(folder), "range": range,
        "leases": leases.iter().map(lease).collect::<Vec<Value>>() })
}

/// Writes the ledger: one tenant, or a list of them.
pub(crate) fn keeps(project: &Project, tenants: &Value) {
    let tenants = if tenants.is_array() { tenants.clone() } else { json!([tenants]) };
    fs::write(ledger(project), json!({ "schema": 1, "tenants": tenants }).to_string()).unwrap();
}

fn ledger(project: &Project) -> PathBuf {
    project.root().join("state/leases.json")
}

/// What the ledger has: project, service, port as `@N`.
pub(crate) fn kept(project: &Project) -> Vec<(String, String, u16)> {
    let text = fs::read_to_string(ledger(project)).unwrap();
    let book: Value = serde_json::from_str(&text).unwrap();
    let mut all = Vec::new();
    for tenant in book["tenants"].as_array().unwrap() {
        for lease in tenant["leases"].as_array().unwrap() {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            let port = u16::try_from(lease["published"].as_u64().unwrap()).unwrap();
            all.push((word(&tenant["project"]), word(&lease["service"]), port - project.port(0)));
        }
    }
    all
}

fn folder(project: &Project, name: &str, files: &[(&str, &str)]) {
    let dir = project.root().join(name);
    fs::create_dir_all(&dir).unwrap();
    for (file, text) in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, project.fill(text)).unwrap();
    }
}

const WEB: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";

// --- ranges ----------------------------------------------------------------

#[test]
fn ranges_that_meet_are_reported_with_the_cure() {
    let project = Project::new(WEB);
    project.file("xtask.toml", "# Ours.\nport_range = \"@0-@4\"\n");
    folder(&project, "shop", &[("xtask.toml", "port_range = \"@4-@6\"\n")]);
    folder(&project, "blog", &[]);
    folder(&project, "quiet", &[]);
    keeps(
        &project,
        &json!([
            tenant(&project, "demo", "demo", "null", &[("web", 80, 0), ("db", 5432, 7)]),
            tenant(&project, "shop", "shop", "null", &[]),
            tenant(&project, "blog", "blog", "\"@6-@8\"", &[("web", 80, 6)]),
            tenant(&project, "quiet", "quiet", "\"@9-@9\"", &[]),
            tenant(&project, "gone", "gone", "\"@0-@9\"", &[("web", 80, 1)]),
        ]),
    );
    snapshot!("ranges", project.run("ranges").exits(1));
    let report = project.run("ranges --format json").exits(1);
    snapshot!("ranges-json", report);
    assert_eq!(report.json()["overlaps"].as_array().unwrap().len(), 2);
}

#[test]
fn worktrees_share_the_range_of_their_repository() {
    let project = Project::new(WEB);
    project.file("xtask.toml", "port_range = \"@0-@9\"\n");
    worktree(&project);
    folder(&project, "login", &[("xtask.toml", "port_range = \"@0-@9\"\n")]);
    keeps(
        &project,
        &json!([
            tenant(&project, "demo", "demo", "null", &[("web", 80, 0)]),
            tenant(&project, "demo-login", "login", "null", &[("web", 80, 1)]),
        ]),
    );
    let run = project.run("ranges").exits(0);
    assert!(!run.stdout.contains("overlap"), "{run}");
}

#[test]
fn settings_that_cannot_be_read_are_said_and_not_the_end() {
    let project = Project::new(WEB);
    folder(&project, "shop", &[("xtask.toml", "port_range = 7\n")]);
    keeps(&project, &tenant(&project, "shop", "shop", "\"@0-@9\"", &[]));
    let run = project.run("ranges").exits(0);
    assert!(run.stderr.contains("warning: shop in ") && run.stderr.contains("xtask.toml"), "{run}");
    assert!(run.stdout.contains("18000-18009  shop"), "{run}");
}

#[test]
fn an_empty_ledger_is_reported_by_every_command() {
    let project = Project::empty();
    for (words, says) in [
        ("ranges", "no project has a port range, and no port is kept\n"),
        ("release", "nothing was kept\n"),
        ("release --gone", "nothing was kept\n"),
        ("release --all", "nothing was kept\n"),
        ("check-ports --all", "0 projects, 0 ports: no clashes\n"),
        ("ls", "no Compose project runs on this machine, and no port is kept\n"),
    ] {
        assert_eq!(project.run(words).exits(0).stdout, says, "{words}");
    }
}

/// The folder `login` becomes a linked worktree of `demo`, on a branch.
pub(crate) fn worktree(project: &Project) {
    project.file(".git/HEAD", "ref: refs/heads/main\n");
    project.file(".git/worktrees/login/HEAD", "ref: refs/heads/feature/login\n");
    project.file(".git/worktrees/login/commondir", "../..\n");
    let link = format!("gitdir: {}\n", project.path(".git/worktrees/login").display());
    folder(project, "login", &[(".git", &link), ("compose.yaml", WEB)]);
}

// --- release ---------------------------------------------------------------

fn three(project: &Project) {
    folder(project, "shop", &[]);
    keeps(
        project,
        &json!([
            tenant(project, "demo", "demo", "\"@0-@3\"", &[("web", 80, 0), ("vite", 0, 1)]),
            tenant(project, "shop", "shop", "\"@4-@6\"", &[("web", 80, 4), ("db", 5432, 5)]),
            tenant(project, "old", "old", "\"@7-@9\"", &[("web", 80, 7)]),
        ]),
    );
}

fn names(project: &Project) -> Vec<(String, u16)> {
    kept(project).into_iter().map(|(name, _, port)| (name, port)).collect()
}

fn pairs(list: &[(&str, u16)]) -> Vec<(String, u16)> {
    list.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect()
}

#[test]
fn this_folder_s_leases_end_and_nobody_else_s() {
    let project = Project::new(WEB);
    three(&project);
    let before = fs::read(ledger(&project)).unwrap();
    snapshot!("release-dry-run", project.run("release --dry-run").exits(0));
    assert_eq!(fs::read(ledger(&project)).unwrap(), before);
    snapshot!("release", project.run("release").exits(0));
    assert_eq!(names(&project), pairs(&[("shop", 4), ("shop", 5), ("old", 7)]));
    assert_eq!(project.run("release").exits(0).stdout, "nothing was kept\n");
    // By its name from another folder it is somebody else's.
    assert_eq!(project.run("-p shop release").exits(0).stdout, "nothing was kept\n");
}

#[test]
fn named_ports_end_whoever_has_them() {
    let project = Project::new(WEB);
    three(&project);
    let run = project.run("release @5 @7-@9 --format json").exits(0);
    snapshot!("release-ports-json", run);
    assert_eq!(names(&project), pairs(&[("demo", 0), ("demo", 1), ("shop", 4)]));
}

#[test]
fn what_is_kept_for_folders_that_are_gone_ends() {
    let project = Project::new(WEB);
    three(&project);
    let lock = |name: &str| project.root().join(format!("state/start-{name}.lock"));
    for name in ["old", "shop"] {
        fs::write(lock(name), "").unwrap();
    }
    snapshot!("release-gone", project.run("release --gone").exits(0));
    assert_eq!(["old", "shop"].map(|name| lock(name).exists()), [false, true]);
    assert_eq!(names(&project), pairs(&[("demo", 0), ("demo", 1), ("shop", 4), ("shop", 5)]));
    assert_eq!(project.run("release --gone").exits(0).stdout, "nothing was kept\n");
}

#[test]
fn everything_ends_only_after_a_question() {
    let project = Project::new(WEB);
    three(&project);
    let run = project.run("release --all").exits(1);
    assert!(run.stderr.contains("release all 5 kept ports on this machine?") && run.stderr.contains("--yes"), "{run}");
    assert_eq!(names(&project).len(), 5);
    project.run("release --all --yes").exits(0);
    assert_eq!(names(&project), []);
}

#[test]
fn a_port_in_use_by_its_own_project_ends_only_after_a_question() {
    let mut project = Project::new(WEB);
    let engine = Engine::start(&mut project);
    three(&project);
    let dir = project.dir();
    let web = ("demo", "web", dir.to_str().unwrap());
    engine.has(container(web, ("running", "Up"), &[("0.0.0.0", project.port(0), 80)]));
    snapshot!("release-in-use", project.run("release").exits(1));
    assert_eq!(names(&project).len(), 5);
    // The other one is not in use.
    project.run("release @1").exits(0);
    project.run("release --yes").exits(0);
    assert_eq!(names(&project), pairs(&[("shop", 4), ("shop", 5), ("old", 7)]));
}

#[test]
fn a_damaged_ledger_is_set_aside_and_said() {
    let project = Project::new(WEB);
    fs::write(ledger(&project), "{\"schema\":1,").unwrap();
    let run = project.run("release").exits(0);
    assert!(run.stderr.contains("was damaged and was moved to"), "{run}");
}

// --- check-ports --all -----------------------------------------------------

#[test]
fn check_ports_all_lists_every_clash_on_the_machine() {
    let mut project = Project::new(WEB);
    let engine = Engine::start(&mut project);
    // demo wants @0 and keeps it; shop wants @0 too and keeps @1; blog runs on
    // @2; a stranger is on docs' @3; db of shop and of blog share @4.
    folder(&project, "shop", &[("compose.yaml", WEB)]);
    folder(&project, "blog", &[]);
    keeps(
        &project,
        &json!([
            tenant(&project, "demo", "demo", "null", &[("web", 80, 0), ("docs", 0, 3)]),
            tenant(&project, "shop", "shop", "null", &[("web", 80, 1), ("db", 5432, 4)]),
            tenant(&project, "blog", "blog", "null", &[("web", 80, 2), ("db", 5432, 4)]),
            tenant(&project, "gone", "gone", "null", &[("web", 80, 0)]),
        ]),
    );
    let blog = project.root().join("blog");
    let web = ("blog", "web", blog.to_str().unwrap());
    engine.has(container(web, ("running", "Up"), &[("0.0.0.0", project.port(2), 80)]));
    // In a folder that is not the project's.
    let root = project.root().to_path_buf();
    let holder = project.tool("holder");
    let address = project.fill("127.0.0.1:@3");
    let mut stranger = project.command(holder);
    let mut stranger = stranger.arg(address).current_dir(root).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(stranger.stdout.as_mut().unwrap(), &mut [0; 6]).unwrap();
    let text = project.run("check-ports --all").exits(1);
    let report = project.run("check-ports --all --format json").exits(1);
    drop(stranger.kill());
    drop(stranger.wait());
    snapshot!("check-all", text);
    let report = report.json();
    let verdicts: Vec<(&str, &str, usize)> = report["projects"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|of| of["ports"].as_array().unwrap())
        .map(|port| {
            let word = |key: &str| port[key].as_str().unwrap();
            (word("service"), word("verdict"), port["clashes"].as_array().unwrap().len())
        })
        .collect();
    let want = [
        ("web", "ours", 0),
        ("db", "free", 1),
        ("web", "free", 1),
        ("docs", "taken", 0),
        ("web", "free", 0),
        ("db", "free", 1),
        ("web", "free", 1),
    ];
    assert_eq!(verdicts, want, "{report:#}");
}

#[test]
fn check_ports_all_cannot_be_combined_with_reassign() {
    let run = Project::new(WEB).run("check-ports --all --reassign").exits(2);
    assert!(run.stderr.contains("cannot be used with"), "{run}");
}

#[test]
fn a_port_that_is_kept_for_somebody_else_is_named_in_json() {
    let project = Project::new(WEB);
    folder(&project, "shop", &[]);
    let lease = || project.run("check-ports --format json").exits(0).json()["ports"][0]["lease"].clone();
    assert_eq!(lease(), Value::Null);
    keeps(&project, &tenant(&project, "demo", "demo", "null", &[("web", 80, 0)]));
    assert_eq!(lease(), Value::Null);
    keeps(&project, &tenant(&project, "shop", "shop", "null", &[("web", 80, 0)]));
    assert_eq!(lease(), json!({ "project": "shop", "dir": project.root().join("shop") }));
    keeps(&project, &tenant(&project, "gone", "gone", "null", &[("web", 80, 0)]));
    assert_eq!(lease(), Value::Null);
}
