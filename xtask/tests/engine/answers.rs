//! Whose answer it is that a published port gives, and ports at which nobody answers.

use std::net::TcpStream;

use serde_json::Value;

use crate::support::{Output, Project, command, docker, run, skip, wait_until};

/// Serves HTTP on these ports of the container, and closes whatever comes to port 7000 at once.
fn python(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let code = format!(
        "import http.server as h, socketserver as s, threading as t\n\
         class Closes(s.BaseRequestHandler):\n\
         \x20   def handle(self): pass\n\
         for port in [{}]:\n\
         \x20   server = s.TCPServer(('', port), Closes) if port == 7000 else h.ThreadingHTTPServer(('', port), h.SimpleHTTPRequestHandler)\n\
         \x20   t.Thread(target=server.serve_forever).start()\n",
        ports.join(", ")
    );
    format!(
        "    image: python:3.13-slim\n    init: true\n    command:\n      - python3\n      - -uc\n      - |\n        {}\n",
        code.replace('\n', "\n        ")
    )
}

/// A service `api` with this many published ports of its own; the first two targets are 8000 and 9229.
fn api(serves: &[u16], publishes: &[(u16, u16)], more: &str) -> String {
    let ports: Vec<String> = publishes.iter().map(|(port, target)| format!("\"{port}:{target}\"")).collect();
    format!("services:\n  api:\n{}    ports: [{}]\n{more}", python(serves), ports.join(", "))
}

const HEALTHY: &str =
    "    healthcheck:\n      test: [CMD, python3, -c, '']\n      interval: 200ms\n      start_period: 10s\n";

/// The one with this target port.
fn proof(output: &Output, target: u16) -> Value {
    let report = output.json();
    report["ports"].as_array().unwrap().iter().find(|port| port["target"] == target).unwrap().clone()
}

/// A rule of the nat table, which goes whatever happens.
struct Rule(Vec<String>);

impl Rule {
    /// `None`, and a word about it, where there can be none.
    fn insert(chain: &str, words: &str) -> Option<Rule> {
        let words: Vec<String> = std::iter::once(chain).chain(words.split(' ')).map(str::to_owned).collect();
        if !rustix::process::geteuid().is_root() || which::which("iptables").is_err() {
            skip("rules of the nat table: no root, or no iptables");
            return None;
        }
        let rule = Rule(words);
        assert_eq!(rule.iptables("-I").code, 0);
        Some(rule)
    }

    fn iptables(&self, verb: &str) -> Output {
        let mut iptables = command("iptables");
        iptables.args(["-w", "5", "-t", "nat", verb]).args(&self.0);
        run(iptables)
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        drop(self.iptables("-D"));
    }
}

fn can_read_rules() -> bool {
    rustix::process::geteuid().is_root() && which::which("iptables-save").is_ok()
}

#[test]
fn an_ordinary_web_container_is_shown_to_own_its_port() {
    let (project, port) = Project::web();
    let output = project.xtask(["start", "--format", "json"]).exits(0);
    let found = proof(&output, 8080);
    assert_eq!(found["service"], "web");
    assert_eq!(found["address"], port.to_string());
    assert_eq!(found["protocol"], "tcp");
    if can_read_rules() {
        assert_eq!((&found["proof"], &found["not_checked"]), (&"owned".into(), &Value::Array(vec![])), "{output:?}");
    } else {
        assert_eq!(found["proof"], "answered", "{output:?}");
    }
    project.xtask(["start", "-v"]).exits(0).says(&format!("{port} of web: "));
}

#[test]
fn udp_is_bound_and_nothing_more() {
    let project = Project::new();
    let port = project.port();
    project.write(
        "docker-compose.yml",
        format!("services:\n  web:\n    image: engine-web\n    ports: [\"127.0.0.1:{port}:5353/udp\"]\n"),
    );
    let found = proof(&project.xtask(["start", "--format", "json"]).exits(0), 5353);
    assert_eq!(found["address"], format!("127.0.0.1:{port}/udp"));
    assert_eq!(found["proof"], "bound");
    assert!(found["not_checked"][0].as_str().unwrap().contains("udp"), "{found}");
}

