//! Every known wording and its meaning.

use super::*;

const P28: &str = "Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint demo-backend-1 (0f2c8a6e4b1d): ";
const P26: &str = "Error response from daemon: driver failed programming external connectivity on endpoint demo-backend-1 (0f2c8a6e4b1d): ";
const DESKTOP: &str = "Error response from daemon: Ports are not available: ";

#[track_caller]
fn check(text: &str, expected: &str) {
    let found = port_problem(text.as_bytes()).map(|p| {
        let word = |word: Option<String>| word.unwrap_or_else(|| "-".into());
        let ip = word(p.host_ip.map(|ip| ip.to_string()));
        let port = word(p.port.map(|port| port.to_string()));
        let protocol = word(p.protocol.map(|protocol| protocol.to_string()));
        format!("{ip} {port} {protocol} {:?} {}", p.cause, word(p.container))
    });
    assert_eq!(found.as_deref().unwrap_or("none"), expected, "{text}");
}

/// Whole lines as users quoted them; one contains Windows' message in Portuguese.
#[test]
fn recorded_lines() {
    let sample = text(include_bytes!("../../../tests/fixtures/tools/docker-port-errors.txt"));
    let expected = [
        "0.0.0.0 5432 tcp Refused -",
        "0.0.0.0 5432 tcp InUse -",
        "0.0.0.0 5432 tcp Refused -",
        "0.0.0.0 8000 tcp Refused -",
        "0.0.0.0 5432 - Allocated demo-db-1",
        "0.0.0.0 8003 tcp InUse demo-db-1",
    ];
    assert_eq!(sample.lines().count(), expected.len());
    for (line, expected) in sample.lines().zip(expected) {
        check(line, expected);
    }
}

#[test]
fn the_one_form_that_names_no_port() {
    check(&format!("{P28}failed to listen on TCP socket: address already in use"), "- - - InUse demo-backend-1");
}

#[test]
fn the_engines_own_allocator() {
    for frame in [P28, P26] {
        check(
            &format!("{frame}Bind for 0.0.0.0:8000 failed: port is already allocated"),
            "0.0.0.0 8000 - Allocated demo-backend-1",
        );
        check(
            &format!("{frame}Bind for :::8000 failed: port is already allocated"),
            ":: 8000 - Allocated demo-backend-1",
        );
        check(
            &format!("{frame}Bind for [::]:8000 failed: port is already allocated"),
            ":: 8000 - Allocated demo-backend-1",
        );
        check(
            &format!("{frame}Bind for 127.0.0.1:8000 failed: port is already allocated"),
            "127.0.0.1 8000 - Allocated demo-backend-1",
        );
        check(
            &format!("{frame}Bind for ::1:8000 failed: port is already allocated"),
            "::1 8000 - Allocated demo-backend-1",
        );
        check(&format!("{frame}all ports are allocated"), "- - - AllAllocated demo-backend-1");
    }
    check("Bind for 0.0.0.0:5432 failed: port is already allocated", "0.0.0.0 5432 - Allocated -");
}

