//! Who ends, and who lives.

use super::Cage;

#[test]
fn kill_spares_clients_of_the_server() {
    let Some(cage) = Cage::new() else { return };
    let server = cage.hold("s = listen('127.0.0.1')");
    let client = cage.hold("c = socket.create_connection(('127.0.0.1', PORT))");
    cage.xtask("who 8000").exits(0).names(server).never_says(&format!("pid {client}"));
    let said = cage.xtask("kill 8000 --yes").exits(0).names(server).says("8000/tcp: free now");
    said.never_says(&format!("pid {client}"));
    assert!(!cage.runs(server) && cage.runs(client));
}

/// Nobody listens on it: the port is some connection's own.
#[test]
fn kill_never_offers_a_client_on_its_own_local_port() {
    let Some(cage) = Cage::new() else { return };
    let server = cage.hold("s = listen('127.0.0.1', 9000)");
    let client = cage.hold("c = bind('127.0.0.1', reuse=False)\nc.connect(('127.0.0.1', 9000))");
    let said = cage.xtask("who 8000").exits(0).says("8000/tcp taken, but without a listener");
    said.says(&format!("the local end of an outgoing connection of `python3` (pid {client})"));
    for words in ["kill 8000 --yes", "kill 8000 --yes --force", "kill 8000 --dry-run"] {
        cage.xtask(words).exits(1).says(&format!("(pid {client})")).never_says("stop:");
    }
    assert!(cage.runs(server) && cage.runs(client));
}

#[test]
fn kill_ends_the_listener_and_spares_a_client_on_the_same_port() {
    let Some(cage) = Cage::new() else { return };
    let server = cage.hold("s = listen('127.0.0.1', 9000)");
    let client = cage.hold("c = bind('127.0.0.1', reuse=False)\nc.connect(('127.0.0.1', 9000))");
    let listener = cage.hold("s = listen('::', v6only=True)");
    cage.xtask("who 8000").exits(0).names(listener).names(client);
    let said =
        cage.xtask("kill 8000 --yes").exits(1).says(&format!("stop: kill {listener} ")).says("still held: 8000/tcp");
    said.says(&format!("outgoing connection of `python3` (pid {client})")).never_says("free now");
    assert!(cage.runs(server) && cage.runs(client) && !cage.runs(listener));
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_signalled() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("s = listen('127.0.0.1')");
    for words in ["kill 8000", "kill 8000 --force", "kill 8000 --signal int"] {
        cage.xtask(words).exits(1).says(&format!("stop: kill {pid} ")).says("add --yes");
    }
    let said = cage.xtask("kill 8000 --format json").exits(1).says("add --yes");
    assert_eq!(said.json()["actions"], serde_json::json!([]));
    let said = cage.xtask("kill 8000 --yes --dry-run").exits(0).says(&format!("stop: kill {pid} "));
    said.never_says("free now").never_says("ending");
    cage.xtask("kill 8000 --yes --signal kill").exits(2).says("--force");
    assert!(cage.runs(pid));
    cage.xtask("kill 8000 --yes --signal kill --force").exits(0);
    assert!(!cage.runs(pid));
}

#[test]
fn a_person_is_asked_once_for_each_signal() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("signal.signal(signal.SIGTERM, signal.SIG_IGN)\ns = listen('127.0.0.1')");
    let Some(mut no) = cage.terminal("kill 8000 --grace 1") else { return };
    no.sees("stop it? [y/N] ").types("n\n");
    no.ends().exits(1);
    let mut half = cage.terminal("kill 8000 --grace 1").unwrap();
    half.sees("stop it? [y/N] ").types("y\n").sees("did not exit within 1 s; kill it").types("\n");
    half.ends().exits(1);
    // `--yes` was not meant for this question.
    let mut yes = cage.terminal("kill 8000 --grace 1 --yes").unwrap();
    yes.sees("kill it (unsaved");
    assert!(cage.runs(pid));
    yes.types("y\n");
    yes.ends().exits(0);
    assert!(!cage.runs(pid));
}

