//! The loads and the tools.

use std::fs::{File, read_to_string};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::compare::{Subject, compare, empty_program};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Where the 2,000 listeners begin.
const FIRST: u16 = 20_000;
/// Held by the last of the four processes.
const PORT: u16 = FIRST + 1999;
/// Held by a process in a control group of its own.
const APART: u16 = 30_000;
/// Where connections go.
const MEETING: u16 = 31_000;

pub(crate) fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let number = |at: usize| args.get(at).and_then(|word| word.parse().ok()).unwrap_or(0u16);
    match args.first().map(String::as_str) {
        Some("listen") => listen(number(1), number(2), args.get(3)),
        Some("talk") => talk(number(1), number(2)),
        Some("inside") => measure(args.get(1).map_or("abcd", String::as_str)),
        loads => {
            let itself = std::env::current_exe().expect("this program");
            let mut unshare = Command::new("unshare");
            unshare
                .args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" inside \"$@\""])
                .arg(itself)
                .args(loads);
            let status = unshare.status().expect("unshare of util-linux");
            assert!(status.success(), "the bench needs root: it makes a network of its own");
        }
    }
}

/// Says that it is ready, and ends with whoever started it.
fn stay() {
    println!("ready");
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
}

fn many_files() {
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).expect("as many as are allowed");
}

fn listen(first: u16, count: u16, group: Option<&String>) {
    if let Some(group) = group {
        std::fs::write(Path::new(group).join("cgroup.procs"), "0").expect("enter the group");
    }
    let listeners: Vec<TcpListener> =
        (first..first + count).map(|port| TcpListener::bind(("127.0.0.1", port)).expect("a free port")).collect();
    stay();
    drop(listeners);
}

fn talk(meeting: u16, count: u16) {
    many_files();
    let listener = TcpListener::bind(("127.0.0.1", meeting)).expect("a free port");
    let connect = |_| {
        let client = TcpStream::connect(("127.0.0.1", meeting)).expect("a connection");
        (client, listener.accept().expect("its other end"))
    };
    let ends: Vec<_> = (0..count).map(connect).collect();
    stay();
    drop(ends);
}

