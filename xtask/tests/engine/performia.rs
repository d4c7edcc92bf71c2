//! The repository's own stack, whole: up, healthy, used from this machine,
//! looked at in a browser, down.

use std::path::Path;

use serde_json::Value;

use crate::browser::Browser;
use crate::support::{Holder, Output, Project, command, get, root, run};

struct Performia {
    project: Project,
    backend: u16,
    frontend: u16,
    postgres: u16,
    redis: u16,
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

fn performia() -> Performia {
    let project = Project::new();
    copy(&root().join("services"), &project.dir().join("services"));
    for name in ["docker-compose.yml", ".env.template", "xtask.toml"] {
        if let Ok(bytes) = std::fs::read(root().join(name)) {
            project.write(name, bytes);
        }
    }
    let [backend, frontend, postgres, redis] = [project.port(), project.port(), project.port(), project.port()];
    let template = project.read(".env.template");
    let env = template
        .replace("BACKEND_PORT=8000", &format!("BACKEND_PORT={backend}"))
        .replace("FRONTEND_PORT=3000", &format!("FRONTEND_PORT={frontend}"))
        .replace("POSTGRES_PORT=5432", &format!("POSTGRES_PORT={postgres}"))
        .replace("REDIS_PORT=6379", &format!("REDIS_PORT={redis}"));
    project.write(".env", env);
    for service in ["backend", "frontend"] {
        project.owns_image(format!("{}-{service}", project.name));
    }
    Performia { project, backend, frontend, postgres, redis }
}

impl Performia {
    fn psql(&self, sql: &str) -> Output {
        let mut psql = command("psql");
        psql.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.postgres.to_string(),
            "-U",
            "performia",
            "-d",
            "performia",
            "-Atc",
            sql,
        ]);
        psql.env("PGPASSWORD", "performia").env("PGCONNECT_TIMEOUT", "10");
        run(psql)
    }

    fn redis(&self, words: &[&str]) -> Output {
        let mut cli = command("redis-cli");
        cli.args(["-h", "127.0.0.1", "-p", &self.redis.to_string()]).args(words);
        run(cli)
    }

    #[track_caller]
    fn is_healthy(&self) {
        let health: Value = serde_json::from_str(&get(&format!("http://localhost:{}/health", self.backend))).unwrap();
        assert_eq!(health, serde_json::json!({ "status": "ok", "postgres": "ok", "redis": "ok" }));
    }
}

#[test]
fn up_used_and_down() {
    let stack = performia();
    let project = &stack.project;
    let output = project.xtask(["start"]).exits(0);
    insta::assert_snapshot!("performia_up", project.redact(&output.stdout));
    let urls: Vec<&str> = output.stdout.split_whitespace().filter(|word| word.starts_with("http://")).collect();
    assert!(urls.len() >= 2, "{}", output.stdout);
    for url in urls {
        assert!(!get(url).is_empty(), "{url}");
    }
    stack.is_healthy();
    assert!(get(&format!("http://localhost:{}/", stack.backend)).contains("performia"));
    assert!(get(&format!("http://localhost:{}/docs", stack.backend)).contains("swagger"));
    let page = get(&format!("http://localhost:{}/", stack.frontend));
    assert!(page.contains("<title>Performia</title>"), "{page}");
    // Through the page's own proxy, as the browser asks.
    assert!(get(&format!("http://localhost:{}/api/health", stack.frontend)).contains("\"status\":\"ok\""));

    stack.psql("create table kept (n int); insert into kept values (42)").exits(0);
    assert_eq!(stack.redis(&["set", "kept", "42"]).exits(0).stdout, "OK\n");
    project.xtask(["check-ports"]).exits(0).says("ours, running").says("no conflicts");

    project.xtask(["stop"]).exits(0).says("left: data in");
    project.has_nothing();
    project.xtask(["start"]).exits(0);
    assert_eq!(stack.psql("select n from kept").exits(0).stdout, "42\n");
    assert_eq!(stack.redis(&["get", "kept"]).exits(0).stdout, "42\n");

    // Data goes only when it is said twice.
    let refused = project.xtask(["stop", "--volumes"]).exits(1).says("--yes");
    insta::assert_snapshot!("stop_volumes", project.redact(&refused.text()));
    assert_eq!(project.running().len(), 4);
    stack.is_healthy();
    project.xtask(["stop", "--volumes", "--yes"]).exits(0).never_says("left:");
    project.has_nothing();
    assert!(project.volumes().is_empty());
}

/// Both of the guide's conflicts at once, out of the way by one word.
#[test]
fn both_conflicts_of_the_guide() {
    let mut stack = performia();
    let _process = Holder::http(stack.backend);
    let other = Project::new();
    other.write("docker-compose.yml", crate::support::web(stack.postgres));
    other.xtask(["start"]).exits(0);
    let env = stack.project.read(".env");
    let check = stack.project.xtask(["check-ports"]).exits(1);
    insta::assert_snapshot!(
        "both_conflicts",
        stack
            .project
            .redact(&check.text())
            .replace(&*other.dir().to_string_lossy(), "OTHER_DIR")
            .replace(&other.name, "OTHER")
    );

    let (backend, postgres) = (stack.backend + 1, stack.postgres + 1);
    let output = stack.project.xtask(["start", "--on-conflict", "reassign"]).exits(0);
    output.says(&format!("http://localhost:{backend}")).says(&format!("localhost:{postgres}"));
    let moved = env
        .replace(&format!("BACKEND_PORT={}", stack.backend), &format!("BACKEND_PORT={backend}"))
        .replace(&format!("POSTGRES_PORT={}", stack.postgres), &format!("POSTGRES_PORT={postgres}"));
    assert_eq!(stack.project.read(".env"), moved);
    stack.backend = backend;
    stack.postgres = postgres;
    stack.is_healthy();
    assert_eq!(stack.psql("select 1").exits(0).stdout, "1\n");
    assert_eq!(other.running(), ["web"]);
}

#[test]
fn the_page_in_a_browser() {
    let stack = performia();
    let Some(browser) = Browser::find(stack.project.home()) else { return };
    stack.project.xtask(["start"]).exits(0);
    let url = format!("http://localhost:{}/", stack.frontend);
    let page = browser.picture(&url, "performia.png", "1000,760").stdout;
    assert!(page.contains("All services are up"), "{page}");
    for id in ["backend", "postgres", "redis"] {
        assert!(page.contains(&format!("<li id=\"{id}\" data-state=\"ok\">")), "{id} in {page}");
    }
    assert!(page.contains(&format!("localhost:{}", stack.backend)), "{page}");
}
