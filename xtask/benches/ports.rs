//! Whole processes, side by side, interleaved; medians. `scripts/bench` builds
//! the debug binary first, because that is what people run.

#![expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Something to measure.
struct Subject {
    name: &'static str,
    command: Box<dyn Fn() -> Command>,
}

impl Subject {
    fn new(name: &'static str, command: impl Fn() -> Command + 'static) -> Self {
        Subject { name, command: Box::new(command) }
    }
}

/// Runs every subject `rounds` times, forwards then backwards, and prints the
/// medians with their ratio to the first.
fn compare(title: &str, rounds: usize, before: &dyn Fn(), subjects: &[Subject]) {
    let mut times: Vec<Vec<Duration>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        let mut order: Vec<usize> = (0..subjects.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for i in order {
            before();
            let begin = Instant::now();
            let status = (subjects[i].command)().stdout(Stdio::null()).stderr(Stdio::null()).status();
            let time = begin.elapsed();
            assert!(status.is_ok_and(|status| status.success()), "{} failed", subjects[i].name);
            // The first round warms the caches.
            if round > 0 {
                times[i].push(time);
            }
        }
    }
    println!("{title} ({rounds} rounds, median)");
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    for (subject, median) in subjects.iter().zip(&medians) {
        let ratio = median.as_secs_f64() / medians[0].as_secs_f64();
        println!("  {:<44} {:>9.2} ms  x {ratio:.2}", subject.name, median.as_secs_f64() * 1000.0);
    }
    println!();
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// A Rust program that does nothing: the floor under every process here.
fn empty_program(dir: &Path) -> PathBuf {
    let source = dir.join("empty.rs");
    std::fs::write(&source, "fn main() {}").expect("write the empty program");
    let program = dir.join("empty");
    let status = Command::new("rustc").arg("-O").arg("-o").arg(&program).arg(&source).status();
    assert!(status.is_ok_and(|status| status.success()), "rustc failed");
    program
}

/// The repository's stack in a folder of its own, on ports of its own.
fn project(dir: &Path) -> PathBuf {
    let project = dir.join(format!("xtask-bench-{}", std::process::id()));
    std::fs::create_dir(&project).expect("make the project");
    for name in ["docker-compose.yml", "services"] {
        let copied = Command::new("cp").arg("-r").arg(root().join(name)).arg(&project).status();
        assert!(copied.is_ok_and(|status| status.success()));
    }
    let ports = "BACKEND_PORT=28000\nFRONTEND_PORT=28001\nPOSTGRES_PORT=28002\nREDIS_PORT=28003\n";
    std::fs::write(project.join(".env"), ports).expect("write .env");
    project
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let empty = empty_program(dir.path());
    let project = project(dir.path());
    let state = dir.path().join("state");
    let release = PathBuf::from(env!("CARGO_BIN_EXE_xtask"));
    let debug = root().join("target/debug/xtask");
    let at = |program: &Path, args: &'static [&'static str]| {
        let (program, project, state) = (program.to_path_buf(), project.clone(), state.clone());
        move || {
            let mut command = Command::new(&program);
            command.args(args).current_dir(&project).env("XTASK_STATE_DIR", &state);
            command
        }
    };
    let alone = |program: &Path| {
        let run = at(program, &["check-ports"]);
        move || {
            let mut command = run();
            command.env("PATH", "/nonexistent").env("DOCKER_HOST", "unix:///nonexistent");
            command
        }
    };
    compare(
        "four free ports, without Docker",
        40,
        &|| (),
        &[
            Subject::new("an empty process", at(&empty, &[])),
            Subject::new("check-ports, release build", alone(&release)),
            Subject::new("check-ports, debug build", alone(&debug)),
        ],
    );
    let docker = Path::new("docker");
    compare(
        "check-ports as a whole",
        20,
        &|| (),
        &[
            Subject::new("docker compose config --format json", at(docker, &["compose", "config", "--format", "json"])),
            Subject::new("check-ports, release build", at(&release, &["check-ports"])),
            Subject::new("check-ports, debug build", at(&debug, &["check-ports"])),
        ],
    );
    let down = at(docker, &["compose", "down", "--volumes", "--timeout", "1"]);
    let down = move || {
        let status = down().stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "down failed");
    };
    // Images first: neither side should pay for building them.
    let built = at(docker, &["compose", "build", "--quiet"])().status();
    assert!(built.is_ok_and(|status| status.success()), "build failed");
    compare(
        "cold start: no containers, networks or volumes",
        5,
        &down,
        &[
            Subject::new("docker compose up -d --wait", at(docker, &["compose", "up", "-d", "--wait"])),
            Subject::new("start, release build", at(&release, &["start", "--on-conflict", "fail"])),
            Subject::new("start, debug build", at(&debug, &["start", "--on-conflict", "fail"])),
        ],
    );
    down();
}
