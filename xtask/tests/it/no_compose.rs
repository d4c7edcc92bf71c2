//! A `docker` without Compose: every command that calls it says the same
//! sentence, whatever the failed call said, and `--setup` runs only for what is
//! not there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::bad_input::web;
use crate::support::engine::{Engine, Manner, container};
use crate::support::{Output, Project, Rule, snapshot};

const NO_PLUGIN: &str = "error: `docker` has no Compose plugin\nhint: ";

/// What the CLI says without its plugin: it takes Compose's options for its own
/// (28.2), or prints its usage and is content (20.10).
fn without_plugin() -> Vec<Rule> {
    let usage = "\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information\n";
    let flag = |words: &str, flag: &str| Rule::when(words).stderr(format!("{flag}{usage}")).exit(125);
    vec![
        Rule::when("docker --version").stdout("Docker version 28.2.2, build e6534b4\n"),
        flag("docker compose -f", "unknown shorthand flag: 'f' in -f\n"),
        flag("docker compose -p", "unknown shorthand flag: 'p' in -p\n"),
        flag("docker compose --profile", "unknown flag: --profile\n"),
        flag("docker compose --env-file", "unknown flag: --env-file\n"),
        flag("docker compose --project-directory", "unknown flag: --project-directory\n"),
        flag("docker compose version --short", "unknown flag: --short\n"),
        Rule::when("docker compose config --format").stdout(usage),
        Rule::when("docker compose").stderr("docker: unknown command: docker compose\n").exit(1),
    ]
}

fn project(rules: &[Rule]) -> (Project, Engine) {
    let mut project = Project::new(&web("${WEB_PORT:-@0}"));
    project.file(".env", "WEB_PORT=@0\n");
    let engine = Engine::start(&mut project);
    project.fake_docker(rules);
    (project, engine)
}

#[track_caller]
fn says(run: &Output, sentence: &str) {
    assert!(run.stderr.starts_with(sentence), "{run}");
    for word in ["unknown", "Usage", "docker compose config", "sudo cargo"] {
        assert!(!run.stderr.contains(word), "{word}: {run}");
    }
}

#[test]
fn every_command_says_the_same_sentence_with_every_option() {
    let (project, _engine) = project(&without_plugin());
    let commands = ["start", "stop", "restart", "logs", "open", "prune-network --recreate", "start --no-write"];
    let options = ["", "-f compose.yaml", "-p name", "--profile dev", "--env-file .env", "--project-directory ."];
    let before = project.everything();
    for command in commands {
        for option in options {
            says(&project.run(&format!("{option} {command}")).exits(2), NO_PLUGIN);
        }
    }
    assert_eq!(project.everything(), before);
    // Ports can be told all the same.
    let run = project.run("check-ports").exits(0);
    assert!(
        run.stderr.starts_with("note: `docker` has no Compose plugin: the built-in reader was used instead\nhint: ")
    );
    let run = project.run("diagnose --only tools").exits(1);
    assert!(run.stdout.contains("Compose: `docker` has no Compose plugin\n"), "{run}");
    assert!(!format!("{run}").contains("docker-compose-plugin)"), "{run}");
}

/// A literal needs a file on top, which Compose has to prove.
#[test]
fn a_literal_cannot_be_moved_without_compose() {
    let mut project = Project::new(&web("@0"));
    let _engine = Engine::start(&mut project);
    project.fake_docker(&without_plugin());
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").exits(1);
    assert!(!run.stderr.contains("unknown"), "{run}");
}

/// Commands that read no project, and so learn it from their own call.
#[test]
fn commands_that_call_compose_for_something_else() {
    let mut rules = vec![
        Rule::when("docker run").stdout("Version:      3.7.0\n"),
        Rule::when("docker network create"),
        Rule::when("docker stop shop-api-id").tells("stopped"),
    ];
    rules.extend(without_plugin());
    let (project, engine) = project(&rules);
    engine.has(container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(1), 8000)]));
    engine.on("stopped", |state| state.containers[0]["State"] = json!("exited"));
    // A container is stopped by its id: that takes no Compose.
    let run = project.run("kill @1 --yes").exits(0);
    assert!(!run.raw.contains("Compose") && !project.calls().contains("compose"), "{run}");
    engine.state().images.push("traefik%3Av3.7".to_owned());
    says(&project.run("proxy up").exits(2), NO_PLUGIN);
}

