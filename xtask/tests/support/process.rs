//! Programs that a test runs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process};

use super::{LIMIT, Output, wait_until};

/// The program under test.
pub(crate) const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// A command with nothing in its environment.
#[expect(clippy::disallowed_methods, reason = "tests run programs without the program's own `exec`")]
pub(crate) fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// A command in this environment, without what a developer has set there: it must
/// not reach the projects of tests.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = bare(program);
    command.envs(std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        !["COMPOSE_", "XTASK_", "CLICOLOR"].iter().any(|prefix| name.starts_with(prefix)) && !name.ends_with("_PORT")
    }));
    command.env("NO_COLOR", "1");
    command
}

/// A tool of the machine; of several pythons not a shim, which takes as long as a
/// whole check.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    let usual = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(|dir| Path::new(dir).join(tool));
    usual.into_iter().find(|path| path.is_file()).or_else(|| which::which(tool).ok())
}

/// Runs it to its end.
#[track_caller]
pub(crate) fn run(command: Command) -> Output {
    Running::start(command).finish(LIMIT)
}

/// A program with these words, in this environment.
#[track_caller]
pub(crate) fn tool(program: &str, words: &[&str]) -> Output {
    let mut command = command(program);
    command.args(words);
    run(command)
}

/// In front of a command: as an ordinary user.
#[cfg(unix)]
pub(crate) const AS_NOBODY: [&str; 5] =
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];

/// Sends a signal to a process that a test started; one that is gone gets none.
#[cfg(unix)]
pub(crate) fn signal(pid: u32, signal: Signal) {
    let sent = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
    assert!(matches!(sent, Ok(()) | Err(rustix::io::Errno::SRCH)), "{pid}: {sent:?}");
}

/// Ends a process that a test started.
#[cfg(unix)]
pub(crate) fn end(pid: u32) {
    signal(pid, Signal::KILL);
}

/// The first line that a program writes.
pub(crate) fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// A child that ends with this value.
#[derive(Debug)]
pub(crate) struct Ending(pub(crate) Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // Ended already, perhaps.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A program that runs, and what it said up to now.
#[derive(Debug)]
pub(crate) struct Running {
    pub(super) child: Ending,
    words: String,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    since: Instant,
}

impl Running {
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Running {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, out) = collect(child.stdout.take().unwrap());
        let (stderr, err) = collect(child.stderr.take().unwrap());
        let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let words = words.join(" ");
        Running { child: Ending(child), words, stdout, stderr, readers: vec![out, err], since: Instant::now() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// What it has said so far, both outputs.
    pub(crate) fn so_far(&self) -> String {
        text(&self.stdout) + &text(&self.stderr)
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.0.try_wait().unwrap().is_none()
    }

    /// Waits until it has said `wanted`.
    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.so_far().contains(wanted) {
            assert!(self.runs() || self.so_far().contains(wanted), "ended before `{wanted}`: {}", self.so_far());
            assert!(Instant::now() < deadline, "no `{wanted}` in: {}", self.so_far());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: Signal) {
        self::signal(self.pid(), signal);
    }

    /// Its answer; fails the test where it has not ended this long after its start.
    #[track_caller]
    pub(crate) fn finish(mut self, limit: Duration) -> Output {
        let status = loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                break status;
            }
            assert!(self.since.elapsed() < limit, "still runs after {limit:?}: {}", self.so_far());
            std::thread::sleep(Duration::from_millis(2));
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let utf8 = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        let (stdout, stderr) = (utf8(&self.stdout), utf8(&self.stderr));
        let words = std::mem::take(&mut self.words);
        Output { words, code: status.code().unwrap_or(-1), raw: stdout.clone(), stdout, stderr }
    }
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
