//! `diagnose` against stand-ins: each fault is made, found, mended as printed,
//! and gone.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::{Engine, Manner, container};
use crate::fake_docker::{own, project};
use crate::support::{Project, Rule, Run, skip, snapshot};

const VERSION: &str = "docker compose version";

/// A machine on which all is well, as far as the stand-ins go.
fn healthy() -> (Project, Engine) {
    let (mut project, engine) = project(vec![Rule::when(VERSION).stdout("2.40.3\n")]);
    engine.state().images.push("web".into());
    for tool in ["git", "cargo"] {
        project.tool(tool);
    }
    project.set("LC_ALL", "C");
    (project, engine)
}

/// The findings of this id.
fn found(run: &Run, id: &str) -> Vec<Value> {
    run.json()["checks"].as_array().unwrap().iter().filter(|check| check["id"] == id).cloned().collect()
}

#[track_caller]
fn one(run: &Run, id: &str) -> Value {
    let all = found(run, id);
    assert_eq!(all.len(), 1, "{id}: {run}");
    all[0].clone()
}

fn status(run: &Run, id: &str) -> String {
    one(run, id)["status"].as_str().unwrap().to_owned()
}

fn diagnose(project: &Project, only: &str) -> Run {
    project.run(&format!("diagnose --format json --only {only}"))
}

#[test]
fn a_healthy_machine_has_nothing_to_complain_of() {
    let (project, _engine) = healthy();
    let run = project.run("diagnose --format json --only tools --only engine --only project --only ports --only containers --only path --only networks --only leases").ends_with(0);
    // The machine that the test runs on may have an engine of its own.
    let is_bad = |check: &&Value| check["status"] != "ok" && check["id"] != "engine.others";
    let bad: Vec<Value> = run.json()["checks"].as_array().unwrap().iter().filter(is_bad).cloned().collect();
    assert_eq!(bad, [Value::Null; 0], "{run}");
    assert_eq!(run.json()["fixed"], json!([]));
    for key in ["id", "title", "status", "seen", "why", "remedy", "fixable"] {
        assert!(run.json()["checks"].as_array().unwrap().iter().all(|check| check.get(key).is_some()), "{key}: {run}");
    }
}

#[test]
fn the_text_says_what_why_and_what_to_do() {
    let (project, _engine) = healthy();
    project.file(".env.template", "WEB_PORT=@0\n");
    snapshot!("diagnose", project.run("diagnose --only project --only containers --only leases").ends_with(0));
    let quiet = project.run("-q diagnose --only project --only leases").ends_with(0);
    assert!(!quiet.stdout.contains("ok  ") && quiet.stdout.contains("note     .env"), "{quiet}");
}

#[test]
fn an_unknown_check_is_refused_with_the_list() {
    let run = Project::empty().run("diagnose --only everything").ends_with(2);
    assert!(run.stderr.contains("firewall") && run.stderr.contains("networks"), "{run}");
}

#[test]
fn markdown_is_for_diagnose_alone() {
    let run = Project::empty().run("check-ports --format markdown").ends_with(2);
    assert!(run.stderr.contains("only diagnose writes Markdown"), "{run}");
}

// --- Tools -------------------------------------------------------------------

#[test]
fn without_docker_it_says_how_to_get_it() {
    let project = Project::new("services:\n  web:\n    image: web\n");
    let run = diagnose(&project, "tools").ends_with(1);
    assert_eq!(status(&run, "tools.docker"), "problem");
}

#[test]
fn versions_of_compose_that_cannot_be_used() {
    for (version, want) in [("1.29.2", "problem"), ("2.19.0", "problem"), ("2.25.0", "problem"), ("5.0.0", "ok")] {
        let (mut project, _engine) = project(vec![]);
        project.fake_docker(&[Rule::when(VERSION).stdout(format!("{version}\n"))]);
        assert_eq!(status(&diagnose(&project, "tools"), "tools.compose"), want, "{version}");
    }
}

