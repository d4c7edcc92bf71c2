//! Who is named, and who is not.

use super::Cage;
use crate::support::{find, keys, run, skip};

/// Holder by holder what each wish meets; measured against the
/// kernel cell by cell.
const HOLDERS: [(&str, &str, [bool; 3]); 6] = [
    // Python for the holder, the address shown, taken for: everything, 127.0.0.1, [::1]
    ("listen('0.0.0.0')", "0.0.0.0:8000", [true, true, false]),
    ("listen('127.0.0.1')", "127.0.0.1:8000", [true, true, false]),
    ("listen('127.0.0.2')", "127.0.0.2:8000", [true, false, false]),
    ("listen('::', v6only=False)", "[::]:8000", [true, true, true]),
    ("listen('::', v6only=True)", "[::]:8000", [true, false, true]),
    ("listen('::1')", "[::1]:8000", [true, false, true]),
];

#[test]
fn every_address_of_a_holder_and_of_a_wish() {
    for (script, address, taken) in HOLDERS {
        let Some(mut cage) = Cage::new() else { return };
        let pid = cage.hold(&format!("s = {script}"));
        let said = cage.xtask("who 8000").exits(0);
        said.says("8000/tcp taken").names(pid).says(&format!("listens on {address}"));
        for (at, wish) in ["8000:80", "127.0.0.1:8000:80", "[::1]:8000:80"].into_iter().enumerate() {
            cage.project()
                .file("compose.yaml", &format!("services:\n  web:\n    image: web\n    ports: [\"{wish}\"]\n"));
            let said = cage.xtask("check-ports").exits(i32::from(taken[at]));
            if taken[at] {
                said.names(pid)
            } else {
                said.says("free")
            };
        }
        cage.xtask("kill 8000 --yes").exits(0).says("8000/tcp: free now");
        assert!(!cage.runs(pid), "{script}");
    }
}

#[test]
fn who_and_kill_say_that_a_port_is_free() {
    let Some(cage) = Cage::new() else { return };
    let said = cage.xtask("who 8000").exits(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("8000/tcp free\n", ""));
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    let port = serde_json::json!({ "port": 8000, "protocol": "tcp", "verdict": "free", "owners": [], "advice": null });
    assert_eq!(json, serde_json::json!({ "schema": 1, "ports": [port] }));
    cage.xtask("who --all").exits(0).says("no listeners and no published ports");
    let said = cage.xtask("kill 8000").exits(0);
    assert_eq!(said.stdout, "8000/tcp: already free\n");
}

#[test]
fn who_takes_ranges_and_never_names_a_neighbouring_port() {
    let Some(cage) = Cage::new() else { return };
    let near = cage.hold("s = listen('127.0.0.1', 3000)");
    let far = cage.hold("s = listen('127.0.0.1', 30001)");
    cage.xtask("who 3000").exits(0).names(near).never_says(&format!("pid {far}"));
    let said = cage.xtask("who 2999-3001 30001").exits(0);
    said.says("2999/tcp free\n3000/tcp taken\n").says("3001/tcp free\n30001/tcp taken\n").names(near).names(far);
    let said = cage.xtask("who --all").exits(0).names(near).names(far);
    said.says("3000/tcp taken").says("30001/tcp taken").never_says("3001/tcp");
    // Above a thousand ports the tables come first.
    cage.xtask("who 2000-40000").exits(0).names(near).names(far).never_says("free");
    cage.xtask("kill 2999-3001 --yes").exits(0);
    assert!(!cage.runs(near) && cage.runs(far));
    for bad in ["who 70000", "who 0", "who x", "who", "who 9-8", "kill", "kill --all", "kill 8000 --grace x"] {
        cage.xtask(bad).exits(2);
    }
    assert!(cage.runs(far));
}

/// A port can be bound beside all of these.
#[test]
fn time_wait_udp_zombies_and_other_namespaces_hold_no_port() {
    let Some(cage) = Cage::new() else { return };
    // Closed by the server first: TIME_WAIT is on its side.
    let server = cage.hold(
        "
s = listen('127.0.0.1')
c = socket.create_connection(('127.0.0.1', PORT))
a, _ = s.accept()
a.close()
c.close()
s.close()
",
    );
    if let Some(ss) = find("ss") {
        let mut command = cage.command(ss);
        command.arg("-tan");
        run(command).says("TIME-WAIT").says("127.0.0.1:8000");
    }
    let udp = cage.hold("s = bind('0.0.0.0', kind=socket.SOCK_DGRAM)");
    // A zombie that listened; its parent does not look.
    let parent = cage.hold("fork(lambda: listen('0.0.0.0'))\ntime.sleep(0.3)");
    let Some(other) = Cage::new() else { return };
    let elsewhere = other.hold("s = listen('0.0.0.0')");
    let said = cage.xtask("who 8000").exits(0);
    assert_eq!(said.stdout, "8000/tcp free\n");
    cage.xtask("kill 8000 --yes").exits(0).says("already free");
    other.xtask("who 8000").exits(0).names(elsewhere);
    for pid in [server, udp, parent] {
        assert!(cage.runs(pid));
    }
    assert!(other.runs(elsewhere));
}

