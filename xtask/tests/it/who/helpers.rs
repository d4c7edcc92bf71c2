//! Helpers of engines hold ports for containers: they are named, never signalled.

use super::Cage;

const ID: &str = "2c1b7e1a5d0f4c3b9a8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a3921";

#[test]
fn no_helper_of_an_engine_is_signalled() {
    let Some(cage) = Cage::new() else { return };
    let names = [
        "docker-proxy",
        "dockerd",
        "containerd-shim",
        "rootlesskit",
        "com.docker.back",
        "vpnkit",
        "conmon",
        "conmonrs",
        "netavark",
        "aardvark-dns",
        "rootlessport",
        "pasta.avx2",
        "passt",
        "slirp4netns",
        "gvproxy",
        "podman",
        "limactl",
        "lima-guestagent",
        "colima",
        "OrbStack Helper",
        "wslrelay",
    ];
    for (at, name) in names.iter().enumerate() {
        let port = 8000 + at;
        let pid = cage.hold(&format!("name('{name}')\ns = listen('0.0.0.0', {port})"));
        for words in ["--dry-run", "--yes", "--yes --force"] {
            let said = cage.xtask(&format!("kill {port} {words}")).exits(1).says("is left alone").names(pid);
            said.never_says("stop: ").never_says("ending ").never_says("free now");
        }
        assert!(cage.runs(pid), "{name}");
    }
}

#[test]
fn conmon_says_which_container_it_stands_for() {
    let Some(cage) = Cage::new() else { return };
    let words = ["--api-version", "1", "-c", ID, "-u", ID, "-n", "shop_web_1", "--exit-command", "/usr/bin/podman"];
    let pid = cage.hold_with("name('conmon')\ns = listen('0.0.0.0')", &words);
    let said =
        cage.xtask("who 8000").exits(0).says(&format!("by conmon for container shop_web_1 of Podman (pid {pid}"));
    said.says("advice: it holds the port for container shop_web_1 of Podman: `podman stop shop_web_1` as user ");
    cage.xtask("kill 8000 --yes").exits(1).says("`podman stop shop_web_1`").never_says("ending ");
    // Podman 6 binds and does not listen.
    let idle = cage.hold_with("name('conmon')\ns = bind('0.0.0.0', 8100, reuse=False)", &words);
    let said = cage.xtask("who 8100").exits(0).says("8100/tcp taken");
    let said = said.says(&format!("by conmon for container shop_web_1 of Podman (pid {idle}"));
    said.says("has bound 0.0.0.0:8100, without listening").says("`podman stop shop_web_1` as user ");
    let json = cage.xtask("who 8100 --format json").exits(0).json();
    let helper = &json["ports"][0]["owners"][0]["helper"];
    assert_eq!((&helper["engine"], &helper["container"]), (&"Podman".into(), &"shop_web_1".into()), "{json}");
    cage.xtask("kill 8100 --yes --force").exits(1).never_says("ending ").never_says("free now");
    assert!(cage.runs(pid) && cage.runs(idle));
}

/// Its containers are stopped, not the engine that starts them again.
#[test]
fn a_container_engine_is_never_suggested_for_ending() {
    let Some(cage) = Cage::new() else { return };
    let engine = cage.hold(
        "
name('dockerd')
def serve():
    name('worker')
    s = listen('127.0.0.1')
    rest()
def watch():
    while True:
        os.waitpid(fork(serve), 0)
        time.sleep(0.2)
import threading
threading.Thread(target=watch, daemon=True).start()
while True:
    try: socket.create_connection(('127.0.0.1', PORT)).close(); break
    except OSError: time.sleep(0.01)
",
    );
    let said = cage.xtask("kill 8000 --yes").exits(1).says("still held: 8000/tcp");
    said.says("holds it now, for a container engine: stop the container or service there").never_says("stop that one");
    assert!(cage.runs(engine));
}
