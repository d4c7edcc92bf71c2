//! Whole processes, side by side, interleaved; medians. `scripts/bench` builds
//! the debug binary first, because that is what people run.

#![expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]

mod compare;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use compare::{Subject, compare, empty_program};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
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
    // Beside it, wherever the target folder is.
    let debug = release.ancestors().nth(2).expect("the target folder").join("debug/xtask");
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
