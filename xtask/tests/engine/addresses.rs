//! Address families, single addresses, ranges, UDP: what the engine would
//! refuse is found before, and what it would take is not reported.

use std::net::UdpSocket;

use crate::support::{Holder, Project, get, web};

fn with_ports(project: &Project, ports: &str) {
    project.write("docker-compose.yml", format!("services:\n  web:\n    image: engine-web\n    ports: [{ports}]\n"));
}

/// Measured: 127.0.0.1 and 0.0.0.0 both bind beside it, and still a container
/// that wants all addresses fails.
#[test]
fn a_holder_of_ipv6_alone_takes_a_wildcard_mapping() {
    for ip in ["::1", "::"] {
        let (project, port) = Project::web();
        let holder = Holder::socket("tcp", ip, port);
        project.xtask(["start"]).exits(1).says(&format!("pid {}", holder.pid())).says("taken");
        project.has_nothing();
        // The engine agrees.
        let refused =
            crate::support::docker(["compose", "-p", &project.name, "-f", &compose_file(&project), "up", "-d"]);
        refused.exits(1).says("address already in use");
    }
}

fn compose_file(project: &Project) -> String {
    project.dir().join("docker-compose.yml").display().to_string()
}

#[test]
fn a_holder_of_127_0_0_2_takes_the_wildcard_and_not_127_0_0_1() {
    let project = Project::new();
    let port = project.port();
    let holder = Holder::socket("tcp", "127.0.0.2", port);
    with_ports(&project, &format!("\"{port}:8080\""));
    project.xtask(["start"]).exits(1).says(&format!("pid {}", holder.pid()));
    project.has_nothing();
    with_ports(&project, &format!("\"127.0.0.1:{port}:8080\""));
    project.xtask(["check-ports"]).exits(0).says("free");
    project.xtask(["start"]).exits(0);
    assert!(get(&format!("http://127.0.0.1:{port}/")).starts_with("name="));
}

#[test]
fn three_loopback_addresses_do_not_clash() {
    let project = Project::new();
    let port = project.port();
    with_ports(&project, &format!("\"127.0.0.1:{port}:8080\", \"127.0.0.2:{port}:8080\", \"[::1]:{port}:8080\""));
    project.xtask(["check-ports"]).exits(0).never_says("clash");
    project.xtask(["start"]).exits(0).says(&format!("http://127.0.0.2:{port}")).says(&format!("http://[::1]:{port}"));
    assert!(get(&format!("http://[::1]:{port}/")).starts_with("name="));
}

/// Each wildcard by itself: the holder of the other family is not in the way.
#[test]
fn a_holder_of_the_other_family_does_not_block_a_wildcard() {
    for (holder, mapping, url) in [("::1", "0.0.0.0", "127.0.0.1"), ("0.0.0.0", "[::]", "[::1]")] {
        let project = Project::new();
        let port = project.port();
        let _holder = Holder::socket("tcp", holder, port);
        with_ports(&project, &format!("\"{mapping}:{port}:8080\""));
        project.xtask(["check-ports"]).exits(0).says("free");
        project.xtask(["start"]).exits(0);
        assert!(get(&format!("http://{url}:{port}/")).starts_with("name="));
    }
}

#[test]
fn a_container_on_127_0_0_1_takes_the_wildcard() {
    let (theirs, ours) = (Project::new(), Project::new());
    let port = theirs.port();
    with_ports(&theirs, &format!("\"127.0.0.1:{port}:8080\""));
    theirs.xtask(["start"]).exits(0);
    ours.write("docker-compose.yml", web(port));
    ours.xtask(["start"]).exits(1).says(&format!("container {}-web-1", theirs.name));
    ours.has_nothing();
}

