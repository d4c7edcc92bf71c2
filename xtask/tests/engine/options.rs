//! Options that choose the project, as in Compose; what is written where; and
//! the JSON that programs read.

use serde_json::Value;

use crate::support::{Holder, Project, REPORT_KEYS, ROW_KEYS, docker, get, keys, run, web};

#[test]
fn ports_go_back() {
    let (project, port) = Project::web();
    let env = format!("# mine\nWEB_PORT={port}\n");
    project.write(".env", &env);
    let holder = Holder::http(port);
    project.xtask(["start", "--on-conflict", "reassign"]).exits(0).never_says("--restore-ports");
    project.xtask(["start", "--restore-ports"]).exits(0).says("no port can be restored");
    drop(holder);
    let moved = port + 1;
    project
        .xtask(["start"])
        .exits(0)
        .says(&format!("WEB_PORT can go back {moved} -> {port}: `cargo xtask start --restore-ports`"));
    project.xtask(["start", "--restore-ports", "--dry-run"]).exits(0).says(&format!("WEB_PORT {moved} -> {port}"));
    assert_ne!(project.read(".env"), env);
    project.xtask(["start", "--restore-ports"]).exits(0).says(&format!("http://localhost:{port}"));
    assert_eq!(project.read(".env"), env);
    assert!(get(&format!("http://127.0.0.1:{port}/")).starts_with("name="));
}

#[test]
fn a_variable_of_the_shell_is_not_written_in_vain() {
    let (project, port) = Project::web();
    let env = format!("WEB_PORT={}\n", port + 5);
    project.write(".env", &env);
    let _holder = Holder::http(port);
    let shell = port.to_string();
    let output = project.xtask_env(&[("WEB_PORT", &shell)], ["start", "--on-conflict", "reassign"]).exits(2);
    output.says(&format!("the shell sets WEB_PORT={port}")).says("unset WEB_PORT");
    assert_eq!(project.read(".env"), env);
    project.has_nothing();
}

#[test]
fn a_dry_run_changes_nothing() {
    let (project, port) = Project::web();
    project.write(".env.template", format!("WEB_PORT={port}\n"));
    project.xtask(["start", "--dry-run"]).exits(0).says("would run: docker compose up -d");
    let mut holder = Holder::http(port);
    project
        .xtask(["start", "--dry-run", "--on-conflict", "reassign"])
        .exits(1)
        .says(&format!("WEB_PORT {port} -> {}", port + 1));
    project
        .xtask(["start", "--dry-run", "--on-conflict", "stop", "--yes"])
        .exits(1)
        .says(&format!("stop: kill {}", holder.pid()));
    assert!(!holder.is_gone());
    project.has_nothing();
    let mut names: Vec<_> = std::fs::read_dir(project.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".env.template", "docker-compose.yml"]);
    drop(holder);
    project.xtask(["start"]).exits(0).says(".env created from .env.template");
    let before = project.containers();
    project.xtask(["stop", "--dry-run", "--volumes"]).exits(0).says("docker compose down --volumes");
    assert_eq!(project.containers(), before);
}

/// Every key of the schema, with its type, for each kind of verdict.
#[test]
fn the_json_of_check_ports() {
    let project = Project::new();
    let [a, b, c, d] = [project.port(), project.port(), project.port(), project.port()];
    let service = |name: &str, mapping: &str| format!("  {name}:\n    image: engine-web\n    ports: [\"{mapping}\"]\n");
    let start = format!("services:\n{}", service("own", &format!("{a}:8080")));
    project.write("docker-compose.yml", &start);
    project.xtask(["start"]).exits(0);
    let all = start
        + &service("host", "${HOST_PORT}:8080")
        + &service("other", &format!("127.0.0.1:${{OTHER_PORT:-{c}}}:8080"))
        + &service("free", &format!("{d}:53/udp"))
        + &service("random", "8080");
    project.write("docker-compose.yml", all);
    project.write(".env", format!("\nHOST_PORT={b}\n"));
    let holder = Holder::http(b);
    let other = Project::new();
    other.write("docker-compose.yml", web(c));
    other.xtask(["start"]).exits(0);

    let output = project.xtask(["check-ports", "--format", "json"]).exits(1);
    let report = output.json();
    check_schema(&report);
    let row = |service: &str| {
        report["ports"].as_array().unwrap().iter().find(|row| row["service"] == service).unwrap().clone()
    };
    assert_eq!(report["project"], project.name.as_str());
    let own = row("own");
    assert_eq!(
        (&own["verdict"], &own["owners"][0]["service"], &own["suggestion"]),
        (&"ours".into(), &"own".into(), &Value::Null)
    );
    let host = row("host");
    assert_eq!(
        (&host["verdict"], &host["variable"], &host["source"]),
        (&"taken".into(), &"HOST_PORT".into(), &".env:2".into())
    );
    assert_eq!((&host["owners"][0]["kind"], &host["owners"][0]["pid"]), (&"process".into(), &holder.pid().into()));
    assert_eq!(host["suggestion"], b + 1);
    let theirs = row("other");
    let owner = &theirs["owners"][0];
    assert_eq!((&theirs["source"], &theirs["host_ip"]), (&"default".into(), &"127.0.0.1".into()));
    assert_eq!((&owner["kind"], &owner["project"]), (&"container".into(), &other.name.as_str().into()));
    assert_eq!(owner["working_dir"], other.dir().display().to_string());
    let free = row("free");
    assert_eq!((&free["verdict"], &free["protocol"], &free["published"]), (&"free".into(), &"udp".into(), &d.into()));
    assert_eq!(row("random")["published"], Value::Null);
}

