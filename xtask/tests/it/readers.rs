//! Other settings that read the variable of a moved port: with the real Compose, which
//! says what would change.

use std::fs;

use serde_json::Value;

use crate::fake_docker;
use crate::overrides::{config, project};
use crate::support::engine::Engine;
use crate::support::{Output, Project, Rule, end, snapshot};

/// A kind of reader: name, `compose.yaml`, `.env`, the path to declare, and what is said of it.
type Kind = (&'static str, &'static str, &'static str, &'static str, &'static str);

const REDIS: &str = "  redis: {image: redis, ports: [\"127.0.0.1:${REDIS_PORT:-@0}:6379\"]}\n";

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    ("env_file", "services:\n{redis}  app: {image: app, env_file: .env}\n", "REDIS_PORT=@0\n",
     "app.environment.REDIS_PORT", "app.environment.REDIS_PORT 18000 -> 18001"),
    ("env_file, new in it", "services:\n{redis}  app: {image: app, env_file: .env}\n", "A=1\n",
     "app.environment.REDIS_PORT", "app.environment.REDIS_PORT (none) -> 18001"),
    ("bare", "services:\n{redis}  app: {image: app, environment: [REDIS_PORT]}\n", "REDIS_PORT=@0\n",
     "app.environment.REDIS_PORT", "app.environment.REDIS_PORT 18000 -> 18001"),
    ("URL", "services:\n{redis}  app:\n    image: app\n    environment:\n      REDIS_URL: redis://:secret@redis:${REDIS_PORT:-@0}\n", "",
     "app.environment.REDIS_URL", "app.environment.REDIS_URL redis://:***@redis:18000 -> redis://:***@redis:18001  (compose.yaml:6)"),
    ("list", "services:\n{redis}  app: {image: app, environment: [\"REDIS_URL=redis://redis:${REDIS_PORT:-@0}\"]}\n", "",
     "*.environment.REDIS_URL", "app.environment.REDIS_URL redis://redis:18000 -> redis://redis:18001  (compose.yaml:3)"),
    ("password", "services:\n{redis}  app: {image: app, environment: {API_SECRET: \"x${REDIS_PORT:-@0}\"}}\n", "",
     "app.environment", "app.environment.API_SECRET *** -> ***  (compose.yaml:3)"),
    ("target", "services:\n  redis:\n    image: redis\n    ports: [\"127.0.0.1:${REDIS_PORT}:${REDIS_PORT}\"]\n", "REDIS_PORT=@0\n",
     "redis.ports.target", "redis.ports[0].target 18000 -> 18001  (compose.yaml:4)"),
    ("label", "services:\n{redis}  app: {image: app, labels: {redis.port: \"${REDIS_PORT:-@0}\"}}\n", "",
     "app.labels", "app.labels.redis.port 18000 -> 18001  (compose.yaml:3)"),
    ("build", "services:\n{redis}  app: {build: {context: ., args: {PORT: \"${REDIS_PORT:-@0}\"}}}\n", "",
     "app.build.args.PORT", "app.build.args.PORT 18000 -> 18001  (compose.yaml:3)"),
    ("command", "services:\n{redis}  app:\n    image: app\n    command: [serve, --redis, \"redis:${REDIS_PORT:-@0}\"]\n", "",
     "app.command", "app.command[2] redis:18000 -> redis:18001  (compose.yaml:5)"),
    ("health check", "services:\n{redis}  app:\n    image: app\n    healthcheck:\n      test: [CMD, curl, \"localhost:${REDIS_PORT:-@0}\"]\n", "",
     "app.healthcheck.test", "app.healthcheck.test[2] localhost:18000 -> localhost:18001  (compose.yaml:6)"),
    ("configs", "services:\n{redis}  app: {image: app, configs: [c]}\nconfigs:\n  c: {content: \"port ${REDIS_PORT:-@0}\"}\n", "",
     "configs.c.content", "configs.c.content port 18000 -> port 18001  (compose.yaml:5)"),
];

/// The project with its first port held, and by whom.
fn held_by(kind: &Kind) -> Option<(Project, u32)> {
    let (_, compose, env, ..) = kind;
    let compose = compose.replace("{redis}", REDIS);
    let mut project = project(&[("compose.yaml", &compose), ("Dockerfile", "FROM x\n")])?;
    if !env.is_empty() {
        project.file(".env", env);
    }
    let address = format!("127.0.0.1:{}", project.port(0));
    let holder = project.hold_as("holder", "", &[address]);
    Some((project, holder))
}

fn held(kind: &Kind) -> Option<Project> {
    held_by(kind).map(|(project, _)| project)
}

