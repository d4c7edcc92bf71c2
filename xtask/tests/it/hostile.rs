//! Text that somebody chose to do harm: it does not steer the terminal, and it
//! is no command, wherever it stands. Names of processes are in `who/odd.rs`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::leases::Stack;
use crate::support::engine::{Engine, container, network};
use crate::support::{Output, Project, Rule, run, skip};

/// A command to every shell, and a word to everybody else.
const COMMAND: &str = "$(touch${IFS}pwned)`touch${IFS}pwned`;touch${IFS}pwned;";
/// A title for the terminal, a new line, a line written over, and a name that
/// is read backwards.
const STEERING: &str = "a\u{1b}]0;b\u{7}c\nd\re\u{202e}f\u{9b}31m\u{2066}";

fn has_file(folder: &Path, name: &str) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        entry.file_name() == name || (path.is_dir() && !path.is_symlink() && has_file(&path, name))
    })
}

/// A tool that is missing from PATH is not looked for where one stands.
#[test]
fn programs_of_the_current_folder_are_not_run() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n");
    project.file(".env.template", "WEB_PORT=@0\n");
    for tool in ["git", "docker", "docker-compose", "ss", "lsof", "systemctl", "iptables", "firewall-cmd", "wslinfo"] {
        let path = project.path(tool);
        fs::write(&path, "#!/bin/sh\n: > pwned\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // One that is run leaves its mark; this test can fail.
    run(project.command(project.path("git"))).exits(0);
    assert!(has_file(project.root(), "pwned"));
    fs::remove_file(project.path("pwned")).unwrap();
    project.hold("0.0.0.0", &[0]);
    for words in ["env init", "env check", "check-ports", "who @0", "diagnose", "start", "kill @0 --yes"] {
        let run = project.run(words);
        assert!(!has_file(project.root(), "pwned") && (0..=2).contains(&run.code), "{run}");
    }
}

#[test]
fn values_are_never_a_command() {
    let mut project = Project::empty();
    for tool in ["touch", "sh"] {
        let Ok(real) = which::which(tool) else {
            skip(&format!("no {tool}"));
            return;
        };
        symlink(real, project.root().join("bin").join(tool)).unwrap();
    }
    // A shell would do it; this test can fail.
    project.command("/bin/sh").args(["-c", &format!(": {COMMAND}")]).output().unwrap();
    assert!(has_file(project.root(), "pwned"));
    fs::remove_file(project.path("pwned")).unwrap();

    let dollars = COMMAND.replace('$', "$$");
    project.file(
        "compose.yaml",
        &format!(
            "services:\n  web:\n    image: '{dollars}'\n    container_name: '{dollars}'\n    ports: [\"${{WEB_PORT:-@0}}:80\"]\n    \
             labels:\n      traefik.http.routers.web.rule: 'Host(`{}`)'\n    environment:\n      A: '{dollars}'\n",
            dollars.replace('`', "")
        ),
    );
    fs::copy(project.path("compose.yaml"), project.path(&format!("{}.yaml", COMMAND.replace('/', "")))).unwrap();
    project.file(".env", &format!("WEB_PORT=@0\nA='{COMMAND}'\n")).file(".env.template", "WEB_PORT=@0\nA=\n");
    project.file("xtask.toml", &format!("[urls]\nweb = [\"/{COMMAND}\"]\n"));
    let engine = Engine::start(&mut project);
    let dir = project.dir();
    let config = json!({ "name": "demo", "services": { "web": {
        "image": COMMAND, "container_name": COMMAND, "environment": { "A": COMMAND },
        "ports": [{ "mode": "ingress", "target": 80, "published": project.port(0).to_string(), "protocol": "tcp" }],
    } } });
    project.fake_docker(&[
        Rule::when("docker compose config").stdout(config.to_string()),
        Rule::when("docker compose up").tells("up"),
        Rule::when("docker"),
    ]);
    let running = container(("demo", "web", dir.to_str().unwrap()), ("running", "Up"), &[]);
    engine.on("up", move |state| state.containers.push(running.clone()));
    let holder = container((COMMAND, COMMAND, COMMAND), ("running", "Up"), &[("0.0.0.0", project.port(0), 80)]);
    engine.has(holder).state().networks.push(network("demo", COMMAND));

    let words = [
        "check-ports".to_owned(),
        "check-ports --stop-holders --yes".to_owned(),
        format!("check-ports -f {COMMAND}.yaml"),
        format!("check-ports --profile {COMMAND} --env-file {COMMAND}"),
        format!("check-ports -p {COMMAND}"),
        format!("env set --new A={COMMAND}"),
        format!("env set --new B={COMMAND}"),
        "env check".to_owned(),
        "env explain A".to_owned(),
        "env diff".to_owned(),
        "diagnose".to_owned(),
        "who @0".to_owned(),
        "start --timeout 2 --on-conflict fail".to_owned(),
        format!("start {COMMAND}"),
        format!("logs {COMMAND}"),
        format!("restart {COMMAND}"),
        "open".to_owned(),
        "stop".to_owned(),
    ];
    for words in &words {
        let run = project.run(words);
        assert!(!has_file(project.root(), "pwned"), "{run}");
        assert!(run.code >= 0 && !run.stderr.contains("panicked"), "{run}");
    }
    // They went where they belong, as words.
    let calls = project.calls();
    for want in [
        format!("docker stop {COMMAND}-{COMMAND}-id\n"),
        format!("-f {COMMAND}.yaml config"),
        format!("logs --tail 100 {COMMAND}\n"),
    ] {
        assert!(calls.contains(&want), "{want} is not in:\n{calls}");
    }
}

/// Nothing but line ends that we make ourselves; in JSON none at all.
#[track_caller]
fn steers_nothing(run: &Output) {
    let bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!run.raw.contains(bad) && !run.stderr.contains(bad), "{:?}\n{:?}", run.raw, run.stderr);
    let escapes = ["\\u00", "\\r", "\\b", "\\f"];
    assert!(run.raw.starts_with(|c| c != '{') || !escapes.iter().any(|escape| run.raw.contains(escape)), "{run}");
    assert!((0..=2).contains(&run.code) && !run.stderr.contains("panicked"), "{run}");
    assert!(!run.stderr.contains("unrecognized subcommand"), "{run}");
    let own_line = |text: &str| text.lines().any(|line| line.starts_with("d\u{fffd}e"));
    assert!(!own_line(&run.raw), "{run}");
}

