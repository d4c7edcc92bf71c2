//! No command makes a service reachable from more addresses: other compose files, a template that is
//! copied, settings of a network, and the network mode.

use crate::env::refused;
use crate::support::Project;
use crate::support::engine::Engine;

const NEVER: &str = "this command never makes a port reachable from more addresses";

/// With the machine's own Compose; `None` where there is no Compose.
fn project(compose: &str) -> Option<Project> {
    let mut project = Project::new(compose);
    if project.real_docker() { Some(project) } else { None }
}

#[test]
fn other_compose_files_keep_the_addresses_of_the_services_that_stay() {
    let service = "services:\n  app:\n    image: busybox\n";
    let Some(project) = project(&format!("{service}    ports: ['@0:8080']\n")) else { return };
    project.file("compose.override.yaml", &format!("{service}    ports: !override ['127.0.0.1:@0:8080']\n"));
    project.file("more.yaml", "services:\n  web: { image: busybox, ports: ['@1:80'] }\n");
    project.file("debug.yaml", "services:\n  app: { ports: ['127.0.0.1:@2:9229'] }\n");
    project.file("open.yaml", "services:\n  app: { ports: ['@2:9229'] }\n");
    project.file("host.yaml", "services:\n  app: { network_mode: host, ports: !reset [] }\n");
    for (files, why) in [
        (
            "compose.yaml",
            "would publish 8080/tcp of service `app` on port 18000 of every address; currently it is on 127.0.0.1:18000",
        ),
        (
            "compose.yaml:compose.override.yaml:open.yaml",
            "would publish 9229/tcp of service `app` on port 18002 of every address; currently it is not published",
        ),
        ("compose.yaml:host.yaml", "would run service `app` on the host's network"),
    ] {
        for set in ["env set", "env set --dry-run"] {
            let run = refused(&project, &format!("{set} COMPOSE_FILE={files}"));
            assert!(run.stderr.contains(&project.fill(why)) && run.stderr.contains(NEVER), "{files}: {run}");
        }
    }
    // Another service may publish what it likes, and a new port of this machine alone is no more open.
    for more in ["more.yaml", "debug.yaml"] {
        project.run(&format!("env set COMPOSE_FILE=compose.yaml:compose.override.yaml:{more}")).exits(0);
    }
}

#[test]
fn profiles_keep_the_addresses_of_the_services_that_stay() {
    let compose = "services:\n  app: { image: busybox, ports: ['127.0.0.1:@0:80'] }\n  debug: { image: busybox, profiles: [debug], ports: ['@1:80'] }\n";
    let Some(project) = project(compose) else { return };
    let run = project.run("env set COMPOSE_PROFILES=debug").exits(0);
    assert!(run.stderr.contains("`debug` will start too") && !run.stderr.contains("debug."), "{run}");
    let compose = "services:\n  app: { image: busybox, ports: ['${COMPOSE_PROFILES:-127.0.0.1}:@0:80'] }\n";
    let Some(project) = self::project(compose) else { return };
    let run = refused(&project, "env set COMPOSE_PROFILES=0.0.0.0");
    assert!(run.stderr.contains(NEVER), "{run}");
}

const DB: &str = "services:\n  db: { image: busybox, ports: ['${DB_PORT:-127.0.0.1:@0}:5432'] }\n";

/// The same for everything that copies the template, or uses it in place of the file.
#[test]
fn a_template_that_opens_a_port_is_not_copied() {
    for command in
        ["env init", "env init --dry-run", "start", "start --no-write", "check-ports --reassign", "env set OTHER=2"]
    {
        let Some(mut project) = project(DB) else { return };
        let _engine = Engine::start(&mut project);
        project.file(".env.example", "# mine\nOTHER=1\nDB_PORT=@0\n");
        if command.starts_with("check-ports") {
            project.hold("0.0.0.0", &[0]);
        }
        let before = project.everything();
        let set = command.starts_with("env set");
        let run = project.run(&format!("{command}{}", if set { " --new" } else { "" })).exits(if set { 2 } else { 1 });
        assert_eq!(project.everything(), before, "{command}: {run}");
        let fact =
            "would publish 5432/tcp of service `db` on port 18000 of every address; currently it is on 127.0.0.1:18000";
        assert!(run.stderr.contains(fact), "{command}: {run}");
        if !set {
            assert!(run.stderr.contains("error: DB_PORT=18000 (.env.example:3) "), "{command}: {run}");
            let cure = "hint: keep the address: write `DB_PORT=127.0.0.1:18000` into .env.example:3";
            assert!(run.stderr.contains(cure) && run.stderr.contains("`cp .env.example .env`"), "{command}: {run}");
        }
    }
}