/// The model with the first published port of `redis` as given, and without our own line.
fn with_port(project: &Project, mut config: Value, at: u16) -> Value {
    config["services"]["redis"]["ports"][0]["published"] = Value::from(project.port(at).to_string());
    let services = config["services"].as_object_mut().unwrap();
    services.values_mut().filter_map(|service| service["environment"].as_object_mut()).for_each(|environment| {
        environment.remove("COMPOSE_FILE");
    });
    services.values_mut().for_each(|service| {
        service.as_object_mut().unwrap().retain(|key, value| key != "environment" || !value.is_null());
    });
    config
}

/// These kinds, or all; some at a time: Compose mostly waits for itself.
fn each(names: &[&str], test: impl Fn(&Kind) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| names.is_empty() || names.contains(&kind.0)).collect();
        for kinds in kinds.chunks(kinds.len().div_ceil(3)).map(<[&Kind]>::to_vec) {
            scope.spawn(move || {
                for kind in kinds {
                    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(kind)));
                    assert!(done.is_ok(), "the reader `{}`", kind.0);
                }
            });
        }
    });
}

fn declaration(pattern: &str) -> String {
    format!("[ports]\nfollow = [\"{pattern}\"]\n")
}

#[test]
fn undeclared_readers_keep_what_they_have_and_are_listed() {
    each(&[], |kind| {
        let Some(project) = held(kind) else { return };
        let (before, files) = (config(&project, ""), project.everything());
        let dry = project.run("check-ports --reassign --dry-run").exits(1).says(kind.4);
        assert!(dry.stdout.contains("redis:"), "{dry}");
        assert_eq!(project.everything(), files, "{dry}");
        let run = project.run("check-ports --reassign").exits(0).says(kind.4).says("follow = [\"");
        assert!(run.stdout.contains("18000 -> 18001  (compose.override.yaml)"), "{run}");
        assert_eq!(with_port(&project, config(&project, ""), 0), with_port(&project, before, 0), "{run}");
        assert_eq!(config(&project, "")["services"]["redis"]["ports"][0]["published"], project.port(1).to_string());
        assert_eq!(project.path(".env").exists(), !kind.2.is_empty(), "{run}");
        // Nobody has to be told twice.
        project.run("check-ports --reassign").exits(0).never_says("follow = ");
    });
}

#[test]
fn declared_readers_move_along() {
    each(&[], |kind| {
        let Some(project) = held(kind) else { return };
        project.file("xtask.toml", &declaration(kind.3));
        let path = kind.4.split(' ').next().unwrap();
        let dry = project.run("check-ports --reassign --dry-run").exits(1);
        assert!(dry.stdout.contains("REDIS_PORT 18000 -> 18001  (.env)"), "{dry}");
        let run = project.run("check-ports --reassign").exits(0).says(&format!("note: moved along: {path}"));
        assert!(project.read(".env").contains(&project.fill("REDIS_PORT=@1\n")), "{run}");
        assert!(!project.path("compose.override.yaml").exists(), "{run}");
        let port = config(&project, "")["services"]["redis"]["ports"][0].clone();
        assert_eq!(port["published"], project.port(1).to_string());
        assert_eq!(port["host_ip"], "127.0.0.1");
    });
}

#[test]
fn the_printed_line_makes_them_move_along() {
    each(&["env_file", "bare", "target", "label", "configs"], |kind| {
        let Some(project) = held(kind) else { return };
        let run = project.run("check-ports --reassign --dry-run");
        let line = run.stderr.lines().find_map(|line| line.trim().strip_prefix("follow = ")).unwrap().to_owned();
        project.file("xtask.toml", &format!("[ports]\nfollow = {line}\n"));
        project.run("check-ports --reassign").exits(0).says("note: moved along: ");
    });
}

/// Files named on the command line leave no place for a file of ours.
#[test]
fn where_the_port_cannot_move_alone_the_readers_and_the_cure_are_named() {
    each(&["env_file", "bare", "target"], |kind| {
        let Some(project) = held(kind) else { return };
        let files = project.everything();
        let run = project.run("-f compose.yaml check-ports --reassign").exits(1).says(kind.4);
        assert!(
            run.stderr.contains("hint: if they are to move along, write below `[ports]` in xtask.toml: follow = [\"")
        );
        assert_eq!(project.everything(), files, "{run}");
    });
}

