//! A throw-away project, processes and containers that hold ports, and a
//! terminal: each takes itself away when it is dropped, also on a panic.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
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
    child: Child,
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

/// Fails the test where no engine answers. Asked once.
pub(crate) fn need_engine() {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    let answers = ANSWERS.get_or_init(|| {
        let mut ask = command("timeout");
        ask.args(["10", "docker", "version", "--format", "{{.Server.Version}}"]);
        Running::start(ask).finish(LIMIT).code == Some(0)
    });
    assert!(answers, "no Docker engine answers: run scripts/engine/up");
}

/// What cannot be tested here. In CI everything has to be there.
#[expect(clippy::print_stderr, reason = "what was left out has to be seen")]
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI has to have it: {why}");
    eprintln!("skipped: {why}");
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Ten ports in a row that nobody has, so that the next free one above each is
/// free as well. A lock file keeps other test processes away.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _lock: File,
}

const FIRST: u16 = 21_000;
const BLOCKS: u32 = 800;

impl Ports {
    pub(crate) fn first(&self) -> u16 {
        self.first
    }

    pub(crate) fn find() -> Ports {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let locks = std::env::temp_dir().join("xtask-test-ports");
        std::fs::create_dir_all(&locks).unwrap();
        for _ in 0..BLOCKS {
            let turn = NEXT.fetch_add(1, Ordering::Relaxed);
            let block = std::process::id().wrapping_mul(31).wrapping_add(turn) % BLOCKS;
            let first = FIRST + u16::try_from(block * 10).unwrap();
            let lock = File::create(locks.join(first.to_string())).unwrap();
            if lock.try_lock().is_ok() && (first..first + 10).all(is_free) {
                return Ports { first, _lock: lock };
            }
        }
        panic!("no ten free ports in a row from {FIRST} on");
    }

    /// Waits for its turn at the blocks that the tool gives out by itself: test
    /// processes that run in step would lose every race to each other.
    pub(crate) fn given_blocks() -> File {
        let locks = std::env::temp_dir().join("xtask-test-ports");
        std::fs::create_dir_all(&locks).unwrap();
        let lock = File::create(locks.join("given-blocks")).unwrap();
        lock.lock().unwrap();
        lock
    }
}

/// `[::]` of std is for both families.
fn is_free(port: u16) -> bool {
    let both = SocketAddr::from(([0u16; 8], port));
    TcpListener::bind(both).is_ok() && UdpSocket::bind(both).is_ok()
}

/// A project in a folder of its own, which names it as in real life.
#[derive(Debug)]
pub(crate) struct Project {
    home: tempfile::TempDir,
    pub(crate) name: String,
    ports: RefCell<Vec<Ports>>,
    images: RefCell<Vec<String>>,
    also: RefCell<Vec<String>>,
}

impl Project {
    pub(crate) fn new() -> Project {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("xt-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Project::named(&name)
    }

    /// Another folder; the name may be that of another project.
    pub(crate) fn named(name: &str) -> Project {
        need_engine();
        let home = tempfile::Builder::new().prefix("xt-").tempdir().unwrap();
        std::fs::create_dir(home.path().join(name)).unwrap();
        Project {
            home,
            name: name.to_owned(),
            ports: RefCell::default(),
            images: RefCell::default(),
            also: RefCell::default(),
        }
    }

    /// With `compose` as its docker-compose.yml.
    pub(crate) fn with(compose: &str) -> Project {
        let project = Project::new();
        project.write("docker-compose.yml", compose);
        project
    }

    /// One service `web` on a port of its own, and that port.
    pub(crate) fn web() -> (Project, u16) {
        let project = Project::new();
        let port = project.port();
        project.write("docker-compose.yml", web(port));
        (project, port)
    }

    /// Where things lie that are not part of the project.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The project's folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join(&self.name)
    }

