//! Ports that are literals, moved by a compose file of ours: with the real
//! Compose, which is asked before and after.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use xtask::context::Context;
use xtask::decide::Slot;
use xtask::flow::overrides::{self, Request};
use xtask::flow::survey::survey;
use xtask::flow::tracked::Writes;
use xtask::model::ComposeOptions;
use xtask::project::{self, resolve};

use crate::support::{Project, Rule, Run, skip, snapshot};

/// A project with the machine's own Compose; `None` where there is none.
fn project(files: &[(&str, &str)]) -> Option<Project> {
    let mut project = Project::empty();
    for (name, text) in files {
        project.file(name, text);
    }
    project.real_docker().then_some(project)
}

/// One service with this entry under `ports:`.
fn one(entry: &str) -> String {
    format!("services:\n  web:\n    image: web\n    ports:\n      - {entry}\n")
}

/// What Compose makes of the project.
fn config(project: &Project, options: &str) -> Value {
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
fn moves(project: &mut Project, options: &str, held: &[&str]) -> Run {
    let addresses: Vec<String> = held.iter().map(|address| project.fill(address)).collect();
    project.hold_as("holder", "", &addresses);
    let mut before = config(project, options);
    let run = project.run(&format!("{options} check-ports --reassign")).ends_with(0);
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
    let run = project.run("check-ports").ends_with(1);
    assert!(
        run.stderr.contains("hint: other ports in compose.override.yaml: `cargo xtask check-ports --reassign`"),
        "{run}"
    );
    let run = project.run("check-ports --reassign --dry-run").ends_with(1);
    assert!(run.stdout.contains("web:80 18000 -> 18001  (compose.override.yaml)"), "{run}");
    assert_eq!(project.everything(), before);
    snapshot!("override-reassign", project.run("check-ports --reassign").ends_with(0));
    snapshot!("override-file", project.redact(&project.read("compose.override.yaml")));
    let row = project.run("check-ports --format json").ends_with(0).json()["ports"][0].clone();
    assert_eq!((&row["published"], &row["variable"]), (&json!(project.port(1)), &Value::Null));

    // The new port is taken as well: the file is written again, from the
    // project's own port on.
    project.hold("0.0.0.0", &[1]);
    project.run("check-ports --reassign").ends_with(0);
    let text = project.redact(&project.read("compose.override.yaml"));
    assert!(text.contains("web:80 is published on 18002 in place of 18000"), "{text}");
    assert!(project.runs(held));

    // And a variable and a literal in one go.
    project.hold("127.0.0.1", &[2, 5]);
    let run = project.run("check-ports --reassign").ends_with(0);
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
    project.run("check-ports --reassign").ends_with(0);
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
    let run = project.run("-f compose.yaml check-ports --reassign").ends_with(1);
    snapshot!("override-option", run);
    let run = project.run_in("mine/sub", "check-ports --reassign").ends_with(1);
    assert!(
        run.stderr.contains("; from this folder Compose does not read COMPOSE_FILE of [root]/demo/mine\n"),
        "{run}"
    );
    project.set("COMPOSE_FILE", "compose.yaml");
    let run = project.run("check-ports --reassign").ends_with(1);
    assert!(run.stderr.contains("hint: then `unset COMPOSE_FILE`"), "{run}");
    let run = project.run("check-ports").ends_with(1);
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
    project.run("check-ports --reassign").ends_with(0);
    let options = "-f compose.yaml -f compose.override.yaml";
    project.hold("0.0.0.0", &[1]);
    project.run(&format!("{options} check-ports --reassign")).ends_with(0);
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
            "error: service `web` publishes 18000 as a literal in compose.yaml:5; Compose 2.24.3 does not know `!override`, which another port for a literal needs: 2.24.4 does\n\
          hint: ",
        ),
        ("dev", 1, "; which version of Compose this is cannot be told"),
    ] {
        let mut project = Project::new(&one("\"@0:80\""));
        let answer = r#"{"name":"demo","services":{"web":{"image":"web","ports":[{"mode":"ingress","target":80,"published":"@0","protocol":"tcp"}]}}}"#;
        project.fake_docker(&[
            Rule::when("docker compose config").stdout(answer),
            Rule::when("docker compose version").stdout(format!("{version}\n")),
        ]);
        project.hold("0.0.0.0", &[0]);
        let before = project.everything();
        let run = project.run("check-ports --reassign").ends_with(code);
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
    for (after, path) in [(config("web", "@0"), "services.web.ports"), (config("other", "@1"), "services.web.image")] {
        project.fake_docker(&[
            Rule::when("docker compose version").stdout("2.40.3\n"),
            Rule::when("docker compose config").stdout(config("web", "@0")).times(1),
            Rule::when("docker compose config").stdout(after),
        ]);
        project.file("docker-compose.override.yml", "# mine\n").file(".env", "A=1");
        let pid = project.hold("0.0.0.0", &[0]);
        let before = project.everything();
        let run = project.run("check-ports --reassign").ends_with(2);
        let words = format!("with it Compose gives another `{path}`; all files are as they were");
        assert!(run.stderr.contains(&words), "{run}");
        assert_eq!(project.everything(), before);
        crate::support::end(pid);
    }
}