#[test]
fn who_asks_about_udp_only_with_udp() {
    let Some(cage) = Cage::new() else { return };
    let udp = cage.hold("s = bind('127.0.0.1', kind=socket.SOCK_DGRAM)");
    let tcp = cage.hold("s = listen('127.0.0.1')");
    let said = cage.xtask("who 8000 --udp").exits(0).names(udp);
    said.says("8000/udp taken").says("listens on 127.0.0.1:8000").never_says(&format!("pid {tcp}"));
    cage.xtask("who 8000").exits(0).names(tcp).never_says(&format!("pid {udp}"));
    cage.xtask("kill 8000 --yes").exits(0);
    assert!(cage.runs(udp) && !cage.runs(tcp));
    cage.xtask("kill 8000 --udp --yes").exits(0).says("8000/udp: free now");
    assert!(!cage.runs(udp));
}

#[test]
fn who_names_and_kill_ends_every_owner() {
    let Some(cage) = Cage::new() else { return };
    let parent = cage.hold("s = listen('0.0.0.0')\nchildren = [fork(rest) for _ in range(3)]");
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    let owners = json["ports"][0]["owners"].as_array().unwrap();
    let pids: Vec<u64> = owners.iter().map(|owner| owner["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 4, "{pids:?}");
    assert!(pids.contains(&u64::from(parent)), "{pids:?}");
    let said = cage.xtask("kill 8000 --yes").exits(0);
    for pid in pids {
        let pid = u32::try_from(pid).unwrap();
        assert!(!cage.runs(pid));
        assert!(said.stdout.contains(&format!("stop: kill {pid} ")), "{}", said.stdout);
    }
    // Three sockets of three processes that share the port.
    let pids = [0; 3].map(|_| cage.hold("s = listen('0.0.0.0', share=True)"));
    let said = cage.xtask("who 8000").exits(0);
    let said = pids.into_iter().fold(said, |said, pid| said.names(pid));
    assert_eq!(said.stdout.matches("listens on 0.0.0.0:8000").count(), 3, "{}", said.stdout);
    cage.xtask("kill 8000 --yes").exits(0);
    assert!(pids.iter().all(|pid| !cage.runs(*pid)));
}

#[test]
fn a_socket_that_is_bound_and_does_not_listen_is_named_and_not_stopped() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("s = bind('127.0.0.1', reuse=False)");
    let said = cage.xtask("who 8000").exits(0).says("8000/tcp taken");
    said.says(&format!("a socket that is bound and does not listen, of `python3` (pid {pid})"));
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    let owner = &json["ports"][0]["owners"][0];
    assert_eq!(owner["kind"], "unknown");
    assert_eq!(owner["sockets"], serde_json::json!([{ "address": "127.0.0.1:8000", "state": "bound" }]));
    // Nobody listens, so nobody is stopped.
    cage.xtask("kill 8000 --yes")
        .exits(1)
        .says("this tool refuses to stop any of the holders")
        .says(&format!("(pid {pid})"));
    assert!(cage.runs(pid));
}

/// As nobody: the kernel tells the sockets of others, and not their processes.
#[test]
fn what_another_user_holds_is_taken_and_not_free() {
    if find("setpriv").is_none() {
        skip("another user: no setpriv (util-linux)");
        return;
    }
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("s = listen('0.0.0.0')");
    let said = cage
        .xtask_as_nobody("who 8000")
        .exits(0)
        .says("8000/tcp taken")
        .says("user id 0")
        .says("`sudo ss -ltnp 'sport = :8000'`");
    said.never_says(&format!("pid {pid}"));
    cage.xtask_as_nobody("kill 8000 --yes --force").exits(1).says("user id 0").says("`sudo ss -ltnp 'sport = :8000'`");
    assert!(cage.runs(pid));
    // A privileged port is nothing that they could bind, held or not.
    let web = cage.hold("s = listen('0.0.0.0', 80)");
    cage.xtask_as_nobody("who 80").exits(0).says("80/tcp taken").says("user id 0");
    cage.xtask_as_nobody("who 81").exits(0).says("81/tcp free");
    assert!(cage.runs(web));
    // Idle sockets and connections of others too.
    cage.hold("s = bind('127.0.0.1', 8100, reuse=False)");
    cage.xtask_as_nobody("who 8100").exits(0).says("a socket that is bound and does not listen").says("user id 0");
}

/// The schema, key by key, of both commands.
#[test]
fn json_has_the_keys_of_the_schema() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("s = listen('127.0.0.1')");
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    assert_eq!(keys(&json), ["ports", "schema"].into());
    assert_eq!(json["schema"], 1);
    let port = &json["ports"][0];
    assert_eq!(keys(port), ["advice", "owners", "port", "protocol", "verdict"].into());
    let owner = &port["owners"][0];
    assert_eq!(
        keys(owner),
        ["command", "cwd", "image", "kind", "name", "parents", "pid", "sockets", "started", "unit", "user", "worktree"]
            .into()
    );
    assert_eq!(
        (&owner["kind"], &owner["pid"], &owner["image"]),
        (&"process".into(), &pid.into(), &serde_json::Value::Null)
    );
    assert_eq!(owner["cwd"], cage.path("").to_str().unwrap().trim_end_matches('/'));
    let json = cage.xtask("kill 8000 --yes --format json").exits(0).json();
    assert_eq!(keys(&json), ["actions", "ports", "schema"].into());
    assert_eq!(json["ports"][0]["owners"][0]["pid"], pid);
    // As it was before it ended.
    assert_eq!(json["ports"][0]["owners"][0]["cwd"], owner["cwd"]);
    let action = &json["actions"][0];
    assert_eq!(keys(action), ["action", "owner", "result"].into());
    assert_eq!(keys(&action["owner"]), ["command", "kind", "name", "pid", "started", "user"].into());
    assert_eq!((&action["action"], &action["result"]), (&format!("kill {pid}").into(), &"done".into()));
    // Nothing to do has the same keys.
    let json = cage.xtask("kill 8000 --yes --format json").exits(0).json();
    assert_eq!(keys(&json), ["actions", "ports", "schema"].into());
    assert_eq!(json["actions"], serde_json::json!([]));
}

