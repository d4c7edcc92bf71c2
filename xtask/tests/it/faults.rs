//! What can go wrong around the program: full disks, wrong clocks, slow and
//! crowded engines. Nothing is lost, the message says what happened, and the
//! next run works. `docs/reliability.md` has the table.

use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;
use xtask::certs::Certs;

use crate::bad_input::{unwritten, web};
use crate::fake_docker::{config, own, project};
use crate::leases::Stack;
use crate::support::engine::{Engine, Manner, container};
use crate::support::{LIMIT, Project, Rule, Running, XTASK, bare, skip, snapshot, wait_until};

/// A file system in memory of 64 KiB, gone with this value.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path) -> Option<Disk<'a>> {
        let mount = which::which("mount").ok()?;
        let done = bare(mount).args(["-t", "tmpfs", "-o", "size=64k", "xtask-it"]).arg(at).output().unwrap();
        if done.status.success() {
            return Some(Disk(at));
        }
        skip(&format!("a full disk: no tmpfs can be mounted here: {}", String::from_utf8_lossy(&done.stderr).trim()));
        None
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut size = 64 * 1024;
        while size > 0 {
            if fs::write(self.0.join(format!("ballast-{size}")), vec![0; size]).is_err() {
                size /= 2;
            } else if fs::read_dir(self.0).unwrap().count() > 40 {
                break;
            }
        }
    }

    /// Makes room again.
    fn drain(&self) {
        for entry in fs::read_dir(self.0).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("ballast-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        if let Ok(umount) = which::which("umount") {
            drop(bare(umount).arg("-l").arg(self.0).output());
        }
    }
}

// --- A full disk -----------------------------------------------------------

#[test]
fn a_full_disk() {
    let mut project = Project::new(&web("${WEB_PORT:-@0}"));
    let folder = project.dir();
    let compose = project.read("compose.yaml");
    let Some(disk) = Disk::mount(&folder) else { return };
    project.file("compose.yaml", &compose).file(".env", "WEB_PORT=@0\n# mine\n");
    disk.fill();
    project.hold("0.0.0.0", &[0]);
    let run = unwritten(&project);
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@0\n# mine\n"));
    snapshot!("bad-full-disk", run);
}

/// Every command that writes a file of the project, and again with room.
#[test]
fn a_full_disk_for_each_file_of_the_project() {
    for (words, file) in [
        ("env set WEB_PORT=@5", ".env"),
        ("env init --missing", ".env"),
        ("check-ports --reassign", "compose.override.yaml"),
    ] {
        let mut project = Project::empty();
        let is_literal = file != ".env";
        if is_literal && !project.real_docker() {
            continue;
        }
        let folder = project.dir();
        let Some(disk) = Disk::mount(&folder) else { return };
        project.file("compose.yaml", &web(if is_literal { "@0" } else { "${WEB_PORT:-@0}" }));
        if !is_literal {
            project.file(".env.template", "WEB_PORT=@0\nOTHER=1\n").file(".env", "WEB_PORT=@0\n");
        }
        project.hold("0.0.0.0", &[0]);
        disk.fill();
        let before = project.everything();
        let run = project.run(words).exits(2);
        assert_eq!(project.everything(), before, "{run}");
        assert!(run.stderr.contains(file) && run.stderr.contains("No space left"), "{run}");
        assert!(run.stderr.contains("df -h"), "{run}");
        disk.drain();
        let run = project.run(words).exits(0);
        assert!(project.path(file).exists() && project.everything() != before, "{run}");
    }
}

/// Without room to remember in, a start works and says so; what was remembered
/// before stays.
#[test]
fn a_full_disk_for_the_ledger() {
    let first = Stack::new("first", None, 0);
    let state = first.project.root().join("state");
    let Some(disk) = Disk::mount(&state) else { return };
    first.project.run("start").exits(0);
    let before = fs::read(state.join("leases.json")).unwrap();
    disk.fill();
    let second = first.neighbour("second");
    let run = second.project.run("start --on-conflict reassign").exits(0);
    assert_eq!(run.stderr.matches("warning: ports are not kept for this project: ").count(), 1, "{run}");
    assert!(run.stderr.contains("No space left"), "{run}");
    assert_eq!(fs::read(state.join("leases.json")).unwrap(), before);
    disk.drain();
    second.project.run("start").exits(0);
    assert!(fs::read_to_string(state.join("leases.json")).unwrap().contains("\"project\":\"second\""));
}

#[test]
fn a_full_disk_for_certificates() {
    let project = Project::empty();
    let state = project.root().join("state");
    let Some(disk) = Disk::mount(&state) else { return };
    let (certs, now) = (Certs::new(&state), SystemTime::now());
    let hosts = |name: &str| vec![format!("{name}.localhost")];
    certs.ensure("first", &hosts("first"), now).unwrap();
    disk.fill();
    let error = certs.ensure("second", &hosts("second"), now).unwrap_err();
    assert!(error.message().contains("No space left"), "{error}");
    disk.drain();
    assert_eq!(certs.list().len(), 1);
    certs.ensure("second", &hosts("second"), now).unwrap();
    assert_eq!(certs.list().len(), 2);
}

