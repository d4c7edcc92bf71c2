//! The network that each checkout has with the proxy: its services find their own by
//! name, and nobody else's, whatever the projects are called.

use crate::own_engine::Engine;
use crate::proxy::Proxy;
use crate::support::{LIMIT, Output, Project, Running, command, docker, wait_until};

/// PostgreSQL twice: the project's database, and a program beside it that has a name
/// at the proxy too and writes into the database.
fn compose(port: u16) -> String {
    let service = |name: &str, port: u16| {
        format!(
            "  {name}:\n    image: postgres:17-alpine\n    environment: {{POSTGRES_PASSWORD: pw}}\n    \
             ports: [\"{port}:5432\"]\n    tmpfs: /var/lib/postgresql/data\n    \
             healthcheck: {{test: [\"CMD\", \"pg_isready\", \"-q\", \"-h\", \"127.0.0.1\", \"-U\", \"postgres\"], \
             interval: 1s, start_period: 60s}}\n"
        )
    };
    format!("services:\n{}{}", service("postgres", port), service("worker", port + 1))
}

/// Two projects whose networks come before and after the proxy's in the alphabet: the
/// engine asks a container's networks in that order.
fn both_sides(proxy: &Proxy) -> [Project; 2] {
    ["aa", "zz"].map(|side| {
        let project = Project::named(&format!("{side}-{}", proxy.home.name));
        let port = project.port();
        project.write("docker-compose.yml", compose(port));
        project
    })
}

fn worker(project: &Project, script: &str) -> Running {
    let mut exec = command("docker");
    exec.args(["exec", "-e", "PGPASSWORD=pw", "-e", "PGCONNECT_TIMEOUT=5"]);
    exec.args([&format!("{}-worker-1", project.name), "sh", "-c", script]);
    Running::start(exec)
}

/// What a query says, asked inside the project's own database.
fn ask(project: &Project, query: &str) -> String {
    let container = format!("{}-postgres-1", project.name);
    docker(["exec", &container, "psql", "-U", "postgres", "-Atc", query]).exits(0).stdout.trim().to_owned()
}

/// Whether anybody answers for `postgres`.
fn finds(project: &Project) -> bool {
    worker(project, "psql -h postgres -U postgres -Atc 'select 1'").finish(LIMIT).code == 0
}

/// Writes rows by name from both at once.
fn write_rows(projects: &[Project; 2], rows: u32) {
    let write = |project: &Project| {
        let insert = format!("insert into rows values ('{}')", project.name);
        worker(project, &format!("for i in $(seq {rows}); do psql -q -h postgres -U postgres -c \"{insert}\"; done"))
    };
    for project in projects {
        ask(project, "create table if not exists rows (who text)");
    }
    for writer in projects.each_ref().map(write) {
        writer.finish(LIMIT).exits(0);
    }
}

/// How many rows of `who` are in the database of `project`.
fn rows(project: &Project, who: &Project) -> u32 {
    ask(project, &format!("select count(*) from rows where who = '{}'", who.name)).parse().unwrap()
}

pub(crate) fn links(proxy: &Proxy) -> Vec<String> {
    let filter = format!("label=xtask.proxy=xtask-proxy-{}", proxy.network);
    let list = docker(["network", "ls", "--filter", &filter, "--format", "{{.Name}}"]).exits(0).stdout;
    let mut names: Vec<String> = list.lines().filter(|name| *name != proxy.network).map(str::to_owned).collect();
    names.sort();
    names
}

fn link(proxy: &Proxy, project: &Project) -> String {
    format!("{}-link.{}", proxy.network, project.name)
}

#[track_caller]
fn start(proxy: &Proxy, project: &Project) -> Output {
    proxy.xtask(project, &["start", "--traefik"]).exits(0)
}

