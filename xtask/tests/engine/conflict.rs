//! A process on the backend's port, a container of another project on
//! PostgreSQL's: said, moved away from, stopped.

use crate::support::{Holder, Lone, Project, Terminal, command, get, run, try_get, wait_until, web};

const STACK: &str = "\
services:
  backend:
    image: engine-web
    ports: [\"${BACKEND_PORT:-8000}:8080\"]
  postgres:
    image: postgres:17-alpine
    environment: { POSTGRES_PASSWORD: secret }
    ports: [\"127.0.0.1:${POSTGRES_PORT:-5432}:5432\"]
    healthcheck:
      test: [\"CMD\", \"pg_isready\", \"-q\", \"-h\", \"127.0.0.1\", \"-U\", \"postgres\"]
      start_interval: 500ms
      start_period: 30s
";

/// What a person's file may look like: CRLF, comments, odd spaces, a value
/// twice, no line end at the end.
fn env_text(backend: u16, postgres: u16) -> String {
    format!(
        "# kept as it is\r\nBACKEND_PORT={backend}   # the API\r\n\r\n  OTHER = 'a  b'\nexport POSTGRES_PORT=\"{postgres}\"\n\
         # BACKEND_PORT={backend}\nLAST=x  "
    )
}

struct Scene {
    project: Project,
    backend: u16,
    postgres: u16,
    env: String,
}

fn scene() -> Scene {
    let project = Project::with(STACK);
    let (backend, postgres) = (project.port(), project.port());
    let env = env_text(backend, postgres);
    project.write(".env", &env);
    Scene { project, backend, postgres, env }
}

/// Another project that is up on `port`, and one of its services is not.
fn other(port: u16) -> Project {
    let other = Project::new();
    let free = other.port();
    other.write(
        "docker-compose.yml",
        format!(
            "services:\n  db:\n    image: engine-web\n    ports: [\"{port}:8080\"]\n  bystander:\n    image: engine-web\n    ports: [\"{free}:8080\"]\n"
        ),
    );
    other.xtask(["start"]).exits(0);
    other
}

impl Scene {
    #[track_caller]
    fn env_is(&self, wanted: &str) {
        assert_eq!(self.project.read(".env"), wanted);
    }
}

#[test]
fn fail_names_the_process_and_makes_nothing() {
    let scene = scene();
    let mut holder = Holder::http(scene.backend);
    let output = scene.project.xtask(["start", "--on-conflict", "fail"]).exits(1);
    let owner = format!("-m http.server {} (pid {}, user ", scene.backend, holder.pid());
    let output = output.says(&owner).says("BACKEND_PORT (.env:2)");
    insta::assert_snapshot!("fail_process", scene.project.redact(&output.text()));
    scene.project.has_nothing();
    scene.env_is(&scene.env);
    assert!(!holder.is_gone());
}

#[test]
fn fail_names_the_container_and_makes_nothing() {
    let scene = scene();
    let other = other(scene.postgres);
    // Without a terminal it is the default.
    let output = scene.project.xtask(["start"]).exits(1);
    let owner = format!(
        "by container {0}-db-1 (service db of project {0}), started from {1}",
        other.name,
        other.dir().display()
    );
    output.says(&owner).never_says("docker-proxy");
    scene.project.has_nothing();
    scene.env_is(&scene.env);
    assert_eq!(other.running(), ["bystander", "db"]);
}

#[test]
fn reassign_moves_away_from_a_process() {
    let scene = scene();
    let mut holder = Holder::http(scene.backend);
    let output = scene.project.xtask(["start", "--on-conflict", "reassign"]).exits(0);
    let next = scene.backend + 1;
    let output =
        output.says(&format!("BACKEND_PORT {} -> {next}", scene.backend)).says(&format!("http://localhost:{next}"));
    insta::assert_snapshot!("reassign_process", scene.project.redact(&output.stdout));
    scene.env_is(&scene.env.replacen(&scene.backend.to_string(), &next.to_string(), 1));
    assert!(get(&format!("http://localhost:{next}/")).starts_with("name="));
    assert!(!holder.is_gone());
    // Up already: everything is ours, the same places are printed.
    let again = scene.project.xtask(["check-ports"]).exits(0);
    again.says("ours, running").never_says("taken");
}

#[test]
fn reassign_moves_away_from_a_container() {
    let scene = scene();
    let other = other(scene.postgres);
    let next = scene.postgres + 1;
    let output = scene.project.xtask(["start", "--on-conflict", "reassign"]).exits(0);
    output
        .says(&format!("POSTGRES_PORT {} -> {next}", scene.postgres))
        .says(&format!("postgres://postgres@localhost:{next}/postgres"));
    scene.env_is(&scene.env.replacen(&scene.postgres.to_string(), &next.to_string(), 1));
    let mut psql = command("psql");
    psql.args(["-h", "127.0.0.1", "-p", &next.to_string(), "-U", "postgres", "-Atc", "select 6*7"])
        .env("PGPASSWORD", "secret");
    run(psql).exits(0).says("42");
    assert_eq!(other.running(), ["bystander", "db"]);
}

#[test]
fn stop_needs_a_yes_and_ends_the_process() {
    let scene = scene();
    let mut holder = Holder::http(scene.backend);
    let refused = scene.project.xtask(["start", "--on-conflict", "stop"]).exits(1);
    refused.says(&format!("stop: kill {}", holder.pid())).says("add --yes");
    assert!(!holder.is_gone());
    scene.project.has_nothing();
    scene
        .project
        .xtask(["start", "--on-conflict", "stop", "--yes"])
        .exits(0)
        .says(&format!("http://localhost:{}", scene.backend));
    assert!(holder.is_gone());
    assert!(get(&format!("http://localhost:{}/", scene.backend)).starts_with("name="));
    scene.env_is(&scene.env);
}

#[test]
fn stop_stops_the_one_container_and_no_other() {
    let scene = scene();
    let other = other(scene.postgres);
    let output = scene.project.xtask(["start", "--on-conflict", "stop", "--yes"]).exits(0);
    output.says(&format!("docker stop {}-db-1", other.name));
    assert_eq!(other.running(), ["bystander"]);
    assert_eq!(scene.project.running(), ["backend", "postgres"]);
    scene.env_is(&scene.env);
}

#[test]
fn check_ports_moves_and_stops_as_well() {
    let (project, port) = Project::web();
    project.write(".env", format!("WEB_PORT={port}\n"));
    let mut holder = Holder::http(port);
    project.xtask(["check-ports"]).exits(1).says("--reassign").says("--stop-holders");
    project
        .xtask(["check-ports", "--reassign", "--dry-run"])
        .exits(1)
        .says(&format!("WEB_PORT {port} -> {}", port + 1));
    assert_eq!(project.read(".env"), format!("WEB_PORT={port}\n"));
    project
        .xtask(["check-ports", "--stop-holders", "--dry-run"])
        .exits(1)
        .says(&format!("stop: kill {}", holder.pid()));
    assert!(!holder.is_gone());
    project.xtask(["check-ports", "--reassign"]).exits(0);
    assert_eq!(project.read(".env"), format!("WEB_PORT={}\n", port + 1));
    project.write(".env", format!("WEB_PORT={port}\n"));
    project.xtask(["check-ports", "--stop-holders", "--yes"]).exits(0);
    assert!(holder.is_gone());
}

/// `start` on a terminal, up to the question.
fn at_the_question(project: &Project) -> Terminal {
    let mut terminal = project.terminal("start");
    terminal.sees("what now?").sees("/l] ");
    terminal
}

/// A person at a terminal is asked, and the answer is carried out.
#[test]
fn a_person_chooses_other_ports() {
    let (project, port) = Project::web();
    project.write(".env", format!("WEB_PORT={port}\n"));
    let mut holder = Holder::http(port);
    let mut terminal = at_the_question(&project);
    terminal.types("o\n");
    let output = terminal.ends().exits(0);
    output.says(&format!("WEB_PORT {port} -> {}", port + 1)).says(&format!("http://localhost:{}", port + 1));
    assert!(!holder.is_gone());
    assert_eq!(project.running(), ["web"]);
}

#[test]
fn a_person_has_the_holder_stopped() {
    let (project, port) = Project::web();
    let mut holder = Holder::http(port);
    let mut terminal = at_the_question(&project);
    terminal.types("s\n").sees("[y/N] ");
    assert!(!holder.is_gone());
    terminal.types("y\n");
    terminal.ends().exits(0).says(&format!("http://localhost:{port}"));
    assert!(holder.is_gone());
}

#[test]
fn a_person_leaves_it_by_ctrl_c() {
    let (project, port) = Project::web();
    let mut holder = Holder::http(port);
    let mut terminal = at_the_question(&project);
    terminal.types("\x03");
    terminal.ends().exits(130);
    assert!(!holder.is_gone());
    project.has_nothing();
}

#[test]
fn a_literal_port_of_files_named_by_hand_cannot_be_moved_and_the_message_says_why() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", web(port).replace("${WEB_PORT:-", "").replace('}', ""));
    let _holder = Holder::http(port);
    let output = project.xtask(["-f", "docker-compose.yml", "start", "--on-conflict", "reassign"]).exits(1);
    output.says("docker-compose.yml:4").says("named by -f on the command line").says("${WEB_PORT:-");
    project.has_nothing();
}

#[test]
fn start_never_stops_a_client_on_its_own_local_port() {
    let (project, port) = Project::web();
    let _server = Holder::http(port + 1);
    let mut client = Holder::client(port, port + 1);
    let output = project.xtask(["start", "--on-conflict", "stop", "--yes"]).exits(1);
    output.says(&format!("(pid {})", client.pid())).says("local end of an outgoing connection").never_says("ending ");
    assert!(!client.is_gone());
}

#[test]
fn start_never_stops_a_socket_that_does_not_listen() {
    let (project, port) = Project::web();
    let mut idle = Holder::idle(port);
    project.xtask(["start", "--on-conflict", "stop", "--yes"]).exits(1).says(&format!("(pid {})", idle.pid()));
    assert!(!idle.is_gone());
}

#[test]
fn start_stops_a_listener_and_not_its_clients() {
    let (project, port) = Project::web();
    let mut listener = Holder::socket("tcp", "0.0.0.0", port);
    let _stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    project.xtask(["start", "--on-conflict", "stop", "--yes"]).exits(0);
    assert!(listener.is_gone());
}

/// On the host's network a container's process has the port itself: it is the
/// container that is named and stopped, or its restart policy brings it back.
#[test]
fn a_container_on_the_network_of_the_host() {
    let (project, port) = Project::web();
    let name = format!("{}-host", project.name);
    let env = format!("PORT={port}");
    let holder = Lone::run(&name, &["--network", "host", "--restart", "always", "-e", &env]);
    wait_until(|| format!("{name} does not listen"), || try_get(&format!("http://127.0.0.1:{port}/")).is_ok());
    project.xtask(["check-ports"]).exits(1).says(&format!("by container {name}")).never_says("(pid ");
    project.xtask(["start", "--on-conflict", "stop", "--yes"]).exits(0).says(&format!("docker stop {name}"));
    assert!(!holder.is_running());
}