// --- Engine ------------------------------------------------------------------

#[test]
fn engines_that_do_not_answer() {
    let (project, engine) = healthy();
    let run = diagnose(&project, "engine").ends_with(0);
    assert!(one(&run, "engine.answers")["seen"].as_str().unwrap().contains("28.5.2"), "{run}");
    engine.state().manner = Manner::Raw("HTTP/1.0 500 .\r\n\r\n{\"message\":\"on fire\"}");
    let run = diagnose(&project, "engine").ends_with(1);
    assert!(one(&run, "engine.answers")["seen"].as_str().unwrap().contains("on fire"), "{run}");
    engine.state().manner = Manner::Silent;
    let begin = Instant::now();
    let run = project.run("diagnose --format json").ends_with(1);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let seen = one(&run, "engine.answers")["seen"].as_str().unwrap().to_owned();
    assert!(seen.contains("does not answer within 4 s"), "{run}");
}

/// A new machine, as far as its engine goes: the project has a script for that.
#[test]
fn an_engine_is_brought_up_by_the_projects_script() {
    use std::os::unix::fs::PermissionsExt;

    let (mut project, _engine) = healthy();
    let (there, wanted) = (project.root().join("engine.sock"), project.root().join("new.sock"));
    project.set("DOCKER_HOST", format!("unix://{}", wanted.display()));
    let run = diagnose(&project, "engine").ends_with(1);
    assert_eq!(one(&run, "engine.answers")["fixable"], json!(false), "{run}");
    let script = format!("#!/bin/sh\n/bin/ln -s {} {}\n", there.display(), wanted.display());
    project.file("scripts/engine/up", &script);
    let path = project.path("scripts/engine/up");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    if !cfg!(target_os = "linux") {
        return;
    }
    let run = project.run("diagnose --fix --yes --only engine --format json").ends_with(0);
    assert_eq!((status(&run, "engine.answers"), run.json()["fixed"][0]["mended"].clone()), ("ok".into(), json!(true)));
}

#[test]
fn a_check_that_takes_too_long_says_so_and_the_others_are_there() {
    let (mut project, _engine) = project(vec![]);
    project.fake_docker(&[Rule::when(VERSION).sleep(7000).stdout("2.40.3\n"), crate::fake_docker::config()]);
    let run = project.run("diagnose --format json --only tools --only leases").ends_with(0);
    assert!(one(&run, "tools")["seen"].as_str().unwrap().contains("took longer than 5 s"), "{run}");
    assert_eq!(status(&run, "leases.gone"), "ok");
}

#[test]
fn an_old_traefik_and_a_new_engine() {
    let (project, engine) = healthy();
    let mut traefik = container(("edge", "traefik", "/src/edge"), ("running", "Up"), &[]);
    traefik["Image"] = json!("traefik:v3.5");
    engine.has(traefik).state().min_api = "1.44";
    assert_eq!(status(&diagnose(&project, "engine").ends_with(1), "engine.traefik"), "problem");
    engine.state().containers[0]["Image"] = json!("traefik:v3.7");
    assert!(found(&diagnose(&project, "engine").ends_with(0), "engine.traefik").is_empty());
}

// --- Project -----------------------------------------------------------------

#[test]
fn a_broken_line_in_env_is_named() {
    let (project, _engine) = healthy();
    project.file(".env", "WEB_PORT=\"80\n");
    let run = diagnose(&project, "project").ends_with(1);
    assert!(one(&run, "project.file")["seen"].as_str().unwrap().contains("line 1"), "{run}");
}

