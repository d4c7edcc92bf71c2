//! Engines that do not answer: said within the time limit, with exit code 2.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::{AS_NOBODY, Output, Project, XTASK, command, docker, run, skip};

#[track_caller]
fn start_at(project: &Project, socket: &str) -> Output {
    let host = format!("unix://{socket}");
    project.xtask_env(&[("DOCKER_HOST", &host)], ["start"]).exits(2)
}

fn socket(project: &Project, name: &str) -> String {
    project.home().join(name).display().to_string()
}

#[test]
fn start_names_the_missing_socket() {
    let (project, _) = Project::web();
    let path = socket(&project, "missing.sock");
    let output = start_at(&project, &path).says("missing.sock");
    insta::assert_snapshot!("no_socket", output.text().replace(&project.home().display().to_string(), "HOME"));
    // Ports are judged all the same.
    let host = format!("unix://{path}");
    project
        .xtask_env(&[("DOCKER_HOST", &host)], ["check-ports"])
        .exits(0)
        .says("free")
        .says("containers cannot be listed");
    project.xtask_env(&[("DOCKER_HOST", &host)], ["stop"]).exits(2);
}

#[test]
fn a_socket_that_nobody_serves() {
    let (project, _) = Project::web();
    let path = socket(&project, "dead.sock");
    drop(UnixListener::bind(&path).unwrap());
    start_at(&project, &path).says("dead.sock");
}

#[test]
fn a_socket_that_accepts_and_never_answers() {
    let (project, _) = Project::web();
    let path = socket(&project, "mute.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok(stream) = listener.accept() {
            open.push(stream);
        }
    });
    start_at(&project, &path).says("10 s");
    let host = format!("unix://{path}");
    project.xtask_env(&[("DOCKER_HOST", &host)], ["check-ports"]).exits(0).says("free");
}

/// The program as an ordinary user runs it.
fn as_nobody(project: &Project, word: &str) -> Command {
    std::fs::set_permissions(project.home(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = project.home().join("xtask");
    // Not where it was built: that folder may be root's own.
    std::fs::copy(XTASK, &program).unwrap();
    let mut setpriv = command(AS_NOBODY[0]);
    setpriv.args(&AS_NOBODY[1..]).arg(&program).arg(word).current_dir(project.dir()).env("HOME", project.home());
    setpriv
}

#[test]
fn a_socket_that_is_not_for_us() {
    let (project, _) = Project::web();
    if !rustix::process::geteuid().is_root() {
        skip("only root can take rights away");
        return;
    }
    let path = socket(&project, "root.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let run = |word: &str| {
        let mut xtask = as_nobody(&project, word);
        xtask.env("DOCKER_HOST", format!("unix://{path}"));
        run(xtask)
    };
    let output = run("start").exits(2).says("permission");
    // A machine without sudo is told `su -c '…'`.
    let text = output.text().replace("su -c '/", "sudo /").replace("'`", "`");
    insta::assert_snapshot!("no_permission", text.replace(&project.home().display().to_string(), "HOME"));
    run("check-ports").exits(0).says("free");
}

#[test]
fn something_else_on_the_socket() {
    let (project, _) = Project::web();
    let path = socket(&project, "ftp.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream.and_then(|mut stream| std::io::Write::write_all(&mut stream, b"220 ready\r\n")));
        }
    });
    start_at(&project, &path).says("ftp.sock").says("check it with `docker version`");
}

/// `--setup` runs the project's script, and starts with the engine it gives.
#[test]
fn setup_runs_the_script_and_goes_on() {
    let (project, port) = Project::web();
    let late = socket(&project, "late.sock");
    let context = docker(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).exits(0).stdout;
    let Some(real) = context.trim().strip_prefix("unix://") else {
        skip("the engine is behind no socket");
        return;
    };
    project.write("scripts/engine/up", format!("#!/bin/sh\necho setting up\nln -s '{real}' '{late}'\n"));
    let script = project.dir().join("scripts/engine/up");
    std::fs::set_permissions(script, PermissionsExt::from_mode(0o755)).unwrap();
    let host = format!("unix://{late}");
    let env = [("DOCKER_HOST", host.as_str())];
    project.xtask_env(&env, ["start", "--setup"]).exits(0).says("setting up").says(&format!("http://localhost:{port}"));
    // It answers now: nobody is called again.
    project.xtask_env(&env, ["start", "--setup"]).exits(0).never_says("setting up");
    project.write("scripts/engine/up", "#!/bin/sh\nexit 3\n");
    std::fs::remove_file(&late).unwrap();
    project.xtask_env(&env, ["start", "--setup"]).exits(2).says("scripts/engine/up` failed with exit code 3");
}