// --- A filesystem without locks --------------------------------------------

/// What flock(2) answers there (ENOLCK), for every file of the program that
/// this is loaded into.
#[cfg(target_env = "gnu")]
const NO_LOCKS: &str = r#"
extern "C" { fn __errno_location() -> *mut i32; }
#[no_mangle]
pub extern "C" fn flock(_: i32, _: i32) -> i32 { unsafe { *__errno_location() = 37 }; -1 }
"#;

#[cfg(target_env = "gnu")]
#[test]
fn a_state_folder_on_a_filesystem_without_locks() {
    let mut stack = Stack::new("demo", None, 0);
    stack.project.run("start").exits(0);
    let ledger = stack.project.root().join("state/leases.json");
    let before = fs::read(&ledger).unwrap();
    let (source, library) = ["no-locks.rs", "no-locks.so"].map(|name| stack.project.root().join(name)).into();
    fs::write(&source, NO_LOCKS).unwrap();
    let mut rustc = bare(which::which("rustc").unwrap());
    // It looks for its linker there, and rustup for the toolchain.
    let needed = ["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    rustc.envs(needed.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let built = rustc.args(["--crate-type", "cdylib", "-o"]).arg(&library).arg(&source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    stack.project.set("LD_PRELOAD", library);
    for words in ["start", "start --on-conflict reassign"] {
        let run = stack.project.run(words).exits(0);
        assert_eq!(run.stderr.matches("cannot be locked: No locks available").count(), 1, "{run}");
        assert!(
            run.stderr.contains("hint: some network file systems do not support locks: set XTASK_STATE_DIR"),
            "{run}"
        );
    }
    assert_eq!(fs::read(&ledger).unwrap(), before);
}

// --- A clock that jumps ----------------------------------------------------

/// Times in the ledger are for people: none of them decides anything.
#[test]
fn leases_of_the_future_and_of_no_time_at_all() {
    let stack = Stack::new("demo", None, 0);
    stack.project.run("start").exits(0);
    let path = stack.project.root().join("state/leases.json");
    let written = fs::read_to_string(&path).unwrap();
    let since = stack.ledger()["tenants"][0]["leases"][0]["since"].as_str().unwrap().to_owned();
    for other in ["2999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "yesterday", ""] {
        fs::write(&path, written.replace(&since, other)).unwrap();
        stack.engine.state().containers.clear();
        let neighbour = stack.neighbour("other");
        let run = neighbour.project.run("check-ports --reassign --dry-run");
        assert!(!run.stderr.contains("damaged"), "{run}");
        let run = stack.project.run("start").exits(0);
        assert!(!run.stderr.contains("warning"), "{other}: {run}");
        let ledger = stack.ledger();
        assert_eq!(ledger["tenants"][0]["leases"][0]["published"], stack.port, "{other}");
    }
}

// --- A slow engine, a crowded one -------------------------------------------

/// Whatever a start waits for, Ctrl-C ends it at once.
#[test]
fn ctrl_c_during_a_slow_docker_call_exits_130() {
    let slow = 600_000;
    for (slow_call, rules) in [
        ("config", vec![Rule::when("docker compose config").sleep(slow)]),
        ("up", vec![config(), Rule::when("docker compose up").sleep(slow)]),
        ("engine", vec![config()]),
    ] {
        let mut project = Project::new(&web("${WEB_PORT:-@0}"));
        let engine = Engine::start(&mut project);
        project.fake_docker(&rules);
        if slow_call == "engine" {
            engine.state().manner = Manner::Silent;
        }
        let mut start = project.command(XTASK);
        start.arg("start");
        let start = Running::start(start);
        let waits_for = if slow_call == "up" { " up" } else { " config" };
        wait_until(|| format!("{slow_call}: {}", project.calls()), || project.calls().contains(waits_for));
        start.signal(Signal::INT);
        start.finish(LIMIT).exits(130);
    }
}

#[test]
fn two_hundred_containers() {
    let (project, engine) = project(vec![]);
    for number in 0..200 {
        let (name, service) = (format!("shop{number}"), format!("api{number}"));
        let dir = format!("/src/{name}");
        // Somebody who holds our port is among them.
        let port = if number == 150 { project.port(0) } else { 30_000 + number };
        let mut one = container((&name, &service, &dir), ("running", "Up 2 hours"), &[("0.0.0.0", port, 80)]);
        for label in 0..30 {
            one["Labels"][format!("org.example.label{label}")] = Value::from("x".repeat(500));
        }
        engine.has(one);
    }
    engine.has(own(&project, ("exited", "Exited (0)"), project.port(1)));
    let run = project.run("check-ports").exits(1);
    assert!(run.stdout.contains("shop150-api150-1"), "{run}");
    let owners = &project.run("check-ports --format json").json()["ports"][0]["owners"];
    assert_eq!(owners.as_array().unwrap().len(), 1, "{owners}");
}
