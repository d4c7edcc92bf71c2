//! A machine of one's own: network and process ids that nobody else sees, the
//! program and holders of ports inside. All of it ends with the cage.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Project, XTASK, command, skip};

/// What every holder begins with: how to get sockets of each kind.
const PRELUDE: &str = r"
import os, signal, socket, sys, time
PORT = 8000
def bind(ip, port=PORT, kind=socket.SOCK_STREAM, v6only=None, reuse=True, share=False):
    family = socket.AF_INET6 if ':' in ip else socket.AF_INET
    s = socket.socket(family, kind)
    if reuse and kind == socket.SOCK_STREAM: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if share: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if v6only is not None: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
    s.bind((ip, port))
    return s
def listen(ip, port=PORT, **options):
    s = bind(ip, port, **options)
    s.listen()
    return s
def name(text):
    with open('/proc/self/comm', 'w') as comm: comm.write(text)
def fork(run):
    pid = os.fork()
    if pid == 0:
        try: run()
        finally: os._exit(0)
    return pid
def rest(): time.sleep(120)
";

/// The namespaces and what lies beside them.
pub(crate) struct Cage {
    project: Project,
    // Ends last of all: with it go all processes.
    gate: Child,
    /// Process 1 of the cage, as seen from outside.
    init: u32,
    holders: Mutex<Vec<Child>>,
}

impl Cage {
    /// `None`, and a word about it, where there can be none.
    pub(crate) fn new() -> Option<Cage> {
        for tool in ["unshare", "nsenter", "ip", "python3"] {
            if find(tool).is_none() {
                skip(&format!("namespaces: no {tool}"));
                return None;
            }
        }
        let project = Project::empty();
        let mut unshare = command(find("unshare")?);
        unshare.args(["--net", "--pid", "--fork", "--mount-proc", "--kill-child", "/bin/sh", "-c"]);
        unshare.arg("ip link set lo up && echo ready && exec sleep 180");
        let mut gate = unshare
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if line(&mut gate).as_deref() != Some("ready") {
            drop(gate.wait());
            skip("namespaces: not allowed here (unshare needs root)");
            return None;
        }
        let children = format!("/proc/{0}/task/{0}/children", gate.id());
        let init = fs::read_to_string(children).unwrap().trim().parse().unwrap();
        Some(Cage { project, gate, init, holders: Mutex::default() })
    }

    /// The project folder that commands run in.
    pub(crate) fn project(&mut self) -> &mut Project {
        &mut self.project
    }

