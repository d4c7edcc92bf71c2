//! One repository, many checkouts: each is a project of its own, on ports of
//! its own, also when all of them start at the same moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use rustix::process::Signal;

use crate::support::{LIMIT, Output, Ports, Project, Running, command, docker, git, run};

/// A repository in a folder of its own, with linked worktrees beside it.
pub(crate) struct Repository {
    pub(crate) project: Project,
    ports: Vec<Ports>,
    pub(crate) worktrees: Vec<String>,
}

/// No networks of their own: an engine has addresses for thirty.
const SERVICE: &str = "    image: engine-web\n    network_mode: bridge\n";

impl Repository {
    /// With these services, each with a variable for its port.
    pub(crate) fn new(services: &[&str]) -> Repository {
        let project = Project::new();
        let mut compose = "services:\n".to_owned();
        let mut template = String::new();
        let mut ports = Vec::new();
        for service in services {
            let block = Ports::find();
            let variable = format!("{}_PORT", service.to_uppercase());
            let port = block.first();
            writeln!(compose, "  {service}:\n{SERVICE}    ports: [\"${{{variable}:-{port}}}:8080\"]").unwrap();
            writeln!(template, "{variable}={port}").unwrap();
            ports.push(block);
        }
        let repository = Repository { project, ports, worktrees: Vec::new() };
        repository.commit(&[("docker-compose.yml", &compose), (".env.template", &template), (".gitignore", ".env\n")]);
        repository
    }

    /// The same with a range of its own, so that nobody takes its ports between
    /// two starts: ledgers of other tests know nothing of this one's.
    fn in_range(services: &[&str]) -> Repository {
        let mut repository = Repository::new(services);
        let block = Ports::find();
        let settings = format!("port_range = \"{}-{}\"\n", block.first(), block.first() + 9);
        repository.commit(&[("xtask.toml", &settings)]);
        repository.ports.push(block);
        repository
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            self.project.write(name, text);
        }
        if !self.project.dir().join(".git").exists() {
            git(self.project.dir(), &["init", "-q"]);
        }
        git(self.project.dir(), &["add", "--all"]);
        git(self.project.dir(), &["commit", "-qm", "files"]);
    }

    pub(crate) fn add_worktree(&mut self, name: &str) {
        let path = format!("../{name}");
        git(self.project.dir(), &["worktree", "add", "-q", "--detach", &path]);
        self.worktrees.push(name.to_owned());
    }

    pub(crate) fn dir(&self, worktree: &str) -> PathBuf {
        self.project.home().join(worktree)
    }

    pub(crate) fn start(&self, worktree: &str, words: &[&str]) -> Running {
        let mut start = self.project.command(["start"].iter().chain(words));
        start.current_dir(self.dir(worktree));
        Running::start(start)
    }

    #[track_caller]
    fn run(&self, worktree: &str, words: &[&str]) -> Output {
        let mut xtask = self.project.command(words);
        xtask.current_dir(self.dir(worktree));
        run(xtask)
    }

    /// The name that a bare `docker compose` has for it.
    pub(crate) fn name(&self, worktree: &str) -> String {
        let mut config = command("docker");
        config.args(["compose", "config", "--format", "json"]).current_dir(self.dir(worktree));
        let model = run(config).exits(0).json();
        model["name"].as_str().unwrap().to_owned()
    }

    /// Published ports of running containers, by service.
    pub(crate) fn published(&self, worktree: &str) -> BTreeMap<String, u16> {
        let label = format!("label=com.docker.compose.project={}", self.name(worktree));
        let format = "{{.Label \"com.docker.compose.service\"}} {{.Ports}}";
        let list = docker(["ps", "--filter", &label, "--format", format]).exits(0).stdout;
        let port = |line: &str| {
            let (service, ports) = line.split_once(' ')?;
            let (_, rest) = ports.split_once("0.0.0.0:")?;
            Some((service.to_owned(), rest.split_once("->")?.0.parse().ok()?))
        };
        list.lines().map(|line| port(line).unwrap_or_else(|| panic!("{line}"))).collect()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let label = "label=com.docker.compose.project.working_dir";
        for worktree in &self.worktrees {
            let filter = format!("{label}={}", self.dir(worktree).display());
            let ids = docker(["ps", "-aq", "--filter", &filter]).stdout;
            if !ids.is_empty() {
                docker(["rm", "-f", "-v"].into_iter().chain(ids.lines()));
            }
        }
        // Worktrees' projects are named after this one.
        let volumes = docker(["volume", "ls", "-q", "--filter", &format!("name={}", self.project.name)]).stdout;
        if !volumes.is_empty() {
            docker(["volume", "rm", "-f"].into_iter().chain(volumes.lines()));
        }
    }
}

