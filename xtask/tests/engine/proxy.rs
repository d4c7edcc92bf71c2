//! The shared proxy, whole: a real Traefik on ports and a network of the test's
//! own, real projects behind it, and real clients: psql, redis-cli, curl,
//! OpenSSL and a browser.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use xtask::labels::{Kind, Ports};
use xtask::operation::proxy::{Answer, route_answers};

use crate::browser::Browser;
use crate::support::{Holder, Output, Project, command, docker, get_as, run, tool, wait_until};

/// A proxy of the test's own.
pub(crate) struct Proxy {
    pub(crate) home: Project,
    pub(crate) network: String,
    project: String,
    pub(crate) ports: Ports,
}

impl Proxy {
    pub(crate) fn new() -> Proxy {
        let home = Project::new();
        let first = home.port();
        let network = format!("{}-net", home.name);
        let ports = Ports { web: first, websecure: first + 1, postgres: first + 2, redis: first + 3 };
        Proxy { project: format!("xtask-proxy-{network}"), network, ports, home }
    }

    /// Id of its container, also of one that has ended.
    pub(crate) fn id(&self) -> String {
        docker(["ps", "-aq", "--filter", &format!("label=com.docker.compose.project={}", self.project)]).stdout
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home.home().join("state").join(format!("proxy-{}", self.network))
    }

    fn ca(&self) -> String {
        self.folder().join("ca/ca.crt").display().to_string()
    }

    /// The program in the folder of `project`, with this proxy.
    #[track_caller]
    pub(crate) fn xtask(&self, project: &Project, words: &[&str]) -> Output {
        let mut command = project.command(words);
        command.env("XTASK_STATE_DIR", self.home.home().join("state")).env("PROXY_NETWORK", &self.network);
        run(command)
    }

    #[track_caller]
    pub(crate) fn up(&self, project: &Project) -> Output {
        let ports = self.ports.entries().map(|(_, port, _)| port.to_string());
        let [web, websecure, postgres, redis] = &ports;
        let words = ["proxy", "up", "--http-port", web, "--https-port", websecure];
        let more = ["--postgres-port", postgres, "--redis-port", redis];
        self.xtask(project, &[words.as_slice(), &more].concat())
    }

    /// Starts a project by its names, and waits until the proxy has them.
    #[track_caller]
    fn start(&self, project: &Project, hosts: &[(&str, Kind)]) {
        self.compose(project, &["up", "-d", "--wait"]).exits(0);
        for (host, kind) in hosts {
            let answer = || route_answers(host, *kind, self.ports);
            wait_until(|| format!("{host}: {:?}", answer()), || answer() == Answer::Routed);
        }
    }

    #[track_caller]
    pub(crate) fn compose(&self, project: &Project, words: &[&str]) -> Output {
        let mut compose = command("docker");
        compose.args(["compose", "-f", "docker-compose.yml", "-f", "docker-compose.traefik.yml"]).args(words);
        compose.current_dir(project.dir()).env("PROXY_NETWORK", &self.network);
        if let Ok(host) = std::fs::read_to_string(project.dir().join("host")) {
            compose.env("PROXY_HOST", host);
        }
        run(compose)
    }

    /// Status and body of `http://HOST/PATH`, asked of the IPv4 loopback.
    #[track_caller]
    pub(crate) fn http(&self, host: &str, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.ports.web);
        let output = curl(&["-H", &format!("Host: {host}"), "-w", "\n%{http_code}", &url]).exits(0);
        let (body, status) = output.stdout.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    fn https(&self, host: &str) -> Output {
        let port = self.ports.websecure;
        let resolve = format!("{host}:{port}:127.0.0.1");
        curl(&["--cacert", &self.ca(), "--resolve", &resolve, &format!("https://{host}:{port}/")])
    }

    fn psql(&self, host: &str, mode: &str) -> Output {
        let mut psql = command("psql");
        let (port, ca) = (self.ports.postgres, self.ca());
        let to = format!(
            "host={host} hostaddr=127.0.0.1 port={port} user=postgres sslmode={mode} sslrootcert={ca} connect_timeout=10"
        );
        psql.args([&to, "-Atc", "select current_setting('application_name')"]);
        psql.env("PGPASSWORD", "pw").env("PGAPPNAME", host);
        run(psql)
    }

    fn redis(&self, host: &str, words: &[&str]) -> Output {
        let mut cli = command("redis-cli");
        let (port, ca) = (self.ports.redis.to_string(), self.ca());
        cli.args(["-h", "127.0.0.1", "-p", &port, "--tls", "--cacert", &ca, "--sni", host]).args(words);
        run(cli)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let own = self.id();
        let id = own.trim();
        if !id.is_empty() {
            docker(["rm", "-f", "-v", id]);
        }
        // Projects of the test are gone by now.
        for link in crate::links::links(self) {
            docker(["network", "rm", &link]);
        }
        docker(["network", "rm", &self.network]);
    }
}