#[test]
fn a_host_process_by_engine() {
    let used = "address already in use";
    // 20.10 to 26.
    check(
        &format!("{P26}Error starting userland proxy: listen tcp4 0.0.0.0:8000: bind: {used}"),
        "0.0.0.0 8000 tcp InUse demo-backend-1",
    );
    check(
        &format!("{P26}Error starting userland proxy: listen tcp6 [::]:8000: bind: {used}"),
        ":: 8000 tcp InUse demo-backend-1",
    );
    check(
        &format!("{P26}Error starting userland proxy: listen udp4 0.0.0.0:53: bind: {used}"),
        "0.0.0.0 53 udp InUse demo-backend-1",
    );
    check(
        &format!("{P26}Error starting userland proxy: listen tcp 0.0.0.0:8000: bind: {used}"),
        "0.0.0.0 8000 tcp InUse demo-backend-1",
    );
    // 20.10 without the proxy.
    check(&format!("{P26}listen tcp4 0.0.0.0:8000: bind: {used}"), "0.0.0.0 8000 tcp InUse demo-backend-1");
    // 27.
    let inner = format!("Error starting userland proxy: listen tcp4 0.0.0.0:8000: bind: {used}");
    check(&format!("{P26}failed to bind port 0.0.0.0:8000/tcp: {inner}"), "0.0.0.0 8000 tcp InUse demo-backend-1");
    // 28.
    check(
        &format!("{P28}failed to bind host port for 0.0.0.0:8000:172.18.0.3:8080/tcp: {used}"),
        "0.0.0.0 8000 tcp InUse demo-backend-1",
    );
    check(
        &format!("{P28}failed to bind host port for [::]:8000:172.18.0.3:8080/tcp: {used}"),
        ":: 8000 tcp InUse demo-backend-1",
    );
    check(
        &format!("{P28}failed to bind host port for [::1]:53:[fd00::3]:53/udp: {used}"),
        "::1 53 udp InUse demo-backend-1",
    );
    check(
        &format!("{P28}failed to bind host port 8001 for 0.0.0.0:8000-8010:172.18.0.2:80/tcp: {used}"),
        "0.0.0.0 8001 tcp InUse demo-backend-1",
    );
    // 29.
    check(&format!("{P28}failed to bind host port 0.0.0.0:8000/tcp: {used}"), "0.0.0.0 8000 tcp InUse demo-backend-1");
    check(&format!("{P28}failed to bind host port [::]:8000/tcp: {used}"), ":: 8000 tcp InUse demo-backend-1");
    check(
        &format!("{P28}failed to bind host port 10.0.2.100:3000/tcp: {used}"),
        "10.0.2.100 3000 tcp InUse demo-backend-1",
    );
    // The container's State.Error has no frame.
    check(&format!("failed to bind host port 0.0.0.0:8000/tcp: {used}"), "0.0.0.0 8000 tcp InUse -");
    // `docker run`.
    check(
        &format!("docker: {P28}failed to bind host port 0.0.0.0:8000/tcp: {used}"),
        "0.0.0.0 8000 tcp InUse demo-backend-1",
    );
}

#[test]
fn an_address_that_is_not_this_machines() {
    let text = "cannot assign requested address";
    check(
        &format!("{P28}failed to bind host port for 10.9.8.7:8000:172.18.0.2:80/tcp: {text}"),
        "10.9.8.7 8000 tcp NotLocal demo-backend-1",
    );
    check(
        &format!("{P26}Error starting userland proxy: listen tcp4 10.9.8.7:8000: bind: {text}"),
        "10.9.8.7 8000 tcp NotLocal demo-backend-1",
    );
    check(
        &format!(
            "{DESKTOP}exposing port TCP 10.9.8.7:80 -> 127.0.0.1:0: listen tcp 10.9.8.7:80: bind: can't assign requested address"
        ),
        "10.9.8.7 80 tcp NotLocal -",
    );
}

#[test]
fn rootless_engines_and_podman() {
    let used = "bind: address already in use";
    check(
        &format!("{P28}error while calling RootlessKit PortManager.AddPort(): listen tcp4 0.0.0.0:8000: {used}"),
        "0.0.0.0 8000 tcp InUse demo-backend-1",
    );
    check(
        &format!(
            "{P26}Error starting userland proxy: error while calling PortManager.AddPort(): listen tcp 0.0.0.0:8000: {used}"
        ),
        "0.0.0.0 8000 tcp InUse demo-backend-1",
    );
    check(
        &format!(
            "{P26}Error starting userland proxy: error while calling PortManager.AddPort(): cannot expose port 8000: listen tcp 0.0.0.0:8000: {used}"
        ),
        "0.0.0.0 8000 tcp InUse demo-backend-1",
    );
    let advice = "cannot expose privileged port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf (currently 1024), \
                  or set CAP_NET_BIND_SERVICE on rootlesskit binary, or choose a larger port number (>= 1024): listen tcp 0.0.0.0:80: bind: permission denied";
    check(
        &format!("{P26}Error starting userland proxy: error while calling PortManager.AddPort(): {advice}"),
        "0.0.0.0 80 tcp Privileged demo-backend-1",
    );
    check(&format!("Error: rootlessport listen tcp 0.0.0.0:8000: {used}"), "0.0.0.0 8000 tcp InUse -");
    check(
        "Error: rootlessport cannot expose privileged port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80'",
        "- 80 - Privileged -",
    );
    let pasta = "Error: pasta failed with exit code 1:\nFailed to bind port 8000 (Address already in use) for option '-t 8000-8000:80-80', exiting";
    check(pasta, "- 8000 - InUse -");
    check("Error: something went wrong with the request: \"proxy already running\\n\"", "- - - Backend -");
    check(
        "Error: something went wrong with the request: \"listen tcp :8000: bind: address already in use\\n\"",
        "- 8000 tcp InUse -",
    );
}