/// The template derives it, so it moves along without being declared.
#[test]
fn what_the_template_derives_moves_along() {
    let compose = "services:\n  api: {image: x, ports: [\"${API_PORT:-@0}:80\"]}\n  page: {image: x, environment: {API_URL: \"${API_URL}\", OTHER: \"${CORS:-}\"}}\n";
    for (env, after) in [
        ("API_PORT=@0\nAPI_URL=http://localhost:@0\n", "API_PORT=@1\nAPI_URL=http://localhost:@1\n"),
        ("API_PORT=@0\nAPI_URL=http://localhost:${API_PORT}\n", "API_PORT=@1\nAPI_URL=http://localhost:${API_PORT}\n"),
    ] {
        let template = "API_PORT=@0\nAPI_URL=http://localhost:${API_PORT}\n";
        let Some(mut project) = project(&[("compose.yaml", compose), (".env", env), (".env.template", template)])
        else {
            return;
        };
        project.hold("0.0.0.0", &[0]);
        let run = project.run("check-ports --reassign").exits(0).says("note: moved along: page.environment.API_URL");
        assert_eq!(project.read(".env"), project.fill(after), "{run}");
    }
}

/// Where only the published port moves, the lines that contain the old one are pointed at.
#[test]
fn lines_that_keep_the_old_port_are_pointed_at() {
    let compose = "services:\n  api: {image: x, ports: [\"${API_PORT:-@0}:80\"]}\n  page: {image: x, environment: {OTHER: \"${API_PORT}\"}}\n";
    let env = "API_PORT=@0\nAPI_URL=http://localhost:@0\nCORS=http://localhost:@0\n";
    let template = "API_PORT=@0\nAPI_URL=http://localhost:${API_PORT}\n";
    let files = [("compose.yaml", compose), (".env", env), (".env.template", template)];
    let Some(mut project) = project(&files) else { return };
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").exits(0);
    for line in [".env:2: API_URL=http://localhost:18000", ".env:3: CORS=http://localhost:18000"] {
        assert!(run.stderr.contains(&format!("note: {line} still contains 18000, the old port of API_PORT")), "{run}");
    }
    assert_eq!(project.read(".env"), project.fill(env));
}

/// One variable has one value: with an undeclared reader the declared ones stay, and it is said.
#[test]
fn declared_readers_stay_where_another_is_undeclared() {
    let compose = "services:\n  api: {image: x, ports: [\"${API_PORT:-@0}:80\"]}\n  page: {image: x, environment: {A: \"${API_PORT}\", B: \"${API_PORT}\"}}\n";
    let files = [
        ("compose.yaml", compose),
        (".env", "API_PORT=@0\n"),
        ("xtask.toml", "[ports]\nfollow = [\"page.environment.A\"]\n"),
    ];
    let Some(mut project) = project(&files) else { return };
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").exits(0);
    let run = run.says("follow = [\"page.environment.A\", \"page.environment.B\"]");
    let run = run.says("note: as long as one is missing, what is declared stays as well: page.environment.A");
    assert_eq!(project.read(".env"), project.fill("API_PORT=@0\n"), "{run}");
}

/// A value that a bare number derives is not that of another reader of the same number.
#[test]
fn a_derived_number_does_not_hide_another_reader() {
    let compose = "services:\n  api: {image: x, ports: [\"${API_PORT:-@0}:80\"]}\n  page: {image: x, environment: {PAGE_PORT: \"${PAGE_PORT}\", OTHER: \"${API_PORT}\"}}\n";
    let env = "API_PORT=@0\nPAGE_PORT=${API_PORT}\n";
    let Some(mut project) = project(&[("compose.yaml", compose), (".env", env)]) else { return };
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").exits(0).says("follow = [\"page.environment.OTHER\"]");
    assert_eq!(project.read(".env"), project.fill(env), "{run}");
}

/// Another variable moves in `.env` all the same, and all is one change.
#[test]
fn only_ports_with_readers_move_by_the_override_file() {
    let compose = format!(
        "services:\n{REDIS}  app: {{image: app, ports: [\"${{APP_PORT:-@2}}:80\"], environment: {{PORT: \"${{REDIS_PORT:-@0}}\"}}}}\n"
    );
    let Some(mut project) = project(&[("compose.yaml", &compose), (".env", "# mine")]) else { return };
    project.hold("0.0.0.0", &[0, 2]);
    let run = project.run("check-ports --reassign").exits(0);
    snapshot!("readers-note", run);
    assert_eq!(project.read(".env"), project.fill("# mine\nAPP_PORT=@3\n"));
    assert_eq!(config(&project, "")["services"]["app"]["environment"]["PORT"], project.port(0).to_string());
}