#[test]
fn a_worktree_has_its_own_name_and_ports_and_the_main_checkout_its_defaults() {
    let mut repository = Repository::in_range(&["web"]);
    repository.add_worktree("login");
    let name = repository.project.name.clone();
    let started = repository.start("login", &[]).finish(LIMIT).exits(0);
    started.says(&format!("this checkout of {name} gets its own project name: {name}-login"));
    assert_eq!(repository.name("login"), format!("{name}-login"));
    let own = repository.published("login")["web"];
    // The main checkout starts as if it were alone.
    repository.start(&name, &[]).finish(LIMIT).exits(0);
    assert_eq!(repository.name(&name), name);
    let default: u16 = repository.project.read(".env.template")["WEB_PORT=".len()..].trim().parse().unwrap();
    assert_eq!(repository.published(&name)["web"], default);
    assert_ne!(own, default);
    // Without its `.env` it finds name and ports again.
    repository.run("login", &["stop"]).exits(0);
    std::fs::remove_file(repository.dir("login").join(".env")).unwrap();
    repository.start("login", &[]).finish(LIMIT).exits(0);
    assert_eq!((repository.name("login"), repository.published("login")["web"]), (format!("{name}-login"), own));
    // A port that a person wrote is the person's.
    repository.run("login", &["stop"]).exits(0);
    let chosen = Ports::find();
    let env = std::fs::read_to_string(repository.dir("login").join(".env")).unwrap();
    let env = env.replace(&format!("WEB_PORT={own}"), &format!("WEB_PORT={}", chosen.first()));
    std::fs::write(repository.dir("login").join(".env"), env).unwrap();
    repository.start("login", &[]).finish(LIMIT).exits(0);
    assert_eq!(repository.published("login")["web"], chosen.first());
}

#[test]
fn a_range_that_is_used_up_is_followed_by_a_block() {
    let mut repository = Repository::in_range(&["a", "b", "c", "d"]);
    let range = repository.ports[4].first()..repository.ports[4].first() + 10;
    for worktree in ["one", "two"] {
        repository.add_worktree(worktree);
        repository.start(worktree, &[]).finish(LIMIT).exits(0);
        let ports = repository.published(worktree);
        assert!(ports.values().all(|port| range.contains(port)), "{ports:?}");
    }
    // Two are left of it, and whole stacks stay together.
    repository.add_worktree("three");
    let plan = repository.run("three", &["start", "--dry-run"]).exits(0);
    let port = |line: &str| line.split_once("-> ")?.1.split(' ').next()?.parse().ok();
    let chosen: Vec<u16> = plan.stdout.lines().filter_map(port).collect();
    assert_eq!(chosen.len(), 4, "{}", plan.text());
    assert!(chosen.iter().all(|port| port / 10 == chosen[0] / 10 && !range.contains(port)), "{}", plan.text());
    // Others have ledgers of their own and may take some of these first: what it
    // gets is not compared.
    let _alone = Ports::given_blocks();
    repository.start("three", &[]).finish(LIMIT).exits(0);
    assert_eq!(repository.published("three").len(), 4);
}

#[test]
fn an_env_copied_from_the_main_checkout_gives_neither_its_name_nor_its_ports() {
    let mut repository = Repository::new(&["web"]);
    repository.add_worktree("copy");
    let name = repository.project.name.clone();
    repository.project.write(".env", format!("COMPOSE_PROJECT_NAME={name}\nWEB_PORT=24999\nSECRET='a #b'\n"));
    std::fs::copy(repository.project.dir().join(".env"), repository.dir("copy").join(".env")).unwrap();
    repository.start("copy", &[]).finish(LIMIT).exits(0);
    let port = repository.published("copy")["web"];
    assert_ne!(port, 24999);
    let env = std::fs::read_to_string(repository.dir("copy").join(".env")).unwrap();
    assert_eq!(env, format!("COMPOSE_PROJECT_NAME={name}-copy\nWEB_PORT={port}\nSECRET='a #b'\n"));
}

