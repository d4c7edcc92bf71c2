//! `start --traefik`: names in place of ports, in a project and its worktree, on
//! a proxy of the test's own.

use std::path::PathBuf;

use crate::support::{LIMIT, Output, Ports, Project, Running, command, docker, git, run, try_get};

/// A repository with a proxy of its own, on ports of its own.
struct Scene {
    project: Project,
    ports: Vec<Ports>,
    network: String,
}

const COMPOSE: &str = "\
services:
  web:
    image: engine-web
    ports: [\"${WEB_PORT:-WEB}:8080\"]
  db:
    image: postgres:17-alpine
    environment: { POSTGRES_PASSWORD: secret, POSTGRES_USER: shop }
    ports: [\"127.0.0.1:${DB_PORT:-DATABASE}:5432\"]
    tmpfs: /var/lib/postgresql/data
    healthcheck:
      test: [\"CMD-SHELL\", \"pg_isready -q -h 127.0.0.1 -U shop\"]
      start_interval: 300ms
      start_period: 60s
      interval: 5s
";

impl Scene {
    fn new() -> Scene {
        let project = Project::new();
        let ports = vec![Ports::find(), Ports::find(), Ports::find()];
        let text = COMPOSE
            .replace("WEB}", &format!("{}}}", ports[0].first()))
            .replace("DATABASE", &ports[1].first().to_string());
        project.write("docker-compose.yml", text);
        project.write(".gitignore", ".env\n");
        let network = format!("{}-net", project.name);
        let scene = Scene { project, ports, network };
        let first = scene.ports[2].first();
        let port = |at: u16| (first + at).to_string();
        let up = ["proxy", "up", "--http-port", &port(0), "--https-port", &port(1)];
        let rest = ["--postgres-port", &port(2), "--redis-port", &port(3)];
        scene.run(&scene.project.name, &[&up[..], &rest[..]].concat()).exits(0);
        scene
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.project.home().join(name)
    }

    fn git(&self, words: &[&str]) {
        git(self.project.dir(), words);
    }

    #[track_caller]
    fn run(&self, folder: &str, words: &[&str]) -> Output {
        let mut xtask = self.project.command(words);
        xtask.current_dir(self.dir(folder)).env("PROXY_NETWORK", &self.network);
        run(xtask)
    }

    fn http(&self) -> u16 {
        self.ports[2].first()
    }

    /// What a GET with this Host says.
    fn get(&self, host: &str) -> String {
        let mut curl = command("curl");
        curl.args([
            "-sS",
            "--max-time",
            "10",
            "-H",
            &format!("Host: {host}"),
            &format!("http://127.0.0.1:{}/", self.http()),
        ]);
        run(curl).exits(0).stdout
    }

    /// `psql` as the output of `start` has it.
    fn psql(told: &Output) -> String {
        let line = told.stdout.lines().find(|line| line.contains("psql '")).expect("a line for psql");
        let words = line.split_once("psql '").unwrap().1.trim_end_matches('\'');
        let mut psql = command("psql");
        psql.args([words, "-Atc", "select 'over ' || current_user"]).env("PGPASSWORD", "secret");
        run(psql).exits(0).stdout.trim().to_owned()
    }

    fn published(name: &str) -> String {
        let label = format!("label=com.docker.compose.project={name}");
        docker(["ps", "--filter", &label, "--format", "{{.Ports}}"]).exits(0).stdout
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for folder in [self.project.name.as_str(), "other"] {
            if self.dir(folder).is_dir() {
                let mut stop = self.project.command(["stop", "--volumes", "--yes", "--timeout", "0"]);
                stop.current_dir(self.dir(folder)).env("PROXY_NETWORK", &self.network);
                run(stop);
            }
        }
        let mut down = self.project.command(["proxy", "down", "--force"]);
        down.env("PROXY_NETWORK", &self.network);
        run(down);
    }
}

#[test]
fn a_project_and_its_worktree_have_names_and_go_back_to_ports() {
    let scene = Scene::new();
    let name = scene.project.name.clone();
    let told = scene.run(&name, &["start", "--traefik"]).exits(0);
    let told = told.says(&format!("http://{name}.localhost:{}", scene.http()));
    assert!(!Scene::published(&name).contains("->"), "only the proxy has ports");
    assert!(scene.get(&format!("{name}.localhost")).contains("name="));
    assert_eq!(Scene::psql(&told), "over shop");
    let status = scene.run(&name, &["proxy", "status"]).exits(0);
    assert_eq!(Scene::psql(&status), "over shop");
    scene.git(&["init", "-q"]);
    scene.git(&["add", "--all"]);
    scene.git(&["commit", "-qm", "files"]);
    scene.git(&["worktree", "add", "-q", "--detach", "../other"]);

    // The worktree: names of its own, and a port for clients without SNI.
    let told = scene.run("other", &["start", "--traefik", "--also-publish", "db"]).exits(0);
    let told = told.says(&format!("http://other.{name}.localhost:{}", scene.http()));
    let own = Scene::published(&format!("{name}-other"));
    assert_eq!(own.matches("->5432").count(), 1, "{own}");
    assert!(!own.contains("->8080"), "{own}");
    assert_eq!(Scene::psql(&told), "over shop");
    let hosts = [format!("{name}.localhost"), format!("other.{name}.localhost")];
    let answers = hosts.each_ref().map(|host| scene.get(host));
    assert_ne!(answers[0], answers[1], "two containers, two names");
    let plain = told.stdout.lines().find(|line| line.contains("postgres://shop@localhost:")).expect("a port").trim();
    let mut psql = command("psql");
    psql.args([plain, "-Atc", "select 1"]).env("PGPASSWORD", "secret");
    assert_eq!(run(psql).exits(0).stdout.trim(), "1");

    // Other commands know how it was started.
    scene.run("other", &["ls"]).exits(0).says(&format!("http://other.{name}.localhost:{}", scene.http()));
    scene.run("other", &["open", "web", "--dry-run"]).exits(0).says(&format!("http://other.{name}.localhost"));
    scene.run("other", &["restart", "web"]).exits(0);
    assert!(!Scene::published(&format!("{name}-other")).contains("->8080"));
    scene.run(&name, &["proxy", "down"]).exits(1).says(&name);
    scene.run("other", &["diagnose", "--only", "proxy"]).exits(0).says("running, Traefik 3");

    // Without the option it is as if there were no proxy.
    scene.run(&name, &["start"]).exits(0).says(&format!("http://localhost:{}", scene.ports[0].first()));
    assert!(try_get(&format!("http://127.0.0.1:{}/", scene.ports[0].first())).unwrap().contains("name="));
    assert!(scene.get(&format!("{name}.localhost")).contains("404"));
    assert!(scene.get(&format!("other.{name}.localhost")).contains("name="), "the other one stays");
    scene.run(&name, &["proxy", "down", "--force"]).exits(0);
    scene.run("other", &["diagnose", "--only", "proxy"]).exits(1).says("the names of this project lead nowhere");
}

#[test]
fn what_keeps_a_name_from_its_service_is_told() {
    let scene = Scene::new();
    let name = scene.project.name.clone();
    // The program listens on 8080.
    scene.project.write("xtask.toml", "[proxy.services]\nweb = { kind = \"web\", port = 9 }\n");
    let lost = scene.run(&name, &["start", "--traefik", "web"]).exits(1);
    lost.says(&format!("{name}.localhost has a route, but the service does not accept connections (502)"))
        .says("[proxy.services]");
    // A router of that name in another container: Traefik drops both.
    scene.project.write("xtask.toml", "");
    let label = format!("traefik.http.routers.{name}-web.rule=Host(`elsewhere.localhost`)");
    let thief = format!("{name}-thief");
    docker([
        "run",
        "-d",
        "--name",
        &thief,
        "--network",
        &scene.network,
        "--label",
        "traefik.enable=true",
        "--label",
        &label,
        "--label",
        &format!("traefik.docker.network={}", scene.network),
        "engine-web",
    ])
    .exits(0);
    let lost = scene.run(&name, &["start", "--traefik", "web"]);
    docker(["rm", "-f", &thief]);
    lost.exits(1).says(&format!("router `{name}-web` is in container {thief} as well"));
    scene
        .run(&name, &["start", "--traefik", "--also-publish", "nobody"])
        .exits(2)
        .says("services with a route: db, web");
}

#[test]
fn a_setting_makes_names_the_rule_and_an_option_the_exception() {
    let scene = Scene::new();
    let name = scene.project.name.clone();
    scene.project.write("xtask.toml", "[proxy]\nstart = true\nhost = \"shop\"\n");
    scene.run(&name, &["start", "web"]).exits(0).says("http://shop.localhost:");
    scene
        .run(&name, &["start", "--no-traefik", "web"])
        .exits(0)
        .says(&format!("http://localhost:{}", scene.ports[0].first()));
    // Nothing of it is written where nothing may be.
    std::fs::remove_file(scene.project.dir().join("docker-compose.traefik.yml")).unwrap();
    scene.run(&name, &["start", "--no-write", "web"]).exits(0).says("http://shop.localhost:");
    assert!(!scene.project.dir().join("docker-compose.traefik.yml").exists());
}

#[test]
fn a_name_that_another_project_has_is_told() {
    let scene = Scene::new();
    let name = scene.project.name.clone();
    let second = Project::new();
    second.write("docker-compose.yml", "services: {web: {image: engine-web, expose: [8080]}}\n");
    for project in [&scene.project, &second] {
        project.write(
            "xtask.toml",
            "[proxy]\nhost = \"shared\"\n[proxy.services]\nweb = { kind = \"web\", port = 8080 }\n",
        );
    }
    let start = |folder: PathBuf, host: &str| {
        let mut start = scene.project.command(["start", "--traefik", "web"]);
        start.current_dir(folder).env("PROXY_NETWORK", &scene.network).env("PROXY_HOST", host);
        run(start)
    };
    start(scene.dir(&name), "").exits(0).says("http://shared.localhost:");
    let told = start(second.dir(), "").exits(1);
    told.says(&format!("shared.localhost leads to container {name}-web-1 (project {name}) as well"))
        .says("`host` under [proxy] in xtask.toml, or PROXY_HOST=NAME");
    start(second.dir(), "second").exits(0).says("http://second.localhost:");
    assert!(scene.get("shared.localhost").contains("name="));
    scene.run(&name, &["start", "--traefik", "web"]).exits(0);
}

#[test]
fn projects_and_worktrees_share_the_ports_at_once() {
    let scene = Scene::new();
    let name = scene.project.name.clone();
    // The same port in all of them, and nobody minds.
    let text = format!("services: {{web: {{image: engine-web, ports: ['{}:8080']}}}}\n", scene.ports[0].first());
    scene.project.write("docker-compose.yml", &text);
    scene.git(&["init", "-q"]);
    scene.git(&["add", "--all"]);
    scene.git(&["commit", "-qm", "files"]);
    let others: Vec<Project> = ["b", "c"].iter().map(|_| Project::new()).collect();
    for other in &others {
        other.write("docker-compose.yml", &text);
    }
    for tree in ["other", "third"] {
        scene.git(&["worktree", "add", "-q", "--detach", &format!("../{tree}")]);
    }
    let folders: Vec<PathBuf> = [name.as_str(), "other", "third"]
        .map(|folder| scene.dir(folder))
        .into_iter()
        .chain(others.iter().map(|project| project.dir()))
        .collect();
    let started: Vec<Running> = folders
        .iter()
        .map(|folder| {
            let mut start = scene.project.command(["start", "--traefik"]);
            start.current_dir(folder).env("PROXY_NETWORK", &scene.network);
            Running::start(start)
        })
        .collect();
    let hosts: Vec<String> = [name.clone(), format!("other.{name}"), format!("third.{name}")]
        .into_iter()
        .chain(others.iter().map(|other| other.name.clone()))
        .map(|host| format!("{host}.localhost"))
        .collect();
    for (start, host) in started.into_iter().zip(&hosts) {
        start.finish(LIMIT).exits(0).says(&format!("http://{host}:{}", scene.http()));
    }
    for host in &hosts {
        assert!(scene.get(host).contains(&format!("host={host}")), "{host}");
    }
    let mut stop = scene.project.command(["stop", "--timeout", "0"]);
    stop.current_dir(scene.dir("third")).env("PROXY_NETWORK", &scene.network);
    run(stop).exits(0);
    for other in &others {
        let mut stop = scene.project.command(["stop", "--timeout", "0"]);
        stop.current_dir(other.dir()).env("PROXY_NETWORK", &scene.network);
        run(stop).exits(0);
    }
}
