//! An engine that is reached over ssh. What answers as `ssh` here is a script
//! that writes down how it was called.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::fake_docker::config;
use crate::support::{Project, Rule, snapshot};

const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

/// The project with its engine at `ssh://ann@box.lan:2222`; `shell` is what ssh
/// does there.
fn project(shell: &str) -> Project {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n");
    project.fake_docker(&[config(), Rule::when("system dial-stdio").stdout("HTTP/1.0 200 OK\r\n\r\n[]")]);
    project.set("DOCKER_HOST", "ssh://ann@box.lan:2222").set("USER", "ann");
    let ssh = project.root().join("bin/ssh");
    let calls = project.root().join("ssh-calls");
    fs::write(&ssh, format!("#!/bin/sh\necho \"ssh $*\" >>{}\n{}\n", calls.display(), project.fill(shell))).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    project
}

fn calls(project: &Project) -> String {
    fs::read_to_string(project.root().join("ssh-calls")).unwrap_or_default()
}

/// Words, tables and all that `cat` says of a machine without IPv6.
#[test]
fn ports_of_a_machine_behind_ssh() {
    let project = project("");
    let row = format!(
        "   0: 0100007F:{:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0",
        project.port(0)
    );
    let ssh = project.root().join("bin/ssh");
    let script = fs::read_to_string(&ssh).unwrap();
    let tables = format!("echo 'Welcome to box!'\n/bin/cat <<'END'\n{HEAD}\n{row}\n{HEAD} ref pointer drops\nEND\n");
    fs::write(&ssh, format!("{script}{tables}echo 'cat: /proc/net/tcp6: No such file or directory' >&2\nexit 1\n"))
        .unwrap();
    // Nobody asked: nobody is called.
    project.run("check-ports").exits(0);
    assert_eq!(calls(&project), "");
    let run = project.run("check-ports --probe-remote").exits(1);
    snapshot!("ssh-probe", run);
    assert_eq!(
        calls(&project),
        "ssh -o BatchMode=yes -o ConnectTimeout=5 -T -l ann -p 2222 -- box.lan cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6\n"
    );
    let json = project.run("check-ports --probe-remote --format json").exits(1).json();
    assert_eq!(json["remote"], json!({ "host": "box.lan", "probed": true }));
    assert_eq!(json["ports"][0]["owners"][0]["kind"], "unknown");
}

/// By a setting of the environment, too, which a flag needs no word for.
#[test]
fn no_answer_over_ssh_is_no_free_port() {
    let mut project = project("echo 'ann@box.lan: Permission denied (publickey).' >&2; exit 255");
    project.set("XTASK_PROBE_REMOTE", "1");
    snapshot!("ssh-denied", project.run("check-ports").exits(2));
    project.set("XTASK_PROBE_REMOTE", "0");
    project.run("check-ports").exits(0);
    // Whatever greets instead of tables is none either.
    let ssh = project.root().join("bin/ssh");
    fs::write(&ssh, "#!/bin/sh\necho 'This account is currently not available.'\n").unwrap();
    let run = project.run("check-ports --probe-remote").exits(2);
    assert!(run.stderr.contains("cannot read the ports of the engine's machine over ssh"), "{run}");
}

/// Nothing here knows what is bound there: that is not the same as free.
#[test]
fn an_engine_elsewhere_that_does_not_answer_is_no_free_port() {
    let mut project = project("exit 255");
    let refused =
        Rule::when("system dial-stdio").stderr("ssh: connect to host box.lan port 2222: No route\n").exit(255);
    project.fake_docker(&[config(), refused]);
    snapshot!("remote-absent", project.run("check-ports").exits(2));
    let run = project.run("diagnose --only ports --only engine").exits(1);
    assert!(run.stdout.contains("published ports: unknown"), "{run}");
}