#[test]
fn start_with_no_write_leaves_no_trace_in_the_folder() {
    let mut repository = Repository::new(&["web"]);
    repository.add_worktree("clean");
    let name = format!("{}-clean", repository.project.name);
    repository.start("clean", &["--no-write"]).finish(LIMIT).exits(0);
    assert_eq!(git(repository.dir("clean"), &["status", "--porcelain", "--ignored"]).stdout, "");
    let label = format!("label=com.docker.compose.project={name}");
    let list = docker(["ps", "--filter", &label, "--format", "{{.Ports}}"]).exits(0).stdout;
    assert!(list.contains("->8080"), "{list}");
    // Nothing but the ledger knows its name now, and that is enough.
    repository.run("clean", &["stop"]).exits(0);
    assert_eq!(docker(["ps", "-aq", "--filter", &label]).exits(0).stdout, "");
}

/// Nothing of this project can be moved by a variable.
#[test]
fn literal_ports_and_fixed_names_are_no_obstacle() {
    let mut repository = Repository::new(&["web"]);
    let (port, name) = (Ports::find(), repository.project.name.clone());
    let compose = format!(
        "name: {name}\nservices:\n  web:\n{SERVICE}    container_name: {name}-fixed\n    ports: [\"{}:8080\"]\n    \
         volumes: [data:/data]\nvolumes:\n  data: {{ name: {name}-data }}\n",
        port.first()
    );
    repository.commit(&[("docker-compose.yml", &compose)]);
    repository.add_worktree("one");
    repository.add_worktree("two");
    repository.start(&name, &[]).finish(LIMIT).exits(0);
    let told = repository.start("one", &[]).finish(LIMIT).exits(0);
    told.says("services.web.container_name is `")
        .says("docker-compose.yml:6): Compose chooses the name in this checkout");
    repository.start("two", &["--no-write"]).finish(LIMIT).exits(0);
    assert_eq!(git(repository.dir("two"), &["status", "--porcelain", "--ignored"]).stdout, "");
    let list = docker(["ps", "--filter", &format!("name={name}"), "--format", "{{.Names}} {{.Ports}}"]).exits(0).stdout;
    let names: BTreeSet<&str> = list.lines().filter_map(|line| line.split(' ').next()).collect();
    let fixed = format!("{name}-fixed");
    let (one, two) = (format!("{name}-one-web-1"), format!("{name}-two-web-1"));
    assert_eq!(names, BTreeSet::from([fixed.as_str(), &one, &two]), "{list}");
    assert_eq!(list.matches(&format!(":{}->", port.first())).count(), 2, "both families, one container: {list}");
    // Under another name, and with the file on top gone, it would take the main one's data.
    let other = [("COMPOSE_PROJECT_NAME", "xt-nobody")];
    let refused = repository.project.xtask_env(&other, ["stop", "--volumes", "--yes"]).exits(2);
    refused.says(&format!("volume `{name}-data` was not created by this project")).says("docker-compose.yml:10");
    for worktree in ["one", "two"] {
        repository.run(worktree, &["stop", "--volumes", "--yes"]).exits(0);
    }
    let volumes = docker(["volume", "ls", "--format", "{{.Name}}", "--filter", &format!("name={name}")]).stdout;
    assert_eq!(volumes.trim(), format!("{name}-data"), "the main checkout's data is not theirs");
}

/// Containers under the folder's own name were there before this tool.
#[test]
fn a_checkout_that_has_containers_keeps_its_name() {
    let mut repository = Repository::new(&["web"]);
    let worktree = format!("{}x", repository.project.name);
    repository.add_worktree(&worktree);
    std::fs::write(repository.dir(&worktree).join(".env"), "WEB_PORT=0\n").unwrap();
    let mut up = command("docker");
    up.args(["compose", "up", "-d"]).current_dir(repository.dir(&worktree));
    run(up).exits(0);
    std::fs::remove_file(repository.dir(&worktree).join(".env")).unwrap();
    repository.start(&worktree, &[]).finish(LIMIT).exits(0);
    assert_eq!(repository.name(&worktree), worktree);
}