    /// A file of the project.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The bytes of a file of the project.
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.dir().join(path)).unwrap()
    }

    /// A free port, with nine free ones after it.
    pub(crate) fn port(&self) -> u16 {
        let ports = Ports::find();
        let first = ports.first;
        self.ports.borrow_mut().push(ports);
        first
    }

    /// An image that goes with the project.
    pub(crate) fn owns_image(&self, name: String) {
        self.images.borrow_mut().push(name);
    }

    /// A further project name that the test uses in this folder.
    pub(crate) fn also(&self, suffix: &str) -> String {
        let name = format!("{}-{suffix}", self.name);
        self.also.borrow_mut().push(name.clone());
        name
    }

    /// The program, in the project's folder.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut xtask = command(env!("CARGO_BIN_EXE_xtask"));
        xtask.args(args).current_dir(self.dir()).env("XTASK_STATE_DIR", self.home().join("state"));
        xtask
    }

    /// Runs it.
    #[track_caller]
    pub(crate) fn xtask<const N: usize>(&self, args: [&str; N]) -> Output {
        Running::start(self.command(args)).finish(LIMIT)
    }

    /// Runs it with variables in its environment.
    #[track_caller]
    pub(crate) fn xtask_env<const N: usize>(&self, env: &[(&str, &str)], args: [&str; N]) -> Output {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        Running::start(command).finish(LIMIT)
    }

    /// Its containers: service, id, state; sorted.
    pub(crate) fn containers(&self) -> Vec<(String, String, String)> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let format = "{{.Label \"com.docker.compose.service\"}} {{.ID}} {{.State}}";
        let output = docker(["ps", "-a", "--no-trunc", "--filter", &label, "--format", format]).exits(0);
        let mut containers: Vec<(String, String, String)> = output
            .stdout
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                (words[0].to_owned(), words[1].to_owned(), words[2].to_owned())
            })
            .collect();
        containers.sort();
        containers
    }

    /// The services whose containers run.
    pub(crate) fn running(&self) -> Vec<String> {
        self.containers()
            .into_iter()
            .filter(|(_, _, state)| state == "running")
            .map(|(service, _, _)| service)
            .collect()
    }

    fn list(&self, kind: &str) -> Vec<String> {
        list(kind, &self.name)
    }

    pub(crate) fn volumes(&self) -> Vec<String> {
        self.list("volume")
    }

    /// Ends the test where a container or network of the project is there.
    #[track_caller]
    pub(crate) fn has_nothing(&self) {
        assert_eq!(self.containers(), [], "containers are left");
        assert_eq!(self.list("network"), [""; 0], "networks are left");
    }

    fn sweep(&self) {
        for name in std::iter::once(&self.name).chain(self.also.borrow().iter()) {
            let label = format!("label=com.docker.compose.project={name}");
            let ids: Vec<String> =
                docker(["ps", "-aq", "--filter", &label]).stdout.lines().map(str::to_owned).collect();
            remove(&["rm", "-f", "-v"], &ids);
            remove(&["network", "rm"], &list("network", name));
            remove(&["volume", "rm", "-f"], &list("volume", name));
        }
        remove(&["rmi", "-f"], &self.images.borrow());
    }

    /// Text in which all that differs from run to run has a name.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.replace(&*self.dir().to_string_lossy(), "DIR").replace(&self.name, "PROJECT");
        for (i, ports) in self.ports.borrow().iter().enumerate() {
            for offset in 0..10 {
                let letter = char::from(b'A' + u8::try_from(i).unwrap());
                let name = if offset == 0 { format!("PORT_{letter}") } else { format!("PORT_{letter}+{offset}") };
                text = text.replace(&(ports.first + offset).to_string(), &name);
            }
        }
        let text = redact_after(&text, "(pid ", |c| c.is_ascii_digit(), "PID");
        redact_after(&text, "since ", |c| !",)".contains(c), "TIME")
    }
}

/// Ids of networks or volumes of a project.
pub(crate) fn list(kind: &str, project: &str) -> Vec<String> {
    let label = format!("label=com.docker.compose.project={project}");
    docker([kind, "ls", "-q", "--filter", &label]).stdout.lines().map(str::to_owned).collect()
}

fn redact_after(text: &str, head: &str, part: impl Fn(char) -> bool, name: &str) -> String {
    let mut pieces = text.split(head);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.extend([head, name, piece.trim_start_matches(&part)]);
    }
    out
}

fn remove(words: &[&str], names: &[String]) {
    if !names.is_empty() {
        docker(words.iter().copied().chain(names.iter().map(String::as_str)));
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.sweep();
    }
}

/// One service `web` that answers HTTP on `port`.
pub(crate) fn web(port: u16) -> String {
    format!("services:\n  web:\n    image: engine-web\n    ports: [\"${{WEB_PORT:-{port}}}:8080\"]\n")
}

/// A container outside any project of ours.
#[derive(Debug)]
pub(crate) struct Lone(String);