#[track_caller]
fn check_schema(report: &Value) {
    assert_eq!(keys(report), REPORT_KEYS.into());
    assert_eq!(report["schema"], 1);
    let text = |value: &Value| value.is_string();
    let text_or_null = |value: &Value| value.is_string() || value.is_null();
    let number_or_null = |value: &Value| value.is_u64() || value.is_null();
    for row in report["ports"].as_array().unwrap() {
        assert_eq!(keys(row), ROW_KEYS.into(), "{row}");
        assert!(["service", "protocol", "verdict"].iter().all(|key| text(&row[key])), "{row}");
        assert!(["host_ip", "variable", "source"].iter().all(|key| text_or_null(&row[key])), "{row}");
        assert!(["published", "published_end", "suggestion"].iter().all(|key| number_or_null(&row[key])), "{row}");
        assert!(row["target"].is_u64() && row["reserved"].is_null(), "{row}");
        for owner in row["owners"].as_array().unwrap() {
            match owner["kind"].as_str().unwrap() {
                "process" => {
                    assert_eq!(keys(owner), ["kind", "pid", "name", "command", "user", "started"].into());
                    assert!(
                        owner["pid"].is_u64()
                            && text(&owner["name"])
                            && text_or_null(&owner["command"])
                            && text_or_null(&owner["user"])
                    );
                    let started = owner["started"].as_str().unwrap();
                    assert!(started.len() == 20 && started.ends_with('Z') && &started[10..11] == "T", "{started}");
                }
                "container" => {
                    assert_eq!(keys(owner), ["kind", "id", "name", "project", "service", "working_dir"].into());
                    assert_eq!(owner["id"].as_str().unwrap().len(), 64);
                    assert!(
                        text(&owner["name"])
                            && ["project", "service", "working_dir"].iter().all(|key| text_or_null(&owner[key]))
                    );
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// What a failure is in JSON.
#[test]
fn an_error_is_json_as_well() {
    let project = Project::with("services:\n  web:\n    image: engine-web\n    ports: [\"${NOPE:?set NOPE}:80\"]\n");
    let report = project.xtask(["check-ports", "--format", "json"]).exits(2).json();
    assert_eq!(report["schema"], 1);
    assert!(report["error"]["message"].as_str().unwrap().contains("NOPE"), "{report}");
    assert!(report["error"]["hints"].is_array());
}

#[test]
fn env_file_replaces_dot_env_and_is_what_a_move_writes_to() {
    let (project, port) = Project::web();
    let holder = Holder::http(port);
    project.write(".env", "WEB_PORT=1\n");
    project.write("dev.env", format!("WEB_PORT={port}\n"));
    let moved = port + 1;
    project
        .xtask(["--env-file", "dev.env", "start", "--on-conflict", "reassign"])
        .exits(0)
        .says(&format!("WEB_PORT {port} -> {moved}"));
    assert_eq!(project.read(".env"), "WEB_PORT=1\n");
    assert_eq!(project.read("dev.env"), format!("WEB_PORT={moved}\n"));
    assert!(get(&format!("http://127.0.0.1:{moved}/")).starts_with("name="));
    project.xtask_env(&[("COMPOSE_ENV_FILES", "dev.env")], ["check-ports"]).exits(0).says("ours, running");
    drop(holder);
}

#[test]
fn files_and_name_and_profiles_are_chosen_as_in_compose() {
    let project = Project::new();
    let [a, b, c] = [project.port(), project.port(), project.port()];
    let other_name = project.also("p");
    project.write("base.yml", web(a));
    project.write(
        "more.yml",
        format!(
            "services:\n  web:\n    ports: !override [\"{b}:8080\"]\n  debug:\n    image: engine-web\n    profiles: [debug]\n    ports: [\"{c}:8080\"]\n"
        ),
    );
    project.xtask(["check-ports"]).exits(2);
    project.xtask(["-f", "base.yml", "check-ports"]).exits(0).says(&a.to_string());
    project
        .xtask(["-f", "base.yml", "-f", "more.yml", "check-ports"])
        .exits(0)
        .says(&b.to_string())
        .never_says(&a.to_string());
    let files = [("COMPOSE_FILE", "base.yml:more.yml")];
    project.xtask_env(&files, ["check-ports"]).exits(0).says(&b.to_string()).never_says(&c.to_string());
    project.xtask_env(&files, ["--profile", "debug", "check-ports"]).exits(0).says(&c.to_string());
    let profiles = [files[0], ("COMPOSE_PROFILES", "debug")];
    project.xtask_env(&profiles, ["check-ports"]).exits(0).says(&c.to_string());

    project
        .xtask_env(&files, ["-p", &other_name, "--profile", "debug", "start"])
        .exits(0)
        .says(&format!("{other_name}: 2 services up"));
    let running =
        docker(["ps", "--format", "{{.Names}}", "--filter", &format!("label=com.docker.compose.project={other_name}")]);
    let mut names: Vec<&str> = running.stdout.lines().collect();
    names.sort_unstable();
    assert_eq!(names, [format!("{other_name}-debug-1"), format!("{other_name}-web-1")]);
    project.has_nothing();
    // To the project by its folder's name those ports are another's.
    project.xtask_env(&files, ["check-ports"]).exits(1).says(&format!("of project {other_name}"));
    project.xtask_env(&files, ["-p", &other_name, "--profile", "debug", "stop"]).exits(0);
    let left = docker(["ps", "-aq", "--filter", &format!("label=com.docker.compose.project={other_name}")]);
    assert_eq!(left.stdout, "");
}

#[test]
fn a_folder_below_means_the_project_above() {
    let (project, port) = Project::web();
    let mut start = project.command(["start"]);
    std::fs::create_dir_all(project.dir().join("src/deep")).unwrap();
    start.current_dir(project.dir().join("src/deep"));
    run(start).exits(0).says(&format!("http://localhost:{port}"));
    assert_eq!(project.running(), ["web"]);
    project.xtask(["check-ports"]).exits(0).says("ours, running");
}

#[test]
fn logs_restart_and_open_are_for_the_same_project() {
    let (project, port) = Project::web();
    project.xtask(["open", "--dry-run"]).exits(1).says("cargo xtask start");
    project.xtask(["start"]).exits(0);
    project.xtask(["logs"]).exits(0).says("listens on port 8080");
    project.xtask(["logs", "--tail", "1", "web"]).exits(0).says("listens on port 8080");
    project.xtask(["restart", "web"]).exits(0);
    project.xtask(["open", "--dry-run"]).exits(0).says(&format!("http://localhost:{port}"));
    let browser = [("BROWSER", "true")];
    project.xtask_env(&browser, ["open", "web"]).exits(0);
    project.xtask(["open", "nope", "--dry-run"]).exits(2).says("service `nope`");
}

#[test]
fn settings_of_the_project_are_defaults() {
    let (project, port) = Project::web();
    project.write(".env", format!("WEB_PORT={port}\n"));
    let range = port + 4;
    project.write(
        "xtask.toml",
        format!("on_conflict = \"reassign\"\nport_range = \"{range}-{}\"\n[urls]\nweb = [\"/docs\"]\n", range + 3),
    );
    let _holder = Holder::http(port);
    let output = project.xtask(["start"]).exits(0);
    output.says(&format!("WEB_PORT {port} -> {range}")).says(&format!("http://localhost:{range}/docs"));
    project.xtask(["start", "--on-conflict", "fail"]).exits(0);
}