/// Podman 5.8.6 and 6.1.1 as root, and 5.8.6 without, as `docker` and Compose print them and as
/// the container's error says.
#[test]
fn podman_by_version() {
    let frame = "Error response from daemon: ";
    for (text, want) in [
        ("cannot listen on the TCP port: listen tcp4 :8471: bind: address already in use", "- 8471 tcp InUse -"),
        ("cannot listen on the UDP port: listen udp4 :8473: bind: address already in use", "- 8473 udp InUse -"),
        ("cannot listen on the TCP port: listen tcp6 [::]:8471: bind: address already in use", ":: 8471 tcp InUse -"),
        (
            "cannot listen on the TCP port: listen tcp4 192.0.2.77:8475: bind: cannot assign requested address",
            "192.0.2.77 8475 tcp NotLocal -",
        ),
        ("cannot bind tcp port :8474: address already in use", "- 8474 tcp InUse -"),
        ("cannot bind udp port :8473: address already in use", "- 8473 udp InUse -"),
        ("cannot bind tcp port 127.0.0.1:8474: address already in use", "127.0.0.1 8474 tcp InUse -"),
        ("cannot bind tcp port [::1]:8474: address already in use", "::1 8474 tcp InUse -"),
        ("cannot bind tcp port 192.0.2.77:8475: cannot assign requested address", "192.0.2.77 8475 tcp NotLocal -"),
        ("rootlessport listen tcp 0.0.0.0:8471: bind: address already in use", "0.0.0.0 8471 tcp InUse -"),
        ("rootlessport listen udp 0.0.0.0:8473: bind: address already in use", "0.0.0.0 8473 udp InUse -"),
        (
            "rootlessport listen tcp 192.0.2.77:8475: bind: cannot assign requested address",
            "192.0.2.77 8475 tcp NotLocal -",
        ),
    ] {
        check(text, want);
        check(&format!("{frame}{text}"), want);
        check(&format!("docker: {frame}{text}\n\nRun 'docker run --help' for more information"), want);
    }
    check("cannot bind tcp port the address already in use", "none");
}

#[test]
fn docker_desktop() {
    let used = "bind: address already in use";
    check(&format!("{DESKTOP}listen tcp 0.0.0.0:5000: {used}"), "0.0.0.0 5000 tcp InUse -");
    check(
        &format!("{DESKTOP}exposing port TCP 0.0.0.0:8000 -> 0.0.0.0:0: listen tcp 0.0.0.0:8000: {used}"),
        "0.0.0.0 8000 tcp InUse -",
    );
    let newer = "Error response from daemon: ports are not available: exposing port";
    check(
        &format!("{newer} TCP 0.0.0.0:8000 -> 127.0.0.1:0: listen tcp4 0.0.0.0:8000: {used}"),
        "0.0.0.0 8000 tcp InUse -",
    );
    check(&format!("{newer} UDP 0.0.0.0:53 -> 127.0.0.1:0: listen udp4 0.0.0.0:53: {used}"), "0.0.0.0 53 udp InUse -");
    check(&format!("{newer} TCP [::]:8000 -> 127.0.0.1:0: listen tcp6 [::]:8000: {used}"), ":: 8000 tcp InUse -");
    check(
        &format!("{newer} TCP 0.0.0.0:80 -> 127.0.0.1:0: /forwards/expose returned unexpected status: 500"),
        "0.0.0.0 80 tcp Backend -",
    );
    check(
        "Error response from daemon: Error starting userland proxy: /forwards/expose/port returned unexpected status: 500",
        "- - - Backend -",
    );
    check(&format!("{DESKTOP}unable to list exposed ports: Get http://unix/forwards/list: EOF"), "- - - Backend -");
    // 1.x and 2.x, with vpnkit.
    check(
        &format!(
            "{P26}Error starting userland proxy: Bind for 0.0.0.0:80: unexpected error (Failure \\\"EADDRINUSE\\\")"
        ),
        "0.0.0.0 80 - InUse demo-backend-1",
    );
    check(
        &format!(
            "{P26}Error starting userland proxy: Bind for 0.0.0.0:80: unexpected error Unix.Unix_error(Unix.EACCES, \"bind\", \"\")"
        ),
        "0.0.0.0 80 - Forbidden demo-backend-1",
    );
}

