//! A throw-away project, the program run in it, and what it said with all that
//! differs from run to run replaced. The tests of the Windows program share it.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

/// The program under test.
pub(crate) const XTASK: &str = env!("CARGO_BIN_EXE_xtask");
/// `docker`, `holder` and `docker-proxy` in one.
const TOOL: &str = env!("CARGO_BIN_EXE_xtask-test-tool");
/// In redacted output the first port of a project's block.
const SHOWN: u16 = 18000;

/// A command with nothing in its environment.
#[expect(clippy::disallowed_methods, reason = "tests run the program as people do, not as it runs its tools")]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// Ten ports in a row that are free, and that no other test uses.
struct Block {
    first: u16,
    /// Other test runs on this machine look at it too; the lock ends with us.
    _lock: File,
}

impl Block {
    /// Below the ephemeral ports, and apart from those of the engine tests.
    fn take() -> Block {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let start = u16::try_from(std::process::id() % 800).unwrap();
        let locks = std::env::temp_dir().join("xtask-test-ports");
        fs::create_dir_all(&locks).unwrap();
        open_to_all(&locks, 0o777);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            assert!(number < 800, "no ten free ports between 12000 and 20000");
            let first = 12000 + 10 * ((number + start) % 800);
            let lock = locks.join(first.to_string());
            let Ok(file) = File::create(&lock) else { continue };
            open_to_all(&lock, 0o666);
            let lock = file;
            let free = |port: u16| {
                let bind = |ip: IpAddr| std::net::TcpListener::bind((ip, port)).is_ok();
                bind(Ipv4Addr::UNSPECIFIED.into()) && bind(Ipv6Addr::UNSPECIFIED.into())
            };
            if lock.try_lock().is_ok() && (first..first + 10).all(free) {
                return Block { first, _lock: lock };
            }
        }
    }
}

/// For other users' test runs as well; refused to all but the first.
#[cfg(unix)]
fn open_to_all(path: &Path, mode: u32) {
    drop(fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)));
}

/// Windows: each user has a folder for temporary files.
#[cfg(windows)]
fn open_to_all(_path: &Path, _mode: u32) {}

/// A path as it is for the program under test.
#[cfg(unix)]
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap()
}

/// Windows: the real one begins with `\\?\`, which no person would type.
#[cfg(windows)]
fn real(path: &Path) -> PathBuf {
    path.to_path_buf()
}

/// A project folder, a home and a PATH of its own.
pub(crate) struct Project {
    _temp: TempDir,
    root: PathBuf,
    block: Block,
    env: BTreeMap<String, OsString>,
    holders: Vec<Child>,
}

impl Project {
    /// A folder named `demo`, empty, with no `docker` on PATH and no engine.
    pub(crate) fn empty() -> Self {
        let temp = tempfile::Builder::new().prefix("xtask-it-").tempdir().unwrap();
        let root = real(temp.path());
        for folder in ["demo", "home", "state", "bin"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        // Whatever the umask is: one that others can write into is warned of.
        open_to_all(&root.join("state"), 0o755);
        let mut project =
            Project { _temp: temp, root, block: Block::take(), env: BTreeMap::new(), holders: Vec::new() };
        let root = project.root.clone();
        project.set("PATH", root.join("bin"));
        project.set("HOME", root.join("home"));
        project.set("XTASK_STATE_DIR", root.join("state"));
        if cfg!(windows) {
            // Nothing with sockets works without the first; `.exe` is found by
            // the second.
            project.set("SystemRoot", std::env::var_os("SystemRoot").unwrap());
            project.set("PATHEXT", ".COM;.EXE;.BAT;.CMD");
            project.set("USERPROFILE", root.join("home"));
            project.set("DOCKER_HOST", "npipe:////./pipe/xtask-it-no-engine");
        } else {
            project.set("DOCKER_HOST", format!("unix://{}", root.join("no-engine.sock").display()));
        }
        project
    }

    /// With this `compose.yaml`; `@0` to `@9` in it are ports of the project.
    pub(crate) fn new(compose: &str) -> Self {
        let project = Self::empty();
        project.file("compose.yaml", compose);
        project
    }

    /// The folder above the project's, home's and all else's.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The project folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.root.join("demo")
    }

    /// A path in the project folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// The project's own port number `at`, 0 to 9.
    pub(crate) fn port(&self, at: u16) -> u16 {
        assert!(at < 10);
        self.block.first + at
    }

    /// `@0` to `@9` become ports.
    pub(crate) fn fill(&self, text: &str) -> String {
        (0..10).fold(text.to_owned(), |text, at| text.replace(&format!("@{at}"), &self.port(at).to_string()))
    }