/// Where it runs: folder, worktree, and who started it.
#[test]
fn who_names_folder_worktree_and_parent() {
    let Some(mut cage) = Cage::new() else { return };
    cage.project().file("tree/.git", "gitdir: elsewhere\n").file("tree/deep/x", "");
    let pid = cage.hold("os.chdir('tree/deep')\nos.mkfifo('p')\ndef run():\n    s = listen('127.0.0.1')\n    open('p', 'w').close()\n    rest()\nfork(run)\nopen('p').close()");
    let said = cage
        .xtask("who 8000")
        .exits(0)
        .says("tree/deep, in the git worktree ")
        .says(&format!("started by python3 ({pid})"));
    assert!(said.stdout.contains("tree\n"), "{}", said.stdout);
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    let owner = &json["ports"][0]["owners"][0];
    assert_eq!(owner["worktree"], cage.path("tree").to_str().unwrap());
    assert_eq!(owner["parents"], serde_json::json!([{ "pid": pid, "name": "python3" }]));
}

/// More than any machine has, and than one datagram of the kernel's holds.
#[test]
fn ten_thousand_listeners() {
    let Some(mut cage) = Cage::new() else { return };
    cage.project().file("compose.yaml", "services:\n  web:\n    image: web\n    ports: [\"19999:80\"]\n");
    let script = "
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
s = [listen('127.0.0.1', 10000 + at) for at in range(10000)]
";
    let pid = cage.hold(script);
    let said = cage.xtask("who 19999").exits(0).names(pid);
    assert!(said.stdout.starts_with("19999/tcp taken\n"), "{}", said.stdout);
    let json = cage.xtask("check-ports --format json").exits(1).json();
    assert_eq!(json["ports"][0]["owners"][0]["pid"], pid);
    let json = cage.xtask("who --all --format json").exits(0).json();
    let ports = json["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 10_000);
    assert!(ports.iter().all(|port| port["owners"][0]["pid"] == pid), "{pid}");
    if find("setpriv").is_some() {
        let said = cage.xtask_as_nobody("who --all").exits(0).says("user id 0");
        assert_eq!(said.stdout.matches("/tcp taken").count(), 10_000);
    }
}
