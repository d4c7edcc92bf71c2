//! `diagnose` on machines with a firewall, a resolver or a full disk of their own:
//! mount namespaces.

use crate::diagnose::{diagnose, found, healthy, one, status};
use crate::support::{Output, Project, bare, skip};
use serde_json::json;

/// Runs the program in a mount namespace in which `prepare` was done; `None`
/// where there can be none.
fn unshared(project: &Project, prepare: &str, words: &str) -> Option<Output> {
    use crate::support::XTASK;

    let works = || {
        let mut probe = bare("/usr/bin/unshare");
        probe.args(["--mount", "true"]).output().is_ok_and(|output| output.status.success())
    };
    if !rustix::process::geteuid().is_root() || !works() {
        skip("a mount namespace needs root");
        return None;
    }
    let mut inside = project.command("/usr/bin/unshare");
    inside
        .args(["--mount", "/bin/sh", "-ec"])
        .arg(format!("PATH=/usr/bin:/bin:/usr/sbin:/sbin; {prepare}; cd .; exec {XTASK} {words}"));
    inside.current_dir(project.dir());
    Some(project.finish(words, inside))
}

#[test]
fn ufw_is_on_and_docker_passes_by_it() {
    let (project, _engine) = healthy();
    let etc = project.root().join("etc/ufw");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("ufw.conf"), "ENABLED=yes\n").unwrap();
    let mount = format!("mount --bind {} /etc", etc.parent().unwrap().display());
    let Some(run) = unshared(&project, &mount, "diagnose --format json --only firewall") else { return };
    let ufw = one(&run.exits(0), "firewall.state");
    assert_eq!((&ufw["title"], &ufw["status"]), (&json!("ufw"), &json!("note")));
    assert!(ufw["seen"].as_str().unwrap().contains("open to everybody"), "{ufw}");
    std::fs::write(etc.join("ufw.conf"), "ENABLED=no\n").unwrap();
    let run = unshared(&project, &mount, "diagnose --format json --only firewall").unwrap();
    assert!(found(&run, "firewall.state").iter().all(|one| one["title"] != "ufw" || one["status"] == "ok"), "{run}");
}

/// glibc asks by nsswitch.conf: the file alone here, with and without the name.
#[test]
fn names_below_localhost_are_asked_of_the_system() {
    let (project, _engine) = healthy();
    let etc = project.root().join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("nsswitch.conf"), "hosts: files\n").unwrap();
    let mount = format!("mount --bind {} /etc", etc.display());
    for (hosts, want) in [
        ("127.0.0.1 localhost\n", ["ok", "note"]),
        ("127.0.0.1 localhost demo.localhost\n", ["ok", "ok"]),
        ("192.0.2.7 localhost demo.localhost\n", ["problem", "note"]),
    ] {
        std::fs::write(etc.join("hosts"), hosts).unwrap();
        let Some(run) = unshared(&project, &mount, "diagnose --format json --only names") else { return };
        assert_eq!([status(&run, "names.localhost"), status(&run, "names.below")], want, "{run}");
        assert!(one(&run, "names.below")["seen"].as_str().unwrap().contains("hosts: files"), "{run}");
    }
}

#[test]
fn a_full_disk_is_a_problem() {
    let (project, _engine) = healthy();
    let compose = project.read("compose.yaml");
    let dir = project.dir();
    let mount = format!(
        "mount -t tmpfs -o size=1m none {0}; cd {0}; printf '%s' '{1}' > compose.yaml",
        dir.display(),
        compose.replace('\'', "")
    );
    let Some(run) = unshared(&project, &mount, "diagnose --format json --only disk") else { return };
    assert_eq!(status(&run.exits(1), "disk.project"), "problem");
    assert_ne!(status(&diagnose(&project, "disk"), "disk.project"), "unknown");
}