/// Everything answers, and it is somebody else.
#[test]
fn a_rule_that_redirects_the_port_is_found() {
    let project = Project::new();
    let (port, other) = (project.port(), project.port());
    project.write(
        "docker-compose.yml",
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n  other:\n    image: engine-web\n    ports: [\"{other}:8080\"]\n"
        ),
    );
    let Some(rule) = Rule::insert("OUTPUT", &format!("-o lo -p tcp --dport {port} -j REDIRECT --to-ports {other}"))
    else {
        return;
    };
    let output = project.xtask(["start"]).exits(1);
    output
        .says(&format!("127.0.0.1:{port} is redirected by `-A OUTPUT"))
        .says("before it reaches the container of `web`")
        .says(&format!("`iptables -t nat -D OUTPUT -o lo -p tcp -m tcp --dport {port} -j REDIRECT --to-ports {other}`"))
        // The other one is up, and this one leads elsewhere.
        .says(&format!("http://localhost:{other}"))
        .never_says(&format!("http://localhost:{port}\n"));
    let output = project.xtask(["start", "--format", "json"]).exits(1);
    let report = output.json();
    assert!(report["error"].as_str().unwrap().contains("is redirected by"), "{output:?}");
    let of_web = report["ports"].as_array().unwrap().iter().find(|port| port["service"] == "web").unwrap();
    assert_eq!(of_web["proof"], "answered", "{output:?}");
    project.xtask(["diagnose", "--only", "path"]).exits(1).says("is redirected by `-A OUTPUT");
    drop(rule);
    project.xtask(["start"]).exits(0).says(&format!("http://localhost:{port}"));
}

/// Only other machines meet it.
#[test]
fn a_rule_for_connections_from_elsewhere_is_found() {
    let (project, port) = Project::web();
    let Some(rule) =
        Rule::insert("PREROUTING", &format!("-p tcp --dport {port} -j DNAT --to-destination 192.0.2.9:80"))
    else {
        return;
    };
    project
        .xtask(["start"])
        .exits(1)
        .says(&format!("connections from other machines to port {port} are redirected by"));
    // Published for this machine alone, nothing comes from elsewhere.
    project.write(
        "docker-compose.yml",
        format!("services:\n  web:\n    image: engine-web\n    ports: [\"127.0.0.1:{port}:8080\"]\n"),
    );
    project.xtask(["start"]).exits(0);
    drop(rule);
}

/// Which user a connection is made by is not known beforehand.
#[test]
fn a_rule_that_may_apply_is_no_failure() {
    let (project, port) = Project::web();
    let Some(_rule) =
        Rule::insert("OUTPUT", &format!("-p tcp --dport {port} -m owner --uid-owner 4242 -j REDIRECT --to-ports 9"))
    else {
        return;
    };
    let found = proof(&project.xtask(["start", "--format", "json"]).exits(0), 8080);
    assert_eq!(found["proof"], "answered");
    assert!(found["not_checked"][0].as_str().unwrap().contains("--uid-owner 4242"), "{found}");
}

/// docker-proxy would close it for a container that does not listen, too.
#[test]
fn a_server_that_closes_at_once_answers() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", api(&[7000], &[(port, 7000)], ""));
    let found = proof(&project.xtask(["start", "--wait-timeout", "30", "--format", "json"]).exits(0), 7000);
    assert_ne!(found["proof"], "bound", "{found}");
}

#[test]
fn a_healthy_service_with_a_silent_port_is_up_with_a_note() {
    let project = Project::new();
    let (port, debug) = (project.port(), project.port());
    project.write("docker-compose.yml", api(&[8000], &[(port, 8000), (debug, 9229)], HEALTHY));
    let output = project.xtask(["start", "--format", "json"]).exits(0);
    let note = format!("note: nothing answers yet at 127.0.0.1:{debug}, [::1]:{debug} (port 9229 of `api`)");
    let output = output
        .says(&note)
        .says("`api = [8000]`")
        .says("`api = true`")
        .says(&format!("api          waiting for 127.0.0.1:{debug}"));
    let silent = proof(&output, 9229);
    assert_eq!(silent["proof"], "bound");
    assert!(silent["not_checked"][0].as_str().unwrap().contains("nothing answers yet"), "{silent}");
    assert_ne!(proof(&output, 8000)["proof"], "bound");
    // It is no fault of the project's.
    project.xtask(["diagnose", "--only", "path"]).exits(0).says(&debug.to_string());
}