    /// Writes a file of the project, ports filled in.
    pub(crate) fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.fill(text)).unwrap();
        self
    }

    /// A file of the project as text.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A variable for every run.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Puts a program of ours on the project's PATH under this name.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        let path = self.root.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if !path.exists() {
            // Windows keeps links for administrators.
            #[cfg(unix)]
            std::os::unix::fs::symlink(TOOL, &path).unwrap();
            #[cfg(windows)]
            fs::copy(TOOL, &path).unwrap();
        }
        path
    }

    /// Puts the machine's own `docker` on PATH; `false` where there is none
    /// that can read compose files.
    #[cfg(unix)]
    pub(crate) fn real_docker(&mut self) -> bool {
        let Ok(docker) = which::which("docker") else { return skip("no docker on PATH") };
        if let Some(home) = std::env::home_dir() {
            self.set("DOCKER_CONFIG", home.join(".docker"));
        }
        std::os::unix::fs::symlink(docker, self.root.join("bin/docker")).unwrap();
        let version = self.command(self.root.join("bin/docker")).args(["compose", "version"]).output().unwrap();
        version.status.success() || skip("no Compose plugin")
    }

    /// A stand-in `docker` that answers by these rules, the first fitting one.
    pub(crate) fn fake_docker(&mut self, rules: &[Rule]) -> &mut Self {
        let dir = self.root.join("fake-docker");
        // Another set of rules takes the place of the one before.
        drop(fs::remove_dir_all(dir.join("rules")));
        for (at, rule) in rules.iter().enumerate() {
            let folder = dir.join("rules").join(format!("{at:02}"));
            fs::create_dir_all(&folder).unwrap();
            let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
            write("when", &rule.when);
            write("stdout", &self.fill(&rule.stdout));
            write("stderr", &self.fill(&rule.stderr));
            write("exit", &rule.exit.to_string());
            if let Some(millis) = rule.sleep {
                write("sleep", &millis.to_string());
            }
            if let Some(times) = rule.times {
                write("left", &times.to_string());
            }
            if let Some(given) = &rule.given {
                write("given", given);
            }
            if let Some(request) = &rule.request {
                write("request", request);
            }
        }
        self.set("FAKE_DOCKER", dir);
        self.tool("docker");
        self
    }

    /// How the stand-in was called so far, a line each.
    pub(crate) fn calls(&self) -> String {
        self.redact(&fs::read_to_string(self.root.join("fake-docker/calls")).unwrap_or_default())
    }

    /// Starts a program that holds these addresses, under this name, and
    /// returns its pid. `shell` goes before it: `trap '' TERM;`.
    pub(crate) fn hold_as(&mut self, name: &str, shell: &str, addresses: &[String]) -> u32 {
        let program = self.tool(name);
        let mut command = if cfg!(windows) {
            assert_eq!(shell, "", "there is none");
            self.command(program)
        } else {
            let mut command = command("/bin/sh");
            command.args(["-c", &format!("{shell} exec \"$0\" \"$@\"")]).arg(program);
            command
        };
        let mut child = command.args(addresses).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{addresses:?}");
        let pid = child.id();
        self.holders.push(child);
        pid
    }

    /// The usual holder: of the project's ports, on one address.
    pub(crate) fn hold(&mut self, ip: &str, ports: &[u16]) -> u32 {
        let addresses: Vec<String> = ports.iter().map(|at| format!("{ip}:{}", self.port(*at))).collect();
        self.hold_as("holder", "", &addresses)
    }

    /// Whether a program started by `hold` still runs.
    pub(crate) fn runs(&mut self, pid: u32) -> bool {
        let child = self.holders.iter_mut().find(|child| child.id() == pid).unwrap();
        child.try_wait().unwrap().is_none()
    }

    /// Ends a program started by `hold`.
    #[cfg(windows)]
    pub(crate) fn end_holder(&mut self, pid: u32) {
        let child = self.holders.iter_mut().find(|child| child.id() == pid).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// A command with the project's environment, in its folder.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = command(program);
        command.envs(&self.env).current_dir(self.dir());
        command
    }

    /// Runs `cargo xtask` with these words, ports filled in.
    pub(crate) fn run(&self, words: &str) -> Run {
        self.run_in("", words)
    }

    /// The same in a folder below the project's.
    pub(crate) fn run_in(&self, folder: &str, words: &str) -> Run {
        let mut command = self.command(XTASK);
        command.current_dir(self.path(folder)).args(self.fill(words).split_whitespace());
        self.finish(words, command)
    }

    /// Runs a command that is `cargo xtask` in some way.
    pub(crate) fn finish(&self, words: &str, mut command: Command) -> Run {
        let output = command.output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            raw: String::from_utf8(output.stdout.clone()).unwrap(),
            stdout: self.redact(&String::from_utf8(output.stdout).unwrap()),
            stderr: self.redact(&String::from_utf8(output.stderr).unwrap()),
            words: words.to_owned(),
        }
    }

    /// Every file below the project folder: permissions and bytes.
    #[cfg(unix)]
    pub(crate) fn everything(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut queue = vec![self.dir()];
        while let Some(folder) = queue.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let bytes = if metadata.is_dir() {
                    queue.push(path.clone());
                    Vec::new()
                } else {
                    fs::read(&path).unwrap_or_default()
                };
                found.insert(path, (std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()), bytes));
            }
        }
        found
    }

    /// Text in which ports, pids, times, users and folders are always the same.
    /// The project's ports become 18000 to 18009, which are as wide.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = text.replace(&self.root.display().to_string(), "[root]");
        let text = text.replace(XTASK, "[xtask]");
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let length = time(rest).or_else(|| rest.find(|c: char| !c.is_ascii_digit())).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            out.push_str(&self.number(word, &out));
            rest = after;
        }
        out.push_str(rest);
        for (before, after) in [(", user ", ","), ("\"user\": \"", "\"")] {
            out = between(&out, before, after, "[user]");
        }
        out
    }

    fn number(&self, word: &str, before: &str) -> String {
        if word.len() == 20 && word.ends_with('Z') {
            return "[time]".to_owned();
        }
        let is_port = before.ends_with("cargo xtask kill ");
        if !is_port
            && ["pid ", "\"pid\": ", "kill ", "kill -KILL ", "process "].iter().any(|words| before.ends_with(words))
        {
            return "[pid]".to_owned();
        }
        match word.parse::<u16>() {
            Ok(port) if (self.block.first..self.block.first + 10).contains(&port) => {
                (port - self.block.first + SHOWN).to_string()
            }
            _ => word.to_owned(),
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        for child in &mut self.holders {
            // Ended by the test itself, perhaps.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Ends a process that a test started.
#[cfg(unix)]
pub(crate) fn end(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The length of a time like 2026-01-31T12:00:00Z at the start of `text`.
fn time(text: &str) -> Option<usize> {
    let form = b"0000-00-00T00:00:00Z";
    let bytes = text.as_bytes().get(..form.len())?;
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    bytes.iter().zip(form).all(fits).then_some(form.len())
}

/// Replaces what stands between two texts, everywhere.
fn between(text: &str, before: &str, after: &str, with: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find(after).map_or("", |at| &part[at..]);
        out.push_str(before);
        out.push_str(with);
        out.push_str(rest);
    }
    out
}

/// Says why a test, or a part of it, is left out.
#[expect(clippy::print_stderr, reason = "what was left out has to be seen")]
pub(crate) fn skip(why: &str) -> bool {
    eprintln!("left out: {why}");
    false
}

/// How the stand-in `docker` answers.
#[derive(Default)]
pub(crate) struct Rule {
    when: String,
    stdout: String,
    stderr: String,
    exit: u8,
    sleep: Option<u64>,
    times: Option<u32>,
    request: Option<String>,
    given: Option<String>,
}

impl Rule {
    /// For command lines that have these words in this order.
    pub(crate) fn when(words: &str) -> Self {
        Rule { when: words.to_owned(), ..Rule::default() }
    }

    pub(crate) fn stdout(self, text: impl Into<String>) -> Self {
        Rule { stdout: text.into(), ..self }
    }

    pub(crate) fn stderr(self, text: impl Into<String>) -> Self {
        Rule { stderr: text.into(), ..self }
    }

    pub(crate) fn exit(self, code: u8) -> Self {
        Rule { exit: code, ..self }
    }

    pub(crate) fn sleep(self, millis: u64) -> Self {
        Rule { sleep: Some(millis), ..self }
    }

    /// Only for the first so many calls.
    pub(crate) fn times(self, times: u32) -> Self {
        Rule { times: Some(times), ..self }
    }

    /// Only where the stand-in's environment has this `NAME=VALUE`.
    pub(crate) fn given(self, variable: &str) -> Self {
        Rule { given: Some(variable.to_owned()), ..self }
    }

    /// What the stand-in for the engine is told: see `Engine::on`.
    pub(crate) fn tells(self, what: &str) -> Self {
        Rule { request: Some(format!("/{what}")), ..self }
    }
}

/// What a run said.
pub(crate) struct Run {
    words: String,
    pub(crate) code: i32,
    /// Standard output as it was.
    pub(crate) raw: String,
    /// Redacted.
    pub(crate) stdout: String,
    /// Redacted.
    pub(crate) stderr: String,
}

impl Run {
    /// The JSON on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.raw).unwrap_or_else(|error| panic!("{error} in:\n{self}"))
    }

    /// The same run, with another exit code wished for: a panic.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{self}");
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("$ cargo xtask {}\nexit code {}\n", self.words, self.code);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                write!(text, "--- {name}\n{stream}")?;
                if !stream.ends_with('\n') {
                    text.push('\n');
                }
            }
        }
        f.write_str(text.trim_end())
    }
}

/// Compares with `snapshots/NAME.snap`; `INSTA_UPDATE=always` writes it.
macro_rules! snapshot {
    ($name:expr, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text.to_string());
        });
    };
}
pub(crate) use snapshot;
