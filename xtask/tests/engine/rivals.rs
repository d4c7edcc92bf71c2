//! Containers of others that take names at the proxy: told, outranked, and never
//! taken for the project's own.

use std::time::{Duration, Instant};

use crate::proxy::Proxy;
use crate::support::{Output, Project, command, docker, run, wait_until};

/// A container of nobody's project that Traefik sees; it goes with the test.
struct Foreign(String);

impl Foreign {
    /// With these labels, on the proxy's network and seen by it.
    fn start(proxy: &Proxy, name: &str, labels: &[&str]) -> Foreign {
        let network = format!("traefik.docker.network={}", proxy.network);
        Foreign::unseen(proxy, name, &[labels, &[network.as_str()]].concat())
    }

    /// One that does not say whose it is.
    fn unseen(proxy: &Proxy, name: &str, labels: &[&str]) -> Foreign {
        let name = format!("{}-{name}", proxy.home.name);
        let enable = ["traefik.enable=true", "traefik.http.services.foreign.loadbalancer.server.port=8080"];
        let labels = enable.iter().chain(labels).flat_map(|label| ["--label", label]);
        let run = ["run", "-d", "--name", &name, "--network", &proxy.network, "-e", "NAME=foreign"];
        docker(run.into_iter().chain(labels).chain(["engine-web"])).exits(0);
        Foreign(name)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        docker(["rm", "-f", &self.0]);
    }
}

fn project(proxy: &Proxy) -> Project {
    let project = Project::new();
    let port = project.port();
    let text = format!(
        "services:\n  web:\n    image: engine-web\n    environment: {{NAME: own}}\n    ports: [\"{port}:8080\"]\n"
    );
    project.write("docker-compose.yml", text);
    proxy.up(&project).exits(0);
    project
}

#[track_caller]
fn until(proxy: &Proxy, host: &str, what: &str) {
    wait_until(|| format!("{host}: {:?}", proxy.http(host, "/")), || proxy.http(host, "/").1.contains(what));
}

#[test]
fn a_catch_all_comes_after_every_name_and_is_told() {
    let proxy = Proxy::new();
    let project = project(&proxy);
    let host = format!("{}.localhost", project.name);
    let rule = "traefik.http.routers.all.rule=PathPrefix(`/`)";
    let foreign = Foreign::start(&proxy, "all", &[rule, "traefik.http.routers.all.priority=100000"]);
    until(&proxy, "anything.localhost", "name=foreign");
    // The dashboard, too, through which the proxy is asked.
    assert_eq!(proxy.http("traefik.localhost", "/ping").1, "OK");
    let told = proxy.xtask(&project, &["start", "--traefik"]).exits(0);
    told.says("router `all` of container").says("it answers while the service of that name is down");
    for _ in 0..20 {
        assert!(proxy.http(&host, "/").1.starts_with("name=own"), "{:?}", proxy.http(&host, "/"));
    }
    proxy.xtask(&project, &["proxy", "status"]).exits(0).says("router `all` of container");
    proxy.xtask(&project, &["diagnose", "--only", "proxy"]).exits(0).says("router `all` of container");
    proxy.xtask(&project, &["proxy", "labels", "--lint"]).exits(0).says("router `all` of container");
    drop(foreign);

    // With the same rank nobody can say who comes first.
    let rule = "traefik.http.routers.all.rule=HostRegexp(`.+`)";
    let first = Foreign::start(&proxy, "first", &[rule, "traefik.http.routers.all.priority=2000000000"]);
    until(&proxy, "anything.localhost", "name=foreign");
    let refused = proxy.xtask(&project, &["start", "--traefik"]).exits(1);
    refused.says(&format!("gets the requests for {host}: it comes first")).says(&format!("docker stop {}", first.0));
    for words in [&["proxy", "status"][..], &["proxy", "labels", "--lint"]] {
        proxy.xtask(&project, words).exits(1).says("it comes first at the proxy");
    }
    proxy.xtask(&project, &["diagnose", "--only", "proxy"]).says("warning").says("it comes first at the proxy");
    drop(first);
    let taken = ["traefik.http.routers.a.rule=Host(`traefik.localhost`)", "traefik.http.routers.a.priority=2000000009"];
    let _taken = Foreign::start(&proxy, "dashboard", &taken);
    proxy.xtask(&project, &["proxy", "status"]).exits(1).says("traefik.localhost leads to container");
}

