//! Ports that are literals, moved by a compose file of ours: with the real
//! Compose, which is asked before and after.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Output, Project, Rule, git, repository, snapshot};

/// A project with the machine's own Compose; `None` where there is none.
pub(crate) fn project(files: &[(&str, &str)]) -> Option<Project> {
    let mut project = Project::empty();
    for (name, text) in files {
        project.file(name, text);
    }
    project.real_docker().then_some(project)
}

/// One service with this entry under `ports:`.
pub(crate) fn one(entry: &str) -> String {
    format!("services:\n  web:\n    image: web\n    ports:\n      - {entry}\n")
}

/// What Compose makes of the project.
pub(crate) fn config(project: &Project, options: &str) -> Value {
    let mut docker = project.command(project.root().join("bin/docker"));
    docker.arg("compose").args(options.split_whitespace()).args(["config", "--format", "json"]);
    let output = docker.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every published port of that model, to be changed.
fn published(config: &mut Value) -> Vec<&mut Value> {
    let services = config["services"].as_object_mut().unwrap().values_mut();
    let ports = services.filter_map(|service| service.get_mut("ports")?.as_array_mut());
    ports.flatten().filter_map(|port| port.get_mut("published")).collect()
}

/// Does what the test is of: exactly the ports that are held get others, and
/// Compose, asked by itself, agrees.
fn moves(project: &mut Project, options: &str, held: &[&str]) -> Output {
    let addresses: Vec<String> = held.iter().map(|address| project.fill(address)).collect();
    project.hold_as("holder", "", &addresses);
    let mut before = config(project, options);
    let run = project.run(&format!("{options} check-ports --reassign")).exits(0);
    let mut after = config(project, options);
    let taken: BTreeSet<String> =
        addresses.iter().map(|address| address.rsplit(':').next().unwrap().to_owned()).collect();
    let mut moved = 0;
    for (old, new) in published(&mut before).into_iter().zip(published(&mut after)) {
        let text = new.as_str().unwrap();
        assert!(!taken.contains(text), "{text} is held\n{run}");
        if taken.contains(old.as_str().unwrap()) {
            moved += 1;
            *old = new.take();
            *new = old.clone();
        }
    }
    assert_eq!(moved, held.len(), "{run}");
    assert_eq!(before, after, "{run}");
    run
}

/// A shape of ports: its name, files, options, and what is held.
type Shape = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static [&'static str]);

const EXTENDS: &str = "services:\n  web:\n    extends: {file: base.yaml, service: b}\n    ports: [\"@1:81\"]\n";
const BASE: &str = "services:\n  b: {image: x, ports: [\"@0:80\"]}\n";

#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    ("short", &[("compose.yaml", "services: {web: {image: x, ports: [\"@0:80\", \"@1:81\"]}}")], "", &["0.0.0.0:@0"]),
    ("long", &[("compose.yaml", "services: {web: {image: x, ports: [{target: 80, published: @0, mode: host, name: n, app_protocol: http, x-a: b}]}}")], "", &["0.0.0.0:@0"]),
    ("long and short", &[("compose.yaml", "services: {web: {image: x, ports: [{target: 80, published: \"@0\"}, \"@1:80\"]}}")], "", &["0.0.0.0:@0", "0.0.0.0:@1"]),
    ("ip", &[("compose.yaml", "services: {web: {image: x, ports: [\"127.0.0.1:@0:80\"]}}")], "", &["127.0.0.1:@0"]),
    ("ip of a variable", &[("compose.yaml", "services: {web: {image: x, ports: [\"${IP:-127.0.0.1}:@0:${T:-80}\"]}}")], "", &["127.0.0.1:@0"]),
    ("ipv6", &[("compose.yaml", "services: {web: {image: x, ports: [\"[::1]:@0:80\", \"127.0.0.1:@0:80\"]}}")], "", &["[::1]:@0", "127.0.0.1:@0"]),
    ("udp beside tcp", &[("compose.yaml", "services: {web: {image: x, ports: [\"@0:53\", \"@0:53/udp\"]}}")], "", &["udp:0.0.0.0:@0", "0.0.0.0:@0"]),
    ("range", &[("compose.yaml", "services: {web: {image: x, ports: [\"@0-@2:80-82\", \"@5-@7:90\"]}}")], "", &["0.0.0.0:@1"]),
    ("same target twice", &[("compose.yaml", "services: {web: {image: x, ports: [\"@0:80\", \"@1:80\"]}}")], "", &["0.0.0.0:@1"]),
    ("random and expose", &[("compose.yaml", "services: {web: {image: x, expose: [\"9\"], ports: [80, \"0:81\", \"127.0.0.1::82\", \"@0:83\"]}}")], "", &["0.0.0.0:@0"]),
    ("anchors", &[("compose.yaml", "x-p: &p [\"@0:80\"]\nx-s: &s {image: x, ports: *p}\nservices: {web: {<<: *s, environment: {A: b}}}")], "", &["0.0.0.0:@0"]),
    ("a variable beside it", &[("compose.yaml", "services: {web: {image: x, ports: [\"${P:-@1}:81\", \"@0:80\", \"${Q:-}@2:82\"]}}"), (".env", "P=@3\n")], "", &["0.0.0.0:@0"]),
    ("part of a variable", &[("compose.yaml", "services: {web: {image: x, ports: [\"@0${Q:-}:80\"]}}")], "", &["0.0.0.0:@0"]),
    ("extends", &[("compose.yaml", EXTENDS), ("base.yaml", BASE)], "", &["0.0.0.0:@0", "0.0.0.0:@1"]),
    ("include", &[("compose.yaml", "include: [sub/compose.yaml]\nservices: {web: {image: x}}"), ("sub/compose.yaml", "services: {in: {image: x, ports: [\"@0:80\", \"${P}:81\"]}}"), ("sub/.env", "P=@1\n")], "", &["0.0.0.0:@0"]),
    ("another override", &[("compose.yaml", "services: {web: {image: x, ports: [\"@5:80\"]}}"), ("compose.override.yaml", "services: {web: {ports: !override [\"@0:80\"]}}")], "", &["0.0.0.0:@0"]),
    ("files in COMPOSE_FILE", &[("a.yaml", "services: {web: {image: x, ports: [\"@0:80\"]}}"), ("b.yaml", "services: {web: {ports: [\"@1:81\"]}}"), (".env", "COMPOSE_FILE=a.yaml,b.yaml\nCOMPOSE_PATH_SEPARATOR=,\n")], "", &["0.0.0.0:@0", "0.0.0.0:@1"]),
    ("profile", &[("compose.yaml", "services: {web: {image: x, profiles: [p], ports: [\"@0:80\"]}, other: {image: x}}")], "--profile p", &["0.0.0.0:@0"]),
    ("two services", &[("docker-compose.yml", "name: n\nservices: {a: {image: x, ports: [\"@0:80\"]}, b: {image: x, ports: [\"@1:80\"]}, c: {image: x}}")], "", &["0.0.0.0:@0", "0.0.0.0:@1"]),
    ("odd names", &[("compose.yaml", "services: {\"on\": {image: \"x$$y\", ports: [\"@0:80\"]}, \"1.2\": {image: x, ports: [\"@1:80\"]}}")], "", &["0.0.0.0:@0", "0.0.0.0:@1"]),
    ("another env file", &[("compose.yaml", "services: {web: {image: x, ports: [\"@0:80\", \"${P}:81\"]}}"), ("my.env", "P=@1\n")], "--env-file my.env", &["0.0.0.0:@0", "0.0.0.0:@1"]),
];

#[test]
fn literals_of_every_shape_are_moved_and_compose_agrees() {
    // Compose mostly waits for itself: a few at a time.
    std::thread::scope(|scope| {
        for shapes in SHAPES.chunks(SHAPES.len().div_ceil(3)) {
            scope.spawn(move || {
                for (name, files, options, held) in shapes {
                    let Some(mut project) = project(files) else { return };
                    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        moves(&mut project, options, held);
                    }));
                    assert!(done.is_ok(), "the shape `{name}`");
                }
            });
        }
    });
}

