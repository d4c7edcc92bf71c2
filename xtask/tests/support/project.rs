//! A throw-away project with stand-ins for all around it: home, PATH and, where it
//! is asked for, `docker` and processes that hold ports. What the program said there
//! has all replaced that differs from run to run.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::ports::open_to_all;
#[cfg(unix)]
use super::{AS_NOBODY, Terminal, skip};
use super::{Ending, Folder, Output, Ports, Rule, XTASK, bare, first_line, redact_after, run};

/// `docker`, `holder` and `docker-proxy` in one.
const TOOL: &str = env!("CARGO_BIN_EXE_xtask-test-tool");
/// In redacted output the first port of a project's block.
const SHOWN: u16 = 18000;

/// A project folder, a home and a PATH of its own.
pub(crate) struct Project {
    folder: Folder,
    ports: Ports,
    env: BTreeMap<String, OsString>,
    holders: Vec<Ending>,
}

impl Deref for Project {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Project {
    /// A folder named `demo`, empty, with no `docker` on PATH and no engine.
    pub(crate) fn empty() -> Self {
        let folder = Folder::new("demo");
        let root = folder.root().to_path_buf();
        for folder in ["home", "state", "bin"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        // Whatever the umask is: one that others can write into is warned of.
        open_to_all(&root.join("state"), 0o755);
        let mut project = Project { folder, ports: Ports::find(), env: BTreeMap::new(), holders: Vec::new() };
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

    /// The project's own port number `at`, 0 to 9.
    pub(crate) fn port(&self, at: u16) -> u16 {
        assert!(at < 10);
        self.ports.first() + at
    }

    /// `@0` to `@9` become ports.
    pub(crate) fn fill(&self, text: &str) -> String {
        (0..10).fold(text.to_owned(), |text, at| text.replace(&format!("@{at}"), &self.port(at).to_string()))
    }

    /// Writes a file of the project, ports filled in.
    pub(crate) fn file(&self, name: &str, text: &str) -> &Self {
        self.write(name, self.fill(text));
        self
    }

    /// A variable for every run.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Puts a program of ours on the project's PATH under this name.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        let path = self.root().join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
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
        if !self.real_tool("docker") {
            return false;
        }
        if let Some(home) = std::env::home_dir() {
            self.set("DOCKER_CONFIG", home.join(".docker"));
        }
        let version = self.command(self.root().join("bin/docker")).args(["compose", "version"]).output().unwrap();
        version.status.success() || skip("no Compose plugin")
    }

    /// Puts the machine's own tool on PATH; `false` where there is none.
    #[cfg(unix)]
    pub(crate) fn real_tool(&self, name: &str) -> bool {
        let Ok(tool) = which::which(name) else { return skip(&format!("no {name} on PATH")) };
        std::os::unix::fs::symlink(tool, self.root().join("bin").join(name)).unwrap();
        true
    }

    /// Makes the folder a repository and puts git on PATH; `false` where there is none.
    #[cfg(unix)]
    pub(crate) fn is_repository(&self) -> bool {
        self.real_tool("git") && super::git(self.dir(), &["init", "-q"]).code == 0
    }

    /// A stand-in `docker` that answers by these rules, the first fitting one.
    pub(crate) fn fake_docker(&mut self, rules: &[Rule]) -> &mut Self {
        let dir = self.root().join("fake-docker");
        // Another set of rules takes the place of the one before.
        drop(fs::remove_dir_all(dir.join("rules")));
        for (at, rule) in rules.iter().enumerate() {
            rule.put(&dir.join("rules").join(format!("{at:02}")), |text| self.fill(text));
        }
        self.set("FAKE_DOCKER", dir);
        self.tool("docker");
        self
    }

    /// How the stand-in was called so far, a line each.
    pub(crate) fn calls(&self) -> String {
        self.redact(&fs::read_to_string(self.root().join("fake-docker/calls")).unwrap_or_default())
    }

    /// Starts a program that holds these addresses, under this name, and
    /// returns its pid. `shell` goes before it: `trap '' TERM;`.
    pub(crate) fn hold_as(&mut self, name: &str, shell: &str, addresses: &[String]) -> u32 {
        let program = self.tool(name);
        let mut command = if cfg!(windows) {
            assert_eq!(shell, "", "there is none");
            self.command(program)
        } else {
            let mut command = bare("/bin/sh");
            command.args(["-c", &format!("{shell} exec \"$0\" \"$@\"")]).arg(program);
            command
        };
        let mut child = Ending(command.args(addresses).stdout(Stdio::piped()).spawn().unwrap());
        assert_eq!(first_line(&mut child.0), "ready", "{addresses:?}");
        let pid = child.0.id();
        self.holders.push(child);
        pid
    }

    /// The usual holder: of the project's ports, on one address.
    pub(crate) fn hold(&mut self, ip: &str, ports: &[u16]) -> u32 {
        let addresses: Vec<String> = ports.iter().map(|at| format!("{ip}:{}", self.port(*at))).collect();
        self.hold_as("holder", "", &addresses)
    }

    fn holder(&mut self, pid: u32) -> &mut Child {
        &mut self.holders.iter_mut().find(|holder| holder.0.id() == pid).unwrap().0
    }

    /// Whether a program started by `hold` still runs.
    pub(crate) fn runs(&mut self, pid: u32) -> bool {
        self.holder(pid).try_wait().unwrap().is_none()
    }

    /// Ends a program started by `hold`.
    #[cfg(windows)]
    pub(crate) fn end_holder(&mut self, pid: u32) {
        let holder = self.holder(pid);
        holder.kill().unwrap();
        holder.wait().unwrap();
    }

    /// A command with the project's environment, in its folder.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = bare(program);
        command.envs(&self.env).current_dir(self.dir());
        command
    }

