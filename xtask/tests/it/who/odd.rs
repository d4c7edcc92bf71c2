//! Names that are meant to mislead, numbers that are used again, services.

use std::fs;
use std::path::PathBuf;

use super::Cage;
use crate::support::Output;

fn clean(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c == '\n')
}

/// No string of it has a control character.
fn strings_are_clean(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::String(text) => clean(text) && !text.contains('\n'),
        Value::Array(items) => items.iter().all(strings_are_clean),
        Value::Object(map) => map.values().all(strings_are_clean),
        _ => true,
    }
}

#[test]
fn a_name_with_a_space_and_a_parenthesis() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("name('next-server (v1')\ns = listen('0.0.0.0')");
    cage.xtask("who 8000").exits(0).names(pid).says("advice: Next.js's development server");
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    assert_eq!(json["ports"][0]["owners"][0]["name"], "next-server (v1");
    cage.xtask("kill 8000 --yes").exits(0);
    assert!(!cage.runs(pid));
}

#[test]
fn names_and_words_that_would_steer_a_terminal() {
    let Some(cage) = Cage::new() else { return };
    let words = ["\x1b]0;evil\x07", "two\nlines", "ok\rbad", "--password=hunter2", "a\u{202e}b"];
    let holder = "name('\\x1b[2Jx\\ny')\nos.mkdir('d\\x1b[31m\\n'); os.chdir('d\\x1b[31m\\n')\ns = listen('0.0.0.0')";
    let pid = cage.hold_with(holder, &words);
    let fine = |said: &Output| {
        assert!(clean(&said.stdout) && clean(&said.stderr), "{:?}", said.stdout);
        assert!(!said.stdout.contains("hunter2") && !said.stdout.contains('\u{202e}'), "{}", said.stdout);
        assert!(!said.stdout.lines().any(|line| line.starts_with("lines")), "{}", said.stdout);
    };
    fine(&cage.xtask("who 8000").exits(0).names(pid));
    let said = cage.xtask("who 8000 --format json").exits(0);
    assert!(strings_are_clean(&said.json()), "{}", said.stdout);
    assert!(!said.stdout.contains("hunter2"), "{}", said.stdout);
    fine(&cage.xtask("kill 8000 --dry-run").exits(0));
    // Parents are shown too.
    let said = cage.xtask("kill 8000 --yes --format json").exits(0);
    assert!(strings_are_clean(&said.json()) && clean(&said.stderr), "{}", said.stdout);
    assert!(!cage.runs(pid));
}

/// A command line of a megabyte, and words that are no UTF-8.
#[test]
fn a_command_line_without_end_and_without_an_encoding() {
    let Some(cage) = Cage::new() else { return };
    // 128 KiB is the most that one word may have (execve(2)).
    let word = "x".repeat(120_000);
    let words = [word.as_str(); 9];
    let pid = cage.hold_with("open('/proc/self/comm', 'wb').write(b'\\xff\\xfe\\xc3(')\ns = listen('0.0.0.0')", &words);
    let said = cage.xtask("who 8000").exits(0).names(pid);
    assert!(clean(&said.stdout) && said.stdout.len() < 4000, "{} bytes", said.stdout.len());
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    assert!(strings_are_clean(&json));
    let said = cage.xtask("kill 8000 --yes").exits(0);
    assert!(clean(&said.stderr) && said.stderr.len() < 8000, "{} bytes", said.stderr.len());
    assert!(!cage.runs(pid));
}

/// Between the question and the answer the holder ends, and its number goes to
/// somebody else.
#[test]
fn a_reused_process_id_is_not_signalled() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold("s = listen('127.0.0.1')");
    let Some(mut terminal) = cage.terminal("kill 8000") else { return };
    terminal.sees("stop it? [y/N] ");
    let takes_over = format!(
        "
os.kill({pid}, signal.SIGKILL)
while os.path.exists('/proc/{pid}'): time.sleep(0.01)
open('/proc/sys/kernel/ns_last_pid', 'w').write('{}')
child = fork(rest)
assert child == {pid}, child
",
        pid - 1
    );
    cage.hold(&takes_over);
    assert!(cage.runs(pid));
    terminal.types("y\n");
    terminal.ends().exits(0).says("free now");
    assert!(cage.runs(pid));
}

