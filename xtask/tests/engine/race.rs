//! A port that is taken between the check and `docker compose up`: a `docker`
//! on PATH lets the thief in right before it hands over to the real one.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::{LIMIT, Lone, Output, Project, Running, end, get, listener, python, run};

struct Thief<'a> {
    project: &'a Project,
    bin: PathBuf,
    pid: PathBuf,
}

impl<'a> Thief<'a> {
    /// `script` runs once, before the first `docker compose … up`.
    fn new(project: &'a Project, script: &str) -> Self {
        let bin = project.home().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|dir| dir.join("docker"))
            .find(|path| path.is_file());
        let once = project.home().join("once");
        let pid = project.home().join("pid");
        let real = real.expect("docker on PATH");
        let text = format!(
            "#!/bin/sh\nfor word; do\n  [ \"$word\" != up ] || ! mkdir '{}' 2>/dev/null || {{\n{script}\n}}\ndone\nexec '{}' \"$@\"\n",
            once.display(),
            real.display(),
        );
        let text = text.replace("PIDFILE", &pid.display().to_string());
        std::fs::write(bin.join("docker"), text).unwrap();
        std::fs::set_permissions(bin.join("docker"), PermissionsExt::from_mode(0o755)).unwrap();
        Thief { project, bin, pid }
    }

    /// A process that listens on `port`.
    fn process(project: &'a Project, port: u16) -> Self {
        let listen = project.home().join("listen.py");
        std::fs::write(&listen, listener()).unwrap();
        let script = format!(
            "setsid '{}' '{}' tcp 0.0.0.0 {port} >'{ready}' 2>/dev/null </dev/null &\necho $! >PIDFILE\n\
             until [ -s '{ready}' ]; do sleep 0.02; done",
            python(),
            listen.display(),
            ready = project.home().join("ready").display(),
        );
        Thief::new(project, &script)
    }

    fn start(&self, words: &[&str]) -> Output {
        let mut start = self.project.command(["start", "-v", "--on-conflict"].iter().chain(words));
        let path = std::env::var_os("PATH").unwrap();
        let dirs = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        start.env("PATH", std::env::join_paths(dirs).unwrap());
        run(start)
    }

    fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(&self.pid).ok()?.trim().parse().ok()
    }
}

impl Drop for Thief<'_> {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            end(pid);
        }
    }
}

/// `late` has the port in question and starts last, so that others run when
/// the engine refuses.
fn project() -> (Project, u16) {
    let project = Project::new();
    let (early, late) = (project.port(), project.port());
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  early:\n    image: engine-web\n    ports: [\"{early}:8080\"]\n    volumes: [data:/data]\n  late:\n    image: engine-web\n    \
             ports: [\"${{LATE_PORT}}:8080\"]\n    depends_on: [early]\nvolumes:\n  data:\n"
        ),
    );
    project.write(".env", format!("LATE_PORT={late}\n"));
    (project, late)
}

#[test]
fn a_process_steals_it_and_everything_is_taken_back() {
    let (project, port) = project();
    let thief = Thief::process(&project, port);
    let output = thief.start(&["fail"]).exits(1);
    let pid = thief.pid().expect("the thief ran");
    let output = output.says("the engine refused").says("rolled back").says(&format!("(pid {pid}"));
    assert!(
        output.stderr.contains("address already in use") || output.stderr.contains("another process"),
        "{}",
        output.stderr
    );
    project.has_nothing();
    assert_eq!(project.volumes().len(), 1, "a volume is never taken back");
}

#[test]
fn a_process_steals_it_and_the_second_attempt_has_another() {
    let (project, port) = project();
    let thief = Thief::process(&project, port);
    let moved = port + 1;
    let output = thief.start(&["reassign"]).exits(0).says("on attempt 1 of 3");
    output.says(&format!("LATE_PORT {port} -> {moved}")).says(&format!("http://localhost:{moved}"));
    assert!(thief.pid().is_some());
    assert_eq!(project.running(), ["early", "late"]);
    assert_eq!(project.read(".env"), format!("LATE_PORT={moved}\n"));
    assert!(get(&format!("http://127.0.0.1:{moved}/")).starts_with("name="));
}