#[test]
fn another_port_that_answers_is_enough_without_a_healthcheck() {
    let project = Project::new();
    let (port, debug) = (project.port(), project.port());
    project.write("docker-compose.yml", api(&[8000], &[(port, 8000), (debug, 9229)], ""));
    project.xtask(["start"]).exits(0).says("(port 9229 of `api`)").says(&format!("http://localhost:{port}"));
}

#[test]
fn the_settings_decide_what_has_to_answer() {
    let project = Project::new();
    let (port, debug) = (project.port(), project.port());
    project.write("docker-compose.yml", api(&[8000], &[(port, 8000), (debug, 9229)], HEALTHY));
    project.write("xtask.toml", "[wait]\napi = [8000]\n");
    let output = project.xtask(["start", "--format", "json"]).exits(0).never_says("nothing answers yet");
    assert!(proof(&output, 9229)["not_checked"][0].as_str().unwrap().contains("[wait]"));
    project.write("xtask.toml", "[wait]\napi = false\n");
    let output = project.xtask(["start", "--format", "json"]).exits(0);
    assert_eq!(proof(&output, 8000)["proof"], "bound");
    for all in ["true", "[9229]"] {
        project.write("xtask.toml", format!("[wait]\napi = {all}\n"));
        let output = project.xtask(["start", "--wait-timeout", "2"]).exits(1);
        output.says(&format!("not reachable from here: api at 127.0.0.1:{debug}")).says("under [wait] in xtask.toml");
    }
    // What the project doesn't have is refused before anything is started.
    docker(["compose", "-p", &project.name, "down"]).exits(0);
    for (line, fact, hint) in [
        ("apu = true", "xtask.toml:2: [wait] names `apu`", "did you mean `api`?"),
        ("api = [9000]", "xtask.toml:2: [wait] names port 9000 of `api`", "8000, 9229"),
        ("api = 'x'", "line 2: `api = 'x'` under [wait]", "`api = [8000]`"),
    ] {
        project.write("xtask.toml", format!("[wait]\n{line}\n"));
        project.xtask(["start"]).exits(2).says(fact).says(hint);
    }
    project.has_nothing();
}

#[test]
fn urls_are_printed_when_something_is_not_well() {
    let project = Project::new();
    let (port, silent) = (project.port(), project.port());
    let file = |more: &str| {
        format!(
            "services:\n  web:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n  late:\n    image: engine-web\n    {more}\n"
        )
    };
    // A port that nobody serves.
    project.write("docker-compose.yml", file(&format!("ports: [\"{silent}:9999\"]")));
    let output = project.xtask(["start", "--wait-timeout", "1"]).exits(1);
    let url = format!("http://localhost:{port}");
    assert_eq!(output.stdout.trim(), format!("web  {url}"), "{output:?}");
    output.says("error: started, but not reachable from here: late at");
    let output = project.xtask(["start", "--wait-timeout", "1", "--format", "json"]).exits(1);
    let report = output.json();
    assert!(report["error"].as_str().unwrap().contains("not reachable from here"), "{output:?}");
    let of =
        |service: &str| report["services"].as_array().unwrap().iter().find(|one| one["service"] == service).unwrap();
    assert_eq!((&of("web")["urls"][0], &of("late")["urls"]), (&url.clone().into(), &Value::Array(vec![])));
    // A service that fails.
    project.write(
        "docker-compose.yml",
        file("command: [/nope]\n    entrypoint: [/web, check]\n    environment: { PORT: 1 }"),
    );
    let output = project.xtask(["start"]).exits(1).says("service `late` failed");
    assert_eq!(output.stdout.trim(), format!("web  {url}"), "{output:?}");
    let output = project.xtask(["start", "--format", "json"]).exits(1);
    let report = output.json();
    let late = report["services"].as_array().unwrap().iter().find(|one| one["service"] == "late").unwrap();
    assert_eq!(late["state"], "failed", "{output:?}");
    wait_until(|| "web does not answer", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}