#[test]
fn a_template_that_keeps_the_addresses_or_that_the_project_needs_is_copied() {
    let needs = "services:\n  db: { image: busybox, ports: ['${DB_PORT:?}:5432'] }\n";
    let files = "services:\n  db: { image: busybox }\n";
    for (compose, template) in [
        (DB, "DB_PORT=127.0.0.1:@1\n"),
        (needs, "DB_PORT=@0\n"),
        // What nothing publishes without it.
        (files, "COMPOSE_FILE=compose.yaml:ports.yaml\n"),
    ] {
        let Some(project) = project(compose) else { return };
        project.file("ports.yaml", "services:\n  db: { ports: ['@0:5432'] }\n");
        project.file(".env.example", template);
        let run = project.run("env init").exits(0);
        assert_eq!(project.read(".env"), project.fill(template), "{run}");
    }
}

/// Without its `env_file:` Compose doesn't read the project at all; our own reader does.
#[test]
fn a_template_is_compared_where_a_service_reads_the_file_that_is_missing() {
    let compose = "services:\n  db: { image: busybox, env_file: .env, ports: ['${BIND:-127.0.0.1}:@0:5432'] }\n";
    let Some(project) = project(compose) else { return };
    project.file(".env.example", "BIND=0.0.0.0\n");
    let run = project.run("env init").exits(1);
    assert!(!project.path(".env").exists(), "{run}");
    assert!(run.stderr.contains("error: BIND=0.0.0.0 (.env.example:1) would publish 5432/tcp"), "{run}");
    assert!(
        run.stderr.contains("hint: keep the compose file's own value: comment out BIND in .env.example:1"),
        "{run}"
    );
}

#[test]
fn settings_of_networks_count_as_addresses() {
    let bridge = "com.docker.network.bridge";
    let compose = format!(
        "services:
  db: {{ image: busybox, networks: [n], ports: ['@0:5432'] }}
  inner: {{ image: busybox, networks: [i], ports: ['@1:5432'] }}
networks:
  n:
    driver: '${{DRIVER:-bridge}}'
    driver_opts:
      {bridge}.host_binding_ipv4: '${{NB:-127.0.0.1}}'
      {bridge}.gateway_mode_ipv4: '${{GW:-nat}}'
      com.docker.network.driver.mtu: '${{MTU:-1500}}'
  i: {{ internal: '${{INT:-true}}' }}
"
    );
    let Some(project) = project(&compose) else { return };
    for (set, why) in [
        (
            "NB=0.0.0.0",
            "would publish 5432/tcp of service `db` on port 18000 of every address; currently it is on 127.0.0.1:18000",
        ),
        (
            "INT=false",
            "would publish 5432/tcp of service `inner` on port 18001 of every address; currently it is not published",
        ),
        ("GW=nat-unprotected", "would make service `db` reachable from other machines at its own address on network"),
        ("GW=routed", "at its own address"),
        ("DRIVER=macvlan", "at its own address"),
    ] {
        let run = refused(&project, &format!("env set {set}"));
        assert!(run.stderr.contains(&project.fill(why)) && run.stderr.contains(NEVER), "{set}: {run}");
    }
    // With an empty value the default is used.
    project.run("env set NB=").exits(0);
    project.run("env set MTU=1400 NB=127.0.0.1 INT=true").exits(0);
}

#[test]
fn the_network_mode_counts_as_an_address() {
    let compose = "services:
  db: { image: busybox, network_mode: '${MODE:-none}' }
  web: { image: busybox, ports: ['127.0.0.1:@0:80'] }
  off: { image: busybox, profiles: [off], network_mode: '${OFF:-none}' }
";
    let Some(project) = project(compose) else { return };
    for (set, why) in [
        ("MODE=host", "MODE=host would run service `db` on the host's network"),
        ("MODE=container:vpn", "container `vpn`"),
        ("OFF=host", "service `off`"),
    ] {
        let run = refused(&project, &format!("env set {set}"));
        assert!(run.stderr.contains(why) && run.stderr.contains(NEVER), "{set}: {run}");
    }
    project.run("env set MODE=bridge").exits(0);
}

/// The override file has the published port, and the variable is left with the target port.
#[test]
fn a_target_port_may_change_where_only_this_machine_reaches_it() {
    let compose = "services:\n  app: { image: busybox, ports: ['@A:${PORT:-@0}:${PORT:-@0}'] }\n";
    for (address, code) in [("127.0.0.1", 0), ("0.0.0.0", 2)] {
        let Some(mut project) = project(&compose.replace("@A", address)) else { return };
        project.hold("0.0.0.0", &[0]);
        project.run("check-ports --reassign").exits(0);
        let run = project.run(&project.fill("env set PORT=@3")).exits(code);
        let refusal = "this command never publishes another target port";
        assert_eq!(run.stderr.contains(refusal), code == 2, "{run}");
        assert!(!run.stderr.contains(NEVER), "{run}");
    }
}
