//! An engine on another machine: a second dockerd behind TCP, in a network of its
//! own that a pair of virtual cables leads to. Its ports are at its address, and
//! not on this machine.

use std::fs::File;
use std::path::PathBuf;

use crate::own_engine::Engine;
use crate::support::{
    Holder, Output, Ports, Project, Running, command, get, listener, lock_file, python, run, tool, try_get, web,
};

/// Two addresses and a cable between them; others' tests have others.
pub(crate) struct Link {
    name: String,
    net: String,
    _lock: File,
}

/// Networks of four addresses in 10.251.0.0/16.
const NETS: u32 = 1024;

impl Link {
    fn new() -> Link {
        for turn in 0..NETS {
            let n = std::process::id().wrapping_mul(17).wrapping_add(turn) % NETS;
            let lock = lock_file(&format!("net-{n}")).unwrap();
            if lock.try_lock().is_ok() {
                let net = format!("10.251.{}.{}", n / 64, n % 64 * 4);
                return Link { name: format!("xtr{n}"), net, _lock: lock };
            }
        }
        panic!("no network is left");
    }

    fn address(&self, last: u8) -> String {
        let (head, tail) = self.net.rsplit_once('.').unwrap();
        format!("{head}.{}", tail.parse::<u8>().unwrap() + last)
    }

    pub(crate) fn there(&self) -> String {
        self.address(2)
    }

    /// Into the network of that process. When it ends, so does the cable.
    pub(crate) fn lead_to(&self, pid: u32) {
        let (name, pid) = (self.name.as_str(), pid.to_string());
        // One that a killed test left.
        tool("ip", &["link", "del", name]);
        tool("ip", &["link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", &pid]).exits(0);
        tool("ip", &["addr", "add", &format!("{}/30", self.address(1)), "dev", name]).exits(0);
        tool("ip", &["link", "set", name, "up"]).exits(0);
        let there = ["--net", "--target", &pid, "ip"];
        tool("nsenter", &[&there[..], &["link", "set", "eth0", "up"]].concat()).exits(0);
        let address = format!("{}/30", self.there());
        tool("nsenter", &[&there[..], &["addr", "add", &address, "dev", "eth0"]].concat()).exits(0);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Gone already with the engine's network, as a rule.
        tool("ip", &["link", "del", &self.name]);
    }
}

/// Somebody with a machine of their own, as far as the program can tell.
struct Person<'a> {
    engine: &'a Engine,
    project: &'a Project,
    user: &'a str,
    state: PathBuf,
}