    /// Where a file of the cage lies, in and outside of it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.project.path(name)
    }

    /// A command in the cage: `before` (`setpriv …`) goes in front.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut nsenter = self.project.command(find("nsenter").unwrap());
        nsenter.args(["--net", "--pid", "--mount", "--target", &self.init.to_string()]);
        nsenter.args(["/bin/sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(self.project.dir()).arg(program);
        nsenter
    }

    /// Starts Python in the cage; its process id there, once it is ready.
    pub(crate) fn hold(&self, script: &str) -> u32 {
        self.hold_with(script, &[])
    }

    /// With further words on its command line.
    pub(crate) fn hold_with(&self, script: &str, words: &[&str]) -> u32 {
        let mut holders = self.holders.lock().unwrap();
        let file = format!("holder-{}.py", holders.len());
        let text = format!("{PRELUDE}\n{script}\nos.write(1, b'%d\\n' % os.getpid())\nrest()\n");
        fs::write(self.project.root().join(&file), text).unwrap();
        let mut python = self.command(find("python3").unwrap());
        python.arg(format!("../{file}")).args(words);
        let mut child = python.stdout(Stdio::piped()).spawn().unwrap();
        let answer = line(&mut child).unwrap_or_default();
        holders.push(child);
        answer.parse().unwrap_or_else(|error| panic!("{error}: {answer:?} of {script}"))
    }

    /// Whether a process of the cage runs; a zombie does not.
    pub(crate) fn runs(&self, pid: u32) -> bool {
        let stat = fs::read(format!("/proc/{}/root/proc/{pid}/stat", self.init)).unwrap_or_default();
        let stat = String::from_utf8_lossy(&stat).into_owned();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    }

    /// Waits for the end of a process.
    #[track_caller]
    pub(crate) fn ends(&self, pid: u32) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.runs(pid) {
            assert!(Instant::now() < deadline, "{pid} does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The program in the cage.
    pub(crate) fn xtask(&self, words: &str) -> Said {
        self.xtask_under(&[], words)
    }

    /// Under another program: `setpriv …`.
    pub(crate) fn xtask_under(&self, before: &[&str], words: &str) -> Said {
        let program = self.program();
        let mut all: Vec<OsString> = before.iter().map(OsString::from).collect();
        all.push(program.into_os_string());
        all.extend(words.split_whitespace().map(OsString::from));
        let mut command = self.command(&all[0]);
        command.args(&all[1..]);
        Said::of(words, command)
    }

    /// Where every user can run it.
    pub(crate) fn program(&self) -> PathBuf {
        let copy = self.project.root().join("xtask");
        if !copy.exists() {
            fs::hard_link(XTASK, &copy).or_else(|_| fs::copy(XTASK, &copy).map(drop)).unwrap();
            fs::set_permissions(self.project.root(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        copy
    }

    /// The program on a terminal; `None` where there is no `script`.
    pub(crate) fn terminal(&self, words: &str) -> Option<Typed> {
        let Some(script) = find("script") else {
            skip("a terminal: no script (util-linux)");
            return None;
        };
        let mut command = self.command(script);
        command.args(["--quiet", "--return", "--flush", "--command"]);
        command.arg(format!("{} {words}", self.program().display())).arg("/dev/null");
        command.env("SHELL", "/bin/sh").env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut output, shared) = (child.stdout.take().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                shared.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        });
        Some(Typed { child, screen })
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        drop(self.gate.kill());
        drop(self.gate.wait());
        for child in self.holders.get_mut().unwrap() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A tool of the machine; of several pythons not a shim that takes its time.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    let usual = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(|dir| Path::new(dir).join(tool));
    usual.into_iter().find(|path| path.is_file()).or_else(|| which::which(tool).ok())
}

fn line(child: &mut Child) -> Option<String> {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut()?).read_line(&mut line).ok()?;
    Some(line.trim().to_owned())
}

/// What the program said, as it was.
pub(crate) struct Said {
    words: String,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Said {
    /// Runs it.
    pub(crate) fn of(words: &str, mut command: Command) -> Said {
        let began = Instant::now();
        let output = command.output().unwrap();
        Said {
            words: words.to_owned(),
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            took: began.elapsed(),
        }
    }

    fn whole(&self) -> String {
        format!(
            "$ xtask {}\nexit {} after {:?}\n--- stdout\n{}--- stderr\n{}",
            self.words, self.code, self.took, self.out, self.err
        )
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}", self.whole());
        self
    }

    /// In one of its outputs.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text) || self.err.contains(text), "no `{text}` in\n{}", self.whole());
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(!self.out.contains(text) && !self.err.contains(text), "`{text}` in\n{}", self.whole());
        self
    }

    /// Names the process as an owner.
    #[track_caller]
    pub(crate) fn names(self, pid: u32) -> Self {
        self.says(&format!("(pid {pid}"))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in\n{}", self.whole()))
    }
}

/// The program on a terminal.
pub(crate) struct Typed {
    child: Child,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Typed {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    #[track_caller]
    pub(crate) fn sees(&mut self, words: &str) -> &mut Self {
        let deadline = Instant::now() + Duration::from_secs(15);
        while !self.text().contains(words) {
            assert!(Instant::now() < deadline, "no {words:?} on the screen:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    pub(crate) fn types(&mut self, keys: &str) -> &mut Self {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Exit code, and the screen.
    #[track_caller]
    pub(crate) fn ends(mut self) -> (i32, String) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(50));
                return (status.code().unwrap_or(-1), self.text());
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