#[test]
fn a_port_twice_in_one_model_is_a_clash() {
    let project = Project::new();
    let port = project.port();
    let service = |name: &str, mapping: &str| format!("  {name}:\n    image: engine-web\n    ports: [\"{mapping}\"]\n");
    let wildcard = format!("${{WEB_PORT:-{port}}}:8080");
    for second in [format!("{port}:8080"), format!("127.0.0.1:{port}:8080")] {
        project.write(
            "docker-compose.yml",
            format!("services:\n{}{}", service("web", &wildcard), service("web2", &second)),
        );
        project.xtask(["check-ports"]).exits(1).says("clash").says("service `web` of this project also publishes");
        project.xtask(["start"]).exits(1);
        project.has_nothing();
    }
    // The second one moves where a variable feeds it.
    project.write(".env", format!("WEB_PORT={port}\nWEB2_PORT={port}\n"));
    let both = format!("services:\n{}{}", service("web", &wildcard), service("web2", "${WEB2_PORT}:8080"));
    project.write("docker-compose.yml", both);
    project.xtask(["start", "--on-conflict", "reassign"]).exits(0).says(&format!("WEB2_PORT {port} -> {}", port + 1));
    assert_eq!(project.running(), ["web", "web2"]);
}

#[test]
fn of_a_range_the_engine_takes_a_free_one() {
    let project = Project::new();
    let port = project.port();
    let _holder = Holder::http(port);
    with_ports(&project, &format!("\"{port}-{}:8080\"", port + 2));
    project.xtask(["check-ports"]).exits(0);
    let output = project.xtask(["start"]).exits(0);
    let published = (port + 1..=port + 2).find(|port| output.stdout.contains(&format!("http://localhost:{port}")));
    assert!(get(&format!("http://127.0.0.1:{}/", published.expect("one of the range"))).starts_with("name="));
}

#[test]
fn a_range_that_is_taken_whole_is_a_conflict() {
    let project = Project::new();
    let port = project.port();
    let _holders = [Holder::http(port), Holder::http(port + 1)];
    with_ports(&project, &format!("\"{port}-{}:8080\"", port + 1));
    project.xtask(["start"]).exits(1);
    project.has_nothing();
}

#[test]
fn a_range_for_a_range_is_each_of_its_ports() {
    let project = Project::new();
    let port = project.port();
    let _holder = Holder::http(port + 1);
    with_ports(&project, &format!("\"{port}-{}:8080-8082\"", port + 2));
    let report = project.xtask(["check-ports", "--format", "json"]).exits(1).json();
    let verdicts: Vec<&str> =
        report["ports"].as_array().unwrap().iter().map(|port| port["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["free", "taken", "free"]);
}

#[test]
fn a_udp_holder_blocks_only_the_udp_mapping() {
    let project = Project::new();
    let port = project.port();
    let holder = Holder::socket("udp", "127.0.0.1", port);
    with_ports(&project, &format!("\"{port}:8080\", \"{port}:9999/udp\""));
    let report = project.xtask(["check-ports", "--format", "json"]).exits(1).json();
    let ports = report["ports"].as_array().unwrap();
    let of = |protocol: &str| ports.iter().find(|port| port["protocol"] == protocol).unwrap();
    assert_eq!(of("tcp")["verdict"], "free");
    assert_eq!(of("udp")["verdict"], "taken");
    assert_eq!(of("udp")["owners"][0]["pid"], holder.pid());
    project.xtask(["start"]).exits(1);
    project.has_nothing();
    drop(holder);
    project.xtask(["start"]).exits(0);
    assert!(UdpSocket::bind(("127.0.0.1", port)).is_err());
    // A second project meets the container's UDP port.
    let other = Project::new();
    with_ports(&other, &format!("\"{port}:9999/udp\""));
    other.xtask(["start"]).exits(1).says(&format!("container {}-web-1", project.name));
}

#[test]
fn a_port_that_the_engine_picks() {
    let project = Project::new();
    // Not both for one service: engine 28 gives them the same port, and fails.
    let service = |name: &str, mapping: &str| format!("  {name}:\n    image: engine-web\n    ports: [\"{mapping}\"]\n");
    project.write(
        "docker-compose.yml",
        format!("services:\n{}{}", service("all", "8080"), service("local", "127.0.0.1::8080")),
    );
    project.xtask(["check-ports"]).exits(0).says("the engine picks");
    let output = project.xtask(["start"]).exits(0);
    let urls: Vec<&str> = output.stdout.split_whitespace().filter(|word| word.starts_with("http://")).collect();
    assert_eq!(urls.len(), 2, "{}", output.stdout);
    for url in urls {
        assert!(get(url).starts_with("name="), "{url}");
    }
}