#[test]
fn env_is_made_completed_and_ignored() {
    let Ok(git) = which::which("git") else {
        skip("git: none");
        return;
    };
    let (mut project, _engine) = project(vec![Rule::when(VERSION).stdout("2.40.3\n")]);
    std::os::unix::fs::symlink(&git, project.root().join("bin/git")).unwrap();
    project.set("GIT_CONFIG_NOSYSTEM", "1");
    assert!(project.command(&git).args(["init", "-q"]).status().unwrap().success());
    project.file(".env.template", "WEB_PORT=@0\nOTHER=1\n");
    // Nobody to ask: nothing is done.
    let run = project.run("diagnose --fix --only project").ends_with(1);
    assert!(run.stderr.contains("hint: add --yes") && !project.path(".env").exists(), "{run}");
    let run = project.run("diagnose --fix --dry-run --only project").ends_with(0);
    assert!(run.stderr.contains("would mend .env") && !project.path(".env").exists(), "{run}");
    let run = project.run("diagnose --fix --yes --only project --format json").ends_with(0);
    assert_eq!(run.json()["fixed"][0]["mended"], json!(true), "{run}");
    assert_eq!((status(&run, "project.env"), status(&run, "project.env-ignored")), ("ok".into(), "ok".into()));
    assert_eq!(project.read(".gitignore"), ".env\n");
    // Later the template grows, and somebody forgets the line in .gitignore.
    project.file(".gitignore", "target/\n").file(".env.template", "WEB_PORT=@0\nOTHER=1\nNEW=2\n");
    let run = diagnose(&project, "project").ends_with(0);
    assert_eq!((status(&run, "project.env"), status(&run, "project.env-ignored")), ("note".into(), "warning".into()));
    let run = project.run("diagnose --fix --yes --only project --format json").ends_with(0);
    assert_eq!((status(&run, "project.env"), status(&run, "project.env-ignored")), ("ok".into(), "ok".into()));
    assert!(project.read(".env").contains("NEW=2") && project.read(".gitignore") == "target/\n.env\n");
    // And somebody adds the file itself, which no line in .gitignore undoes.
    assert!(project.command(&git).args(["add", "--force", ".env"]).status().unwrap().success());
    let run = project.run("diagnose --fix --yes --only project --format json").ends_with(0);
    let tracked = one(&run, "project.env-ignored");
    assert_eq!((&tracked["status"], &tracked["seen"]), (&json!("warning"), &json!(".env is in git")), "{run}");
    assert!(tracked["remedy"].as_str().unwrap().starts_with("git rm --cached .env, then commit"), "{run}");
    assert_eq!((&tracked["fixable"], &run.json()["fixed"]), (&json!(false), &json!([])), "{run}");
    assert_eq!(project.read(".gitignore"), "target/\n.env\n");
    assert!(project.command(&git).args(["rm", "-q", "--cached", ".env"]).status().unwrap().success());
    assert_eq!(status(&diagnose(&project, "project"), "project.env-ignored"), "ok");
}

#[test]
fn a_value_that_the_shell_hides_is_said() {
    let (mut project, _engine) = healthy();
    project.file(".env", "WEB_PORT=@1\n");
    let other = project.port(2).to_string();
    project.set("WEB_PORT", other);
    let run = diagnose(&project, "project").ends_with(0);
    let env = one(&run, "project.env");
    assert_eq!((&env["status"], &env["remedy"]), (&json!("warning"), &json!("unset WEB_PORT")), "{run}");
}

/// `start` gives it a name and ports of its own: nothing to be mended by hand.
#[test]
fn a_second_checkout_is_no_problem() {
    let (mut project, engine) = healthy();
    project.file(".git/HEAD", "ref: refs/heads/main\n");
    let other = project.root().join("other");
    std::fs::create_dir(&other).unwrap();
    let published = [("0.0.0.0", project.port(0), 80)];
    engine.has(container(("demo", "web", other.to_str().unwrap()), ("running", "Up"), &published));
    let run = project.run("diagnose --format json --only project --only ports");
    assert_eq!((status(&run, "project.name"), status(&run, "ports.taken")), ("note".into(), "note".into()), "{run}");
    // A name that was chosen by hand is kept, and so the two would meet.
    project.set("COMPOSE_PROJECT_NAME", "demo");
    assert_eq!(status(&diagnose(&project, "project").ends_with(1), "project.name"), "problem");
}

