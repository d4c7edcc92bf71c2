//! `check-ports` without Docker: what it sees, says and writes.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::support::{Project, Run, snapshot};

/// Four services like those of the guide.
const STACK: &str = r#"services:
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
fn one(entry: &str) -> Project {
    Project::new(&format!("services:\n  web:\n    image: web\n    ports:\n      - {entry}\n"))
}

fn rows(run: &Run) -> Vec<Value> {
    run.json()["ports"].as_array().unwrap().clone()
}

fn row(run: &Run, service: &str) -> Value {
    rows(run).into_iter().find(|row| row["service"] == service).unwrap()
}

fn verdict(project: &Project) -> String {
    row(&project.run("check-ports --format json"), "web")["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn all_free() {
    let project = Project::new(STACK);
    snapshot!("check-all-free", project.run("check-ports").ends_with(0));
}

#[test]
fn every_conflict_is_told_at_once() {
    let mut project = Project::new(STACK);
    project.file(".env", "# ports\nFRONTEND_PORT=@4\n");
    project.set("POSTGRES_PORT", project.port(7).to_string());
    project.hold("0.0.0.0", &[0, 4]);
    project.hold("127.0.0.1", &[7]);
    project.hold("127.0.0.1", &[2]);
    snapshot!("check-conflicts", project.run("check-ports").ends_with(1));
}

#[test]
fn the_json_has_the_keys_of_the_schema_and_no_others() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@4\n");
    let pid = project.hold("127.0.0.1", &[4]);
    let run = project.run("check-ports --format json").ends_with(1);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&run.json()), set(&["schema", "project", "remote", "ports"]));
    assert_eq!((&run.json()["schema"], &run.json()["project"]), (&json!(1), &json!("demo")));
    let port = [
        "service",
        "host_ip",
        "published",
        "published_end",
        "target",
        "protocol",
        "variable",
        "verdict",
        "owners",
        "suggestion",
        "source",
        "reserved",
        "lease",
        "network_ip",
        "why",
    ];
    for row in rows(&run) {
        assert_eq!(keys(&row), set(&port));
    }
    let taken = row(&run, "frontend");
    let owner = &taken["owners"][0];
    assert_eq!(keys(owner), set(&["kind", "pid", "name", "command", "user", "started"]));
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
fn where_a_value_comes_from() {
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
    let run = project.run("check-ports --format json").ends_with(1);
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
        rows(&project.run("check-ports --format json").ends_with(1)).iter().map(|row| row["verdict"].clone()).collect();
    assert_eq!(verdicts, ["free", "taken", "free"]);
}

#[test]
fn a_port_that_the_engine_picks_is_never_in_the_way() {
    for entry in ["\"80\"", "\"0:80\"", "\"127.0.0.1::80\""] {
        let project = one(entry);
        let run = project.run("check-ports").ends_with(0);
        assert!(run.stdout.contains("random") && run.stdout.contains("the engine picks"), "{run}");
    }
}

/// The kernel's own table: which holder keeps which mapping from being bound.
#[test]
fn addresses_overlap_as_the_kernel_has_it() {
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
    let run = project.run("check-ports").ends_with(1);
    assert!(run.stdout.contains("a socket that is bound and does not listen, of `it-"), "{run}");
    socket.listen(1).unwrap();
    let run = project.run("check-ports --format json").ends_with(1);
    assert_eq!(row(&run, "web")["owners"][0]["pid"], std::process::id());
}

#[test]
fn udp_and_tcp_are_two_things() {
    let project = one("\"@0:80/udp\"");
    let tcp = TcpListener::bind(("0.0.0.0", project.port(0))).unwrap();
    assert_eq!(verdict(&project), "free");
    drop(tcp);
    let _udp = UdpSocket::bind(("127.0.0.1", project.port(0))).unwrap();
    let run = project.run("check-ports --format json").ends_with(1);
    let taken = row(&run, "web");
    assert_eq!((&taken["protocol"], &taken["owners"][0]["pid"]), (&json!("udp"), &json!(std::process::id())));
}