/// A process that ends with this one.
struct Helper(Child, #[expect(dead_code, reason = "closing it ends the helper")] ChildStdin);

impl Helper {
    fn start(words: &[&str]) -> Helper {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let mut child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a helper");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a word from the helper");
        assert_eq!(line, "ready\n", "{words:?}");
        let input = child.stdin.take().expect("piped");
        Helper(child, input)
    }

    fn listen(first: u16, count: u16) -> Helper {
        Helper::start(&["listen", &first.to_string(), &count.to_string()])
    }

    fn end(mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// 2,000 times `cat` with 23 open files, which ends when our end of its input
/// is closed.
fn hogs() -> (File, Vec<Child>) {
    let (input, end) = std::io::pipe().expect("a pipe");
    let files: Vec<File> = (0..20).map(|_| File::open("/dev/null").expect("a file")).collect();
    for file in &files {
        fcntl_setfd(file, FdFlags::empty()).expect("let children have it");
    }
    let cat = || {
        let input = input.try_clone().expect("the pipe again");
        Command::new("cat").stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cat")
    };
    let children = (0..2000).map(|_| cat()).collect();
    (File::from(std::os::fd::OwnedFd::from(end)), children)
}

/// A control group of version 2 that goes with this.
struct Group(PathBuf);

impl Group {
    fn new() -> Option<Group> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.controllers").is_file())?;
        let folder = root.join(format!("xtask-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).ok().map(|()| Group(folder))
    }
}

fn measure(loads: &str) {
    many_files();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let empty = empty_program(dir.path());
    let group = Group::new();
    let apart =
        group.as_ref().map(|group| Helper::start(&["listen", &APART.to_string(), "1", &group.0.display().to_string()]));
    let subjects = subjects(&empty, apart.is_some());
    let mut table: Vec<(char, Vec<Duration>)> = Vec::new();
    let mut run = |letter: char, title: &str, rounds: usize| {
        if loads.contains(letter) {
            table.push((letter, compare(&format!("({letter}) {title}"), rounds, &|| (), &subjects)));
        }
    };
    let few: Vec<Helper> = (0..4).map(|at| Helper::listen(PORT - 3 + at, 1)).collect();
    run('a', "quiet, 4 listeners", 40);
    few.into_iter().for_each(Helper::end);
    let many: Vec<Helper> = (0..4).map(|at| Helper::listen(FIRST + at * 500, 500)).collect();
    run('b', "2,000 listeners in 4 processes", 20);
    let (hold, cats) =
        if loads.contains(['c', 'd']) { hogs() } else { (File::open("/dev/null").expect("a file"), Vec::new()) };
    run('c', "and 2,000 processes with 23 open files each", 8);
    // A process may not have all of them open.
    let talks: Vec<Helper> = if loads.contains('d') {
        (0..4).map(|at| Helper::start(&["talk", &(MEETING + at).to_string(), "7000"])).collect()
    } else {
        Vec::new()
    };
    run('d', "and 28,000 connections", 8);
    println!(
        "| median, ms | {} | peak memory, MB |",
        table.iter().map(|(letter, _)| format!("({letter})")).collect::<Vec<_>>().join(" | ")
    );
    println!("|---|{}--:|", "--:|".repeat(table.len()));
    for (at, subject) in subjects.iter().enumerate() {
        let times: Vec<String> =
            table.iter().map(|(_, medians)| format!("{:.1}", medians[at].as_secs_f64() * 1000.0)).collect();
        println!("| {} | {} | {:.1} |", subject.name, times.join(" | "), peak(&mut (subject.command)()));
    }
    drop(hold);
    for mut cat in cats {
        drop(cat.wait());
    }
    many.into_iter().chain(talks).chain(apart).for_each(Helper::end);
    if let Some(group) = group {
        drop(std::fs::remove_dir(group.0));
    }
}

fn subjects(empty: &Path, has_group: bool) -> Vec<Subject<'static>> {
    let release = PathBuf::from(env!("CARGO_BIN_EXE_xtask"));
    let tool = |program: &str, args: &'static [&'static str], port: Option<u16>| {
        let program = which::which(program).ok()?;
        Some(move || {
            let mut command = Command::new(&program);
            command.args(args).args(port.map(|port| port.to_string()));
            command
        })
    };
    let who = |port: u16, engine: bool| {
        let release = release.clone();
        move || {
            let mut command = Command::new(&release);
            command.args(["who", &port.to_string()]);
            if !engine {
                command.env("DOCKER_HOST", "unix:///nonexistent");
            }
            command
        }
    };
    let mut subjects = vec![Subject::new("`xtask who P`", who(PORT, false))];
    if has_group {
        subjects.push(Subject::new("`xtask who P`, holder in a control group of its own", who(APART, false)));
    }
    let mut add = |name, command: Option<_>| {
        if let Some(command) = command {
            subjects.push(Subject::new(name, command));
        }
    };
    add("`ss -ltnp`", tool("ss", &["-ltnp"], None));
    add("`fuser -n tcp P`", tool("fuser", &["-n", "tcp"], Some(PORT)));
    add("`killport --dry-run P`", tool("killport", &["--dry-run"], Some(PORT)));
    add("`pid-port P` (fkill's look-up)", tool("pid-port", &[], Some(PORT)));
    if let Ok(lsof) = which::which("lsof") {
        let lsof = move || {
            let mut command = Command::new(&lsof);
            command.args(["-nP", &format!("-iTCP:{PORT}"), "-sTCP:LISTEN"]);
            command
        };
        subjects.push(Subject::new("`lsof -nP -iTCP:P -sTCP:LISTEN`", lsof));
    }
    if Command::new("docker")
        .args(["version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
    {
        subjects.push(Subject::new("`xtask who P`, an engine asked as well", who(PORT, true)));
    }
    let empty = empty.to_path_buf();
    subjects.push(Subject::new("an empty process", move || Command::new(&empty)));
    subjects
}

/// The most memory that a process had, in MB: looked at again and again, because
/// what the kernel keeps of an ended one counts the time before its exec.
fn peak(command: &mut Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it ran before");
    let status = format!("/proc/{}/status", child.id());
    let own = read_to_string("/proc/self/comm").unwrap_or_default();
    let mut peak = 0.0f64;
    while matches!(child.try_wait(), Ok(None)) {
        let text = read_to_string(&status).unwrap_or_default();
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if field("Name:") == Some(own.trim()) {
            continue;
        }
        let kib = field("VmHWM:").and_then(|value| value.trim_end_matches(" kB").parse::<f64>().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
    }
    drop(std::io::stdout().flush());
    peak
}
