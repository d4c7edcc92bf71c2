//! SIGKILL in the middle of a start, a stop, a reassignment or an edit: ledger
//! and `.env` are always whole, and the next run works. The engine and Compose are stand-ins; ten moments with the
//! real ones are among the tests on the engine.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::engine::{Engine, container};
use crate::support::{Output, Project, Rule, XTASK};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports:\n      - \"${WEB_PORT:-@0}:53/udp\"\n";
const TEMPLATE: &str = "# Ports\nWEB_PORT=@0\nTOKEN='a b'\n";
const MOMENTS: u64 = 190;

fn config() -> Rule {
    Rule::config_of("{{COMPOSE_PROJECT_NAME:demo}}", "{{WEB_PORT:@0}}", (53, "udp"))
}

/// A linked worktree `demo` of a repository `main`, as git lays them out.
fn worktree() -> (Project, Engine) {
    let mut project = Project::empty();
    let write = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let git = project.root().join("main/.git/worktrees/demo");
    write(&git.join("HEAD"), "ref: refs/heads/demo\n");
    write(&git.join("commondir"), "../..\n");
    write(&project.path(".git"), &format!("gitdir: {}\n", git.display()));
    write(&project.root().join("main/compose.yaml"), &project.fill(COMPOSE));
    project.file("compose.yaml", COMPOSE).file(".env.template", TEMPLATE);
    let engine = Engine::start(&mut project);
    project.fake_docker(&[config(), Rule::when("docker compose up").tells("up")]);
    let dir = project.dir();
    engine.on("up", move |state| {
        let env = fs::read_to_string(dir.join(".env")).unwrap();
        let value = |name: &str| env.lines().rev().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
        let name = value("COMPOSE_PROJECT_NAME");
        let port = value("WEB_PORT").parse().unwrap();
        let mut made =
            container((name, "web", dir.to_str().unwrap()), ("running", "Up 1 second"), &[("0.0.0.0", port, 53)]);
        made["Ports"][0]["Type"] = Value::from("udp");
        state.containers = vec![made];
    });
    (project, engine)
}

/// Where a killed start may have left the file.
fn is_whole(env: &str, project: &Project) -> bool {
    let template = project.fill(TEMPLATE);
    let named = format!("{template}COMPOSE_PROJECT_NAME=main-demo\n");
    let rest = env.strip_prefix("# Ports\nWEB_PORT=").and_then(|rest| rest.split_once('\n'));
    let moved = rest.is_some_and(|(port, rest)| {
        port.parse::<u16>().is_ok() && rest == "TOKEN='a b'\nCOMPOSE_PROJECT_NAME=main-demo\n"
    });
    env == template || env == named || moved
}

/// Runs `words` and kills it after this part of `took`; whether that was before
/// it ended.
fn kill_after(project: &Project, words: &str, took: Duration, (part, of): (u32, u32)) -> bool {
    let mut run = project.command(XTASK);
    let words = project.fill(words);
    let mut run = run.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(took * part / of);
    run.kill().unwrap();
    run.wait().unwrap().code().is_none()
}

/// Runs `words` to their end, and says how long that took: other tests come and
/// go on this machine, so that each run is the measure of the next one.
fn timed(project: &Project, words: &str) -> (Output, Duration) {
    let began = Instant::now();
    let run = project.run(words).exits(0);
    (run, began.elapsed())
}

/// Kills `words` at `of` moments; `reset` comes before each, `check` after each
/// and then `words` once more, which must do what was wanted.
fn at_each_moment(project: &Project, words: &str, of: u32, reset: &dyn Fn(), check: &dyn Fn(&str), done: &dyn Fn()) {
    reset();
    let (_, mut took) = timed(project, words);
    done();
    let mut early = 0;
    for moment in 0..of {
        reset();
        early += u32::from(kill_after(project, words, took, (moment * 7 % of, of)));
        check(&project.read(".env"));
        took = timed(project, words).1;
        done();
    }
    assert!(early > of / 3, "only {early} of `{words}` were killed before they ended");
}