#[test]
fn each_checkout_finds_its_own_services_and_nobody_elses() {
    let proxy = Proxy::new();
    proxy.up(&proxy.home).exits(0);
    let projects = both_sides(&proxy);
    for project in &projects {
        start(&proxy, project).never_says("can lead").says("db.").says(&project.name);
    }
    assert_eq!(links(&proxy), projects.each_ref().map(|project| link(&proxy, project)));
    write_rows(&projects, 25);
    let [one, two] = &projects;
    for (own, other) in [(one, two), (two, one)] {
        assert_eq!((rows(own, own), rows(own, other)), (25, 0), "{}", own.name);
    }
    // The proxy has no name there but its own.
    let traefik = worker(one, "getent hosts traefik || nslookup traefik").finish(LIMIT);
    assert_ne!(traefik.code, 0, "{traefik:?}");

    // While its own is stopped, a name is nobody's.
    for project in &projects {
        let database = format!("{}-postgres-1", project.name);
        assert!(finds(project));
        docker(["stop", "-t", "1", &database]).exits(0);
        assert!(!finds(project), "{}", project.name);
        docker(["start", &database]).exits(0);
        wait_until(|| project.name.clone(), || finds(project));
    }

    // The same container goes on where nothing changes, and a new one has all names.
    let before = proxy.id();
    proxy.up(&proxy.home).exits(0);
    assert_eq!(proxy.id(), before);
    docker(["rm", "-f", proxy.id().trim()]).exits(0);
    proxy.up(&proxy.home).exits(0);
    for project in &projects {
        start(&proxy, project);
    }
    proxy.xtask(one, &["proxy", "status"]).exits(0);

    // By hand on one network, as the guide has it: it works, and who can be mistaken
    // for whom is said. This is what the networks above are for.
    for project in &projects {
        proxy.compose(project, &["up", "-d", "--wait"]).exits(0);
    }
    let told = format!("on network `{}` the name `postgres` can lead `postgres`, `worker` to container", proxy.network);
    proxy.xtask(two, &["diagnose", "--only", "networks"]).says(&told).says(&format!("of project {}", one.name));
    docker(["stop", "-t", "1", &format!("{}-postgres-1", two.name)]).exits(0);
    assert!(finds(two), "the other project's answers");
    start(&proxy, two).never_says("can lead");
    assert_eq!(links(&proxy).len(), 2);
    for project in &projects {
        start(&proxy, project);
        proxy.xtask(project, &["stop", "--timeout", "0"]).exits(0);
    }
    assert_eq!(links(&proxy), [""; 0]);
}

#[test]
fn a_link_lives_as_long_as_somebody_needs_it() {
    let proxy = Proxy::new();
    proxy.up(&proxy.home).exits(0);
    let (project, _) = Project::web();
    start(&proxy, &project);
    let name = link(&proxy, &project);
    // A bare `down` leaves what Compose did not make; the next start takes it again.
    proxy.compose(&project, &["down", "-t", "0"]).exits(0);
    assert_eq!(links(&proxy), [name.as_str()]);
    start(&proxy, &project);
    // Needed, also by what is stopped.
    proxy.compose(&project, &["stop", "-t", "0"]).exits(0);
    proxy.xtask(&project, &["prune-network", &project.name, "--yes"]).exits(0).says("in use by").says("(stopped)");
    proxy.compose(&project, &["down", "-t", "0"]).exits(0);
    let pruned = proxy.xtask(&project, &["prune-network", &project.name, "--yes"]).exits(0);
    pruned.says(&format!("removed {name}"));
    assert_eq!(links(&proxy), [""; 0]);

    // Back to ports there is nobody at the proxy any more.
    start(&proxy, &project);
    proxy.xtask(&project, &["start", "--no-traefik"]).exits(0);
    assert_eq!(links(&proxy), [""; 0]);

    // The proxy goes and leaves it to whoever has still to be started.
    start(&proxy, &project);
    proxy.compose(&project, &["stop", "-t", "0"]).exits(0);
    proxy.xtask(&project, &["proxy", "down"]).exits(0).says(&format!("left: network {name}"));
    proxy.up(&project).exits(0);
    start(&proxy, &project);
    proxy.compose(&project, &["down", "-t", "0"]).exits(0);
    proxy.xtask(&project, &["proxy", "down"]).exits(0);
    assert_eq!(links(&proxy), [""; 0]);

    // A folder that is gone takes its own along, at the next change of the proxy.
    proxy.up(&proxy.home).exits(0);
    start(&proxy, &project);
    proxy.compose(&project, &["down", "-t", "0"]).exits(0);
    std::fs::remove_dir_all(project.dir()).unwrap();
    proxy.up(&proxy.home).exits(0);
    assert_eq!(links(&proxy), [""; 0]);
}