impl<'a> Person<'a> {
    fn new(engine: &'a Engine, project: &'a Project, user: &'a str) -> Person<'a> {
        let state = project.home().join(format!("state-{user}"));
        Person { engine, project, user, state }
    }

    #[track_caller]
    fn xtask(&self, words: &[&str]) -> Output {
        let mut xtask = self.project.command(words);
        xtask.env("DOCKER_HOST", self.engine.host()).env_remove("DOCKER_CONTEXT");
        xtask.env("USER", self.user).env("XTASK_STATE_DIR", &self.state);
        run(xtask)
    }

    /// The value of a variable of the checkout's `.env`.
    fn env(&self, name: &str) -> String {
        let text = self.project.read(".env");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }

    fn port(&self) -> u16 {
        self.env("WEB_PORT").parse().unwrap()
    }
}

/// A process where the engine is.
fn hold_there(engine: &Engine, ip: &str, port: u16) -> Running {
    let mut holder = command("nsenter");
    holder.args([
        "--net",
        "--target",
        &engine.pid().to_string(),
        &python(),
        "-c",
        &listener(),
        "tcp",
        ip,
        &port.to_string(),
    ]);
    let mut holder = Running::start(holder);
    holder.until("\n");
    holder
}

/// With two people's checkouts of one project, in folders of one name.
fn two_checkouts(port: u16) -> (Project, Project) {
    let ann = Project::new();
    let ben = Project::named(&ann.name);
    for checkout in [&ann, &ben] {
        checkout.write("docker-compose.yml", web(port));
        checkout.write(".env.template", format!("WEB_PORT={port}\n"));
    }
    (ann, ben)
}

#[test]
fn a_process_of_that_machine_is_seen_when_it_is_asked_for() {
    let link = Link::new();
    let Some(engine) = Engine::start_at(&link) else { return };
    let (project, port) = Project::web();
    // A name of the person's own choice: the project keeps its ports.
    project.write(".env", format!("COMPOSE_PROJECT_NAME={}\n", project.name));
    let ann = Person::new(&engine, &project, "ann");
    // What is taken here is free there.
    let here = Holder::http(port);
    ann.xtask(&["check-ports"]).exits(0).says("free").says("--probe-remote checks that machine's sockets too");
    // No image yet: nothing is pulled, and that is no answer.
    let none = ann.xtask(&["check-ports", "--probe-remote"]).exits(2);
    none.says("has no image that could read its machine's ports").says("docker pull busybox");
    engine.load("engine-web");
    let none = ann.xtask(&["check-ports", "--probe-remote"]).exits(2);
    none.says("can read its machine's ports").says("docker pull busybox");
    engine.load("nginx:alpine");
    ann.xtask(&["check-ports", "--probe-remote"]).exits(0).says("all sockets of that machine were checked");
    let there = hold_there(&engine, "127.0.0.1", port);
    ann.xtask(&["check-ports"]).exits(0).says("free");
    let seen = ann.xtask(&["check-ports", "--probe-remote"]).exits(1).says(&format!("free: {}", port + 1));
    seen.says(&format!("by a process of {} (user id 0)", link.there()));
    let json = ann.xtask(&["check-ports", "--probe-remote", "--format", "json"]).exits(1).json();
    assert_eq!(json["remote"], serde_json::json!({ "host": link.there(), "probed": true }));
    assert_eq!(json["ports"][0]["verdict"], "taken");
    // Unasked, the engine's own refusal tells; what was begun is taken back.
    ann.xtask(&["start"]).exits(1).says("the engine refused").says(&format!("free: {}", port + 1));
    let failed = ann.xtask(&["start", "--probe-remote"]).exits(1);
    failed.says("by a process of").never_says("stop the holders");
    ann.xtask(&["start", "--probe-remote", "--on-conflict", "reassign"]).exits(0).says(&format!(
        "http://{}:{}",
        link.there(),
        port + 1
    ));
    drop((here, there));
    // Its own container is its own, whatever listens for it.
    ann.xtask(&["check-ports", "--probe-remote"]).exits(0).says("ours, running");
    assert_eq!(engine.docker(&["ps", "-aq", "--filter", "label=xtask.probe"]).exits(0).stdout, "");
}

#[test]
fn two_people_on_one_remote_engine_get_their_own_projects() {
    let link = Link::new();
    let Some(engine) = Engine::start_at(&link) else { return };
    engine.load("engine-web");
    let ports = Ports::find();
    let default = ports.first();
    let (anns, bens) = two_checkouts(default);
    let name = &anns.name;
    let (ann, ben) = (Person::new(&engine, &anns, "ann"), Person::new(&engine, &bens, "ben"));
    // Somebody on this machine has the default: that is no matter there.
    let here = Holder::http(default);
    ann.xtask(&["start"]).exits(0).says(&format!("{name}-ann"));
    ben.xtask(&["start"]).exits(0).says(&format!("{name}-ben"));
    let all = [&ann, &ben];
    let first = all.map(Person::port);
    assert_ne!(first[0], first[1]);
    assert!(!first.contains(&default));
    for (person, port) in all.iter().zip(first) {
        assert_eq!(person.env("COMPOSE_PROJECT_NAME"), format!("{name}-{}", person.user));
        assert!(!get(&format!("http://{}:{port}/", link.there())).is_empty());
        assert!(try_get(&format!("http://127.0.0.1:{port}/")).is_err(), "{port} is on this machine");
        let url = format!("http://{}:{port}", link.there());
        person.xtask(&["ls"]).exits(0).says(&url);
    }
    // The ledger of this machine knows nothing of it, and the other way round.
    let local = Project::with(&web(first[0]));
    let mut check = local.command(["start"]);
    check.env("XTASK_STATE_DIR", &ann.state);
    run(check).exits(0).never_says("kept for").says(&format!("http://localhost:{}", first[0]));
    let json = ann.xtask(&["check-ports", "--format", "json"]).exits(0).json();
    assert_eq!((&json["ports"][0]["verdict"], &json["ports"][0]["lease"]), (&"ours".into(), &serde_json::Value::Null));
    ann.xtask(&["start"]).exits(0).never_says("taken");
    let ledger = |folder: &str| std::fs::read_to_string(ann.state.join(folder).join("leases.json")).unwrap();
    let there = format!("engines/at-{}", link.there());
    assert!(!ledger(".").contains(&format!("{name}-ann")) && !ledger(&there).contains(&local.name));
    // One stops; the other stays, and gets what it had.
    ann.xtask(&["stop"]).exits(0);
    assert!(!get(&format!("http://{}:{}/", link.there(), first[1])).is_empty());
    std::fs::remove_file(anns.dir().join(".env")).unwrap();
    let again = ann.xtask(&["start"]).exits(0);
    again.says(&format!("http://{}:{}", link.there(), first[0]));
    assert_eq!((ann.env("COMPOSE_PROJECT_NAME"), ann.port()), (format!("{name}-ann"), first[0]));
    drop(here);

    // The same user in the same folder of another machine: its own, all the same.
    std::fs::remove_file(anns.dir().join(".env")).unwrap();
    let twin = Person { state: anns.home().join("state-twin"), ..Person::new(&engine, &anns, "ann") };
    twin.xtask(&["stop"]).exits(0);
    assert!(!get(&format!("http://{}:{}/", link.there(), first[0])).is_empty(), "it stopped another's");
    twin.xtask(&["start"]).exits(0);
    let own = twin.env("COMPOSE_PROJECT_NAME");
    assert!(own.starts_with(&format!("{name}-ann-")), "{own}");
    assert_ne!(twin.port(), first[0]);
    assert!(!get(&format!("http://{}:{}/", link.there(), first[0])).is_empty());
    twin.xtask(&["stop"]).exits(0);
    // What is stopped keeps its port there, also from those who never heard of it.
    stopped_ports_are_kept(&engine, &ann, &ben);
}

/// A stack that is stopped will want its port again.
fn stopped_ports_are_kept(engine: &Engine, ann: &Person<'_>, ben: &Person<'_>) {
    let wanted = ben.port();
    let id = engine.docker(&["ps", "-q", "--filter", &format!("publish={wanted}")]).exits(0).stdout;
    engine.docker(&["stop", "-t", "0", id.trim()]).exits(0);
    let carl = Project::with(&format!(
        "services:\n  web:\n    image: engine-web\n    ports: [\"${{WEB_PORT:-{}}}:8080\"]\n",
        wanted - 1
    ));
    let _holder = hold_there(engine, "0.0.0.0", wanted - 1);
    carl.write(".env", format!("COMPOSE_PROJECT_NAME={}\n", carl.name));
    let engines = Person { project: &carl, ..Person::new(engine, ann.project, "carl") };
    let free = engines.xtask(&["check-ports", "--format", "json"]).json()["ports"][0]["suggestion"].clone();
    assert_ne!(free, serde_json::json!(wanted), "{free}");
}

/// `--no-write` leaves every file alone, and the next command knows all the same.
#[test]
fn nothing_is_written_where_that_is_asked() {
    let link = Link::new();
    let Some(engine) = Engine::start_at(&link) else { return };
    engine.load("engine-web");
    let ports = Ports::find();
    let project = Project::with(&format!("{}    volumes: [\"./site:/site\"]\n", web(ports.first())));
    let ann = Person::new(&engine, &project, "ann");
    let started = ann.xtask(&["start", "--no-write"]).exits(0).says(&format!("{}-ann", project.name));
    started.says("docker-compose.yml:5: ./site of service web").says(&format!("http://{}:", link.there()));
    assert!(!project.dir().join(".env").exists());
    ann.xtask(&["check-ports"]).exits(0).says(&format!("{}-ann", project.name));
    ann.xtask(&["stop"]).exits(0);
    assert_eq!(engine.docker(&["ps", "-aq"]).exits(0).stdout, "");
}