/// What a terminal asks, and what each answer does.
#[test]
fn a_terminal_asks_what_moves() {
    for (keys, code, env, over) in
        [("p\n", 0, "@0", true), ("\n", 0, "@0", true), ("a\n", 0, "@1", false), ("c\n", 1, "@0", false)]
    {
        let Some(project) = held(&KINDS[0]) else { return };
        let Some(mut terminal) = project.terminal("check-ports --reassign") else { return };
        terminal.sees("app.environment.REDIS_PORT").sees("[p/a/c] ").types(keys);
        let (found, screen) = project.screen(terminal);
        assert_eq!(found, code, "{screen}");
        assert_eq!(project.read(".env"), project.fill(&format!("REDIS_PORT={env}\n")), "{screen}");
        assert_eq!(project.path("compose.override.yaml").exists(), over, "{screen}");
    }
    let Some(project) = held(&KINDS[0]) else { return };
    let Some(mut terminal) = project.terminal("-f compose.yaml check-ports --reassign") else { return };
    terminal.sees("[a/c] ").types("\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!((code, project.read(".env")), (1, project.fill("REDIS_PORT=@0\n")), "{screen}");
}

/// The old ports come back, and so does every byte.
#[test]
fn whatever_moved_is_restored_byte_for_byte() {
    each(&["env_file, new in it", "bare", "URL", "target", "configs"], |kind| {
        for declared in [false, true] {
            let Some((mut project, holder)) = held_by(kind) else { return };
            if declared {
                project.file("xtask.toml", &declaration(kind.3));
            }
            let before = (project.everything(), config(&project, ""));
            let run = project.run("check-ports --reassign").exits(0);
            assert_ne!(project.everything(), before.0, "{run}");
            end(holder);
            let _engine = Engine::start(&mut project);
            // The engine is a stand-in, and starts nothing.
            let run = project.run("start --restore-ports");
            assert!(run.stdout.contains(" 18001 -> 18000"), "{run}");
            assert_eq!(project.everything(), before.0, "{run}");
            assert_eq!(config(&project, ""), before.1, "{run}");
        }
    });
}

/// `--no-write` decides in the same way, and Compose's environment has the rest.
#[test]
fn without_writing_the_same_readers_stay() {
    each(&["env_file", "bare", "target"], |kind| {
        let Some(mut project) = held(kind) else { return };
        let _engine = Engine::start(&mut project);
        let files = project.everything();
        let run = project.run("start --on-conflict reassign --no-write");
        assert_eq!(project.everything(), files, "{run}");
        // What a container gets from the file itself does not change.
        if kind.0.starts_with("env_file") {
            assert!(run.stdout.contains("REDIS_PORT 18000 -> 18001  (for this run)"), "{run}");
        } else {
            let run = run.says(kind.4);
            assert!(run.stdout.contains("redis:"), "{run}");
            project.file("xtask.toml", &declaration(kind.3));
            let run = project.run("start --on-conflict reassign --no-write");
            assert!(run.stdout.contains("REDIS_PORT 18000 -> 18001  (for this run)"), "{run}");
            // `-f` hides a file of ours.
            fs::remove_file(project.path("xtask.toml")).unwrap();
            let run = project.run("-f compose.yaml start --on-conflict reassign --no-write").exits(1).says(kind.4);
            assert!(run.stderr.contains("follow = [\""), "{run}");
            assert_eq!(project.everything(), files, "{run}");
        }
    });
}

/// `env set` changes what its user names, and says what else that is.
#[test]
fn env_set_lists_what_changes_along_with_a_port() {
    each(&["env_file", "URL", "label"], |kind| {
        let Some(project) = held(kind) else { return };
        let run = project.run(&format!("env set REDIS_PORT={}", project.port(1))).exits(0).says(kind.4);
        assert!(run.stderr.contains("note: this also changes what services and containers read:"), "{run}");
        assert_eq!(project.read(".env"), project.fill("REDIS_PORT=@1\n"), "{run}");
        project.run("env set --new A=2").exits(0).never_says("also changes");
    });
}

/// A port that was chosen and then not used is nobody's.
#[test]
fn a_refused_move_leaves_no_lease() {
    let Some(project) = held(&KINDS[0]) else { return };
    let run = project.run("-f compose.yaml check-ports --reassign").exits(1);
    let leases = fs::read_to_string(project.root().join("state/leases.json")).unwrap_or_default();
    assert!(!leases.contains(&project.port(1).to_string()), "{leases}\n{run}");
    project.file("xtask.toml", &declaration("*.environment"));
    let run = project.run("-f compose.yaml check-ports --reassign").exits(0);
    let leases = fs::read_to_string(project.root().join("state/leases.json")).unwrap();
    assert!(leases.contains(&project.port(1).to_string()), "{leases}\n{run}");
}

/// How often Compose is asked while ports move, with services of profiles that are not active.
#[test]
fn compose_is_asked_three_times_at_most() {
    let profile = "  tool: {image: x, profiles: [tool], env_file: missing.env, ports: [\"@7:1\"]}\n";
    for (entry, config, want) in
        [("${WEB_PORT:-@0}:80", Rule::config("{{WEB_PORT:@0}}"), 2), ("@0:80", Rule::config("{{WEB_PORT:@0}}"), 2)]
    {
        let mut project = Project::new(&format!("services:\n  web: {{image: web, ports: [\"{entry}\"]}}\n{profile}"));
        project.fake_docker(&[config]);
        project.hold("0.0.0.0", &[0]);
        let run = project.run("check-ports --reassign");
        let asked = |project: &Project| project.calls().lines().filter(|line| line.contains(" config ")).count();
        assert_eq!(asked(&project), want, "{}\n{run}", project.calls());
    }
    let (mut project, engine) = fake_docker::project(vec![Rule::when("up -d").tells("up")]);
    let _proxies = fake_docker::comes_up(&project, &engine, "up", project.port(1), "Up 1 second (healthy)");
    project.hold("0.0.0.0", &[0]);
    let run = project.run("start --on-conflict reassign").exits(0);
    let calls = project.calls();
    assert!(calls.lines().filter(|line| line.contains(" config ")).count() <= 3, "{calls}\n{run}");
}

// --- only what is started is proved ------------------------------------------

/// A profile that Compose refuses, and nobody starts.
#[test]
fn a_broken_profile_that_is_not_active_blocks_nothing() {
    for broken in [
        "  gpu: {image: x, profiles: [gpu], env_file: missing.env}\n",
        "  cpu: {image: x, profiles: [cpu], container_name: same}\n  gpu: {image: x, profiles: [gpu], container_name: same}\n",
        "  gpu: {image: x, profiles: [gpu], depends_on: [nobody]}\n",
    ] {
        for entry in ["\"127.0.0.1:${DB_PORT:-@0}:5432\"", "\"127.0.0.1:@0:5432\""] {
            let compose = format!("services:\n  db: {{image: x, ports: [{entry}]}}\n{broken}");
            let Some(mut project) = project(&[("compose.yaml", &compose)]) else { return };
            let held = project.hold("127.0.0.1", &[0]);
            let run = project.run("check-ports --reassign").exits(0);
            let port = config(&project, "")["services"]["db"]["ports"][0].clone();
            assert_eq!(
                (&port["published"], &port["host_ip"]),
                (&project.port(1).to_string().into(), &"127.0.0.1".into()),
                "{run}"
            );
            assert!(project.runs(held));
        }
    }
}

/// The same variable in a profile that is not active keeps its address, too.
#[test]
fn a_port_of_an_inactive_profile_keeps_its_address() {
    let compose = "services:\n  db: {image: x, ports: [\"127.0.0.1:${DB:-@0}:5432\"]}\n  tool: {image: x, profiles: [tool], ports: [\"${DB:-127.0.0.1:@5}:80\"]}\n";
    let Some(mut project) = project(&[("compose.yaml", compose)]) else { return };
    project.hold("127.0.0.1", &[0]);
    let run = project.run("check-ports --reassign").exits(0);
    let ports = |name: &str| config(&project, "--profile tool")["services"][name]["ports"][0].clone();
    assert_eq!(ports("db")["published"], project.port(1).to_string(), "{run}");
    assert_eq!(
        (&ports("tool")["host_ip"], &ports("tool")["published"]),
        (&"127.0.0.1".into(), &project.port(5).to_string().into())
    );
}

/// Our own line in `.env`, which a container gets by `env_file:`, is no difference.
#[test]
fn our_own_line_in_the_env_file_is_no_difference() {
    let compose = "services: {db: {image: x, env_file: .env, ports: [\"127.0.0.1:@0:5432\"]}}";
    let files =
        [("compose.yaml", compose), ("compose.override.yaml", "services: {db: {labels: {a: b}}}"), (".env", "A=1\n")];
    let Some(mut project) = project(&files) else { return };
    project.hold("127.0.0.1", &[0]);
    let run: Output = project.run("check-ports --reassign").exits(0);
    assert!(project.read(".env").starts_with("A=1\nCOMPOSE_FILE="), "{run}");
    project.hold("127.0.0.1", &[1]);
    project.run("check-ports --reassign").exits(0);
    let port = config(&project, "")["services"]["db"]["ports"][0].clone();
    assert_eq!((&port["published"], &port["host_ip"]), (&project.port(2).to_string().into(), &"127.0.0.1".into()));
}