fn curl(words: &[&str]) -> Output {
    tool("curl", &[&["-sS", "--max-time", "20"], words].concat())
}

/// A project of web services whose answers begin with its own name.
fn web(name: &str, services: &[&str]) -> Project {
    let project = Project::new();
    let port = project.port();
    let mut text = "services:\n".to_owned();
    for (at, service) in services.iter().enumerate() {
        let port = usize::from(port) + at;
        writeln!(text, "  {service}:\n    image: engine-web\n    environment: {{NAME: {name}-{service}}}").unwrap();
        writeln!(text, "    ports: [\"{port}:8080\"]").unwrap();
    }
    project.write("docker-compose.yml", text);
    project.write("xtask.toml", "[proxy]\nhost = \"shop\"\n");
    project
}

#[test]
fn the_proxy_serves_every_kind_of_service_by_name() {
    let proxy = Proxy::new();
    let shop = web("shop", &["backend", "frontend"]);
    let mut text = shop.read("docker-compose.yml");
    let port = shop.port();
    writeln!(text, "  postgres:\n    image: postgres:17\n    environment: {{POSTGRES_PASSWORD: pw}}").unwrap();
    writeln!(text, "    ports: [\"{port}:5432\"]").unwrap();
    text += "    healthcheck: {test: [\"CMD\", \"pg_isready\", \"-h\", \"127.0.0.1\", \"-U\", \"postgres\"], interval: 1s, start_period: 60s}\n";
    writeln!(text, "  redis:\n    image: redis:7\n    ports: [\"{}:6379\"]", port + 1).unwrap();
    shop.write("docker-compose.yml", text);
    proxy.xtask(&shop, &["proxy", "labels", "--write"]).exits(0);
    proxy.up(&shop).exits(0).says(&format!("http://traefik.localhost:{}", proxy.ports.web));
    // Again changes nothing.
    let before = docker(["ps", "-q", "--filter", &format!("network={}", proxy.network)]).stdout;
    proxy.up(&shop).exits(0);
    assert_eq!(docker(["ps", "-q", "--filter", &format!("network={}", proxy.network)]).stdout, before);

    let (site, api, db, cache) = ("shop.localhost", "api.shop.localhost", "db.shop.localhost", "redis.shop.localhost");
    proxy.start(&shop, &[(site, Kind::Web), (api, Kind::Api), (db, Kind::Postgres), (cache, Kind::Redis)]);
    // Nothing but the proxy has ports.
    let published = docker([
        "ps",
        "--filter",
        &format!("label=com.docker.compose.project={}", shop.name),
        "--format",
        "{{.Ports}}",
    ]);
    assert!(!published.stdout.contains("->"), "{}", published.stdout);

    assert!(proxy.http(site, "/").1.starts_with("name=shop-frontend"), "{:?}", proxy.http(site, "/"));
    assert!(proxy.http(api, "/x").1.starts_with("name=shop-backend host=api.shop.localhost path=/x"));
    assert_eq!(proxy.http("nobody.localhost", "/").0, 404);
    for host in [site, api] {
        proxy.https(host).exits(0).says("name=shop-");
    }
    other_programs(&proxy, site);
    for mode in ["require", "verify-full"] {
        assert_eq!(proxy.psql(db, mode).exits(0).stdout, "db.shop.localhost\n");
    }
    // libpq 17, which insists on its ALPN.
    let to = format!(
        "host={db} hostaddr=127.0.0.1 port={} user=postgres sslmode=verify-full sslrootcert=/ca.crt",
        proxy.ports.postgres
    );
    let mount = format!("{}:/ca.crt:ro", proxy.ca());
    let run = ["run", "--rm", "--network", "host", "-v", &mount, "-e", "PGPASSWORD=pw", "--entrypoint", "psql"];
    let psql = docker(run.into_iter().chain(["postgres:17", &to, "-Atc", "select 17"])).exits(0);
    assert_eq!(psql.stdout, "17\n");
    assert_eq!(proxy.redis(cache, &["ping"]).exits(0).stdout, "PONG\n");
    // This machine only, on both of its addresses.
    let label = format!("label=com.docker.compose.project={}", proxy.project);
    let ports = docker(["ps", "--filter", &label, "--format", "{{.Ports}}"]).stdout;
    assert!(ports.contains(&format!("127.0.0.1:{}->80/tcp", proxy.ports.web)), "{ports}");
    assert!(!ports.contains("0.0.0.0:") && !ports.contains("[::]:"), "{ports}");
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let url = format!("http://[::1]:{}/", proxy.ports.web);
        curl(&["-H", &format!("Host: {site}"), &url]).exits(0).says("name=shop-frontend");
    }
    proxy.xtask(&shop, &["proxy", "logs", "--tail", "all"]).exits(0).says("Starting provider");
    // A name that is nobody's reaches nobody.
    assert_ne!(proxy.psql("db.other.localhost", "require").code, 0);
    proxy.redis("redis.other.localhost", &["ping"]).never_says("PONG");

    for kind in [Kind::Web, Kind::Postgres, Kind::Redis] {
        assert_eq!(route_answers("db.other.localhost", kind, proxy.ports), Answer::NoRoute, "{kind:?}");
    }
    // The right name for the wrong protocol is no route either.
    assert_eq!(route_answers(cache, Kind::Postgres, proxy.ports), Answer::NoRoute);

    assert_eq!(proxy.http("traefik.localhost", "/dashboard/").0, 200);
    let status = proxy.xtask(&shop, &["proxy", "status", "--format", "json"]).exits(0).json();
    assert_eq!((&status["state"], &status["schema"]), (&"running".into(), &1.into()));
    let routes = status["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 6, "{status:#}");
    let of_db = routes.iter().find(|route| route["service"] == "postgres").unwrap();
    assert_eq!(of_db["urls"][0], format!("postgres://db.shop.localhost:{}", proxy.ports.postgres));
    let connect = of_db["connect"].as_str().unwrap();
    assert!(
        connect.starts_with("psql 'host=db.shop.localhost hostaddr=127.0.0.1 ") && connect.contains(&proxy.ca()),
        "{connect}"
    );
    proxy.xtask(&shop, &["proxy", "labels", "--lint"]).exits(0).says("the labels of 4 services are fine");

    // The proxy stays while somebody is reached through it.
    proxy.xtask(&shop, &["proxy", "down"]).exits(1).says(&format!("project {}", shop.name)).says("--force");
    assert_eq!(proxy.http(site, "/").0, 200);
    proxy.compose(&shop, &["stop", "-t", "1"]).exits(0);
    // A stopped one could not be started again without its network.
    proxy.xtask(&shop, &["proxy", "down"]).exits(0).says(&format!("left: network {}", proxy.network));
    proxy.xtask(&shop, &["proxy", "status"]).exits(1).says("proxy absent");
    proxy.compose(&shop, &["down", "-t", "1", "-v"]).exits(0);
    proxy.xtask(&shop, &["proxy", "down"]).exits(0);
    docker(["network", "inspect", &proxy.network]).exits(1);
}

/// Programs with a store of their own, told as `proxy trust` says.
fn other_programs(proxy: &Proxy, host: &str) {
    let port = proxy.ports.websecure.to_string();
    let python = "
import socket, ssl, sys
plain = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
print(ssl.create_default_context().wrap_socket(plain, server_hostname=sys.argv[1]).version())
";
    let node = "
const [host, port] = process.argv.slice(1)
const socket = require('tls').connect({ host: '127.0.0.1', port, servername: host }, () => {
  console.log(socket.getProtocol())
  socket.destroy()
})
";
    let trusts = |program: &str, variable: &str, script: &str, option: &str| {
        let with = |trusts: bool| {
            let mut program = command(program);
            program.args([option, script, host, &port]);
            if trusts {
                program.env(variable, proxy.ca());
            }
            run(program)
        };
        with(true).exits(0).says("TLSv1.3");
        assert_ne!(with(false).code, 0, "{program} trusts it by itself");
    };
    trusts(&crate::support::python(), "SSL_CERT_FILE", python, "-c");
    if Path::new("/usr/bin/node").exists() {
        trusts("/usr/bin/node", "NODE_EXTRA_CA_CERTS", node, "-e");
    }
}

#[test]
fn two_worktrees_never_answer_for_each_other() {
    let proxy = Proxy::new();
    proxy.up(&proxy.home).exits(0);
    let trees = ["one", "two"].map(|name| {
        let tree = web(name, &["web"]);
        proxy.xtask(&tree, &["proxy", "labels", "--write"]).exits(0);
        tree.write("host", format!("{name}.shop"));
        tree
    });
    let hosts = ["one.shop.localhost", "two.shop.localhost"];
    for (tree, host) in trees.iter().zip(hosts) {
        proxy.start(tree, &[(host, Kind::Web)]);
    }
    for at in 0..1000 {
        let host = hosts[at % 2];
        let body = get_as(proxy.ports.web, host);
        assert!(body.starts_with(&format!("name={}-web ", &host[..3])), "{host}: {body}");
    }
    // Certificates come with the next `up`, and the running proxy shows them.
    proxy.up(&proxy.home).exits(0);
    for host in hosts {
        wait_until(|| host, || proxy.https(host).code == 0);
        proxy.https(host).exits(0).says(&format!("name={}-web", &host[..3]));
    }

    // A third one that takes the first one's name is told.
    let third = web("third", &["web"]);
    proxy.xtask(&third, &["proxy", "labels", "--write"]).exits(0);
    third.write(".env", "PROXY_HOST=one.shop\n");
    let lint = proxy.xtask(&third, &["proxy", "labels", "--lint"]).exits(1);
    lint.says("one.shop.localhost leads to container").says(&trees[0].name).says("docker-compose.traefik.yml:");

    // Taken away by force: what runs goes on, and keeps its network.
    proxy.xtask(&proxy.home, &["proxy", "down", "--dry-run", "--force"]).exits(0).says("would remove container");
    assert_eq!(proxy.http(hosts[0], "/").0, 200);
    proxy.xtask(&proxy.home, &["proxy", "down", "--force"]).exits(0).says(&format!("left: network {}", proxy.network));
    assert_eq!(trees[0].running(), ["web"]);
}

#[test]
fn taken_ports_are_told_and_others_used() {
    let proxy = Proxy::new();
    let home = &proxy.home;
    let holder = Holder::http(proxy.ports.web);
    proxy.up(home).exits(1).says(&format!("port {} for web is taken: ", proxy.ports.web)).says("http.server");
    assert!(!proxy.folder().join("compose.yml").exists());
    drop(holder);
    proxy.up(home).exits(0);
    proxy.xtask(home, &["proxy", "down"]).exits(0);

    // What PostgreSQL had is held now: HTTP works all the same.
    let holder = Holder::socket("tcp", "127.0.0.1", proxy.ports.postgres);
    let up = proxy.xtask(home, &["proxy", "up"]).exits(0);
    let status = proxy.xtask(home, &["proxy", "status", "--format", "json"]).exits(0).json();
    let entry = |at: usize| (status["ports"][at]["port"].as_u64().unwrap(), &status["ports"][at]["held_by"]);
    assert_eq!(entry(0), (proxy.ports.web.into(), &serde_json::Value::Null));
    let (port, held_by) = entry(2);
    assert_ne!(port, u64::from(proxy.ports.postgres));
    assert!(held_by.as_str().unwrap().contains("python"), "{held_by}");
    up.says(&format!("postgres is on {port}, because {} is held: ", proxy.ports.postgres));
    assert_eq!(proxy.http("traefik.localhost", "/ping").0, 200);
    let command = format!("cargo xtask proxy up --postgres-port {}", proxy.ports.postgres);
    proxy.xtask(home, &["diagnose", "--only", "proxy"]).says(&format!("free the port, then `{command}`"));
    drop(holder);
    proxy.xtask(home, &["proxy", "status"]).exits(0).says(&format!("is free again: `{command}`"));
    let port = proxy.ports.postgres.to_string();
    proxy.xtask(home, &["proxy", "up", "--postgres-port", &port]).exits(0).says(&format!("postgres   {port}"));
    proxy.xtask(home, &["proxy", "status"]).exits(0).never_says("is free again");
}

#[test]
fn the_dashboard_and_a_page_in_a_browser() {
    let proxy = Proxy::new();
    let Some(browser) = Browser::find(proxy.home.home()) else { return };
    let shop = web("shop", &["web"]);
    proxy.xtask(&shop, &["proxy", "labels", "--write"]).exits(0);
    proxy.up(&shop).exits(0);
    proxy.start(&shop, &[("shop.localhost", Kind::Web)]);
    // `*.localhost` is the browser's own knowledge: nothing is resolved here.
    let page = browser.page(&format!("http://shop.localhost:{}/", proxy.ports.web));
    page.says("name=shop-web host=shop.localhost");
    // https is refused until the CA is trusted, and then it is not.
    proxy.up(&shop).exits(0);
    let secure = format!("https://shop.localhost:{}/", proxy.ports.websecure);
    browser.page(&secure).says("ERR_CERT_AUTHORITY_INVALID").never_says("name=shop-web");
    browser.trust(&proxy.ca());
    browser.page(&secure).says("name=shop-web host=shop.localhost");
    let dashboard = format!("http://traefik.localhost:{}/dashboard/", proxy.ports.web);
    browser.picture(&dashboard, "dashboard.png", "1200,800").says("Traefik").says("Success");
}
