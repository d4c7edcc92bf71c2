//! Exit codes, signals, arguments, and two at once.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Checkout, Run, Sandbox};

#[test]
fn exit_codes_words_and_input_are_the_program_s_own() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    for code in [0, 1, 2, 101, 130, 255] {
        checkout.run(&["exit", &code.to_string()]).ends_with(code);
    }
    let mut command = checkout.command(&["--", "-v", ""]);
    command.arg(OsStr::from_bytes(b"\xff \xfe"));
    let run = Run::of(command).says("1");
    assert!(run.stdout.contains(r#"words ["--", "-v", "", "\xFF \xFE"]"#), "{run:?}");
    let mut child = checkout.command(&["read"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a line\n").unwrap();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), "read a line\n");
}

#[test]
fn the_program_does_not_see_the_launcher_s_package() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    let mut command = checkout.command(&["environment"]);
    command.env("CARGO_INCREMENTAL", "0");
    let run = Run::of(command).ends_with(0);
    let names: Vec<&str> = run.stdout.lines().filter(|name| name.starts_with("CARGO")).collect();
    assert!(names.contains(&"CARGO") && names.contains(&"CARGO_INCREMENTAL"), "{names:?}");
    assert!(!names.contains(&"CARGO_MANIFEST_DIR") && !names.contains(&"CARGO_PKG_NAME"), "{names:?}");
}

#[test]
fn signals_reach_the_program_itself() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    checkout.run(&[]).says("1");
    for (name, number) in [("-INT", 2), ("-TERM", 15)] {
        let mut child = hears_signals(&checkout.command(&["wait"])).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "waiting\n");
        kill(name, &child.id().to_string());
        assert_eq!(Run::from(child.wait_with_output().unwrap()).signal, Some(number));
    }
}

/// The same command, which Ctrl-C ends even where whoever runs the tests ignores it,
/// as a shell has it ignored by what it starts in the background.
#[expect(clippy::disallowed_methods, reason = "a test starts what it tests")]
fn hears_signals(command: &Command) -> Command {
    let mut heard = Command::new("env");
    // Only GNU's can; elsewhere the tests have to be run in the foreground.
    if cfg!(target_os = "linux") {
        heard.arg("--default-signal=INT");
    }
    heard.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => heard.env(name, value),
            None => heard.env_remove(name),
        };
    }
    heard.current_dir(command.get_current_dir().unwrap());
    heard
}

#[expect(clippy::disallowed_methods, reason = "a test starts what it tests")]
fn kill(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, "--", process]).status().unwrap().success());
}

/// A build that stops in the middle, until it is told to go on.
struct Held {
    wrapper: PathBuf,
    /// Is there when the compiler waits.
    began: PathBuf,
    /// Is there when it may go on.
    go: PathBuf,
}

impl Held {
    /// A wrapper of the compiler that waits where it compiles the program, a minute
    /// at most.
    fn new(sandbox: &Sandbox) -> Held {
        let [wrapper, began, go] = ["wrapper", "began", "go"].map(|name| sandbox.folder.join(name));
        let text = "#!/bin/sh\ncase \" $* \" in *' --crate-name xtask '*) : >BEGAN; n=0\n\
            while [ ! -e GO ] && [ $n -lt 6000 ]; do sleep 0.01; n=$((n+1)); done;; esac\nexec \"$@\"\n";
        let text = text.replace("BEGAN", began.to_str().unwrap()).replace("GO", go.to_str().unwrap());
        fs::write(&wrapper, text).unwrap();
        fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Held { wrapper, began, go }
    }

    fn start(&self, checkout: &Checkout, words: &[&str]) -> Child {
        for mark in [&self.began, &self.go] {
            drop(fs::remove_file(mark));
        }
        let mut command = hears_signals(&self.command(checkout, words));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().unwrap();
        let limit = Instant::now() + Duration::from_mins(1);
        while !self.began.exists() {
            assert!(Instant::now() < limit, "nothing is compiled");
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    fn command(&self, checkout: &Checkout, words: &[&str]) -> Command {
        let mut command = checkout.command(words);
        command.env("RUSTC_WRAPPER", &self.wrapper);
        command
    }

    fn go(&self) {
        fs::write(&self.go, "").unwrap();
    }
}

#[test]
fn a_source_that_is_edited_while_it_is_built_is_not_stored() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    let held = Held::new(&sandbox);
    let child = held.start(&checkout, &["-v"]);
    checkout.version("2");
    held.go();
    let run = Run::from(child.wait_with_output().unwrap());
    assert!(run.stderr.contains("something changed while it was built"), "{run:?}");
    assert!(sandbox.entries().is_empty());
    let again = held.start(&checkout, &[]);
    held.go();
    Run::from(again.wait_with_output().unwrap()).says("2");
}

/// Also where the edit is taken back before the end.
#[test]
fn an_edit_that_is_taken_back_while_it_is_built_is_noticed() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    let held = Held::new(&sandbox);
    let child = held.start(&checkout, &["-v"]);
    checkout.version("2");
    checkout.version("1");
    held.go();
    let run = Run::from(child.wait_with_output().unwrap()).says("1");
    assert!(run.stderr.contains("something changed while it was built"), "{run:?}");
    assert!(sandbox.entries().is_empty());
}

#[test]
fn two_at_once_build_once() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.checkout("first", "1"), sandbox.checkout("second", "1"));
    let held = Held::new(&sandbox);
    let one = held.start(&first, &[]);
    let mut other = held.command(&second, &[]);
    let mut other = other.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(other.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "waiting for another `cargo xtask` that builds the same program\n");
    held.go();
    Run::from(one.wait_with_output().unwrap()).says("1");
    Run::from(other.wait_with_output().unwrap()).says("1");
    assert!(first.has_built() && !second.has_built());
}

/// As a terminal does it: the signal is for the whole group.
#[test]
fn an_interrupted_build_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    let held = Held::new(&sandbox);
    let child = held.start(&checkout, &[]);
    kill("-INT", &format!("-{}", child.id()));
    let run = Run::from(child.wait_with_output().unwrap());
    // A shell calls that 130.
    assert!(run.signal == Some(2) || run.code == Some(130), "{run:?}");
    assert!(sandbox.entries().is_empty());
    let left = fs::read_dir(sandbox.cache()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().eq(["locks"]));
    checkout.run(&[]).says("1");
    assert_eq!(sandbox.entries().len(), 1);
}

#[test]
fn a_failing_build_shows_the_compiler_s_words_and_ends_as_cargo_does() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    checkout.run(&[]).says("1");
    checkout.write("xtask/src/version.rs", "pub const VERSION: &str = 5;\n");
    let run = checkout.run(&[]).ends_with(101);
    assert!(run.stderr.contains("mismatched types") && run.stderr.contains("xtask/src/version.rs:1:27"), "{run:?}");
    assert!(run.stderr.contains("could not compile `xtask`"), "{run:?}");
    assert_eq!(run.stdout, "");
    checkout.version("2");
    checkout.run(&[]).says("2");
}
