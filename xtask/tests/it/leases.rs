//! The ledger as starts use it: who is quicker, who takes over, and what a
//! damaged or missing one does.

use std::fs;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::engine::{Engine, container};
use crate::support::{Project, Rule, XTASK, wait_until};

/// A project `name` on `port`, by UDP so that nobody has to answer.
pub(crate) struct Stack {
    pub(crate) project: Project,
    pub(crate) engine: Engine,
    pub(crate) port: u16,
}

impl Stack {
    /// Its `up` takes `millis` milliseconds.
    pub(crate) fn new(name: &str, port: Option<u16>, millis: u64) -> Stack {
        let mut project = Project::empty();
        let port = port.unwrap_or_else(|| project.port(0));
        let compose = format!("services:\n  web:\n    image: web\n    ports: [\"${{WEB_PORT:-{port}}}:53/udp\"]\n");
        project.file("compose.yaml", &compose);
        let engine = Engine::start(&mut project);
        project.fake_docker(&[
            Rule::config_of(name, &format!("{{{{WEB_PORT:{port}}}}}"), (53, "udp")),
            Rule::when("docker compose up").sleep(millis).tells("up"),
        ]);
        let (name, dir) = (name.to_owned(), project.dir());
        engine.on("up", move |state| {
            let env = fs::read_to_string(dir.join(".env")).unwrap_or_default();
            let moved = env.lines().find_map(|line| line.strip_prefix("WEB_PORT=")?.parse().ok());
            let at = (name.as_str(), "web", dir.to_str().unwrap());
            let mut made = container(at, ("running", "Up 1 second"), &[("0.0.0.0", moved.unwrap_or(port), 53)]);
            made["Ports"][0]["Type"] = Value::from("udp");
            state.containers.push(made);
        });
        Stack { project, engine, port }
    }

    /// A neighbour with the same ledger who wants the same port.
    pub(crate) fn neighbour(&self, name: &str) -> Stack {
        let mut other = Stack::new(name, Some(self.port), 0);
        other.project.set("XTASK_STATE_DIR", self.project.root().join("state"));
        other
    }

    fn start(&self) -> Child {
        let mut start = self.project.command(XTASK);
        start.arg("start").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn ledger(&self) -> Value {
        let bytes = fs::read(self.project.root().join("state/leases.json")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Waits until its start says so to others.
    fn until_starting(&self) {
        wait_until(|| self.ledger(), || !self.ledger()["tenants"][0]["starting"].is_null());
    }
}

#[test]
fn a_port_that_another_start_is_about_to_take_is_a_conflict() {
    let first = Stack::new("first", None, 60_000);
    let second = first.neighbour("second");
    let mut start = first.start();
    first.until_starting();
    let run = second.project.run("start").exits(1);
    assert!(run.stdout.contains("first in ") && run.stdout.contains(" is being started on it"), "{run}");
    let run = second.project.run("start --on-conflict reassign").exits(0);
    assert_eq!(second.project.read(".env"), format!("WEB_PORT={}\n", first.port + 1), "{run}");
    // Who was killed takes nothing any more.
    start.kill().unwrap();
    start.wait().unwrap();
    let third = first.neighbour("third");
    let run = third.project.run("start").exits(0);
    assert!(run.stderr.contains("was kept for first in "), "{run}");
    let keeps = |name: &str| {
        let ledger = first.ledger();
        let tenants = ledger["tenants"].as_array().unwrap();
        let tenant = tenants.iter().find(|tenant| tenant["project"] == name).unwrap();
        tenant["leases"].as_array().unwrap().iter().map(|lease| lease["published"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!((keeps("first"), keeps("third")), (vec![], vec![Value::from(first.port)]));
}

#[test]
fn where_ports_may_move_a_kept_one_stays_with_its_project() {
    let first = Stack::new("first", None, 0);
    first.project.run("start").exits(0);
    // It is stopped, and its port idle.
    first.engine.state().containers.clear();
    let second = first.neighbour("second");
    let run = second.project.run("start --on-conflict reassign").exits(0);
    assert!(run.stdout.contains("WEB_PORT"), "{run}");
    assert_eq!(second.project.read(".env"), format!("WEB_PORT={}\n", first.port + 1));
    // Asked for by name it is had.
    second.engine.state().containers.clear();
    second.project.file(".env.template", "WEB_PORT=1\n");
    second.project.file(".env", &format!("WEB_PORT={}\n", first.port));
    let run = second.project.run("start --on-conflict reassign").exits(0);
    assert!(run.stderr.contains(&format!("port {} was kept for first in ", first.port)), "{run}");
}

#[test]
fn a_damaged_ledger_is_set_aside_and_begun_anew_with_what_runs() {
    let stack = Stack::new("demo", None, 0);
    let folder = stack.project.root().join("state");
    fs::write(folder.join("leases.json"), "{\"schema\":1,\"tenants\":[{").unwrap();
    stack.engine.has(container(("shop", "api", "/src/shop"), ("running", "Up 2 hours"), &[("0.0.0.0", 9999, 80)]));
    let run = stack.project.run("start").exits(0);
    assert!(run.stderr.contains("warning: the port ledger was damaged and was moved to "), "{run}");
    let aside = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("leases.json.broken-"));
    assert_eq!(fs::read_to_string(aside.unwrap().path()).unwrap(), "{\"schema\":1,\"tenants\":[{");
    let ledger = stack.ledger();
    assert_eq!(ledger["tenants"][0]["project"], "shop");
    assert_eq!(ledger["tenants"][0]["leases"][0]["published"], 9999);
    assert_eq!(ledger["tenants"][1]["project"], "demo");
}

#[test]
fn without_a_folder_to_remember_in_a_start_works_and_says_what_is_missing() {
    let mut stack = Stack::new("demo", None, 0);
    let file = stack.project.root().join("no-folder");
    fs::write(&file, "").unwrap();
    stack.project.set("XTASK_STATE_DIR", file);
    let run = stack.project.run("start").exits(0);
    assert_eq!(run.stderr.matches("warning: ports are not kept for this project: ").count(), 1, "{run}");
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let stack = Stack::new("demo", None, 0);
    let path = stack.project.root().join("state/leases.json");
    fs::write(&path, "{\"schema\":9,\"tenants\":[]}").unwrap();
    let run = stack.project.run("start").exits(0);
    assert_eq!(run.stderr.matches("has schema 9").count(), 1, "{run}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"schema\":9,\"tenants\":[]}");
}