#[test]
fn names_that_a_second_copy_would_meet_are_noted() {
    let compose = "services:\n  web:\n    image: web\n    container_name: fixed\n";
    let run = diagnose(&Project::new(compose), "project").ends_with(0);
    assert_eq!(one(&run, "project.fixed-names")["seen"], "fixed (compose.yaml:4)");
}

// --- Ports -------------------------------------------------------------------

#[test]
fn a_taken_port_is_a_problem_with_its_holder_and_a_way_out() {
    let (mut project, _engine) = healthy();
    let pid = project.hold("0.0.0.0", &[0]);
    let run = diagnose(&project, "ports").ends_with(1);
    let taken = one(&run, "ports.taken");
    assert!(taken["seen"].as_str().unwrap().contains(&format!("pid {pid}")), "{run}");
    assert!(taken["remedy"].as_str().unwrap().contains("--on-conflict reassign"), "{run}");
    assert_eq!(taken["fixable"], json!(false));
    crate::support::end(pid);
    while project.runs(pid) {
        std::thread::yield_now();
    }
    assert_eq!(status(&diagnose(&project, "ports").ends_with(0), "ports.taken"), "ok");
}

#[test]
fn a_docker_proxy_that_nobody_needs_is_ended() {
    let (mut project, _engine) = healthy();
    let address = format!("0.0.0.0:{}", project.port(0));
    let pid = project.hold_as("docker-proxy", "", &[address]);
    let run = diagnose(&project, "ports").ends_with(1);
    assert_eq!(one(&run, "ports.taken")["fixable"], json!(true), "{run}");
    let run = project.run("diagnose --fix --yes --only ports --format json").ends_with(0);
    assert_eq!((status(&run, "ports.taken"), run.json()["fixed"][0]["mended"].clone()), ("ok".into(), json!(true)));
    assert!(!project.runs(pid));
}

/// The engine publishes, and nobody listens: docker-proxy was killed.
#[test]
fn a_container_whose_forwarder_died() {
    let (mut project, engine) = healthy();
    engine.has(own(&project, ("running", "Up 2 hours"), project.port(0)));
    let run = diagnose(&project, "ports").ends_with(1);
    let dead = one(&run, "ports.forwarder");
    assert_eq!((&dead["status"], &dead["remedy"]), (&json!("problem"), &json!("docker restart demo-web-1")), "{run}");
    // It is back.
    let address = format!("0.0.0.0:{}", project.port(0));
    project.hold_as("docker-proxy", "", &[address]);
    assert!(found(&diagnose(&project, "ports").ends_with(0), "ports.forwarder").is_empty());
}

#[test]
fn a_program_on_the_other_loopback_address_stands_in_the_way() {
    let (mut project, engine) = healthy();
    let port = project.port(0);
    let dir = project.dir();
    engine.has(container(("demo", "web", dir.to_str().unwrap()), ("running", "Up"), &[("127.0.0.1", port, 80)]));
    let proxy = format!("127.0.0.1:{port}");
    project.hold_as("docker-proxy", "", &[proxy]);
    assert!(found(&diagnose(&project, "ports"), "ports.shadow").is_empty());
    let pid = project.hold_as("holder", "", &[format!("[::1]:{port}")]);
    let run = diagnose(&project, "ports");
    assert!(one(&run, "ports.shadow")["seen"].as_str().unwrap().contains(&format!("pid {pid}")), "{run}");
}

#[test]
fn a_port_for_outgoing_connections_is_noted() {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let Some(first) = range.split_whitespace().next().and_then(|word| word.parse::<u16>().ok()) else { return };
    let project = Project::new(&format!("services:\n  web:\n    image: web\n    ports: [\"{}:80\"]\n", first + 100));
    let run = diagnose(&project, "ports");
    assert_eq!(status(&run, "ports.ephemeral"), "note");
    assert_eq!(status(&diagnose(&project, "project"), "project.literals"), "note");
}