#[test]
fn the_generated_file_and_what_is_said() {
    let compose = "services:\n  web:\n    image: web\n    ports:\n      - \"@0:80\"\n      - \"127.0.0.1:${DEBUG_PORT:-@5}:9229\"\n";
    let Some(mut project) = project(&[("compose.yaml", compose)]) else { return };
    let held = project.hold("0.0.0.0", &[0]);
    let before = project.everything();
    let run = project.run("check-ports").exits(1);
    assert!(
        run.stderr.contains("hint: other ports in compose.override.yaml: `cargo xtask check-ports --reassign`"),
        "{run}"
    );
    let run = project.run("check-ports --reassign --dry-run").exits(1);
    assert!(run.stdout.contains("web:80 18000 -> 18001  (compose.override.yaml)"), "{run}");
    assert_eq!(project.everything(), before);
    snapshot!("override-reassign", project.run("check-ports --reassign").exits(0));
    snapshot!("override-file", project.redact(&project.read("compose.override.yaml")));
    let row = project.run("check-ports --format json").exits(0).json()["ports"][0].clone();
    assert_eq!((&row["published"], &row["variable"]), (&json!(project.port(1)), &Value::Null));

    // The new port is taken as well: the file is written again, from the
    // project's own port on.
    project.hold("0.0.0.0", &[1]);
    project.run("check-ports --reassign").exits(0);
    let text = project.redact(&project.read("compose.override.yaml"));
    assert!(text.contains("web:80 is published on 18002 in place of 18000"), "{text}");
    assert!(project.runs(held));

    // And a variable and a literal in one go.
    project.hold("127.0.0.1", &[2, 5]);
    let run = project.run("check-ports --reassign").exits(0);
    assert!(run.stdout.contains("DEBUG_PORT 18005 -> 18006  (.env)\nweb:80 18002 -> 18003"), "{run}");
    assert_eq!(project.read(".env"), project.fill("DEBUG_PORT=@6\n"));
}