#[test]
fn clients_of_a_port_are_no_holders_of_it() {
    let mut project = one("\"@0:80\"");
    let holder = project.hold("127.0.0.1", &[0]);
    let _client = std::net::TcpStream::connect(("127.0.0.1", project.port(0))).unwrap();
    let run = project.run("check-ports --format json").ends_with(1);
    let owners = row(&run, "web")["owners"].as_array().unwrap().clone();
    assert_eq!(owners.len(), 1, "{run}");
    assert_eq!(owners[0]["pid"], holder);
}

/// A connection's own end keeps the port from being bound, and is still nobody
/// to be stopped: the next connection gets another port.
#[test]
#[cfg(target_os = "linux")]
fn a_client_whose_own_port_it_is_is_named_and_never_stopped() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.hold("127.0.0.1", &[5]);
    let pair = format!("client:127.0.0.1:{}=127.0.0.1:{}", project.port(0), project.port(5));
    let client = project.hold_as("holder", "", &[pair]);
    snapshot!("check-client", project.run("check-ports").ends_with(1));
    snapshot!("stop-client", project.run("check-ports --stop-holders --yes").ends_with(1));
    assert!(project.runs(client));
}

#[test]
fn every_holder_of_a_port_is_listed_and_stopped() {
    let mut project = one("\"@0:80\"");
    let first = project.hold("127.0.0.1", &[0]);
    let second = project.hold("[::1]", &[0]);
    let run = project.run("check-ports --format json").ends_with(1);
    let pids: BTreeSet<u64> =
        row(&run, "web")["owners"].as_array().unwrap().iter().map(|owner| owner["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids, BTreeSet::from([first.into(), second.into()]));
    project.run("check-ports --stop-holders --yes").ends_with(0);
    assert!(!project.runs(first) && !project.runs(second));
}

/// A supervisor starts it again: then the port is not free, and that is said.
#[test]
fn a_holder_that_comes_back_is_noticed() {
    let mut project = one("\"@0:80\"");
    let address = format!("127.0.0.1:{}", project.port(0));
    let supervisor = project.hold_as("holder", "while :; do \"$0\" \"$@\"; done;", &[address]);
    let run = project.run("check-ports --stop-holders --yes");
    let found = project.run("check-ports --format json");
    crate::support::end(supervisor);
    let pid = row(&found, "web")["owners"][0]["pid"].as_u64().unwrap();
    crate::support::end(u32::try_from(pid).unwrap());
    assert_eq!(run.code, 1, "{run}");
    assert!(run.stderr.contains("error: still held: 18000\n"), "{run}");
    assert!(run.stderr.contains("has it now; /bin/sh"), "{run}");
    assert!(run.stderr.contains("started it: end that one first"), "{run}");
}

/// With Compose the answer is the same, word for word.
#[test]
fn compose_gives_the_same_answer() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@4\n");
    project.hold("0.0.0.0", &[0, 4]);
    let without = project.run("check-ports --format json").ends_with(1);
    if !project.real_docker() {
        return;
    }
    let with = project.run("check-ports --format json").ends_with(1);
    assert_eq!(with.raw, without.raw);
    let run = project.run("check-ports --reassign").ends_with(0);
    assert_eq!(project.read(".env"), project.fill("FRONTEND_PORT=@5\nBACKEND_PORT=@1\n"), "{run}");
}

#[test]
fn suggestions_pass_by_what_is_held_or_wanted() {
    let mut project = Project::new(
        "services:\n  a:\n    image: a\n    ports: [\"${A_PORT:-@0}:80\"]\n  b:\n    image: b\n    ports: [\"${B_PORT:-@2}:80\"]\n",
    );
    project.hold("0.0.0.0", &[0, 1, 2]);
    project.hold("[::1]", &[3]);
    let run = project.run("check-ports --format json").ends_with(1);
    // 1 and 3 are held, 2 is wanted by b; 4 is a's by then.
    assert_eq!(row(&run, "a")["suggestion"], project.port(4));
    assert_eq!(row(&run, "b")["suggestion"], project.port(5));
}

#[test]
fn one_variable_for_two_ports_gets_one_suggestion_that_suits_both() {
    let mut project = Project::new(
        "services:\n  a:\n    image: a\n    ports:\n      - \"${PORT:-@0}:80\"\n      - \"${PORT:-@0}:80/udp\"\n",
    );
    project.hold("0.0.0.0", &[0]);
    project.hold_as("holder", "", &[format!("udp:0.0.0.0:{}", project.port(1))]);
    let run = project.run("check-ports --format json").ends_with(1);
    let found: Vec<(Value, Value)> =
        rows(&run).iter().map(|row| (row["verdict"].clone(), row["suggestion"].clone())).collect();
    assert_eq!(found, [(json!("taken"), json!(project.port(2))), (json!("free"), Value::Null)]);
}

#[test]
fn suggestions_keep_to_the_range_of_the_project() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file("xtask.toml", "port_range = \"@6-@8\"\n");
    project.hold("0.0.0.0", &[0, 6]);
    assert_eq!(row(&project.run("check-ports --format json").ends_with(1), "web")["suggestion"], project.port(7));
    project.hold("0.0.0.0", &[7, 8]);
    assert_eq!(row(&project.run("check-ports --format json").ends_with(1), "web")["suggestion"], Value::Null);
    snapshot!("reassign-range-is-full", project.run("check-ports --reassign").ends_with(1));
}