// --- Containers, networks, leases --------------------------------------------

#[test]
fn a_container_that_failed_says_why_and_what_it_said_last() {
    let (project, engine) = {
        let rules = vec![Rule::when("docker logs").stdout("starting\nTOKEN=abc is wrong\n")];
        project(rules)
    };
    engine.has(own(&project, ("exited", "Exited (3) 2 seconds ago"), project.port(0)));
    let state = json!({ "State": { "ExitCode": 3 } });
    engine.state().details.insert("demo-web-id".into(), state);
    let run = diagnose(&project, "containers").ends_with(1);
    let seen = one(&run, "containers.state")["seen"].as_str().unwrap().to_owned();
    assert_eq!(seen, "it ended with exit code 3\n  | starting\n  | TOKEN=*** is wrong");
    let out_of_memory = json!({ "State": { "ExitCode": 137, "OOMKilled": true } });
    engine.state().details.insert("demo-web-id".into(), out_of_memory);
    let run = diagnose(&project, "containers").ends_with(1);
    assert!(one(&run, "containers.state")["seen"].as_str().unwrap().starts_with("it ran out of memory"), "{run}");
}

#[test]
fn images_that_are_missing_are_pulled() {
    let (project, engine) = project(vec![Rule::when("docker compose pull").tells("pulled")]);
    engine.on("pulled", |state| state.images.push("web".into()));
    assert_eq!(status(&diagnose(&project, "containers").ends_with(0), "containers.pull"), "note");
    let run = project.run("diagnose --fix --yes --only containers --format json").ends_with(0);
    assert_eq!(status(&run, "containers.images"), "ok");
}

#[test]
fn exhausted_address_ranges_are_found_and_made_room_in() {
    let (project, engine) = healthy();
    let network = |name: &str, project: Option<&str>, subnet: &str| {
        let labels = project.map(|project| json!({ "com.docker.compose.project": project }));
        json!({ "Id": format!("{name}-id"), "Name": name, "Scope": "local", "Driver": "bridge", "Labels": labels,
            "Created": "2026-01-01T00:00:00Z", "IPAM": { "Config": [{ "Subnet": subnet }] } })
    };
    engine.state().info =
        Some(json!({ "ServerVersion": "28", "DefaultAddressPools": [{ "Base": "10.251.0.0/24", "Size": 26 }] }));
    engine.state().networks = vec![
        network("bridge", None, "10.251.0.0/26"),
        network("a", Some("a"), "10.251.0.64/26"),
        network("b", Some("b"), "10.251.0.128/26"),
        network("c", None, "10.251.0.192/26"),
    ];
    let run = diagnose(&project, "networks").ends_with(1);
    let pools = one(&run, "networks.pools");
    assert_eq!((&pools["status"], &pools["seen"]), (&json!("problem"), &json!("3 of 3 used")), "{run}");
    let run = project.run("diagnose --fix --yes --only networks --format json").ends_with(0);
    assert_eq!(one(&run, "networks.pools")["seen"], "1 of 3 used");
    assert!(found(&run, "networks.orphans").is_empty());
    assert_eq!(engine.state().changes, ["DELETE /networks/a-id", "DELETE /networks/b-id"]);
}

#[test]
fn a_container_whose_network_is_gone() {
    let (project, engine) = healthy();
    let mut stale = own(&project, ("exited", "Exited (0)"), project.port(0));
    stale["NetworkSettings"] = json!({ "Networks": { "demo_default": { "NetworkID": "gone" } } });
    engine.has(stale);
    let run = diagnose(&project, "networks").ends_with(1);
    assert_eq!(one(&run, "networks.stale")["remedy"], "cargo xtask prune-network --recreate");
}

