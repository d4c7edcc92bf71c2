//! `check-ports` without Docker: what it sees, says and writes.
use std::net::{TcpListener, UdpSocket};

use serde_json::{Value, json};

use crate::support::{Output, Project, REPORT_KEYS, ROW_KEYS, keys, snapshot};

/// Four services like those of the guide.
pub(crate) const STACK: &str = r#"services:
  backend:
    image: backend
    ports:
      - "${BACKEND_PORT:-@0}:8000"
  frontend:
    image: frontend
    ports:
      - "${FRONTEND_PORT:-@3}:80"
  postgres:
    image: postgres
    ports:
      - "${BIND_ADDRESS:-127.0.0.1}:${POSTGRES_PORT:-@6}:5432"
  redis:
    image: redis
    ports:
      - "127.0.0.1:@2:6379"
"#;

/// One service with this entry under `ports:`.
pub(crate) fn one(entry: &str) -> Project {
    Project::new(&format!("services:\n  web:\n    image: web\n    ports:\n      - {entry}\n"))
}

pub(crate) fn rows(run: &Output) -> Vec<Value> {
    run.json()["ports"].as_array().unwrap().clone()
}

pub(crate) fn row(run: &Output, service: &str) -> Value {
    rows(run).into_iter().find(|row| row["service"] == service).unwrap()
}

pub(crate) fn verdict(project: &Project) -> String {
    row(&project.run("check-ports --format json"), "web")["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn free_ports_are_reported_and_exit_0() {
    let project = Project::new(STACK);
    snapshot!("check-all-free", project.run("check-ports").exits(0));
}

#[test]
fn check_ports_reports_every_conflict_at_once() {
    let mut project = Project::new(STACK);
    project.file(".env", "# ports\nFRONTEND_PORT=@4\n");
    project.set("POSTGRES_PORT", project.port(7).to_string());
    project.hold("0.0.0.0", &[0, 4]);
    project.hold("127.0.0.1", &[7]);
    project.hold("127.0.0.1", &[2]);
    snapshot!("check-conflicts", project.run("check-ports").exits(1));
}

#[test]
fn the_json_has_the_keys_of_the_schema_and_no_others() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@4\n");
    let pid = project.hold("127.0.0.1", &[4]);
    let run = project.run("check-ports --format json").exits(1);
    assert_eq!(keys(&run.json()), REPORT_KEYS.into());
    assert_eq!((&run.json()["schema"], &run.json()["project"]), (&json!(1), &json!("demo")));
    for row in rows(&run) {
        assert_eq!(keys(&row), ROW_KEYS.into());
    }
    let taken = row(&run, "frontend");
    let owner = &taken["owners"][0];
    assert_eq!(keys(owner), ["kind", "pid", "name", "command", "user", "started"].into());
    assert_eq!((&owner["kind"], &owner["pid"]), (&json!("process"), &json!(pid)));
    let started = owner["started"].as_str().unwrap();
    assert!(started.len() == 20 && started.ends_with('Z'), "{started}");
    assert_eq!(taken["source"], ".env:1");
    assert_eq!(taken["suggestion"], project.port(5));
    let free = row(&run, "postgres");
    assert_eq!(
        free,
        json!({
            "service": "postgres", "host_ip": "127.0.0.1", "published": project.port(6), "published_end": null,
            "target": 5432, "protocol": "tcp", "variable": "POSTGRES_PORT", "verdict": "free", "owners": [],
            "suggestion": null, "source": "default", "reserved": null,
            "lease": null, "network_ip": null, "why": null,
        })
    );
    assert_eq!(row(&run, "redis")["source"], "literal");
    // Nothing but the report on stdout, and notes on stderr.
    assert!(run.stderr.contains("the built-in reader was used"), "{run}");
}

#[test]
fn check_ports_names_the_source_of_each_value() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    let source = |project: &Project| row(&project.run("check-ports --format json"), "web")["source"].clone();
    assert_eq!(source(&project), "default");
    project.file(".env.template", "\nWEB_PORT=@1\n");
    assert_eq!(source(&project), ".env.template:2 (template)");
    project.file(".env", "A=1\nB=2\nWEB_PORT=@2\n");
    assert_eq!(source(&project), ".env:3");
    project.file("other.env", "WEB_PORT=@3\n");
    let run = project.run("check-ports --format json --env-file other.env");
    assert_eq!(row(&run, "web")["source"], "other.env:1");
    project.set("WEB_PORT", project.port(4).to_string());
    assert_eq!(source(&project), "shell");
    assert_eq!(row(&project.run("check-ports --format json"), "web")["published"], project.port(4));
}