#[test]
fn git_ignores_the_generated_file() {
    let Ok(git) = which::which("git") else {
        skip("no git on PATH");
        return;
    };
    let text = one("\"@0:80\"");
    let Some(mut project) = project(&[("compose.yaml", text.as_str())]) else { return };
    symlink(git, project.root().join("bin/git")).unwrap();
    let git = |project: &Project, folder: &str, words: &str| {
        let mut git = project.command(project.root().join("bin/git"));
        git.args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(words.split_whitespace());
        let output = git.current_dir(project.path(folder)).output().unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&project, "", "init -q");
    git(&project, "", "add -A");
    git(&project, "", "commit -q -m x");
    // A linked worktree has the exclude file of the repository it belongs to.
    git(&project, "", "worktree add -q ../tree");
    project.hold("0.0.0.0", &[0]);
    let run = project.run_in("../tree", "check-ports --reassign").ends_with(0);
    assert!(
        run.stderr.contains("compose.override.yaml is ignored by git now: see [root]/demo/.git/info/exclude\n"),
        "{run}"
    );
    assert_eq!(git(&project, "../tree", "status --porcelain"), "");
    let exclude = project.read(".git/info/exclude");
    assert!(exclude.ends_with("\ncompose.override.yaml\n"), "{exclude}");
    // Once is enough.
    let run = project.run("check-ports --reassign").ends_with(0);
    assert!(!run.stderr.contains("ignored by git"), "{run}");
    assert_eq!(project.read(".git/info/exclude"), exclude);
}

/// The program's own functions in the project, with the machine's Compose.
fn context(project: &Project) -> Context {
    let mut ctx = Context::new(project.dir(), ComposeOptions::default());
    ctx.env.retain(|name, _| !name.starts_with("COMPOSE_"));
    ctx.env.insert("XTASK_STATE_DIR".into(), project.root().join("state").display().to_string());
    ctx
}

fn apply(ctx: &Context, request: &Request) -> xtask::error::Result<project::Project> {
    overrides::apply(&resolve(ctx)?, request, Writes::Files)
}

