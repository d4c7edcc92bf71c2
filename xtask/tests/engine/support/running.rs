//! Programs that a test runs, and what they said.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Long enough for any command here on a loaded machine; what takes longer
/// hangs.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// The one place of these tests that spawns.
#[expect(clippy::disallowed_methods, reason = "tests run programs without the program's own `exec`")]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        // What a developer has set must not reach the projects of tests.
        let ours = ["COMPOSE_", "XTASK_", "CLICOLOR"].iter().any(|prefix| name.starts_with(prefix));
        if ours || name.ends_with("_PORT") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Output {
    fn whole(&self) -> String {
        format!(
            "exit {:?} after {:.1?}\n--- stdout\n{}--- stderr\n{}---",
            self.code, self.took, self.stdout, self.stderr
        )
    }

    /// Ends the test where the exit code is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.whole());
        self
    }

    /// Ends the test where neither output has `text`.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "no `{text}` in: {}", self.whole());
        self
    }

    /// Ends the test where an output has `text`.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text) && !self.stderr.contains(text), "`{text}` in: {}", self.whole());
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.whole()))
    }

    /// Both outputs, for a snapshot.
    pub(crate) fn text(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code.unwrap_or(-1), self.stdout, self.stderr)
    }
}

/// A child whose outputs are read while it runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(super) child: Child,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    since: Instant,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, out) = collect(child.stdout.take().expect("piped"));
        let (stderr, err) = collect(child.stderr.take().expect("piped"));
        Running { child, stdout, stderr, readers: vec![out, err], since: Instant::now() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far, both outputs.
    pub(crate) fn so_far(&self) -> String {
        text(&self.stdout) + &text(&self.stderr)
    }

    /// Waits until it has said `wanted`.
    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.so_far().contains(wanted) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended ({ended:?}) before `{wanted}`: {}", self.so_far());
            assert!(Instant::now() < deadline, "no `{wanted}` in: {}", self.so_far());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(self.child.id()), signal).unwrap();
    }

    /// Its answer; ends the test where it does not end in time.
    #[track_caller]
    pub(crate) fn finish(mut self, limit: Duration) -> Output {
        let deadline = self.since + limit;
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "still runs after {limit:?}: {}", self.so_far());
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = self.since.elapsed();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Output { code: status.code(), stdout: text(&self.stdout), stderr: text(&self.stderr), took }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already is the usual case.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

fn collect(mut pipe: impl Read + Send + 'static) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&bytes);
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            into.lock().unwrap().extend_from_slice(&buffer[..length]);
        }
    });
    (bytes, reader)
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned()
}

/// `docker` as a person types it.
pub(crate) fn docker<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    let mut docker = command("docker");
    docker.args(args);
    Running::start(docker).finish(LIMIT)
}