#[test]
fn a_person_s_override_is_not_touched() {
    let mine = "# mine\r\nservices:\r\n  web:\r\n    environment: {A: b}";
    let files = [("docker-compose.yml", one("\"@0:80\"")), ("docker-compose.override.yml", mine.to_owned())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let Some(mut project) = project(&files) else { return };
    project.file(".env", "# kept\nOTHER=1");
    moves(&mut project, "", &["0.0.0.0:@0"]);
    // Nothing is left to do, and looking does nothing.
    let files = project.everything();
    project.run("check-ports --reassign").exits(0);
    assert_eq!(project.everything(), files);
    assert_eq!(project.read("docker-compose.override.yml"), mine);
    let list = "COMPOSE_FILE=docker-compose.yml:docker-compose.override.yml:docker-compose.xtask.yml\n";
    assert_eq!(project.read(".env"), format!("# kept\nOTHER=1\n{list}"));
    let text = project.read("docker-compose.xtask.yml");
    assert!(text.contains("# and remove the line COMPOSE_FILE from .env\n"), "{text}");
}

#[test]
fn what_cannot_take_effect_is_refused_and_nothing_is_written() {
    let text = one("\"@0:80\"");
    let files = [("compose.yaml", text.as_str()), ("mine/compose.yaml", &text), ("mine/compose.override.yaml", &text)];
    let Some(mut project) = project(&files) else { return };
    project.hold("0.0.0.0", &[0]);
    fs::create_dir(project.path("mine/sub")).unwrap();
    let before = project.everything();
    let run = project.run("-f compose.yaml check-ports --reassign").exits(1);
    snapshot!("override-option", run);
    let run = project.run_in("mine/sub", "check-ports --reassign").exits(1);
    assert!(
        run.stderr.contains("; from this folder Compose does not read COMPOSE_FILE of [root]/demo/mine\n"),
        "{run}"
    );
    project.set("COMPOSE_FILE", "compose.yaml");
    let run = project.run("check-ports --reassign").exits(1);
    assert!(run.stderr.contains("hint: then `unset COMPOSE_FILE`"), "{run}");
    let run = project.run("check-ports").exits(1);
    assert!(run.stderr.contains("note: other ports cannot be written: service `web` publishes 18000 as a literal in compose.yaml:5; the compose files are named by"), "{run}");
    assert_eq!(project.everything(), before);
}

/// A file of ours that a person names takes effect: it is written again, and
/// stays, with nothing in it, where nothing is moved any more.
#[test]
fn a_generated_file_that_is_named_on_the_command_line() {
    let text = one("\"@0:80\"");
    let Some(mut project) = project(&[("compose.yaml", text.as_str()), (".env", "A=1\n")]) else { return };
    let held = project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").exits(0);
    let options = "-f compose.yaml -f compose.override.yaml";
    project.hold("0.0.0.0", &[1]);
    project.run(&format!("{options} check-ports --reassign")).exits(0);
    let ports = config(&project, options)["services"]["web"]["ports"].clone();
    assert_eq!(ports.as_array().unwrap().len(), 1);
    assert_eq!(ports[0]["published"], project.port(2).to_string());
    assert!(project.runs(held));
}

#[test]
fn an_old_compose_is_told_of() {
    for (version, code, words) in [
        (
            "2.24.3",
            1,
            "error: service `web` publishes 18000 as a literal in compose.yaml:5; Compose 2.24.3 does not support `!override`, which is needed to move a literal port: 2.24.4 does\n\
          hint: ",
        ),
        ("dev", 1, "; cannot determine the version of Compose"),
    ] {
        let mut project = Project::new(&one("\"@0:80\""));
        project.fake_docker(&[Rule::config("@0"), Rule::when("docker compose version").stdout(format!("{version}\n"))]);
        project.hold("0.0.0.0", &[0]);
        let before = project.everything();
        let run = project.run("check-ports --reassign").exits(code);
        assert!(run.stderr.contains(words), "{run}");
        assert_eq!(project.everything(), before);
    }
}

/// Compose that does not do with the file what it should: everything is put back.
#[test]
fn what_compose_does_not_prove_is_put_back() {
    let mut project = Project::new(&one("\"@0:80\""));
    let config = |image: &str, port: &str| {
        format!(
            r#"{{"name":"demo","services":{{"web":{{"image":"{image}","ports":[{{"mode":"ingress","target":80,"published":"{port}","protocol":"tcp"}}]}}}}}}"#
        )
    };
    for (after, path) in [(config("web", "@0"), "web.ports[0].published"), (config("other", "@1"), "web.image")] {
        project.fake_docker(&[
            Rule::when("docker compose version").stdout("2.40.3\n"),
            Rule::when("docker compose config").stdout(config("web", "@0")).times(1),
            Rule::when("docker compose config").stdout(after),
        ]);
        project.file("docker-compose.override.yml", "# mine\n").file(".env", "A=1");
        let pid = project.hold("0.0.0.0", &[0]);
        let before = project.everything();
        let run = project.run("check-ports --reassign").exits(2);
        let words = format!("Compose's `{path}` differs; all files were restored");
        assert!(run.stderr.contains(&words), "{run}");
        assert_eq!(project.everything(), before);
        crate::support::end(pid);
    }
}

#[test]
fn git_ignores_the_generated_file() {
    let text = one("\"@0:80\"");
    let Some(mut project) = project(&[("compose.yaml", text.as_str())]) else { return };
    if !project.is_repository() {
        return;
    }
    repository(project.dir());
    // A linked worktree has the exclude file of the repository it belongs to.
    git(project.dir(), &["worktree", "add", "-q", "../tree"]);
    project.hold("0.0.0.0", &[0]);
    let run = project.run_in("../tree", "check-ports --reassign").exits(0);
    assert!(run.stderr.contains("git now ignores compose.override.yaml: see [root]/demo/.git/info/exclude\n"), "{run}");
    assert_eq!(git(project.path("../tree"), &["status", "--porcelain"]).stdout, "");
    let exclude = project.read(".git/info/exclude");
    assert!(exclude.ends_with("\ncompose.override.yaml\n"), "{exclude}");
    // Once is enough.
    let run = project.run("check-ports --reassign").exits(0);
    assert!(!run.stderr.contains("ignored by git"), "{run}");
    assert_eq!(project.read(".git/info/exclude"), exclude);
}