#[test]
fn ports_of_one_model_that_clash() {
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
    snapshot!("check-clash", project.run("check-ports").ends_with(1));
    let run = project.run("check-ports --reassign").ends_with(0);
    assert_eq!(project.read(".env"), project.fill("B_PORT=@1\n"), "{run}");
}

#[test]
fn no_ports_at_all() {
    let project = Project::new("services:\n  job:\n    image: job\n");
    let run = project.run("check-ports").ends_with(0);
    assert_eq!(run.stdout, "demo: 0 ports, no conflicts\n");
    assert_eq!(project.run("check-ports --format json").ends_with(0).json()["ports"], json!([]));
}

#[test]
fn colours_only_where_they_are_wanted() {
    let mut project = Project::new(STACK);
    project.hold("0.0.0.0", &[0]);
    let plain = |run: Run| assert!(!run.raw.contains('\x1b') && !run.stderr.contains('\x1b'), "{run}");
    plain(project.run("check-ports"));
    project.set("CLICOLOR_FORCE", "1");
    assert!(project.run("check-ports").raw.contains("\x1b[31m"));
    assert!(!project.run("check-ports --format json").raw.contains('\x1b'));
    project.set("NO_COLOR", "1");
    plain(project.run("check-ports"));
}

#[test]
fn quiet_says_data_only() {
    let mut project = Project::new(STACK);
    project.hold("0.0.0.0", &[0]);
    let loud = project.run("check-ports");
    assert!(loud.stderr.contains("note: ") && loud.stderr.contains("hint: "), "{loud}");
    let quiet = project.run("check-ports -q").ends_with(1);
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

// --- Writing ---------------------------------------------------------------

/// The bytes of `.env` before and after a reassign of `WEB_PORT`, whose port
/// `@0` is held: it must become `@1`.
#[test]
fn reassign_changes_the_value_and_no_other_byte() {
    for (before, after) in [
        ("WEB_PORT=@0\n", "WEB_PORT=@1\n"),
        ("# a\r\nA=1\r\nWEB_PORT=@0\r\nB=2\r\n", "# a\r\nA=1\r\nWEB_PORT=@1\r\nB=2\r\n"),
        ("\u{feff}WEB_PORT=@0\nA=ä # c\n", "\u{feff}WEB_PORT=@1\nA=ä # c\n"),
        ("A=1\nWEB_PORT=@0", "A=1\nWEB_PORT=@1"),
        ("WEB_PORT=@0 # the page\n\n\n", "WEB_PORT=@1 # the page\n\n\n"),
        ("export WEB_PORT = \"@0\"\n", "export WEB_PORT = \"@1\"\n"),
        ("WEB_PORT='@0'\nX=\"two\nlines\"\n", "WEB_PORT='@1'\nX=\"two\nlines\"\n"),
        ("WEB_PORT=1\nWEB_PORT=@0\n", "WEB_PORT=1\nWEB_PORT=@1\n"),
        ("# WEB_PORT=1234\nWEB_PORT: @0\n", "# WEB_PORT=1234\nWEB_PORT: @1\n"),
        ("A=1", "A=1\nWEB_PORT=@1\n"),
        ("A=1\r\n", "A=1\r\nWEB_PORT=@1\r\n"),
        ("", "WEB_PORT=@1\n"),
    ] {
        let mut project = one("\"${WEB_PORT:-@0}:80\"");
        project.file(".env", before);
        project.hold("0.0.0.0", &[0]);
        let run = project.run("check-ports --reassign").ends_with(0);
        assert_eq!(project.read(".env"), project.fill(after), "{before:?}\n{run}");
        assert!(run.stdout.contains("WEB_PORT 18000 -> 18001  (.env)"), "{run}");
    }
}

#[test]
fn reassign_tells_what_it_wrote() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@3\n");
    project.hold("0.0.0.0", &[0, 3]);
    snapshot!("reassign", project.run("check-ports --reassign").ends_with(0));
    assert_eq!(project.read(".env"), project.fill("FRONTEND_PORT=@4\nBACKEND_PORT=@1\n"));
    snapshot!("reassign-json", {
        project.file(".env", "FRONTEND_PORT=@3\n");
        project.run("check-ports --reassign --format json").ends_with(0)
    });
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let mut project = Project::new(STACK);
    project.file(".env", "FRONTEND_PORT=@3\n");
    project.hold("0.0.0.0", &[0, 3]);
    let before = project.everything();
    snapshot!("reassign-dry-run", project.run("check-ports --reassign --dry-run").ends_with(1));
    assert_eq!(project.everything(), before);
}