/// In any language the port is known; the probe has to find the cause.
#[test]
fn docker_desktop_on_windows_in_any_language() {
    for windows in [
        "Only one usage of each socket address (protocol/network address/port) is normally permitted.",
        "An attempt was made to access a socket in a way forbidden by its access permissions.",
        "Normalmente é permitida apenas uma utilização de cada endereço de soquete.",
        "Normalerweise darf jede Socketadresse (Protokoll, Netzwerkadresse oder Anschluss) nur jeweils einmal verwendet werden.",
        "以一种访问权限不允许的方式做了一个访问套接字的尝试。",
    ] {
        for place in [
            "TCP 0.0.0.0:5432 -> 0.0.0.0:0: listen tcp 0.0.0.0:5432",
            "TCP 0.0.0.0:5432 -> 127.0.0.1:0: listen tcp4 0.0.0.0:5432",
            "TCP 0.0.0.0:5432",
        ] {
            check(&format!("{DESKTOP}exposing port {place}: bind: {windows}"), "0.0.0.0 5432 tcp Refused -");
        }
        check(&format!("{DESKTOP}listen tcp 0.0.0.0:5432: bind: {windows}"), "0.0.0.0 5432 tcp Refused -");
    }
    // Bytes of a console that is not UTF-8.
    let mut bytes =
        format!("{DESKTOP}exposing port TCP 0.0.0.0:5432 -> 127.0.0.1:0: listen tcp 0.0.0.0:5432: bind: ").into_bytes();
    bytes.extend([0x81, 0xfc, 0x99, 0x3a, 0x20, 0xe9]);
    assert_eq!(port_problem(&bytes).map(|p| (p.port, p.cause)), Some((Some(5432), Cause::Refused)));
}

#[test]
fn inside_what_compose_writes() {
    let output = format!(
        " Network demo_default  Created\n Container demo-db-1  Started\n Container demo-backend-1  Starting\n\
         {P28}failed to bind host port for 0.0.0.0:8000:172.18.0.3:8000/tcp: address already in use\n"
    );
    check(&output, "0.0.0.0 8000 tcp InUse demo-backend-1");
    // Compose 1 says it twice.
    let twice = "ERROR: for conflict_backend_1  Cannot start service backend: driver failed programming external connectivity on endpoint \
                 conflict_backend_1 (77ad): Bind for 0.0.0.0:8000 failed: port is already allocated\n\n\
                 ERROR: for backend  Cannot start service backend: Bind for 0.0.0.0:8000 failed: port is already allocated\n\
                 ERROR: for backend  Cannot start service backend: Bind for 0.0.0.0:8000 failed: port is already allocated\n\
                 ERROR: Encountered errors while bringing up the project.\n";
    let names: Vec<_> = port_problems(twice.as_bytes()).into_iter().map(|p| p.container).collect();
    assert_eq!(names, [Some("conflict_backend_1".into()), Some("backend".into())]);
    // `--progress json`.
    let json = format!(
        "{{\"id\":\"Container demo-backend-1\",\"status\":\"Error\",\"text\":\"{P26}Bind for 0.0.0.0:8000 failed: port is already allocated\"}}"
    );
    check(&json, "0.0.0.0 8000 - Allocated demo-backend-1");
}

#[test]
fn what_is_no_port_problem() {
    for text in [
        "",
        "Error response from daemon: No such image: nope:1",
        "Error response from daemon: Conflict. The container name \"/x\" is already in use by container \"0f2c\".",
        // A container's static IP address.
        "Error response from daemon: failed to set up container networking: Address already in use",
        // A program in a container, about its own port.
        "backend-1  | listen tcp 0.0.0.0:8000: bind: address already in use",
        "web-1  | nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
        "Error response from daemon: network 57650555d079 not found",
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
        "Error response from daemon: failed to bind mount /a:8000: permission denied",
    ] {
        check(text, "none");
    }
}