#[test]
fn names_and_values_do_not_steer_the_terminal() {
    let yaml = "\"a\\e]0;b\\ac\\nd\\re\\u202Ef\\u009B31m\\u2066\"";
    let web = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";
    let dotenv = format!("\"{}\"", STEERING.replace('\n', "\\n").replace('\r', "\\r"));
    for (compose, env) in [
        (web.replace("  web:", &format!("  {yaml}:")), String::new()),
        (web.replace("image: web", &format!("image: {yaml}\n    container_name: {yaml}")), String::new()),
        (format!("name: {yaml}\n{web}"), String::new()),
        (format!("{web}    {yaml}: 1\n"), String::new()),
        (format!("{web}    profiles: [{yaml}]\n    depends_on: [{yaml}]\n"), String::new()),
        (
            format!("{web}    labels: {{\"traefik.http.routers.x.rule\": {yaml}, \"traefik.enable\": {yaml}}}\n"),
            String::new(),
        ),
        (format!("{web}    extends: {{file: {yaml}, service: {yaml}}}\n"), String::new()),
        (format!("{web}include: [{yaml}]\n"), String::new()),
        (web.to_owned(), format!("WEB_PORT={dotenv}\n")),
        (web.to_owned(), format!("A={dotenv}\nB={STEERING}\n")),
        (web.to_owned(), format!("{STEERING}=1\n")),
        (web.to_owned(), format!("COMPOSE_PROJECT_NAME={dotenv}\n")),
        (web.to_owned(), format!("COMPOSE_FILE={dotenv}\n")),
    ] {
        let project = Project::new(&compose);
        project.file(".env", &env).file(".env.template", "WEB_PORT=@0\nA=1\n");
        for words in [
            "check-ports",
            "check-ports --format json",
            "env check",
            "env explain A",
            "env explain WEB_PORT --format json",
            "env diff",
            "env diff --format json",
            "env set WEB_PORT=@5 --dry-run",
            "diagnose",
            "start",
            "proxy labels --lint",
        ] {
            steers_nothing(&project.run(words));
        }
    }
}

#[test]
fn what_the_engine_says_does_not_steer_the_terminal() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    let engine = Engine::start(&mut project);
    let mut other =
        container((STEERING, STEERING, STEERING), (STEERING, STEERING), &[("0.0.0.0", project.port(0), 80)]);
    other["State"] = json!("running");
    other["Names"] = json!([format!("/{STEERING}")]);
    other["Image"] = json!(STEERING);
    other["Labels"]["traefik.http.routers.x.rule"] = Value::from(STEERING);
    engine.has(other);
    project.fake_docker(&[Rule::config("@0"), Rule::when("docker").stdout(STEERING).stderr(STEERING).exit(1)]);
    for words in [
        "check-ports",
        "check-ports --format json",
        "check-ports --stop-holders --dry-run",
        "check-ports --stop-holders --yes",
        "who @0",
        "who @0 --format json",
        "diagnose",
        "start",
        "proxy labels --lint",
        "proxy status",
    ] {
        steers_nothing(&project.run(words));
    }
}