/// It gave the port back by itself before the answer, and lives on.
#[test]
fn a_process_that_gave_its_port_back_before_the_answer_is_not_signalled() {
    let Some(cage) = Cage::new() else { return };
    let pid = cage.hold(
        "
s = listen('127.0.0.1')
def give(*_): s.close()
signal.signal(signal.SIGUSR1, give)
",
    );
    let Some(mut terminal) = cage.terminal("kill 8000") else { return };
    terminal.sees("stop it? [y/N] ");
    cage.hold(&format!("os.kill({pid}, signal.SIGUSR1)\ntime.sleep(0.2)"));
    terminal.types("y\n");
    terminal.ends().exits(0);
    assert!(cage.runs(pid));
}

/// A control group named as systemd names a service's.
struct Service(PathBuf);

impl Service {
    fn new(name: &str) -> Option<Service> {
        let roots = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup"].map(PathBuf::from);
        let root = roots.into_iter().find(|root| root.join("cgroup.procs").exists())?;
        let folder = root.join("system.slice").join(name);
        fs::create_dir_all(&folder).ok().map(|()| Service(folder))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        for _ in 0..200 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn a_service_is_stopped_by_systemd() {
    let name = format!("xw-{}.service", std::process::id());
    let Some(service) = Service::new(&name) else {
        crate::support::skip("services: no control group may be made");
        return;
    };
    // Ends before the group goes.
    let Some(mut cage) = Cage::new() else { return };
    let enter = format!("open('{}/cgroup.procs', 'w').write('0')\n", service.0.display());
    let holder = "
def stop(number, _):
    open('signal', 'w').write(signal.Signals(number).name)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGUSR2, stop)
s = listen('127.0.0.1')
";
    // Without systemctl there is nobody to ask, and it is a process like others.
    let pid = cage.hold(&format!("{enter}{holder}"));
    cage.xtask("who 8000").exits(0).names(pid).says(&format!("systemd unit {name}"));
    let json = cage.xtask("who 8000 --format json").exits(0).json();
    assert_eq!(json["ports"][0]["owners"][0]["unit"], name);
    cage.xtask("kill 8000 --dry-run").exits(0).says(&format!("stop: kill {pid} "));
    // Stands in for systemd: it has its own way to end a service.
    let systemctl = cage.project().root().join("bin/systemctl");
    let script = format!("#!/bin/sh\necho \"$@\" >>{0}/systemctl-calls\nkill -USR2 {pid}\n", cage.path("").display());
    fs::write(&systemctl, script).unwrap();
    fs::set_permissions(&systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    cage.xtask("kill 8000 --dry-run").exits(0).says(&format!("stop: systemctl stop {name}")).never_says("stop: kill");
    let said = cage.xtask("kill 8000 --yes").exits(0).says(&format!("$ systemctl stop {name}"));
    said.says("8000/tcp: free now");
    cage.ends(pid);
    assert_eq!(fs::read_to_string(cage.path("systemctl-calls")).unwrap(), format!("stop {name}\n"));
    assert_eq!(fs::read_to_string(cage.path("signal")).unwrap(), "SIGUSR2");
    // A job that a service runs is no reason to stop the service.
    let parent = cage.hold(&format!(
        "name('runner')\n{enter}r, w = os.pipe()\ndef run():\n    name('job')\n    s = listen('127.0.0.1')\n    os.write(w, b'x')\n    rest()\nfork(run)\nos.read(r, 1)"
    ));
    cage.xtask("kill 8000 --yes").exits(0).says("stop: kill ").never_says("systemctl stop");
    assert!(cage.runs(parent));
}