#[test]
fn a_process_steals_it_and_is_stopped() {
    let (project, port) = project();
    let thief = Thief::process(&project, port);
    thief.start(&["stop", "--yes"]).exits(0).says("the engine refused").says("ending ");
    assert_eq!(project.running(), ["early", "late"]);
    assert!(get(&format!("http://127.0.0.1:{port}/")).starts_with("name="));
}

fn container(project: &Project, port: u16) -> (Lone, Thief<'_>) {
    let name = format!("{}-thief", project.name);
    let thief = Thief::new(project, &format!("docker run -d --name {name} -p {port}:8080 engine-web >/dev/null"));
    // The script's `docker` must be the real one.
    (Lone::expected(&name), thief)
}

#[test]
fn a_container_steals_it_and_everything_is_taken_back() {
    let (project, port) = project();
    let (lone, thief) = container(&project, port);
    let output = thief.start(&["fail"]).exits(1);
    output.says("the engine refused").says(&format!("by container {}-thief", project.name));
    project.has_nothing();
    assert!(lone.is_running());
}

#[test]
fn a_container_steals_it_and_the_second_attempt_has_another() {
    let (project, port) = project();
    let (lone, thief) = container(&project, port);
    let moved = port + 1;
    thief.start(&["reassign"]).exits(0).says("on attempt 1 of 3").says(&format!("LATE_PORT {port} -> {moved}"));
    assert_eq!(project.running(), ["early", "late"]);
    assert!(lone.is_running());
}

/// What ran before an attempt is not what the attempt made.
#[test]
fn containers_that_ran_before_a_failed_start_keep_running() {
    let (project, port) = project();
    project.xtask(["start", "early"]).exits(0);
    let before = project.containers();
    let _thief = {
        let thief = Thief::process(&project, port);
        thief.start(&["fail"]).exits(1).says("the engine refused");
        thief
    };
    assert_eq!(project.containers(), before);
}

/// The mapping changed, so Compose replaces the container before the engine
/// refuses: that one is gone, and is named.
#[test]
fn what_was_replaced_is_named() {
    let (project, port) = project();
    project.xtask(["start"]).exits(0);
    let early = project.containers().into_iter().find(|(service, _, _)| service == "early").unwrap();
    let other = project.port();
    project.write(".env", format!("LATE_PORT={other}\n"));
    let thief = Thief::process(&project, other);
    let output = thief.start(&["fail"]).exits(1);
    output.says("containers of late had been replaced and are lost").says(&other.to_string());
    assert_eq!(project.containers(), [early]);
    drop(thief);
    project.write(".env", format!("LATE_PORT={port}\n"));
    project.xtask(["start"]).exits(0);
    assert_eq!(project.running(), ["early", "late"]);
}

/// Somebody is faster each time: three attempts, then the truth.
#[test]
fn start_gives_up_after_three_stolen_ports() {
    let (project, port) = project();
    let thieves = project.also("thieves");
    let script = format!(
        ". ./.env\nrmdir '{once}'\ndocker run -d --label com.docker.compose.project={thieves} -p $LATE_PORT:8080 engine-web >/dev/null",
        once = project.home().join("once").display(),
    );
    let thief = Thief::new(&project, &script);
    let output = thief.start(&["reassign"]).exits(1).says("on attempt 3 of 3").says("the engine refused ports 3 times");
    output.says(&format!("LATE_PORT {port} -> {}", port + 1)).says(&format!("LATE_PORT {} -> {}", port + 1, port + 2));
    project.has_nothing();
}

/// Both find the same port free, one gets it, the other chooses again.
#[test]
fn two_projects_move_to_the_same_port_at_once() {
    let (one, port) = Project::web();
    let two = Project::with(&crate::support::web(port));
    let _holder = crate::support::Holder::http(port);
    for project in [&one, &two] {
        project.write(".env", format!("WEB_PORT={port}\n"));
    }
    let start = |project: &Project| Running::start(project.command(["start", "--on-conflict", "reassign"]));
    let (first, second) = (start(&one), start(&two));
    first.finish(LIMIT).exits(0);
    second.finish(LIMIT).exits(0);
    let of = |project: &Project| project.read(".env");
    assert_ne!(of(&one), of(&two));
    assert_eq!((one.running(), two.running()), (vec!["web".to_owned()], vec!["web".to_owned()]));
}