#[test]
fn nothing_more_is_asked_where_compose_works() {
    let config = json!({ "name": "demo", "services": {} }).to_string();
    let (project, _engine) = project(&[Rule::when("config").stdout(config)]);
    project.run("check-ports").exits(0);
    assert_eq!(project.calls(), "docker compose config --format json\n");
}

/// The plugin is there, and the call fails for a reason of its own.
#[test]
fn a_refusal_is_no_absence() {
    let refusal = "unknown flag: --format is what a service is called here\n";
    let (project, _engine) = project(&[Rule::when("config").stderr(refusal).exit(15)]);
    let run = project.run("start").exits(2);
    assert!(run.stderr.starts_with("error: unknown flag: --format is what a service is called here\n"), "{run}");
}

/// A context that does not exist makes every call fail, and says nothing of the
/// plugin.
#[test]
fn a_choice_of_engine_that_leads_nowhere_is_no_absence() {
    let mut project = Project::new(&web("@0"));
    project.fake_docker(&[Rule::when("compose")
        .given("DOCKER_CONTEXT=gone")
        .stderr("unable to resolve docker endpoint\n")
        .exit(1)]);
    project.set("DOCKER_HOST", "").set("DOCKER_CONTEXT", "gone");
    let run = project.run("check-ports").exits(0);
    assert!(
        run.stderr.contains("note: `docker` finds no engine to ask: the built-in reader was used instead"),
        "{run}"
    );
}

// --- What lies on PATH under the name `docker` ------------------------------

#[test]
fn the_python_program_is_no_compose() {
    let mut rules = vec![Rule::when("docker-compose version --short").stdout("1.29.2\n")];
    rules.extend(without_plugin());
    let (project, _engine) = project(&rules);
    project.tool("docker-compose");
    let sentence =
        "error: `docker` has no Compose plugin, and docker-compose 1.29.2 is too old to stand in for it\nhint: ";
    says(&project.run("start").exits(2), sentence);
    project.run("check-ports").exits(0);
}

#[test]
fn podman_s_docker_is_named() {
    let version = || Rule::when("docker --version").stdout("podman version 5.7.1\n");
    let none = "Error: looking up compose provider failed\n7 errors occurred:\n\t* exec: \"docker-compose\": executable file not found in $PATH\n";
    let (project, _engine) = project(&[version(), Rule::when("docker compose").stderr(none).exit(125)]);
    let run = project.run("start").exits(2);
    says(
        &run,
        "error: `docker` is Podman's here, and Podman finds no Compose to hand `docker compose` over to\nhint: ",
    );
    // Podman before 4.7 knows no such command at all.
    let mut project = project;
    project.fake_docker(&[version(), Rule::when("docker compose").stderr("Error: unknown flag: --format\n").exit(125)]);
    says(&project.run("stop").exits(2), "error: `docker` is Podman's here, and Podman finds no Compose");
    project.fake_docker(&[
        version(),
        Rule::when("docker compose version").stdout("1.5.0\n"),
        Rule::when("docker compose").stderr("usage: podman-compose [-h]\n").exit(2),
    ]);
    let run = project.run("start").exits(2);
    assert!(run.stderr.contains("its `docker compose` is version 1.5.0"), "{run}");
}

#[test]
fn a_docker_that_leads_nowhere_is_named_with_its_path() {
    let mut project = Project::new(&web("@0"));
    let _engine = Engine::start(&mut project);
    let docker = project.root().join("bin/docker");
    let script = |text: &str| {
        fs::write(&docker, text).unwrap();
        fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let mut said = Vec::new();
    let mut run = |project: &Project, name: &str| {
        let run = project.run("start").exits(2);
        let fact = run.stderr.lines().next().unwrap().to_owned();
        assert!(fact.starts_with("error: `docker` at [root]/bin/docker cannot be run: "), "{name}: {run}");
        assert!(run.stderr.contains("\nhint: "), "{run}");
        said.push(format!("{name}: {fact}"));
        project.run("check-ports").exits(0);
    };
    symlink(project.root().join("gone/docker"), &docker).unwrap();
    run(&project, "link");
    fs::remove_file(&docker).unwrap();
    script("#!/bin/sh\nexec /nowhere/podman \"$@\"\n");
    run(&project, "script");
    script("#!/nowhere/sh\n");
    run(&project, "interpreter");
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o644)).unwrap();
    run(&project, "permission");
    // Which words the shell has for it is its own affair.
    said.retain(|line| !line.starts_with("script: "));
    snapshot!("no-compose-broken", said.join("\n"));
}