#[test]
fn ports_kept_for_a_folder_that_is_gone_are_given_back() {
    let (project, _engine) = healthy();
    let gone = project.root().join("gone");
    let there = project.dir();
    let unmounted = project.root().join("disk/gone");
    let tenant = |name: &str, dir: &std::path::Path| {
        json!({ "project": name, "dir": dir, "leases": [{ "service": "web", "target": 80, "protocol": "tcp",
            "published": 8010, "since": "2026-01-01T00:00:00Z" }] })
    };
    let book = json!({ "schema": 1, "tenants": [tenant("a", &gone), tenant("b", &there), tenant("c", &unmounted)] });
    let path = project.root().join("state/leases.json");
    std::fs::write(&path, book.to_string()).unwrap();
    assert_eq!(status(&diagnose(&project, "leases").ends_with(0), "leases.gone"), "note");
    let run = project.run("diagnose --fix --yes --only leases --format json").ends_with(0);
    assert_eq!(status(&run, "leases.gone"), "ok");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("\"a\"") && text.contains("\"b\"") && text.contains("\"c\""), "{text}");
}

/// The table in docs/troubleshooting.md has every finding there is, and no other.
#[test]
fn the_documentation_has_every_finding() {
    use std::collections::BTreeSet;
    use std::path::Path;

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ids = |text: &str, quote: char| -> BTreeSet<String> {
        let help = Project::empty().run("diagnose --only x").stderr;
        let areas = help.split("[possible values: ").nth(1).unwrap().split(']').next().unwrap().to_owned();
        let is_id = |word: &&str| {
            word.split_once('.').is_some_and(|(area, rest)| {
                areas.split(", ").any(|known| known == area)
                    && !rest.is_empty()
                    && rest.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            })
        };
        text.split(quote).filter(is_id).map(str::to_owned).collect()
    };
    let folder = std::fs::read_dir(root.join("xtask/src/flow/checkup")).unwrap();
    let source: String = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let docs = std::fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let (coded, told) = (ids(&source, '"'), ids(&docs, '`'));
    assert!(coded.len() > 20, "{coded:?}");
    // These have nothing to cure of their own.
    let well =
        ["containers.images", "names.localhost", "project.literals", "project.range", "tools.buildx", "tools.helpers"];
    let untold: Vec<&String> = coded.difference(&told).filter(|id| !well.contains(&id.as_str())).collect();
    assert!(untold.is_empty(), "not in docs/troubleshooting.md: {untold:?}");
    let unknown: Vec<&String> = told.difference(&coded).collect();
    assert!(unknown.is_empty(), "no such finding: {unknown:?}");
}

// --- For an issue ------------------------------------------------------------

#[test]
fn nothing_secret_and_no_home_folder_is_in_the_markdown() {
    let (mut project, engine) = {
        let log = "connecting to postgres://app:hunter2222@db with s3cr3t-value\n";
        let rules = vec![Rule::when(VERSION).stdout("2.40.3\n"), Rule::when("docker logs").stdout(log)];
        project(rules)
    };
    project.file(".env", "WEB_PORT=@0\nDB_PASSWORD=s3cr3t-value\nUNUSED=1\n").file(".env.template", "WEB_PORT=@0\n");
    project.set("API_TOKEN", "t0ken-of-the-shell");
    let home = project.root().to_path_buf();
    project.set("HOME", home.clone());
    engine.has(own(&project, ("exited", "Exited (3) 2 seconds ago"), project.port(0)));
    engine.state().details.insert(
        "demo-web-id".into(),
        json!({ "State": { "ExitCode": 3, "Error": "s3cr3t-value and t0ken-of-the-shell" } }),
    );
    let run = project.run("diagnose --format markdown --only project --only containers --only engine").ends_with(1);
    for secret in ["hunter2222", "s3cr3t-value", "t0ken-of-the-shell", home.to_str().unwrap()] {
        assert!(!run.raw.contains(secret), "{secret}: {run}");
    }
    assert!(run.raw.starts_with("### cargo xtask diagnose\n") && run.raw.contains("~/engine.sock"), "{run}");
}

