//! The proxy is everybody's: what one command asks of it takes no names from
//! others.

use crate::proxy::Proxy;
use crate::support::docker;

#[test]
fn a_port_of_its_own_is_refused_and_it_runs_on() {
    let proxy = Proxy::new();
    let home = &proxy.home;
    proxy.up(home).exits(0);
    let [web, websecure, postgres, redis] = proxy.ports.entries().map(|entry| entry.1.to_string());
    let before = proxy.id();
    for more in [[].as_slice(), &["--dry-run"]] {
        let up = proxy.xtask(home, &[&["proxy", "up", "--http-port", &postgres], more].concat()).exits(2);
        up.says(&format!("port {postgres} cannot be for web: postgres has it")).says("--postgres-port PORT");
        let words = ["proxy", "up", "--http-port", &websecure, "--https-port", &websecure];
        proxy.xtask(home, &[&words, more].concat()).exits(2).says("websecure is to have it too");
    }
    assert_eq!(proxy.id(), before);
    assert_eq!(proxy.http("traefik.localhost", "/ping").0, 200);
    // Two that change places.
    proxy.xtask(home, &["proxy", "up", "--postgres-port", &redis, "--redis-port", &postgres]).exits(0);
    let status = proxy.xtask(home, &["proxy", "status", "--format", "json"]).exits(0).json();
    let ports = [0, 1, 2, 3].map(|at| status["ports"][at]["port"].as_u64().unwrap().to_string());
    assert_eq!(ports, [web, websecure, redis, postgres]);
}

#[test]
fn after_a_start_that_failed_the_old_one_runs_again() {
    let proxy = Proxy::new();
    let home = &proxy.home;
    proxy.up(home).exits(0);
    let compose = || std::fs::read_to_string(proxy.folder().join("compose.yml")).unwrap();
    let before = compose();
    let image = format!("{}-traefik:v3.7.99", home.name);
    home.owns_image(image.clone());
    let version = "org.opencontainers.image.version=v3.7.99";
    home.write("Dockerfile", format!("FROM engine-web\nLABEL {version}\nENTRYPOINT [\"/nothing\"]\n"));
    docker(["build", "-q", "-t", &image, &home.dir().display().to_string()]).exits(0);
    let up = proxy.xtask(home, &["proxy", "up", "--image", &image]).exits(2);
    up.says("the proxy did not start").says("the proxy runs again as it did before");
    assert_eq!(compose(), before);
    proxy.xtask(home, &["proxy", "up"]).exits(0);
    assert_eq!(proxy.http("traefik.localhost", "/ping").0, 200);
}

#[test]
fn what_it_said_is_shown_also_when_it_has_ended() {
    let proxy = Proxy::new();
    let home = &proxy.home;
    let logs = || proxy.xtask(home, &["proxy", "logs", "--tail", "all"]);
    logs().exits(2).says("there is no proxy");
    proxy.up(home).exits(0);
    docker(["stop", "-t", "1", proxy.id().trim()]).exits(0);
    logs().exits(0).says("Starting provider");
    // What is read is the container's, whatever became of its folder.
    std::fs::remove_dir_all(proxy.folder()).unwrap();
    logs().exits(0).says("Starting provider");
}

#[test]
fn a_folder_that_was_deleted_is_made_anew_and_seen() {
    let proxy = Proxy::new();
    let home = &proxy.home;
    proxy.up(home).exits(0);
    for folder in ["", "certs", "dynamic"] {
        std::fs::remove_dir_all(proxy.folder().join(folder)).unwrap();
        proxy.up(home).exits(0);
        assert_eq!(proxy.http("traefik.localhost", "/ping").0, 200, "{folder}");
        let before = proxy.id();
        proxy.up(home).exits(0);
        assert_eq!(proxy.id(), before, "{folder}");
    }
}

#[test]
fn a_traefik_that_cannot_work_is_refused_before() {
    let proxy = Proxy::new();
    for (version, why) in [("v3.6.0", "version 1.24"), ("3.6.11", "PostgreSQL"), ("latest", "cannot be read")] {
        let image = format!("{}-traefik:{version}", proxy.home.name);
        proxy.home.owns_image(image.clone());
        proxy.home.write("Dockerfile", format!("FROM engine-web\nLABEL org.opencontainers.image.version={version}\n"));
        let dir = proxy.home.dir().display().to_string();
        docker(["build", "-q", "-t", &image, &dir]).exits(0);
        proxy.xtask(&proxy.home, &["proxy", "up", "--image", &image]).exits(2).says(why);
    }
    assert_eq!(proxy.id(), "");
    docker(["network", "inspect", &proxy.network]).exits(1);
}

#[test]
fn a_killed_proxy_is_reported_and_comes_up_again() {
    let proxy = Proxy::new();
    let home = &proxy.home;
    proxy.up(home).exits(0);
    let id = proxy.id();
    docker(["kill", id.trim()]).exits(0);
    // The engine writes it down a moment later.
    docker(["wait", id.trim()]).exits(0);
    proxy.xtask(home, &["proxy", "status"]).exits(1).says("proxy stopped");
    proxy.xtask(home, &["proxy", "up"]).exits(0);
    assert_eq!(proxy.http("traefik.localhost", "/ping").0, 200);
}

/// As an earlier version made it.
#[test]
fn a_ca_that_may_do_more_than_it_needs_is_made_anew_and_that_is_said() {
    let proxy = Proxy::new();
    let home = &proxy.home;
    proxy.up(home).exits(0).says("a new CA was created");
    let record = proxy.folder().join("ca/ca.json");
    let mut known: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    known.as_object_mut().unwrap().remove("form").unwrap();
    std::fs::write(&record, known.to_string()).unwrap();
    let key = || std::fs::read(proxy.folder().join("ca/ca.key")).unwrap();
    let before = key();
    proxy.xtask(home, &["proxy", "up"]).exits(0).says("the local CA was replaced").says("cargo xtask proxy trust");
    assert_ne!(key(), before);
    proxy.xtask(home, &["proxy", "up"]).exits(0).never_says("was replaced");
}