// --- The folder of what is remembered --------------------------------------

#[test]
fn a_state_folder_is_made_for_its_owner_alone() {
    let mut stack = Stack::new("demo", None, 0);
    let state = stack.project.root().join("home/.local/state/ports");
    stack.project.set("XTASK_STATE_DIR", &state);
    stack.project.run("start").exits(0);
    for folder in [&*state, state.parent().unwrap()] {
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
    }
    assert!(state.join("leases.json").exists());
}

/// Somebody else may have put it there, to be believed.
#[test]
fn a_state_folder_of_somebody_else_is_neither_read_nor_written() {
    let mut stack = Stack::new("demo", None, 0);
    let state = stack.project.root().join("state");
    if !rustix::process::geteuid().is_root() {
        skip("a folder of somebody else: not root");
        return;
    }
    let planted = format!(
        r#"{{"schema":1,"tenants":[{{"project":"x","dir":"/","leases":[{{"service":"a","target":1,"protocol":"udp","published":{},"since":""}}]}}]}}"#,
        stack.port
    );
    fs::write(state.join("leases.json"), &planted).unwrap();
    std::os::unix::fs::chown(&state, Some(12345), Some(12345)).unwrap();
    let run = stack.project.run("start --on-conflict reassign").exits(0);
    let warning = "belongs to user id 12345, and this runs as user id 0";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{run}");
    assert!(!stack.project.path(".env").exists(), "a planted lease was believed: {run}");
    assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    let run = stack.project.run("proxy up").exits(2);
    assert!(run.stderr.contains(warning) && run.stderr.contains("hint: "), "{run}");

    // sudo with the person's home: theirs, and what is made in it is, too.
    fs::remove_file(state.join("leases.json")).unwrap();
    stack.project.set("SUDO_UID", "12345");
    let run = stack.project.run("start").exits(0);
    assert!(!run.stderr.contains("warning"), "{run}");
    let owners: Vec<u32> =
        fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().metadata().unwrap().uid()).collect();
    assert!(owners.len() > 2 && owners.iter().all(|owner| *owner == 12345), "{owners:?}");
}

/// Everybody could have put something there: it is closed, and what is not our
/// own in it is not believed.
#[test]
fn a_state_folder_that_others_can_write_is_closed_to_them() {
    let stack = Stack::new("demo", None, 0);
    let state = stack.project.root().join("state");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    let planted = format!(
        r#"{{"schema":1,"tenants":[{{"project":"x","dir":"/","leases":[{{"service":"a","target":1,"protocol":"tcp","published":{},"since":""}}]}}]}}"#,
        stack.port
    );
    fs::write(state.join("leases.json"), planted).unwrap();
    let run = stack.project.run("ls");
    assert_eq!(
        run.stderr.matches("warning: others could write into [root]/state: that permission was removed").count(),
        1,
        "{run}"
    );
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o755);
    assert!(!stack.project.run("ls").stderr.contains("others could write"));
    if !rustix::process::geteuid().is_root() {
        skip("a file of somebody else: not root");
        return;
    }
    std::os::unix::fs::chown(state.join("leases.json"), Some(12345), Some(12345)).unwrap();
    let run = stack.project.run("ls");
    assert!(run.stderr.contains("[root]/state/leases.json is not read: it belongs to user id 12345"), "{run}");
    assert!(!run.stdout.contains('x'), "a planted lease was believed: {run}");
    let run = stack.project.run("start").exits(0);
    assert!(run.stderr.contains("ports are not kept for this project"), "{run}");
}

/// The same the other way round: root's folder, and an ordinary person.
#[test]
fn root_s_state_folder_is_not_for_others() {
    let mut stack = Stack::new("demo", None, 0);
    let Some(_) = stack.project.run_as_nobody("check-ports") else { return };
    let state = stack.project.root().join("state");
    std::os::unix::fs::chown(&state, Some(0), Some(0)).unwrap();
    stack.project.set("SUDO_UID", "0");
    let run = stack.project.run_as_nobody("env set --new OTHER=1").unwrap().exits(0);
    assert!(!state.join("leases.json").exists(), "{run}");
    let run = stack.project.run_as_nobody("proxy up").unwrap().exits(2);
    assert!(run.stderr.contains("belongs to user id 0, and this runs as user id 65534"), "{run}");
}
