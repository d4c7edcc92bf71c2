//! A machine of one's own: network and process ids that nobody else sees, the
//! program and holders of ports inside. All of it ends with the cage.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::holder::holder_script;
use super::{AS_NOBODY, Ending, Output, Project, Terminal, XTASK, command, find, first_line, run, skip, wait_until};

/// Runs a line of shell in namespaces of its own, which go, and everything in them,
/// with it.
pub(crate) fn unshare(line: &str) -> Command {
    let mut unshare = command("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "/bin/sh", "-c", line]);
    unshare
}

/// Process 1 of what `unshare` made, as seen from outside.
pub(crate) fn first_process(unshare: u32) -> u32 {
    let children = format!("/proc/{unshare}/task/{unshare}/children");
    let mut first = None;
    wait_until(
        || "unshare starts nothing",
        || {
            first = fs::read_to_string(&children).unwrap().trim().parse().ok();
            first.is_some()
        },
    );
    first.unwrap()
}

/// The namespaces and what lies beside them.
pub(crate) struct Cage {
    project: Project,
    /// With it go all processes.
    gate: Ending,
    /// Process 1 of the cage, as seen from outside.
    init: u32,
    holders: Mutex<Vec<Ending>>,
}

impl Cage {
    /// `None`, and a word about it, where there can be none.
    pub(crate) fn new() -> Option<Cage> {
        if let Some(tool) = ["unshare", "nsenter", "ip", "python3"].iter().find(|tool| find(tool).is_none()) {
            skip(&format!("namespaces: no {tool}"));
            return None;
        }
        let mut gate = unshare("ip link set lo up && echo ready && exec sleep 180");
        let mut gate = Ending(gate.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        if first_line(&mut gate.0) != "ready" {
            skip("namespaces: not allowed here (unshare needs root)");
            return None;
        }
        let init = first_process(gate.0.id());
        Some(Cage { project: Project::empty(), gate, init, holders: Mutex::default() })
    }

    /// The project folder that commands run in.
    pub(crate) fn project(&mut self) -> &mut Project {
        &mut self.project
    }

    /// Where a file of the cage lies, in and outside of it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.project.path(name)
    }

    /// A command in the cage.
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
        fs::write(self.project.root().join(&file), holder_script(script)).unwrap();
        let mut python = self.command(find("python3").unwrap());
        python.arg(format!("../{file}")).args(words);
        let mut child = Ending(python.stdout(Stdio::piped()).spawn().unwrap());
        let answer = first_line(&mut child.0);
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
        wait_until(|| format!("{pid} does not end"), || !self.runs(pid));
    }

    /// The program in the cage.
    pub(crate) fn xtask(&self, words: &str) -> Output {
        self.xtask_under(&[], words)
    }

    /// As an ordinary user.
    pub(crate) fn xtask_as_nobody(&self, words: &str) -> Output {
        self.xtask_under(&AS_NOBODY, words)
    }

    fn xtask_under(&self, before: &[&str], words: &str) -> Output {
        let program = self.program().display().to_string();
        let mut all = before.iter().copied().chain([program.as_str()]).chain(words.split_whitespace());
        let mut command = self.command(find(all.next().unwrap()).unwrap());
        command.args(all);
        Output { words: words.to_owned(), ..run(command) }
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

    /// The program on a terminal; `None` where there can be none.
    pub(crate) fn terminal(&self, words: &str) -> Option<Terminal> {
        Terminal::start(|script| self.command(script), "", &self.program().display().to_string(), words)
    }
}