#[test]
fn a_range_is_free_while_one_of_its_ports_is() {
    let mut project = one("\"@0-@2:80\"");
    project.hold("0.0.0.0", &[0, 1]);
    assert_eq!(verdict(&project), "free");
    project.hold("0.0.0.0", &[2]);
    let run = project.run("check-ports --format json").exits(1);
    let taken = row(&run, "web");
    assert_eq!(taken["verdict"], "taken");
    assert_eq!((&taken["published"], &taken["published_end"]), (&json!(project.port(0)), &json!(project.port(2))));
    assert_eq!(taken["suggestion"], Value::Null);
}

#[test]
fn a_range_on_both_sides_is_as_many_ports() {
    let mut project = one("\"@0-@2:80-82\"");
    project.hold("0.0.0.0", &[1]);
    let verdicts: Vec<Value> =
        rows(&project.run("check-ports --format json").exits(1)).iter().map(|row| row["verdict"].clone()).collect();
    assert_eq!(verdicts, ["free", "taken", "free"]);
}

#[test]
fn a_port_that_the_engine_picks_is_never_in_the_way() {
    for entry in ["\"80\"", "\"0:80\"", "\"127.0.0.1::80\""] {
        let project = one(entry);
        let run = project.run("check-ports").exits(0);
        assert!(run.stdout.contains("random") && run.stdout.contains("the engine picks"), "{run}");
    }
}

/// The kernel's own table: which holder keeps which mapping from being bound.
#[test]
fn mappings_conflict_by_address_as_in_the_kernel() {
    for (held, entry, want) in [
        ("127.0.0.1", "@0:80", "taken"),
        ("127.0.0.2", "@0:80", "taken"),
        ("127.0.0.2", "127.0.0.1:@0:80", "free"),
        ("127.0.0.1", "127.0.0.1:@0:80", "taken"),
        ("0.0.0.0", "127.0.0.1:@0:80", "taken"),
        ("[::]", "@0:80", "taken"),
        ("[::]", "127.0.0.1:@0:80", "taken"),
        ("[::1]", "@0:80", "taken"),
        ("[::1]", "127.0.0.1:@0:80", "free"),
        ("[::1]", "[::1]:@0:80", "taken"),
        ("127.0.0.1", "[::1]:@0:80", "free"),
    ] {
        let project = one(&format!("\"{entry}\""));
        let _held = TcpListener::bind(format!("{held}:{}", project.port(0))).unwrap();
        assert_eq!(verdict(&project), want, "{held} against {entry}");
    }
}

#[test]
fn a_holder_that_has_ipv6_only_is_seen() {
    let project = one("\"@0:80\"");
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    socket.set_only_v6(true).unwrap();
    let address: std::net::SocketAddr = format!("[::]:{}", project.port(0)).parse().unwrap();
    socket.bind(&address.into()).unwrap();
    // Bound, and not listening yet: the engine would fail all the same.
    let run = project.run("check-ports").exits(1);
    assert!(run.stdout.contains("a socket that is bound and does not listen, of `it-"), "{run}");
    socket.listen(1).unwrap();
    let run = project.run("check-ports --format json").exits(1);
    assert_eq!(row(&run, "web")["owners"][0]["pid"], std::process::id());
}

#[test]
fn check_ports_keeps_udp_and_tcp_apart() {
    let project = one("\"@0:80/udp\"");
    let tcp = TcpListener::bind(("0.0.0.0", project.port(0))).unwrap();
    assert_eq!(verdict(&project), "free");
    drop(tcp);
    let _udp = UdpSocket::bind(("127.0.0.1", project.port(0))).unwrap();
    let run = project.run("check-ports --format json").exits(1);
    let taken = row(&run, "web");
    assert_eq!((&taken["protocol"], &taken["owners"][0]["pid"]), (&json!("udp"), &json!(std::process::id())));
}

#[test]
fn clients_of_a_port_do_not_hold_it() {
    let mut project = one("\"@0:80\"");
    let holder = project.hold("127.0.0.1", &[0]);
    let _client = std::net::TcpStream::connect(("127.0.0.1", project.port(0))).unwrap();
    let run = project.run("check-ports --format json").exits(1);
    let owners = row(&run, "web")["owners"].as_array().unwrap().clone();
    assert_eq!(owners.len(), 1, "{run}");
    assert_eq!(owners[0]["pid"], holder);
}

/// A connection's own end keeps the port from being bound, and is still nobody
/// to be stopped: the next connection gets another port.
#[test]
#[cfg(target_os = "linux")]
fn a_client_on_its_own_local_port_is_named_and_never_stopped() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.hold("127.0.0.1", &[5]);
    let pair = format!("client:127.0.0.1:{}=127.0.0.1:{}", project.port(0), project.port(5));
    let client = project.hold_as("holder", "", &[pair]);
    snapshot!("check-client", project.run("check-ports").exits(1));
    snapshot!("stop-client", project.run("check-ports --stop-holders --yes").exits(1));
    assert!(project.runs(client));
}

