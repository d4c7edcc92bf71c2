//! One folder of another project holds a pipe or a device where a file should
//! be: it is named, and nobody waits for it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use crate::kept::{keeps, tenant};
use crate::support::engine::{Engine, container};
use crate::support::{Output, Project, XTASK, skip};

const WEB: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";

/// This project, a leased one, `good`, and a leased one that runs, `odd`.
fn machine() -> (Project, Engine) {
    let mut project = Project::new(WEB);
    let engine = Engine::start(&mut project);
    for (name, at) in [("good", 1), ("odd", 2)] {
        let dir = project.root().join(name);
        fs::create_dir_all(dir.join(".git")).unwrap();
        fs::write(dir.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(dir.join("compose.yaml"), WEB.replace("@0", &project.port(at).to_string())).unwrap();
        let port = project.port(at);
        engine.has(container((name, "web", dir.to_str().unwrap()), ("running", "Up"), &[("127.0.0.1", port, 80)]));
    }
    keeps(
        &project,
        &json!([
            tenant(&project, "good", "good", "null", &[("web", 80, 1)]),
            tenant(&project, "odd", "odd", "null", &[("web", 80, 2)]),
        ]),
    );
    (project, engine)
}

fn pipe(path: &Path) {
    drop(fs::remove_file(path));
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn device(path: &Path) {
    drop(fs::remove_file(path));
    symlink("/dev/zero", path).unwrap();
}

/// Ended after a while, with exit code 124.
fn run(project: &Project, words: &str) -> Output {
    let mut command = project.command(which::which("timeout").unwrap());
    command.args(["20", XTASK]).args(words.split(' ')).current_dir(project.dir());
    project.finish(words, command)
}

fn has_timeout() -> bool {
    which::which("timeout").is_ok() || skip("no timeout (coreutils)")
}

#[test]
fn a_pipe_or_a_device_in_another_folder_is_named_and_not_read() {
    if !has_timeout() {
        return;
    }
    for what in ["a named pipe", "a device"] {
        for file in [".git/HEAD", "xtask.toml"] {
            let (project, _engine) = machine();
            let make = if what == "a device" { device } else { pipe };
            make(&project.root().join("odd").join(file));
            let complaint = format!("warning: [root]/odd/{file} is not read: it is {what}, not a regular file\n");
            let ls = run(&project, "ls").exits(0);
            assert_eq!(ls.stderr.matches(&complaint).count(), 1, "{file}: {ls}");
            for name in ["good  running 1/1", "odd  running 1/1"] {
                assert!(ls.stdout.contains(name), "{file}: {ls}");
            }
            let ranges = run(&project, "ranges").exits(0);
            assert!(ranges.stdout.contains("good") && ranges.stderr.contains(&complaint), "{file}: {ranges}");
            run(&project, "check-ports").exits(0);
            let all = run(&project, "check-ports --all").exits(0);
            assert!(all.stdout.contains("2 projects, 2 ports"), "{file}: {all}");
        }
    }
}

/// What a file system may do with any file: never answer.
#[test]
fn a_folder_that_gives_no_answer_is_named_and_the_others_are_shown() {
    if !has_timeout() {
        return;
    }
    let (project, _engine) = machine();
    let compose = "services:\n  web:\n    extends: { file: pipe, service: web }\n";
    fs::write(project.root().join("odd/compose.yaml"), compose).unwrap();
    pipe(&project.root().join("odd/pipe"));
    for (words, ours) in [("ls", "good  running 1/1"), ("ranges", "good"), ("check-ports --all", "2 projects, 2 ports")]
    {
        let run = run(&project, words).exits(0);
        assert!(run.stdout.contains(ours), "{run}");
        assert_eq!(
            run.stderr.matches("warning: [root]/odd is not read: it does not answer within 1 s\n").count(),
            1,
            "{run}"
        );
    }
    run(&project, "check-ports").exits(0);
    let report = run(&project, "diagnose --only leases");
    assert!(report.code != 124 && report.stdout.contains("2 folders"), "{report}");
}

/// A label names any folder at all.
#[test]
fn the_folder_of_a_label_is_no_other_case() {
    if !has_timeout() {
        return;
    }
    let (project, engine) = machine();
    let dir = project.root().join("labelled");
    fs::create_dir_all(dir.join(".git")).unwrap();
    pipe(&dir.join(".git/HEAD"));
    device(&dir.join("compose.yaml"));
    engine.has(container(
        ("foreign", "x", dir.to_str().unwrap()),
        ("running", "Up"),
        &[("127.0.0.1", project.port(3), 80)],
    ));
    engine.has(container(("proc", "x", "/proc/self/fd"), ("running", "Up"), &[("127.0.0.1", project.port(4), 80)]));
    let ls = run(&project, "ls").exits(0);
    for name in ["good  running 1/1", "foreign  running 1/1", "proc  running 1/1"] {
        assert!(ls.stdout.contains(name), "{ls}");
    }
}

#[test]
fn a_ledger_that_is_no_file_is_named() {
    if !has_timeout() {
        return;
    }
    for make in [pipe, device] {
        let (project, _engine) = machine();
        make(&project.root().join("state/leases.json"));
        for words in ["ls", "ranges", "check-ports", "check-ports --all"] {
            let run = run(&project, words).exits(0);
            assert!(run.stderr.contains("[root]/state/leases.json is not read: it is a "), "{run}");
        }
    }
}