#[test]
fn nothing_is_written_where_nothing_is_in_the_way() {
    let project = Project::new(STACK);
    project.file(".env.template", "BACKEND_PORT=@1\n");
    let before = project.everything();
    project.run("check-ports --reassign").ends_with(0);
    assert_eq!(project.everything(), before);
}

#[test]
fn the_template_becomes_the_env_file_first() {
    let mut project = Project::new(STACK);
    project.file(".env.template", "# mine\nBACKEND_PORT=@0\nOTHER=kept # c\n");
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").ends_with(0);
    assert_eq!(project.read(".env"), project.fill("# mine\nBACKEND_PORT=@1\nOTHER=kept # c\n"));
    assert!(run.stderr.contains(".env made from .env.template"), "{run}");
    assert_eq!(project.read(".env.template"), project.fill("# mine\nBACKEND_PORT=@0\nOTHER=kept # c\n"));
}

#[test]
fn permissions_stay() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file(".env", "WEB_PORT=@0\n");
    fs::set_permissions(project.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").ends_with(0);
    assert_eq!(fs::metadata(project.path(".env")).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_link_stays_a_link_and_its_target_is_written() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    let target = project.root().join("home/shared.env");
    fs::write(&target, project.fill("WEB_PORT=@0\n")).unwrap();
    symlink(&target, project.path(".env")).unwrap();
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").ends_with(0);
    assert!(fs::symlink_metadata(project.path(".env")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(target).unwrap(), project.fill("WEB_PORT=@1\n"));
}

#[test]
fn a_literal_is_not_rewritten_but_shown() {
    let mut project = one("\"@0:80\"");
    project.hold("0.0.0.0", &[0]);
    let before = project.everything();
    snapshot!("reassign-literal", project.run("check-ports --reassign").ends_with(1));
    assert_eq!(project.everything(), before);
}

#[test]
fn the_file_that_compose_reads_is_the_one_that_is_written() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file(".env", "WEB_PORT=@0\n").file("a.env", "WEB_PORT=@0\n").file("b.env", "OTHER=1\n");
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign --env-file a.env --env-file b.env").ends_with(0);
    assert!(run.stdout.contains("(a.env)"), "{run}");
    assert_eq!(project.read("a.env"), project.fill("WEB_PORT=@1\n"));
    project.file("a.env", "A=1\n");
    project.set("COMPOSE_ENV_FILES", "a.env,b.env");
    // In neither of them yet: the last one counts.
    project.run("check-ports --reassign").ends_with(0);
    assert_eq!(project.read("b.env"), project.fill("OTHER=1\nWEB_PORT=@1\n"));
    assert_eq!((project.read("a.env"), project.read(".env")), ("A=1\n".to_owned(), project.fill("WEB_PORT=@0\n")));
}

#[test]
fn in_a_folder_with_its_own_env_file_that_one_is_written() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.file(".env", "WEB_PORT=@2\n").file("sub/.env", "WEB_PORT=@0\n");
    project.hold("0.0.0.0", &[0]);
    let run = project.run_in("sub", "check-ports --reassign").ends_with(0);
    assert_eq!(project.read("sub/.env"), project.fill("WEB_PORT=@1\n"), "{run}");
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@2\n"));
}