// --- In namespaces of their own ------------------------------------------------

/// Runs the program in a mount namespace in which `prepare` was done; `None`
/// where there can be none.
#[cfg(target_os = "linux")]
fn unshared(project: &Project, prepare: &str, words: &str) -> Option<Run> {
    use crate::support::{XTASK, command};

    let works = || {
        let mut probe = command("/usr/bin/unshare");
        probe.args(["--mount", "true"]).output().is_ok_and(|output| output.status.success())
    };
    if !rustix::process::geteuid().is_root() || !works() {
        skip("a mount namespace needs root");
        return None;
    }
    let mut inside = project.command("/usr/bin/unshare");
    inside
        .args(["--mount", "/bin/sh", "-ec"])
        .arg(format!("PATH=/usr/bin:/bin:/usr/sbin:/sbin; {prepare}; cd .; exec {XTASK} {words}"));
    inside.current_dir(project.dir());
    Some(project.finish(words, inside))
}

#[cfg(target_os = "linux")]
#[test]
fn ufw_is_on_and_docker_passes_by_it() {
    let (project, _engine) = healthy();
    let etc = project.root().join("etc/ufw");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("ufw.conf"), "ENABLED=yes\n").unwrap();
    let mount = format!("mount --bind {} /etc", etc.parent().unwrap().display());
    let Some(run) = unshared(&project, &mount, "diagnose --format json --only firewall") else { return };
    let ufw = one(&run.ends_with(0), "firewall.state");
    assert_eq!((&ufw["title"], &ufw["status"]), (&json!("ufw"), &json!("note")));
    assert!(ufw["seen"].as_str().unwrap().contains("open to everybody"), "{ufw}");
    std::fs::write(etc.join("ufw.conf"), "ENABLED=no\n").unwrap();
    let run = unshared(&project, &mount, "diagnose --format json --only firewall").unwrap();
    assert!(found(&run, "firewall.state").iter().all(|one| one["title"] != "ufw" || one["status"] == "ok"), "{run}");
}

/// glibc asks by nsswitch.conf: the file alone here, with and without the name.
#[cfg(target_os = "linux")]
#[test]
fn names_below_localhost_are_asked_of_the_system() {
    let (project, _engine) = healthy();
    let etc = project.root().join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("nsswitch.conf"), "hosts: files\n").unwrap();
    let mount = format!("mount --bind {} /etc", etc.display());
    for (hosts, want) in [
        ("127.0.0.1 localhost\n", ["ok", "note"]),
        ("127.0.0.1 localhost demo.localhost\n", ["ok", "ok"]),
        ("192.0.2.7 localhost demo.localhost\n", ["problem", "note"]),
    ] {
        std::fs::write(etc.join("hosts"), hosts).unwrap();
        let Some(run) = unshared(&project, &mount, "diagnose --format json --only names") else { return };
        assert_eq!([status(&run, "names.localhost"), status(&run, "names.below")], want, "{run}");
        assert!(one(&run, "names.below")["seen"].as_str().unwrap().contains("hosts: files"), "{run}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_problem() {
    let (project, _engine) = healthy();
    let compose = project.read("compose.yaml");
    let dir = project.dir();
    let mount = format!(
        "mount -t tmpfs -o size=1m none {0}; cd {0}; printf '%s' '{1}' > compose.yaml",
        dir.display(),
        compose.replace('\'', "")
    );
    let Some(run) = unshared(&project, &mount, "diagnose --format json --only disk") else { return };
    assert_eq!(status(&run.ends_with(1), "disk.project"), "problem");
    assert_ne!(status(&diagnose(&project, "disk"), "disk.project"), "unknown");
}
