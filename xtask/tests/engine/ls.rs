//! The machine as a whole: what runs, what is kept, and for whom.

use std::path::Path;

use serde_json::Value;

use crate::support::{Holder, Output, Project, Running, command, docker, get, git, python, repository, run, web};

/// Runs the program in a folder, with the ledger of `of`.
#[track_caller]
fn xtask<const N: usize>(of: &Project, dir: &Path, args: [&str; N]) -> Output {
    let mut xtask = of.command(args);
    xtask.current_dir(dir);
    run(xtask)
}

/// The entry of a project; the machine has others.
#[track_caller]
fn entry(report: &Value, project: &str) -> Value {
    let projects = report["projects"].as_array().unwrap();
    let found = projects.iter().find(|entry| entry["project"] == project);
    found.unwrap_or_else(|| panic!("no {project} in {report:#}")).clone()
}

fn service<'a>(entry: &'a Value, name: &str) -> &'a Value {
    let services = entry["services"].as_array().unwrap();
    services.iter().find(|service| service["service"] == name).unwrap_or_else(|| panic!("no {name} in {entry:#}"))
}

/// A linked worktree of the project, beside it; its project's name is returned.
fn worktree(project: &Project) -> (std::path::PathBuf, String) {
    repository(project.dir());
    git(project.dir(), &["worktree", "add", "-q", "-b", "feature/login", "../login"]);
    (project.home().join("login").canonicalize().unwrap(), project.also("login"))
}

fn compose(project: &Project, words: &[&str]) {
    let mut docker = command("docker");
    docker.arg("compose").args(words).current_dir(project.dir());
    run(docker).exits(0);
}

/// This one with a worktree, another that was stopped, two stacks that somebody
/// else started, one of whose folders is gone by now, and a dev server.
#[test]
fn everything_on_this_machine() {
    let (one, port) = Project::web();
    one.xtask(["start"]).exits(0);
    let (login, login_name) = worktree(&one);
    xtask(&one, &login, ["start"]).exits(0);
    let (two, second) = Project::web();
    xtask(&one, &two.dir(), ["start"]).exits(0);
    xtask(&one, &two.dir(), ["stop"]).exits(0);
    let (theirs, _) = Project::web();
    compose(&theirs, &["up", "-d"]);
    compose(&theirs, &["stop"]);
    let (orphan, orphaned) = Project::web();
    compose(&orphan, &["up", "-d"]);
    std::fs::remove_dir_all(orphan.dir()).unwrap();
    let mut server = Running::start(one.command([
        "run",
        "--as",
        "page",
        "--",
        &python(),
        "-u",
        "-m",
        "http.server",
        "--bind",
        "{host}",
        "{port}",
    ]));
    server.until("Serving HTTP");

    let report = one.xtask(["ls", "--format", "json"]).exits(0).json();
    assert_eq!(report["projects"][0]["project"], one.name.as_str(), "this folder's comes first");
    let here = entry(&report, &one.name);
    assert_eq!((&here["state"], &here["branch"]), (&"running".into(), &"main".into()));
    let running = service(&here, "web");
    assert_eq!(running["urls"][0], format!("http://localhost:{port}"));
    assert_eq!((&running["ports"][0]["published"], &running["leased"][0]["published"]), (&port.into(), &port.into()));
    let page = service(&here, "page");
    assert_eq!((&page["state"], &page["dev_server"]), (&"running".into(), &true.into()));
    assert!(
        get(&format!("{}/", page["urls"][0].as_str().unwrap()).replace("localhost", "127.0.0.1")).contains("compose")
    );

    let linked = entry(&report, &login_name);
    assert_eq!((&linked["branch"], &linked["state"]), (&"feature/login".into(), &"running".into()));
    assert_eq!(linked["main"], one.dir().canonicalize().unwrap().to_str().unwrap());
    let own = service(&linked, "web")["ports"][0]["published"].as_u64().unwrap();
    assert_ne!(own, u64::from(port));
    assert!(linked["range"].is_string(), "{linked:#}");

    let stopped = entry(&report, &two.name);
    assert_eq!(stopped["state"], "leased");
    assert_eq!(service(&stopped, "web")["leased"][0]["published"], second);
    let foreign = entry(&report, &theirs.name);
    assert_eq!((&foreign["state"], &foreign["exists"]), (&"stopped".into(), &true.into()));
    let gone = entry(&report, &orphan.name);
    assert_eq!((&gone["state"], &gone["exists"]), (&"running".into(), &false.into()));
    assert_eq!(service(&gone, "web")["ports"][0]["published"], orphaned);

    one.xtask(["ls"])
        .exits(0)
        .says(&format!("{}  running 2/2  here  main  ", one.name))
        .says(&format!("docker compose -p {} down", orphan.name))
        .says(&format!("http://localhost:{own}"));
    // Everybody is where he wants to be.
    one.xtask(["check-ports", "--all"]).exits(0).says("no clashes");
    // As the cure says.
    docker(["compose", "-p", &orphan.name, "down"]).exits(0);
    one.xtask(["ls"]).exits(0).never_says(&orphan.name);
    drop(server);
}

#[test]
fn a_stranger_on_a_port_that_is_kept() {
    let (project, port) = Project::web();
    project.xtask(["start"]).exits(0);
    project.xtask(["stop"]).exits(0);
    let stranger = Holder::http(port);
    project
        .xtask(["check-ports", "--all"])
        .exits(1)
        .says(&format!("web {port} (WEB_PORT): taken by"))
        .says(&format!("pid {}", stranger.pid()));
    drop(stranger);
    project.xtask(["check-ports", "--all"]).exits(0);
}

#[test]
fn what_is_kept_ends_with_its_folder_when_told_so() {
    let (one, _) = Project::web();
    one.xtask(["start"]).exits(0);
    let (login, name) = worktree(&one);
    xtask(&one, &login, ["start"]).exits(0);
    one.xtask(["ranges"]).exits(0).says(&name);
    // It is asked about while it runs.
    xtask(&one, &login, ["release"]).exits(1).says("in use");
    xtask(&one, &login, ["stop"]).exits(0);
    std::fs::remove_dir_all(&login).unwrap();
    one.xtask(["ls"]).exits(0).says("cargo xtask release --gone");
    one.xtask(["ranges"]).exits(0).never_says(&format!("  {name}  ")).says("release --gone");
    one.xtask(["release", "--gone"]).exits(0).says(&format!("web of {name}"));
    one.xtask(["ls"]).exits(0).never_says(&name);
    one.xtask(["release"]).exits(1).says("in use");
}

/// A dev server has the port that another project has by default: that one
/// moves, though nobody listens yet.
#[test]
fn a_dev_server_s_port_is_let_alone_by_a_start_that_may_move() {
    let (one, _) = Project::web();
    let two = Project::new();
    let port = two.port();
    two.write("docker-compose.yml", web(port));
    let wanted = port.to_string();
    one.xtask(["run", "--as", "page", "--port", &wanted, "--", "true"]).exits(0);
    let start = xtask(&one, &two.dir(), ["start", "--on-conflict", "reassign"]).exits(0);
    start.never_says(&format!("http://localhost:{port}\n")).says(&format!("http://localhost:{}", port + 1));
    let report = xtask(&one, &two.dir(), ["ls", "--format", "json"]).exits(0).json();
    assert_eq!(report["projects"][0]["project"], two.name.as_str());
    assert_eq!(service(&entry(&report, &one.name), "page")["leased"][0]["published"], port);
}