#[test]
fn fixed_names_are_left_to_compose_and_come_back() {
    let compose = "\
name: fixed
services:
  web:
    image: x
    container_name: my-web
    ports: [\"@0:80\"]
    networks: [back, plain]
    volumes: [{type: volume, source: data, target: /a}, {type: volume, source: plain, target: /b}]
  other:
    image: x
    networks: [shared]
networks:
  back: {name: backend}
  plain: {}
  shared: {name: shared, external: true}
volumes:
  data: {name: data}
  plain: {}
";
    let Some(project) = project(&[("compose.yaml", compose)]) else { return };
    let before = (config(&project, ""), project.everything());
    let ctx = context(&project);
    let names = xtask::stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap();
    assert_eq!(names.len(), 4, "{names:?}");
    apply(&ctx, &Request::reset_names(&names)).unwrap();
    let mut wanted = before.0.clone();
    wanted["services"]["web"].as_object_mut().unwrap().remove("container_name");
    // Who asks for the old name still finds it, on networks of this project alone.
    for network in ["back", "plain"] {
        wanted["services"]["web"]["networks"][network] = json!({ "aliases": ["my-web"] });
    }
    wanted["networks"]["back"]["name"] = json!("fixed_back");
    assert_eq!(wanted["volumes"]["data"]["name"], "data");
    wanted["volumes"]["data"]["name"] = json!("fixed_data");
    assert_eq!(config(&project, ""), wanted);
    // A port moves in the same file, and names stay as they are then.
    let mut found = survey(&ctx).unwrap();
    found.rows.truncate(1);
    let slot = overrides::slot_of(&found, &found.rows[0]).unwrap();
    let request = Request { moves: [(slot.clone(), project.port(1))].into(), ..Request::default() };
    apply(&ctx, &request).unwrap();
    wanted["services"]["web"]["ports"][0]["published"] = json!(project.port(1).to_string());
    assert_eq!(config(&project, ""), wanted);
    // Both go back, one after the other; with the last the file goes.
    apply(&ctx, &Request { moves: [(slot, project.port(0))].into(), ..Request::default() }).unwrap();
    assert!(project.path("compose.override.yaml").exists());
    apply(&ctx, &Request::reset_names(&[])).unwrap();
    assert_eq!((config(&project, ""), project.everything()), before);
}

#[test]
fn a_literal_moves_without_a_word_in_the_project() {
    let text = one("\"@0:80\"");
    let mine = "services: {web: {environment: {A: b}}}";
    let files =
        [("compose.yaml", text.as_str()), ("compose.override.yaml", mine), (".env", "COMPOSE_PATH_SEPARATOR=,\n")];
    let Some(mut project) = project(&files) else { return };
    let (mut before, everything) = (config(&project, ""), project.everything());
    let ctx = context(&project);
    let found = survey(&ctx).unwrap();
    let slot = overrides::slot_of(&found, &found.rows[0]).unwrap();
    let request = Request { moves: [(slot, project.port(1))].into(), ..Request::default() };
    let after = overrides::environment(&found, &request).unwrap();
    for name in ["COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR"] {
        project.set(name, after.ctx.var(name).unwrap());
    }
    before["services"]["web"]["ports"][0]["published"] = json!(project.port(1).to_string());
    assert_eq!(config(&project, ""), before);
    assert_eq!(project.everything(), everything);
    let unchanged = overrides::environment(&found, &Request::default()).unwrap();
    assert_eq!(unchanged.ctx.var("COMPOSE_FILE"), None);
    let named = ctx.with_options(ComposeOptions { files: vec!["compose.yaml".into()], ..ComposeOptions::default() });
    let error = overrides::environment(&survey(&named).unwrap(), &request).unwrap_err();
    assert!(error.message().starts_with("-f on the command line"), "{error}");
}

/// From a folder below, and with an `.env` that was made for one line alone.
#[test]
fn files_that_were_not_there_are_gone_again() {
    let text = one("\"@0:80\"");
    let mine = "services: {web: {environment: {A: b}}}";
    for (files, folder, made) in [
        (&[("compose.yaml", text.as_str()), ("sub/x", "")][..], "sub", vec!["compose.override.yaml"]),
        (&[("compose.yaml", &text), ("compose.override.yaml", mine)], "", vec![".env", "docker-compose.xtask.yml"]),
    ] {
        let Some(project) = project(files) else { return };
        let before = project.everything();
        let mut ctx = context(&project);
        ctx.dir = project.path(folder);
        let found = survey(&ctx).unwrap();
        let slot = overrides::slot_of(&found, &found.rows[0]).unwrap();
        let to = |port| Request { moves: [(slot.clone(), port)].into(), ..Request::default() };
        apply(&ctx, &to(project.port(1))).unwrap();
        let after = project.everything();
        let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        assert_eq!(new, made.iter().map(|name| project.path(name)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
        let moved = overrides::moved(&survey(&ctx).unwrap()).unwrap();
        assert_eq!((moved[0].own, moved[0].now), (project.port(0), project.port(1)));
        // A slot that is not there is an error, and nothing happens.
        let gone = Slot { nth: 7, ..slot.clone() };
        let request = Request { moves: [(gone, project.port(2))].into(), ..Request::default() };
        let error = apply(&ctx, &request).unwrap_err();
        assert!(error.message().contains("publishes web:80 on a port of its own"), "{error}");
        assert_eq!(project.everything(), after);
        apply(&ctx, &to(project.port(0))).unwrap();
        assert_eq!(project.everything(), before);
    }
}