#[test]
fn plain_tcp_on_the_port_of_http_and_a_shared_service_are_refused() {
    let proxy = Proxy::new();
    let project = project(&proxy);
    let name = &project.name;
    let service = format!("traefik.http.services.{name}-web.loadbalancer.server.port=8080");
    let shared = Foreign::start(&proxy, "shared", &[&service]);
    let refused = proxy.xtask(&project, &["start", "--traefik"]).exits(1);
    refused
        .says(&format!("service `{name}-web` is in container {} as well", shared.0))
        .says("divides the requests between both");
    drop(shared);
    proxy.xtask(&project, &["start", "--traefik"]).exits(0);

    let labels = [
        "traefik.tcp.routers.all.rule=HostSNI(`*`)",
        "traefik.tcp.routers.all.entrypoints=web",
        "traefik.tcp.services.all.loadbalancer.server.port=8080",
    ];
    let foreign = Foreign::start(&proxy, "tcp", &labels);
    until(&proxy, &format!("{name}.localhost"), "name=foreign");
    let refused = proxy.xtask(&project, &["proxy", "labels", "--lint"]).exits(1);
    refused.says(&format!("router `all` of container {} gets the requests for {name}.localhost", foreign.0));
    assert_ne!(proxy.xtask(&project, &["proxy", "status"]).code, 0);
}

/// `docker compose run` gives a container all labels of its service.
#[test]
fn what_is_run_once_answers_for_nobody() {
    let proxy = Proxy::new();
    let project = project(&proxy);
    proxy.xtask(&project, &["start", "--traefik"]).exits(0);
    let run = run_once(&proxy, &project);
    let id = run.exits(0).stdout.trim().to_owned();
    // As long as the proxy may take to see it.
    let deadline = Instant::now() + Duration::from_secs(3);
    let host = format!("{}.localhost", project.name);
    while Instant::now() < deadline {
        assert!(proxy.http(&host, "/").1.starts_with("name=own"), "{:?}", proxy.http(&host, "/"));
    }
    let again = proxy.xtask(&project, &["start", "--traefik"]);
    docker(["rm", "-f", &id]);
    again.exits(0);
}

fn run_once(proxy: &Proxy, project: &Project) -> Output {
    let mut compose = command("docker");
    compose.args(["compose", "-f", "docker-compose.yml", "-f", "docker-compose.traefik.yml"]);
    compose.args(["run", "-d", "-e", "NAME=once", "web"]).current_dir(project.dir());
    let link = format!("{}-link.{}", proxy.network, project.name);
    compose.env("PROXY_NETWORK", &proxy.network).env("PROXY_LINK", link);
    run(compose)
}

/// A proxy of a network of its own sees only what is said to be for it.
#[test]
fn the_proxies_of_tests_see_containers_of_tests_only() {
    let proxy = Proxy::new();
    let project = project(&proxy);
    let rule = "traefik.http.routers.all.rule=PathPrefix(`/`)";
    let _foreign = Foreign::unseen(&proxy, "all", &[rule, "traefik.http.routers.all.priority=2000000009"]);
    let told = proxy.xtask(&project, &["start", "--traefik"]).exits(0).never_says("router `all`");
    told.says(&format!("{}.localhost", project.name));
    let (status, routers) = proxy.http("traefik.localhost", "/api/http/routers?per_page=1000");
    assert_eq!(status, 200);
    let routers: serde_json::Value = serde_json::from_str(&routers).unwrap();
    for router in routers.as_array().unwrap() {
        let name = router["name"].as_str().unwrap();
        let ours = ["xtask-", "api@", "dashboard@", "ping@", &project.name].iter().any(|head| name.starts_with(head));
        assert!(ours, "{name}");
    }
}