/// SIGKILL at ten moments of a start: the next one works, and the files are
/// whole.
#[test]
fn a_start_that_is_killed_leaves_nothing_half() {
    let mut repository = Repository::in_range(&["api", "web"]);
    repository.add_worktree("killed");
    let took = Instant::now();
    repository.start("killed", &[]).finish(LIMIT).exits(0);
    let took = took.elapsed();
    repository.run("killed", &["stop", "--timeout", "0"]).exits(0);
    let before = std::fs::read_to_string(repository.dir("killed").join(".env")).unwrap();
    for moment in 1..=10u32 {
        if moment % 2 == 0 {
            std::fs::remove_file(repository.dir("killed").join(".env")).unwrap();
        }
        let start = repository.start("killed", &[]);
        // The moment is the point of it.
        std::thread::sleep(took * moment / 11);
        start.signal(Signal::KILL);
        drop(start);
        let ledger = std::fs::read(repository.project.home().join("state/leases.json")).unwrap();
        let ledger: serde_json::Value = serde_json::from_slice(&ledger).unwrap();
        assert_eq!(ledger["schema"], 1);
        let next = repository.start("killed", &["-v"]).finish(LIMIT).exits(0).text();
        let env = std::fs::read_to_string(repository.dir("killed").join(".env")).unwrap();
        assert_eq!(env, before, "moment {moment}: {next}");
        repository.run("killed", &["stop", "--timeout", "0"]).exits(0);
    }
}

/// Each checkout has the name that the compose file says, until it is started.
#[test]
fn data_of_another_checkout_is_left_alone() {
    let mut repository = Repository::new(&[]);
    let port = repository.project.port();
    let name = repository.project.name.clone();
    let compose = format!(
        "name: {name}\nservices:\n  web:\n{SERVICE}    ports: [\"{port}:8080\"]\n    volumes: [\"data:/data\"]\nvolumes:\n  data:\n"
    );
    repository.commit(&[("docker-compose.yml", &compose)]);
    repository.add_worktree("login");
    repository.project.xtask(["start"]).exits(0);
    repository.project.xtask(["stop"]).exits(0).says("left: data in");
    let volume = repository.project.volumes();
    assert_eq!(volume.len(), 1);
    let refused = repository.run("login", &["stop", "--volumes", "--yes"]).exits(2);
    refused.says(&format!("`{name}` is the project of")).says("the volumes are not its own");
    assert_eq!(repository.project.volumes(), volume);
    repository.project.xtask(["stop", "--volumes", "--yes"]).exits(0);
    assert!(repository.project.volumes().is_empty());
}

/// Whoever looks first, and then starts, has one name and one set of ports.
#[test]
fn ports_that_were_written_before_the_first_start_are_those_of_the_start() {
    let mut repository = Repository::in_range(&["web"]);
    repository.add_worktree("login");
    repository.project.xtask(["start"]).exits(0);
    repository.run("login", &["check-ports", "--reassign"]).exits(0).says("this checkout of");
    let before = std::fs::read_to_string(repository.dir("login").join(".env")).unwrap();
    repository.run("login", &["start"]).exits(0).never_says(" -> ");
    assert_eq!(std::fs::read_to_string(repository.dir("login").join(".env")).unwrap(), before);
    assert_ne!(repository.name("login"), repository.project.name);
    repository.run("login", &["check-ports", "--all"]).exits(0);
    repository.project.xtask(["stop"]).exits(0);
}

#[test]
fn data_in_a_volume_without_a_name_is_told_of() {
    let project = Project::new();
    let port = project.port();
    let compose = format!("services:\n  web:\n{SERVICE}    ports: [\"{port}:8080\"]\n    volumes: [\"/data\"]\n");
    project.write("docker-compose.yml", compose);
    project.xtask(["start"]).exits(0);
    let told = "web keeps /data in an anonymous volume";
    project.xtask(["prune-network", "--recreate", "--dry-run"]).exits(0).says(told);
    project.xtask(["stop", "--volumes", "--yes"]).exits(0).never_says(told);
    project.xtask(["start"]).exits(0);
    let id = format!("{}-web-1", project.name);
    let volume = docker(["inspect", "-f", "{{range .Mounts}}{{.Name}}{{end}}", &id]).exits(0).stdout;
    project.xtask(["stop"]).exits(0).says(told).says("volumes: [web-data:/data]");
    // It is still there, for whoever knows its name.
    docker(["volume", "rm", volume.trim()]).exits(0);
}