/// A network that somebody else took away, while the proxy was stopped, would keep it
/// from starting for ever.
#[test]
fn a_network_that_was_pruned_by_others_is_made_again() {
    let proxy = Proxy::new();
    proxy.up(&proxy.home).exits(0);
    let (project, _) = Project::web();
    start(&proxy, &project);
    proxy.compose(&project, &["down", "-t", "0"]).exits(0);
    docker(["stop", "-t", "1", proxy.id().trim()]).exits(0);
    docker(["network", "rm", &link(&proxy, &project)]).exits(0);
    start(&proxy, &project);
    // A network of that name that is somebody else's is left alone.
    proxy.xtask(&project, &["stop", "--timeout", "0"]).exits(0);
    docker(["network", "create", &link(&proxy, &project)]).exits(0);
    let told = proxy.xtask(&project, &["start", "--traefik"]).exits(2);
    docker(["network", "rm", &link(&proxy, &project)]).exits(0);
    told.says("that this tool did not create");
}

/// A network that projects share on purpose is not ours to part: it is said who can be
/// taken for whom, before anything runs.
#[test]
fn services_of_one_name_on_a_shared_network_are_told() {
    let projects = [Project::new(), Project::new()];
    let network = format!("{}-shared", projects[0].name);
    docker(["network", "create", &network]).exits(0);
    for project in &projects {
        let text = format!(
            "services:\n  web: {{image: engine-web, networks: [default, shared]}}\n\
             networks:\n  shared: {{external: true, name: {network}}}\n"
        );
        project.write("docker-compose.yml", text);
    }
    let first = projects[0].xtask(["start"]);
    let second = projects[1].xtask(["start"]);
    let again = projects[0].xtask(["diagnose", "--only", "networks"]);
    for project in &projects {
        project.xtask(["stop", "--timeout", "0"]);
    }
    docker(["network", "rm", &network]);
    first.exits(0).never_says("can lead");
    let told = |name: &str| format!("on network `{network}` the name `web` can lead `web` to container {name}-web-1");
    second.exits(0).says(&told(&projects[0].name)).says("hint: a network for each checkout");
    again.says(&told(&projects[1].name));
}

fn engine_with_images(options: &[&str]) -> Option<Engine> {
    let engine = Engine::start(options)?;
    engine.load("engine-web");
    engine.load("traefik:v3.7");
    Some(engine)
}

#[test]
fn after_a_crash_of_the_engine_names_are_there_again() {
    let Some(mut engine) = engine_with_images(&[]) else { return };
    let (project, _) = Project::web();
    let host = format!("http://{}.localhost", project.name);
    engine.xtask(&project, &["start", "--traefik"]).finish(LIMIT).exits(0).says(&host);
    engine.kill();
    wait_until(|| "the engine still answers", || engine.docker(&["version"]).code != 0);
    engine.revive();
    engine.xtask(&project, &["start", "--traefik"]).finish(LIMIT).exits(0).says(&host);
    engine.xtask(&project, &["proxy", "status"]).finish(LIMIT).exits(0).says("enabled");
    let on_it = engine.docker(&["network", "inspect", &format!("web-link.{}", project.name)]).exits(0);
    on_it.says("xtask-proxy-traefik-1").says(&format!("{}-web-1", project.name));
}

/// A link takes one of the engine's address ranges, and gives it back.
#[test]
fn without_an_address_range_left_the_way_out_is_told() {
    let Some(engine) = engine_with_images(&["--default-address-pool", "base=10.214.0.0/24,size=26"]) else { return };
    let (project, _) = Project::web();
    let run = |words: &[&str]| engine.xtask(&project, words).finish(LIMIT);
    run(&["proxy", "up"]).exits(0);
    for name in ["one", "two"] {
        engine.docker(&["network", "create", name]).exits(0);
    }
    let full = run(&["start", "--traefik"]).exits(2);
    full.says(&format!("cannot create the network `web-link.{}`", project.name)).says("prune-network");
    run(&["prune-network", "--all", "--yes"]).exits(0).says("removed one");
    run(&["start", "--traefik"]).exits(0);
    run(&["diagnose", "--only", "networks"]).says("3 of 3 used");
    run(&["stop", "--timeout", "0"]).exits(0);
    run(&["diagnose", "--only", "networks"]).says("1 of 3 used");
}
