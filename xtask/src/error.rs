//! What went wrong, what to type next, and the exit code.
//!
//! An [`Error`] is a fact: lower case, no full stop, printed after `error: `. Advice is
//! separate, in [`Error::hints`]: one line each, with the command to type.

use std::fmt;
use std::process::ExitCode;

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes; scripts may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or no finding.
    Success = 0,
    /// A conflict, a failed service, a port that is still held.
    Finding = 1,
    /// The command could not run, or the command line is wrong.
    Failure = 2,
    /// Ctrl-C (128 + SIGINT).
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// One fact with its context, hints and exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    hints: Vec<String>,
    exit: Exit,
    unwritable: bool,
    already_shown: bool,
}

impl Error {
    /// An error with exit code 2.
    pub fn new(message: impl Into<String>) -> Self {
        Error {
            message: message.into(),
            hints: Vec::new(),
            exit: Exit::Failure,
            unwritable: false,
            already_shown: false,
        }
    }

    /// The user pressed Ctrl-C; `message` describes what was left behind.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Error { exit: Exit::Interrupted, ..Error::new(message) }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Makes it a finding (exit code 1): the command worked, but its result is bad news.
    #[must_use]
    pub fn finding(mut self) -> Self {
        self.exit = Exit::Finding;
        self
    }

    /// Marks an error caused by a place where this user may not write: a command that
    /// writes nothing would work.
    #[must_use]
    pub fn unwritable(mut self) -> Self {
        self.unwritable = true;
        self
    }

    /// Whether it was marked by [`Error::unwritable`].
    pub fn is_unwritable(&self) -> bool {
        self.unwritable
    }

    /// Prefixes the message with its context: `what: message`.
    #[must_use]
    pub fn within(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Marks an error that a child process has already printed: on a terminal it isn't
    /// printed again.
    #[must_use]
    pub fn already_shown(mut self) -> Self {
        self.already_shown = true;
        self
    }

    /// Whether it was marked by [`Error::already_shown`].
    pub fn is_already_shown(&self) -> bool {
        self.already_shown
    }

    /// The fact, with its context.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The hints, best first.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The exit code that this error asks for.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Converts a foreign error, and adds what was being done.
pub trait Context<T> {
    /// `what` is a fragment such as "read `.env`".
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(format!("failed to {what}: {error}")))
    }
}
