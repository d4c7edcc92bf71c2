//! The only place that spawns processes. Four ways to run a tool:
//!
//! * [`Command::ask`]: a query. Captures the output; has a time limit, after which it ends
//!   the tool and its children.
//! * [`Command::start`]: a long job whose output is read line by line.
//! * [`Command::show`]: a step that the user watches on the terminal.
//! * [`Command::replace`]: a program that replaces this one.
//!
//! Arguments are passed unchanged; no shell is involved.

mod interrupt;
mod path;
mod running;
#[cfg(windows)]
mod tree;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use interrupt::{InterruptGuard, defer_interrupts, install as install_interrupt};
pub use path::{Unusable, find, unusable};
pub use running::{Event, Running};
#[cfg(windows)]
pub use tree::ProcessHandle;

use crate::error::{Context, Error, Result};

/// Default time limit of a query. `docker info` waits forever if an endpoint accepts and never
/// answers.
pub const LIMIT: Duration = Duration::from_secs(10);

/// The variable in which the launcher passes the folder of this program's source. It is removed
/// from the environment of tools.
pub const SOURCE: &str = "XTASK_SOURCE";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    env: Vec<(OsString, Option<OsString>)>,
    input: Option<Vec<u8>>,
    hold_input: bool,
}

/// The result of a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// The program is not installed or cannot be run.
    NotStarted(Error),
    /// It exceeded the time limit and was ended.
    TimedOut(Error),
    /// Anything else.
    Lost(Error),
}

impl From<NoAnswer> for Error {
    fn from(why: NoAnswer) -> Error {
        match why {
            NoAnswer::NotStarted(error) | NoAnswer::TimedOut(error) | NoAnswer::Lost(error) => error,
        }
    }
}

impl Answer {
    /// Exit code 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard error as text, trimmed; bytes that are not UTF-8 are replaced.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

impl Command {
    /// `program` is a name to look up on PATH, or a path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            dir: None,
            env: vec![(SOURCE.into(), None)],
            input: None,
            hold_input: false,
        }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// Bytes for standard input, which is empty otherwise.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Like `input`, but stdin stays open until the answer is complete: some servers treat its end
    /// as a client that left. At most a few KiB.
    #[must_use]
    pub fn held_input(self, bytes: impl Into<Vec<u8>>) -> Self {
        Command { hold_input: true, ..self.input(bytes) }
    }

    /// The command line as a user would type it.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(|word| crate::ui::quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// Runs it, captures stdout and stderr, and ends it with its children after `limit`. A non-zero
    /// exit code is an answer, not an error.
    pub fn ask(&self, limit: Duration) -> Result<Answer> {
        self.try_ask(limit).map_err(Error::from)
    }

    /// Like `ask`, but the error says why there is no answer.
    pub fn try_ask(&self, limit: Duration) -> Result<Answer, NoAnswer> {
        // Kept open until the answer is complete.
        let mut held = None;
        let stdin = match &self.input {
            Some(bytes) if self.hold_input => {
                let (reader, mut writer) = std::io::pipe().context("make a pipe").map_err(NoAnswer::Lost)?;
                writer.write_all(bytes).context("write into a pipe").map_err(NoAnswer::Lost)?;
                held = Some(writer);
                Some(reader)
            }
            _ => None,
        };
        let running = self.expression(|e| {
            let e = e.stdout_capture().stderr_capture().unchecked();
            match (stdin, &self.input) {
                (Some(pipe), _) => e.stdin_file(pipe),
                (None, Some(bytes)) => e.stdin_bytes(bytes.clone()),
                (None, None) => e.stdin_null(),
            }
        });
        let _held = held;
        let handle = running.start().map_err(|error| NoAnswer::NotStarted(self.not_started(&error)))?;
        match handle.wait_timeout(limit) {
            Ok(Some(output)) => {
                Ok(Answer { code: output.status.code(), stdout: output.stdout.clone(), stderr: output.stderr.clone() })
            }
            Ok(None) => {
                running::end(&handle.pids());
                let error = Error::new(format!("`{}` did not answer within {} s", self.line(), limit.as_secs()));
                Err(NoAnswer::TimedOut(error))
            }
            Err(error) => Err(NoAnswer::Lost(Error::new(format!("`{}`: {error}", self.line())))),
        }
    }

    /// Starts it; stdout and stderr are read together, line by line.
    pub fn start(&self) -> Result<Running> {
        let expression = self.expression(|e| e.stdin_null().stderr_to_stdout().unchecked());
        let reader = expression.reader().map_err(|error| self.not_started(&error))?;
        Ok(Running::new(reader))
    }

