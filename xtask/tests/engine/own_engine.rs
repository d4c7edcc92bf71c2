//! Tests that end or starve an engine have one of their own: a second dockerd
//! in namespaces of its own, which go, and everything in them, with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::remote::Link;
use crate::support::{
    LIMIT, Output, Project, Running, command, docker, end, first_process, need_engine, run, skip, unshare, wait_until,
};

pub(crate) struct Engine {
    // Ends before the folder goes.
    daemon: Running,
    home: tempfile::TempDir,
    host: String,
}

/// What it waits for before it begins, as shell.
const AT_ONCE: &str = "true";
/// An address, which is given to it when its network is there.
const WITH_ADDRESS: &str = "until ip -o -4 addr show dev eth0 2>/dev/null | grep -q inet; do sleep 0.02; done";

/// Where `scripts/engine/up` unpacked the engine, or the machine's own.
pub(crate) fn path_of_engine() -> Option<OsString> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let cache = std::env::var_os("ENGINE_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| {
        Some(
            std::env::var_os("XDG_CACHE_HOME")
                .map_or_else(|| Some(home?.join(".cache")), |dir| Some(dir.into()))?
                .join("dev-engine"),
        )
    });
    let unpacked = ["forky", "trixie"].map(|suite| cache.as_ref().map(|cache| cache.join(format!("engine-{suite}"))));
    let mut dirs: Vec<PathBuf> = Vec::new();
    if let Some(engine) = unpacked.into_iter().flatten().find(|engine| engine.join("ready").exists()) {
        dirs.extend([engine.join("usr/sbin"), engine.join("usr/bin")]);
    }
    dirs.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    dirs.iter().any(|dir| dir.join("dockerd").is_file()).then(|| std::env::join_paths(dirs).expect("came from a PATH"))
}

impl Engine {
    /// `None` where there can be none; CI has to have it.
    pub(crate) fn start(options: &[&str]) -> Option<Engine> {
        let (home, path) = Engine::prepare()?;
        let daemon = Engine::spawn(home.path(), path, AT_ONCE, options);
        let host = format!("unix://{}", home.path().join("engine.sock").display());
        let engine = Engine { daemon, home, host };
        engine.until_it_answers();
        Some(engine)
    }

    /// One that is reached at the far end of `link` by TCP, and binds its ports
    /// there. The link goes with its network.
    pub(crate) fn start_at(link: &Link) -> Option<Engine> {
        let (home, path) = Engine::prepare()?;
        let host = format!("tcp://{}:2375", link.there());
        // Said aloud, or it waits before it serves without TLS.
        let daemon = Engine::spawn(home.path(), path, WITH_ADDRESS, &["--host", &host, "--tls=false"]);
        let engine = Engine { daemon, home, host };
        link.lead_to(engine.pid());
        engine.until_it_answers();
        Some(engine)
    }

    fn prepare() -> Option<(tempfile::TempDir, OsString)> {
        need_engine();
        if !rustix::process::geteuid().is_root() {
            skip("an engine of its own needs root");
            return None;
        }
        let Some(path) = path_of_engine() else {
            skip("no dockerd: the engine here is not one of scripts/engine/up");
            return None;
        };
        Some((tempfile::Builder::new().prefix("xt-engine-").tempdir().unwrap(), path))
    }

    fn spawn(home: &Path, path: OsString, wait: &str, options: &[&str]) -> Running {
        let at = |name: &str| home.join(name).display().to_string();
        let mut unshare = unshare(&format!("ip link set lo up && {wait} && exec dockerd \"$@\""));
        unshare.args(["sh", "--host", &format!("unix://{}", at("engine.sock"))]);
        unshare.args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("dockerd.pid")]);
        unshare.args(options).env("PATH", path);
        Running::start(unshare)
    }

    fn until_it_answers(&self) {
        wait_until(|| self.daemon.so_far(), || self.docker(&["version"]).code == 0);
    }

    /// Up again with the data that a killed one left.
    pub(crate) fn revive(&mut self) {
        for name in ["exec", "dockerd.pid", "engine.sock"] {
            let path = self.home.path().join(name);
            drop(std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path)));
        }
        self.daemon = Engine::spawn(self.home.path(), path_of_engine().unwrap(), AT_ONCE, &[]);
        self.until_it_answers();
    }

    pub(crate) fn host(&self) -> String {
        self.host.clone()
    }

    pub(crate) fn docker(&self, words: &[&str]) -> Output {
        let mut docker = command("timeout");
        docker.args(["20", "docker", "--host", &self.host()]).args(words).env_remove("DOCKER_CONTEXT");
        run(docker)
    }

    pub(crate) fn load(&self, image: &str) {
        let tar = self.home.path().join("image.tar").display().to_string();
        docker(["save", "-o", &tar, image]).exits(0);
        self.docker(&["load", "-i", &tar]).exits(0);
    }

    /// The program where the engine binds its ports.
    pub(crate) fn xtask(&self, project: &Project, words: &[&str]) -> Running {
        let program = project.command(words.iter().copied());
        let mut nsenter = command("nsenter");
        // The network is that of unshare's child, the daemon.
        nsenter.args(["--net", "--target", &self.pid().to_string()]).arg(program.get_program()).args(words);
        nsenter
            .current_dir(project.dir())
            .env("DOCKER_HOST", self.host())
            .env("XTASK_STATE_DIR", project.home().join("state"));
        Running::start(nsenter)
    }

    pub(crate) fn pid(&self) -> u32 {
        first_process(self.daemon.pid())
    }

    /// With all its containers, as a power cut does.
    pub(crate) fn kill(&self) {
        end(self.pid());
    }
}