#[test]
fn a_process_that_ignores_term_is_killed_only_with_force() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("signal.signal(signal.SIGTERM, signal.SIG_IGN)\ns = listen('127.0.0.1')");
    let said =
        cage.xtask("kill 8000 --yes --grace 1").exits(1).says("did not exit within 1 s").says("still held: 8000/tcp");
    said.says(&format!("`kill -KILL {pid}`")).says("--force");
    assert!(cage.runs(pid));
    let json = cage.xtask("kill 8000 --yes --grace 0 --format json").exits(1).json();
    assert!(json["actions"][0]["result"].as_str().unwrap().contains("did not exit"), "{json}");
    cage.xtask("kill 8000 --yes --grace 1 --force").exits(0).says("8000/tcp: free now");
    assert!(!cage.runs(pid));
}

/// Cleans up for a while, the port still open; or with the port closed first.
#[test]
fn kill_waits_for_a_clean_shutdown() {
    for close in ["pass", "s.close()"] {
        let Some(cage) = Cage::new() else { return };
        let pid = cage.hold(&format!(
            "
s = listen('127.0.0.1')
def stop(*_):
    {close}
    time.sleep(1.5)
    open('cleaned-up', 'w').close()
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
"
        ));
        cage.xtask("kill 8000 --yes --force").exits(0).says("free now");
        cage.ends(pid);
        assert!(cage.path("cleaned-up").exists(), "{close}");
    }
}

/// A server that has closed its port, and still serves those it had: it does
/// not hold the port any more, and is no reason for another signal.
#[test]
fn a_process_that_closes_its_port_gets_no_second_signal() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("s = listen('127.0.0.1')\nsignal.signal(signal.SIGTERM, lambda *_: s.close())");
    cage.xtask("kill 8000 --yes --force --grace 1").exits(0).says("8000/tcp: free now").never_says("kill it (unsaved");
    assert!(cage.runs(pid));
}

#[test]
fn kill_sends_the_signal_that_is_asked_for() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold(
        "
s = listen('127.0.0.1')
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def stop(number, _):
    open('signal', 'w').write(signal.Signals(number).name)
    os._exit(0)
for name in ['SIGINT', 'SIGHUP', 'SIGUSR1']: signal.signal(getattr(signal, name), stop)
",
    );
    cage.xtask("kill 8000 --yes --signal int").exits(0);
    assert!(!cage.runs(pid));
    assert_eq!(std::fs::read_to_string(cage.path("signal")).unwrap(), "SIGINT");
}

#[test]
fn a_process_that_is_restarted_is_named_with_its_supervisor() {
    let Some(cage) = Cage::new() else { return };
    let supervisor = cage.hold(
        "
name('supervisor')
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
    let said = cage.xtask("kill 8000 --yes").exits(1).says("still held: 8000/tcp").never_says("free now");
    said.says("holds it now; ").says(&format!("(pid {supervisor}, ")).says("started it: stop that one first");
    assert!(cage.runs(supervisor));
    cage.xtask("who 8000").exits(0).says(&format!("started by supervisor ({supervisor})"));
}

/// A shell that has the port from its parent, and runs this program: both are
/// what it runs under.
#[test]
fn kill_never_signals_its_own_ancestors() {
    let Some(cage) = Cage::new() else { return };
    let program = cage.program();
    let pid = cage.hold(&format!(
        "
import subprocess
s = listen('127.0.0.1')
s.set_inheritable(True)
run = lambda words: subprocess.run(['/bin/sh', '-c', '{} ' + words + '; exit $?'], close_fds=False, capture_output=True, text=True)
for at, words in enumerate(['who 8000', 'kill 8000 --yes --force', 'kill 8000 --dry-run']):
    done = run(words)
    open(f'out{{at}}', 'w').write(f'exit {{done.returncode}} ' + done.stdout + done.stderr)
",
        program.display()
    ));
    assert!(cage.runs(pid));
    let read = |name: &str| std::fs::read_to_string(cage.path(name)).unwrap();
    let who = read("out0");
    assert!(who.starts_with("exit 0 ") && who.contains(&format!("(pid {pid}, ")), "{who}");
    // The program itself has the socket too, and is nobody's problem.
    assert!(!who.contains("by [xtask]") && !who.contains(&format!("by {} who", program.display())), "{who}");
    for name in ["out1", "out2"] {
        let kill = read(name);
        assert!(kill.starts_with("exit 1 ") && kill.contains("this command runs under it"), "{kill}");
        assert!(!kill.contains("stop: kill"), "{kill}");
    }
}