impl Lone {
    /// `docker run -d` with these words before the image.
    pub(crate) fn run(name: &str, words: &[&str]) -> Lone {
        need_engine();
        let lone = Lone(name.to_owned());
        docker(["run", "-d", "--name", name].iter().chain(words).chain(&["engine-web"])).exits(0);
        lone
    }

    /// One that somebody else will start.
    pub(crate) fn expected(name: &str) -> Lone {
        Lone(name.to_owned())
    }

    pub(crate) fn is_running(&self) -> bool {
        docker(["inspect", "--format", "{{.State.Running}}", &self.0]).stdout.trim() == "true"
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        docker(["rm", "-f", &self.0]);
    }
}

/// A process of this machine that has a port.
#[derive(Debug)]
pub(crate) struct Holder(Child);

pub(crate) fn python() -> &'static str {
    // Not a shim of pyenv, which takes as long as a whole check.
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

impl Holder {
    /// `python3 -m http.server`: what people forget in another terminal.
    pub(crate) fn http(port: u16) -> Holder {
        let mut server = command(python());
        server.args(["-m", "http.server", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let holder = Holder(server.spawn().unwrap());
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "http.server does not come up on {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        holder
    }

    /// A socket on one address; an IPv6 one is for IPv6 only. `kind` is `tcp`
    /// or `udp`.
    pub(crate) fn socket(kind: &str, ip: &str, port: u16) -> Holder {
        Holder::script(LISTEN, &[kind, ip, &port.to_string()])
    }

    /// A client of `server` whose own port is `port`.
    pub(crate) fn client(port: u16, server: u16) -> Holder {
        let script = "
import os, signal, socket, sys
s = socket.socket()
s.bind(('127.0.0.1', int(sys.argv[1])))
s.connect(('127.0.0.1', int(sys.argv[2])))
os.write(1, b'r')
signal.pause()
";
        Holder::script(script, &[&port.to_string(), &server.to_string()])
    }

    /// A socket that is bound and never listens.
    pub(crate) fn idle(port: u16) -> Holder {
        let script = "
import os, signal, socket, sys
s = socket.socket()
s.bind(('127.0.0.1', int(sys.argv[1])))
os.write(1, b'r')
signal.pause()
";
        Holder::script(script, &[&port.to_string()])
    }

    /// Python that writes a byte when it is ready.
    fn script(text: &str, words: &[&str]) -> Holder {
        let mut python = command(python());
        python.args(["-c", text]).args(words).stdout(Stdio::piped());
        let mut child = python.spawn().unwrap();
        let mut ready = [0; 1];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        Holder(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn is_gone(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Gone already where a test had it stopped.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) const LISTEN: &str = "
import os, signal, socket, sys
kind, ip, port = sys.argv[1:4]
family = socket.AF_INET6 if ':' in ip else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM)
if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((ip, int(port)))
if kind == 'tcp': s.listen()
os.write(1, b'r')
signal.pause()
";

/// The body that a GET of `url` (`http://HOST:PORT/PATH`) gives.
#[track_caller]
pub(crate) fn get(url: &str) -> String {
    try_get(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

pub(crate) fn try_get(url: &str) -> std::io::Result<String> {
    let rest = url.strip_prefix("http://").expect("an http URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::InvalidData)?;
    Ok(body.to_owned())
}

/// A shell on a terminal of its own, made by `script`.
#[derive(Debug)]
pub(crate) struct Terminal {
    running: Running,
    keys: std::process::ChildStdin,
}

impl Terminal {
    /// Runs a line of shell there. `command` gives folder and environment.
    pub(crate) fn start(command: &Command, line: &str) -> Terminal {
        let mut script = self::command("script");
        script.args(["-qec", &format!("stty cols 120 rows 40; {line}"), "/dev/null"]).stdin(Stdio::piped());
        script.env("TERM", "xterm").env("SHELL", "/bin/sh");
        if let Some(dir) = command.get_current_dir() {
            script.current_dir(dir);
        }
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut running = Running::start(script);
        let keys = running.child.stdin.take().unwrap();
        Terminal { running, keys }
    }

    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) {
        self.running.until(wanted);
    }

    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    #[track_caller]
    pub(crate) fn finish(self) -> Output {
        let Terminal { running, keys } = self;
        let output = running.finish(LIMIT);
        drop(keys);
        output
    }
}