#[test]
fn an_edit_and_a_reassignment_killed_at_any_moment_are_done_or_not() {
    let mut project = Project::new(
        "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n    environment: {URL: \"${URL}\"}\n",
    );
    project.file(".env.template", "WEB_PORT=@0\nURL=http://localhost:${WEB_PORT}\n");
    let env = |port| project.fill(&format!("# mine\nWEB_PORT=@{port}\nURL=http://localhost:@{port}\n"));
    let (before, after, moved) = (env(0), env(5), env(1));
    let path = project.path(".env");
    let reset = || fs::write(&path, &before).unwrap();
    let whole = |want: &str| {
        let want = want.to_owned();
        let before = before.clone();
        move |now: &str| assert!(now == before || now == want, "{now:?}")
    };
    let is = |want: &str| {
        let (want, path) = (want.to_owned(), path.clone());
        move || assert_eq!(fs::read_to_string(&path).unwrap(), want)
    };
    at_each_moment(&project, "env set WEB_PORT=@5", 24, &reset, &whole(&after), &is(&after));
    project.hold("0.0.0.0", &[0]);
    at_each_moment(&project, "check-ports --reassign", 24, &reset, &whole(&moved), &is(&moved));
    let moves = fs::read(project.root().join("state/moves.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&moves).unwrap()["schema"], 1);
}

#[test]
fn a_stop_killed_at_any_moment_is_done_by_the_next() {
    let (project, engine) = worktree();
    project.run("start").exits(0);
    let running = engine.state().containers.clone();
    let mut project = project;
    project.fake_docker(&[config(), Rule::when("docker compose down").tells("down")]);
    engine.on("down", |state| state.containers.clear());
    let env = project.read(".env");
    let reset = || engine.state().containers.clone_from(&running);
    let done = || assert!(engine.state().containers.is_empty());
    at_each_moment(&project, "stop", 24, &reset, &|now| assert_eq!(now, env), &done);
    let ledger = fs::read(project.root().join("state/leases.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&ledger).unwrap()["schema"], 1);
}

#[test]
fn a_start_killed_at_any_moment_leaves_everything_whole() {
    let (project, engine) = worktree();
    let (_, mut took) = timed(&project, "start");
    let want = project.read(".env");
    assert!(want.ends_with("COMPOSE_PROJECT_NAME=main-demo\n"), "{want}");
    let mut early = 0;
    for moment in 0..MOMENTS {
        engine.state().containers.clear();
        // From nothing, from the template alone, and from a whole file.
        match moment % 3 {
            0 => fs::remove_file(project.path(".env")).unwrap(),
            1 => drop(project.file(".env", TEMPLATE)),
            _ => {}
        }
        let mut start = project.command(XTASK);
        let mut start = start.arg("start").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The moments are spread evenly over a start, in another order.
        let part = u32::try_from(moment * 7919 % MOMENTS).unwrap();
        std::thread::sleep(took * part / u32::try_from(MOMENTS).unwrap());
        start.kill().unwrap();
        early += u32::from(start.wait().unwrap().code().is_none());
        if let Ok(env) = fs::read_to_string(project.path(".env")) {
            assert!(is_whole(&env, &project), "moment {moment}: {env:?}");
        }
        let ledger: Value =
            serde_json::from_slice(&fs::read(project.root().join("state/leases.json")).unwrap()).unwrap();
        assert_eq!(ledger["schema"], 1, "moment {moment}");
        let (run, now) = timed(&project, "start");
        took = now;
        assert_eq!(project.read(".env"), want, "moment {moment}: {run}");
        assert!(!run.stderr.contains("damaged"), "{run}");
    }
    assert!(early > 95, "only {early} starts were killed before they ended");
    // What a killed program leaves beside a file is swept when it is old.
    let left = fs::read_dir(project.dir()).unwrap().flatten().filter(|entry| {
        let age = entry.metadata().unwrap().modified().unwrap().elapsed().unwrap_or_default();
        entry.file_name().to_string_lossy().ends_with(".tmp") && age > Duration::from_mins(2)
    });
    assert_eq!(left.count(), 0);
}