    /// Runs it on this terminal, after echoing the command to stderr unless `quiet`. Returns the exit
    /// code. Ctrl-C goes to the tool; when that has ended, this returns an interrupted error.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn show(&self, quiet: bool) -> Result<i32> {
        let interrupt = defer_interrupts();
        let shell = xshell::Shell::new().map_err(|error| Error::new(error.to_string()))?;
        if let Some(dir) = &self.dir {
            shell.change_dir(dir);
        }
        let program = self.resolve();
        let mut command = shell.cmd(&program).args(&self.args);
        for (name, value) in &self.env {
            command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if !quiet {
            crate::ui::note(&format!("$ {}", self.line()));
        }
        // A non-zero exit code is no error here either. xshell's error would print
        // the whole command again.
        let status = std::process::Command::from(command.quiet()).status();
        let status = status.map_err(|error| self.not_started(&error))?;
        if interrupt.interrupted() {
            return Err(Error::interrupted(format!("interrupted: `{}`", self.line())));
        }
        Ok(status.code().unwrap_or(1))
    }

    /// Replaces this process with the command, which gets the terminal, signals and exit code. Returns
    /// only if it cannot be started.
    pub fn replace(&self) -> Error {
        self.not_started(&replace(self.plain()))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    fn plain(&self) -> std::process::Command {
        let mut command = std::process::Command::new(self.resolve());
        command.args(&self.args);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// On Windows a bare name must be resolved first, or `.cmd` files are not found. An unknown name
    /// stays a name, which the system looks up itself (in its own folder, for `netsh`): duct would
    /// resolve a path in the current folder, where a foreign program may be.
    fn resolve(&self) -> OsString {
        find(&self.program).map_or_else(|| self.program.clone(), PathBuf::into_os_string)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    fn expression(&self, setup: impl FnOnce(duct::Expression) -> duct::Expression) -> duct::Expression {
        let mut e = duct::cmd(self.resolve(), &self.args);
        if let Some(dir) = &self.dir {
            e = e.dir(dir);
        }
        for (name, value) in &self.env {
            e = match value {
                Some(value) => e.env(name, value),
                None => e.env_remove(name),
            };
        }
        setup(running::own_process_group(&e))
    }

    fn not_started(&self, error: &std::io::Error) -> Error {
        let name = self.program.to_string_lossy();
        if error.kind() == std::io::ErrorKind::NotFound {
            if let Some(dir) = self.dir.as_deref().filter(|dir| !dir.is_dir()) {
                return Error::new(format!("`{name}` cannot run in `{}`: no such folder", dir.display()));
            }
            // The error is the same for a script whose interpreter is missing.
            return match find(&self.program) {
                Some(path) => Error::new(format!("`{}`: the program in its first line does not exist", path.display())),
                None => Error::new(format!("`{name}` is not installed, or not on PATH")),
            };
        }
        Error::new(format!("`{name}` could not be started: {error}"))
    }
}

#[cfg(unix)]
fn replace(mut command: std::process::Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Windows cannot replace a process: this one waits and exits with the same code.
#[cfg(not(unix))]
fn replace(mut command: std::process::Command) -> std::io::Error {
    let _patience = defer_interrupts();
    match command.status() {
        Ok(status) => interrupt::leave(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let command = Command::new("docker").args(["compose", "-p", "a b", "it's", "{{json .}}", ""]);
        let unix = r"docker compose -p 'a b' 'it'\''s' '{{json .}}' ''";
        let windows = r#"docker compose -p "a b" "it's" "{{json .}}" """#;
        assert_eq!(command.line(), if cfg!(windows) { windows } else { unix });
        let path = Command::new("docker").arg(r"-fC:\src\compose.yaml").line();
        assert_eq!(path.contains(['\'', '"']), !cfg!(windows), "{path}");
    }

    #[test]
    fn a_missing_tool_is_named() {
        let error = Command::new("no-such-tool-here").ask(LIMIT).unwrap_err();
        assert_eq!(error.message(), "`no-such-tool-here` is not installed, or not on PATH");
    }

    #[cfg(unix)]
    #[test]
    fn a_question_ends_with_its_limit_and_so_do_its_children() {
        // The shell's child keeps the pipe open: without ending the whole group
        // this would wait for it.
        let begin = std::time::Instant::now();
        let command = Command::new("sh").args(["-c", "sleep 30 & sleep 30; true"]);
        let error = command.ask(Duration::from_millis(200)).unwrap_err();
        assert!(error.message().contains("did not answer"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5));
    }

    #[cfg(unix)]
    #[test]
    fn an_input_that_is_held_ends_with_the_answer() {
        let wait = Command::new("sh").args(["-c", "read line; echo $line; cat"]);
        assert_eq!(wait.clone().input("in\n").ask(LIMIT).unwrap().stdout, b"in\n");
        wait.clone().held_input("in\n").ask(Duration::from_millis(200)).unwrap_err();
        let answer = Command::new("sh").args(["-c", "read line; echo $line"]).held_input("in\n").ask(LIMIT).unwrap();
        assert_eq!(answer.stdout, b"in\n");
    }

    #[cfg(unix)]
    #[test]
    fn an_exit_code_is_an_answer() {
        let answer = Command::new("sh").args(["-c", "cat; echo no >&2; exit 3"]).input("in").ask(LIMIT).unwrap();
        assert_eq!((answer.code, answer.stdout.as_slice()), (Some(3), b"in".as_slice()));
        assert_eq!(answer.error_text(), "no");
    }
}