#[test]
fn start_without_an_address_pool_left_names_prune_network() {
    let Some(engine) = Engine::start(&["--default-address-pool", "base=10.213.0.0/24,size=26"]) else { return };
    engine.load("engine-web");
    let project = Project::new();
    let port = project.port();
    // Room for three: one is taken, the project wants three.
    engine.docker(&["network", "create", "taken"]).exits(0);
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n    networks: [a, b, c]\nnetworks:\n  a:\n  b:\n  c:\n"
        ),
    );
    let output = engine.xtask(&project, &["start"]).finish(LIMIT).exits(2);
    output.says("no address range left").says("prune-network");
    let left = engine.docker(&[
        "network",
        "ls",
        "-q",
        "--filter",
        &format!("label=com.docker.compose.project={}", project.name),
    ]);
    assert_eq!(left.stdout, "", "networks are left");
    assert_eq!(engine.docker(&["ps", "-aq"]).exits(0).stdout, "");
    // With room again it starts.
    engine.docker(&["network", "rm", "taken"]).exits(0);
    engine.xtask(&project, &["start"]).finish(LIMIT).exits(0).says(&format!("http://localhost:{port}"));
}

#[test]
fn an_engine_that_is_killed_during_the_wait() {
    let Some(engine) = Engine::start(&[]) else { return };
    engine.load("engine-web");
    let project = Project::new();
    project.write(
        "docker-compose.yml",
        "services:\n  web:\n    image: engine-web\n    healthcheck:\n      test: [\"CMD\", \"/nope\"]\n      start_period: 300s\n",
    );
    let mut start = engine.xtask(&project, &["start"]);
    start.until("starting");
    std::thread::sleep(Duration::from_secs(1));
    engine.kill();
    start.finish(LIMIT).exits(2).says("engine");
    // The socket's file is still there, and nobody behind it.
    assert!(engine.home.path().join("engine.sock").exists());
    let host = engine.host();
    project.xtask_env(&[("DOCKER_HOST", &host)], ["start"]).exits(2).says("engine.sock");
}

/// While Compose works, too: its own words are not all that is said, and once
/// the engine is back the next start works.
#[test]
fn an_engine_that_is_killed_while_compose_works() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    engine.load("engine-web");
    let (project, port) = Project::web();
    let text = project.read("docker-compose.yml");
    let slow = "    healthcheck:\n      test: [\"CMD\", \"/nope\"]\n      start_period: 300s\n";
    let app = "  app:\n    image: engine-web\n    depends_on: { web: { condition: service_healthy } }\n";
    project.write("docker-compose.yml", format!("{text}{slow}{app}"));
    let mut start = engine.xtask(&project, &["start"]);
    start.until("starting");
    std::thread::sleep(Duration::from_secs(1));
    engine.kill();
    start.finish(LIMIT).exits(2).says("engine").says("hint: ").never_says("panicked");
    engine.revive();
    project.write("docker-compose.yml", text);
    engine.xtask(&project, &["start"]).finish(LIMIT).exits(0).says(&format!("http://localhost:{port}"));
}

/// The container takes its time to end, and the engine is gone meanwhile.
#[test]
fn an_engine_that_is_killed_during_a_stop() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    engine.load("engine-web");
    let (project, port) = Project::web();
    let text = project.read("docker-compose.yml");
    // It gets a signal that it does not end by.
    project.write("docker-compose.yml", format!("{text}    stop_signal: SIGWINCH\n    stop_grace_period: 60s\n"));
    engine.xtask(&project, &["start"]).finish(LIMIT).exits(0);
    let mut stop = engine.xtask(&project, &["stop"]);
    stop.until("Stopping");
    engine.kill();
    stop.finish(LIMIT).exits(2).says("hint: ").never_says("panicked");
    engine.revive();
    engine.xtask(&project, &["stop"]).finish(LIMIT).exits(0);
    assert_eq!(engine.docker(&["ps", "-aq"]).exits(0).stdout, "");
    engine.xtask(&project, &["check-ports"]).finish(LIMIT).exits(0).says(&port.to_string());
}

/// After a crash the engine lists ports of containers that it does not run.
#[test]
fn ports_of_before_an_engine_crash_are_free() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    engine.load("engine-web");
    let (project, port) = Project::web();
    engine.xtask(&project, &["start"]).finish(LIMIT).exits(0);
    let (name, words) = (format!("{}-web-1", project.name), port.to_string());
    engine.xtask(&project, &["who", &words]).finish(LIMIT).exits(0).says(&format!("by container {name}"));
    engine.kill();
    wait_until(|| "the engine still answers", || engine.docker(&["version"]).code != 0);
    engine.revive();
    engine.docker(&["ps", "-a"]).exits(0).says(&name);
    let said = engine.xtask(&project, &["who", &words]).finish(LIMIT).exits(0);
    said.says(&format!("{port}/tcp free")).never_says(&name);
    engine.xtask(&project, &["kill", &words, "--yes"]).finish(LIMIT).exits(0).says("already free");
    let other = Project::with(&crate::support::web(port));
    engine.xtask(&other, &["check-ports"]).finish(LIMIT).exits(0).says("free");
    engine.xtask(&project, &["start"]).finish(LIMIT).exits(0).says(&format!("http://localhost:{port}"));
    engine.xtask(&other, &["check-ports"]).finish(LIMIT).exits(1).says(&format!("container {name}"));
}