/// With Compose the answer is the same, word for word.
#[test]
fn check_ports_answers_the_same_with_and_without_compose() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@4\n");
    project.hold("0.0.0.0", &[0, 4]);
    let without = project.run("check-ports --format json").exits(1);
    if !project.real_docker() {
        return;
    }
    let with = project.run("check-ports --format json").exits(1);
    assert_eq!(with.raw, without.raw);
    let run = project.run("check-ports --reassign").exits(0);
    assert_eq!(project.read(".env"), project.fill("FRONTEND_PORT=@5\nBACKEND_PORT=@1\n"), "{run}");
}

#[test]
fn two_services_on_one_port_clash() {
    let project = Project::new(
        r#"services:
  a:
    image: a
    ports: ["${A_PORT:-@0}:80", "@5:81"]
  b:
    image: b
    ports: ["127.0.0.1:${B_PORT:-@0}:80", "@5:81/udp"]
"#,
    );
    snapshot!("check-clash", project.run("check-ports").exits(1));
    let run = project.run("check-ports --reassign").exits(0);
    assert_eq!(project.read(".env"), project.fill("B_PORT=@1\n"), "{run}");
}

#[test]
fn a_project_without_ports_has_no_conflicts() {
    let project = Project::new("services:\n  job:\n    image: job\n");
    let run = project.run("check-ports").exits(0);
    assert_eq!(run.stdout, "demo: 0 ports, no conflicts\n");
    assert_eq!(project.run("check-ports --format json").exits(0).json()["ports"], json!([]));
}

#[test]
fn check_ports_colours_only_where_wanted() {
    let mut project = Project::new(STACK);
    project.hold("0.0.0.0", &[0]);
    let plain = |run: Output| assert!(!run.raw.contains('\x1b') && !run.stderr.contains('\x1b'), "{run}");
    plain(project.run("check-ports"));
    project.set("CLICOLOR_FORCE", "1");
    assert!(project.run("check-ports").raw.contains("\x1b[31m"));
    assert!(!project.run("check-ports --format json").raw.contains('\x1b'));
    project.set("NO_COLOR", "1");
    plain(project.run("check-ports"));
}

#[test]
fn quiet_prints_data_only() {
    let mut project = Project::new(STACK);
    project.hold("0.0.0.0", &[0]);
    let loud = project.run("check-ports");
    assert!(loud.stderr.contains("note: ") && loud.stderr.contains("hint: "), "{loud}");
    let quiet = project.run("check-ports -q").exits(1);
    assert_eq!(quiet.stdout, loud.stdout);
    assert!(!quiet.stderr.contains("note: ") && !quiet.stderr.contains("hint: "), "{quiet}");
}

#[test]
fn text_of_others_is_cleaned_and_its_secrets_are_masked() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    let address = format!("127.0.0.1:{}", project.port(0));
    project.hold_as("holder", "", &[address, "--password=hunter2".into(), "--esc=\x1b[31m\u{202e}red".into()]);
    for run in [project.run("check-ports"), project.run("check-ports --format json")] {
        assert!(run.stdout.contains("--password=***") && !run.stdout.contains("hunter2"), "{run}");
        assert!(!run.raw.contains('\x1b') && !run.raw.contains('\u{202e}') && !run.raw.contains("\\u001b"), "{run}");
    }
}

// --- Stopping, without a terminal ------------------------------------------

#[test]
fn a_service_of_more_containers_than_ports_is_said_to_be_one() {
    for count in ["deploy: {replicas: 2}", "scale: 2"] {
        let project = Project::new(&format!(
            "services:\n  web:\n    image: web\n    ports: [\"${{WEB:-@0}}:80\"]\n    {count}\n"
        ));
        let run = project.run("check-ports --reassign").exits(1);
        assert!(run.stdout.contains("2 containers of `web` cannot all publish 18000"), "{run}");
        assert!(!run.stdout.contains("free:") && run.stderr.contains("publish one port per container"), "{run}");
        assert!(!project.path(".env").exists());
    }
    let project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0-@1:80\"]\n    scale: 2\n");
    project.run("check-ports").exits(0);
}

/// A disk that is full is no empty report.
#[test]
fn a_full_standard_output_exits_2() {
    let project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    for words in [&["check-ports"][..], &["check-ports", "--format", "json"], &["completions", "bash"]] {
        let mut command = project.command(crate::support::XTASK);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let done = command.args(words).stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains("cannot write to standard output"), "{words:?}: {said}");
    }
}