// --- --setup ----------------------------------------------------------------

/// A project whose script says that it ran.
fn with_script(project: &mut Project) {
    let path = format!("{}:/usr/bin:/bin", project.root().join("bin").display());
    project.set("PATH", path);
    project.file("scripts/engine/up", "#!/bin/sh\necho setting up\nexit 7\n");
    fs::set_permissions(project.path("scripts/engine/up"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn ran(run: &Output) -> bool {
    run.stdout.contains("setting up")
}

#[test]
fn set_up_is_for_what_is_not_there() {
    // An engine, and no Compose.
    let (mut no_plugin, _engine) = project(&without_plugin());
    with_script(&mut no_plugin);
    assert!(ran(&no_plugin.run("start --setup").exits(2)));
    // Compose, and no engine.
    let mut no_engine = Project::new(&web("@0"));
    no_engine.fake_docker(&[Rule::when("config").stdout("{\"name\":\"demo\",\"services\":{}}")]);
    with_script(&mut no_engine);
    assert!(ran(&no_engine.run("start --setup").exits(2)));
    // Without --setup nothing runs, and a dry run runs nothing.
    assert!(!ran(&no_engine.run("start").exits(2)));
    let run = no_engine.run("start --setup --dry-run");
    assert!(!ran(&run) && run.stdout.starts_with("would run: scripts/engine/up\n"), "{run}");
}

#[test]
fn set_up_is_not_for_what_is_there_and_does_not_answer() {
    let rules = || vec![Rule::when("config").stdout("{\"name\":\"demo\",\"services\":{}}")];
    // An answer that is none.
    let (mut odd, engine) = project(&rules());
    engine.state().manner = Manner::Raw("HTTP/1.1 500 Internal Server Error\r\n\r\n{\"message\":\"broken\"}");
    with_script(&mut odd);
    assert!(!ran(&odd.run("start --setup").exits(2)));
    // Compose is too old.
    let usage = "Usage: docker compose config\n";
    let (mut old, _engine) = project(&[Rule::when("version").stdout("2.2.0\n"), Rule::when("config").stdout(usage)]);
    with_script(&mut old);
    let run = old.run("start --setup").exits(2);
    assert!(!ran(&run) && run.stderr.starts_with("error: Compose 2.2.0 is too old"), "{run}");
    // A context that is gone.
    let mut context = Project::new(&web("@0"));
    context.fake_docker(&rules());
    with_script(&mut context);
    context.set("DOCKER_HOST", "").set("DOCKER_CONTEXT", "gone");
    assert!(!ran(&context.run("start --setup").exits(2)));
    // Another machine.
    context.set("DOCKER_HOST", "tcp://192.0.2.1:2375").set("DOCKER_CONTEXT", "");
    context.fake_docker(&[Rule::when("system dial-stdio").stderr("Cannot connect to the Docker daemon\n").exit(1)]);
    assert!(!ran(&context.run("start --setup").exits(2)));
}

/// The cure is a group, not another engine.
#[test]
fn set_up_is_not_for_who_lacks_the_permission() {
    let (mut project, _engine) = project(&[Rule::when("config").stdout("{\"name\":\"demo\",\"services\":{}}")]);
    with_script(&mut project);
    fs::set_permissions(project.root().join("engine.sock"), fs::Permissions::from_mode(0o000)).unwrap();
    let Some(run) = project.run_as_nobody("start --setup") else { return };
    let run = run.exits(2);
    assert!(!ran(&run) && run.stderr.starts_with("error: no permission for the Docker engine's socket"), "{run}");
    assert!(run.stderr.contains("usermod -aG") && !run.stderr.contains("start it"), "{run}");
}