#[test]
fn what_goes_back_is_remembered() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").ends_with(0);
    let moves = fs::read_to_string(project.root().join("state/moves.json")).unwrap();
    let moves: Value = serde_json::from_str(&moves).unwrap();
    let file = &moves["files"][project.path(".env").to_str().unwrap()];
    assert_eq!(file["WEB_PORT"], json!({ "from": project.port(0), "to": project.port(1) }));
}

#[test]
fn without_a_folder_to_remember_in_the_ports_are_written_all_the_same() {
    let mut project = one("\"${WEB_PORT:-@0}:80\"");
    project.set("XTASK_STATE_DIR", "/proc/no/such/folder");
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").ends_with(0);
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"));
}

// --- Stopping, without a terminal ------------------------------------------

#[test]
fn nobody_is_stopped_without_a_question() {
    let mut project = one("\"@0:80\"");
    let pid = project.hold("0.0.0.0", &[0]);
    snapshot!("stop-holders-no-terminal", project.run("check-ports --stop-holders").ends_with(1));
    snapshot!("stop-holders-dry-run", project.run("check-ports --stop-holders --dry-run").ends_with(1));
    assert!(project.runs(pid));
}

#[test]
fn yes_stops_the_holders_and_nobody_else() {
    let mut project = one("\"@0:80\"");
    let pid = project.hold("0.0.0.0", &[0]);
    let other = project.hold("127.0.0.1", &[5]);
    snapshot!("stop-holders-yes", project.run("check-ports --stop-holders --yes").ends_with(0));
    assert!(!project.runs(pid) && project.runs(other));
}

#[test]
fn one_that_ignores_the_signal_is_not_killed_by_yes_alone() {
    let mut project = one("\"@0:80\"");
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("holder", "trap '' TERM;", &[address]);
    snapshot!("stop-holders-stubborn", project.run("check-ports --stop-holders --yes").ends_with(1));
    assert!(project.runs(pid));
}

#[test]
fn engine_processes_are_never_signalled() {
    let mut project = one("\"@0:80\"");
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("docker-proxy", "", &[address]);
    snapshot!("stop-holders-proxy", project.run("check-ports --stop-holders --yes").ends_with(1));
    assert!(project.runs(pid));
}

#[test]
fn what_this_runs_under_is_never_signalled() {
    let project = one("\"@0:80\"");
    // The test program itself holds it.
    let _held = TcpListener::bind(("0.0.0.0", project.port(0))).unwrap();
    let run = project.run("check-ports --stop-holders --yes").ends_with(1);
    assert!(run.stdout.contains("is left alone: this command itself runs under it"), "{run}");
}

#[test]
fn a_service_of_more_containers_than_ports_is_said_to_be_one() {
    for count in ["deploy: {replicas: 2}", "scale: 2"] {
        let project = Project::new(&format!(
            "services:\n  web:\n    image: web\n    ports: [\"${{WEB:-@0}}:80\"]\n    {count}\n"
        ));
        let run = project.run("check-ports --reassign").ends_with(1);
        assert!(run.stdout.contains("2 containers of `web` cannot all publish 18000"), "{run}");
        assert!(!run.stdout.contains("free:") && run.stderr.contains("give it a port for each"), "{run}");
        assert!(!project.path(".env").exists());
    }
    let project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0-@1:80\"]\n    scale: 2\n");
    project.run("check-ports").ends_with(0);
}

#[test]
fn a_port_of_an_inactive_profile_is_not_suggested() {
    let mut project = Project::new(
        "services:\n  web:\n    image: web\n    ports: [\"${WEB:-@0}:80\"]\n  debug:\n    image: web\n    profiles: [debug]\n    ports: [\"@1:80\"]\n",
    );
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports").ends_with(1);
    assert!(run.stdout.contains("free: 18002"), "{run}");
}

/// A disk that is full is no empty report.
#[test]
fn a_report_that_cannot_be_written_is_2() {
    let project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    for words in [&["check-ports"][..], &["check-ports", "--format", "json"], &["completions", "bash"]] {
        let mut command = project.command(crate::support::XTASK);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let done = command.args(words).stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains("standard output could not be written"), "{words:?}: {said}");
    }
}