    /// Runs `cargo xtask` with these words, ports filled in.
    pub(crate) fn run(&self, words: &str) -> Output {
        self.run_in("", words)
    }

    /// The same in a folder below the project's.
    pub(crate) fn run_in(&self, folder: &str, words: &str) -> Output {
        let mut command = self.command(XTASK);
        command.current_dir(self.path(folder)).args(self.fill(words).split_whitespace());
        self.finish(words, command)
    }

    /// Runs a command that is `cargo xtask` in some way.
    pub(crate) fn finish(&self, words: &str, command: Command) -> Output {
        self.said(words, run(command))
    }

    /// What such a run said, redacted.
    pub(crate) fn said(&self, words: &str, output: Output) -> Output {
        let (stdout, stderr) = (self.redact(&output.stdout), self.redact(&output.stderr));
        Output { words: words.to_owned(), stdout, stderr, ..output }
    }

    /// The program on a terminal; `None` where there can be none.
    #[cfg(unix)]
    pub(crate) fn terminal(&self, words: &str) -> Option<Terminal> {
        Terminal::start(|script| self.command(script), "", XTASK, words)
    }

    /// Exit code of a terminal's program and the screen, without colours and redacted.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn screen(&self, terminal: Terminal) -> (i32, String) {
        let output = terminal.ends();
        (output.code, self.redact(&console::strip_ansi_codes(&output.raw).replace('\r', "")))
    }

    /// Runs the program as an ordinary user; `None` where that cannot be done.
    #[cfg(unix)]
    pub(crate) fn run_as_nobody(&self, words: &str) -> Option<Output> {
        // Where the repository is, nobody may not look.
        let copy = self.root().join("xtask-copy");
        if !copy.exists() {
            fs::copy(XTASK, &copy).unwrap();
            for folder in ["", "demo", "home", "state", "bin", "fake-docker"] {
                open_to_all(&self.root().join(folder), 0o777);
            }
            let state = self.root().join("state");
            open_to_all(&state, 0o755);
            std::os::unix::fs::chown(state, Some(65534), Some(65534)).unwrap();
            let docker = self.root().join("bin/docker");
            if docker.exists() {
                fs::remove_file(&docker).unwrap();
                fs::copy(TOOL, &docker).unwrap();
                // Its notes are ours by now.
                drop(fs::remove_file(self.root().join("fake-docker/calls")));
            }
        }
        let [setpriv, options @ ..] = AS_NOBODY;
        let Some(setpriv) = super::find(setpriv) else {
            skip("an ordinary user: no setpriv");
            return None;
        };
        let mut program = self.command(setpriv);
        program.args(options).arg(copy).args(words.split_whitespace());
        let run = self.finish(words, program);
        if run.stderr.contains("setpriv") {
            skip(&format!("an ordinary user: {}", run.stderr.trim()));
            return None;
        }
        Some(run)
    }

    /// Text in which ports, pids, times, users and folders are always the same.
    /// The project's ports become 18000 to 18009, which are as wide.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = text.replace(&self.root().display().to_string(), "[root]");
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
        let out = redact_after(&out, ", user ", |c| c != ',', "[user]");
        redact_after(&out, "\"user\": \"", |c| c != '"', "[user]")
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
            Ok(port) if self.ports.contains(port) => (port - self.ports.first() + SHOWN).to_string(),
            _ => word.to_owned(),
        }
    }
}

/// The length of a time like 2026-01-31T12:00:00Z at the start of `text`.
fn time(text: &str) -> Option<usize> {
    let form = b"0000-00-00T00:00:00Z";
    let bytes = text.as_bytes().get(..form.len())?;
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    bytes.iter().zip(form).all(fits).then_some(form.len())
}
