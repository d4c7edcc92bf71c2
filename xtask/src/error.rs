//! What went wrong, what to type next, and the exit code.
//!
//! An [`Error`] is a fact: lower case, no full stop, fit to stand after
//! `error: `. Advice is kept apart as [`Error::hints`], one line each, and
//! names the command to type.

use std::fmt;
use std::process::ExitCode;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes; scripts may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing was found.
    Success = 0,
    /// A finding: a conflict, a service that failed, a port still held.
    Finding = 1,
    /// It could not be done, or the command line was wrong.
    Failure = 2,
    /// Ctrl-C (128 + SIGINT).
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// One fact, the chain of what it is part of, and hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    hints: Vec<String>,
    exit: Exit,
    unwritable: bool,
    told: bool,
}

impl Error {
    /// A fact that ends the command with exit code 2.
    pub fn new(message: impl Into<String>) -> Self {
        Error { message: message.into(), hints: Vec::new(), exit: Exit::Failure, unwritable: false, told: false }
    }

    /// The user pressed Ctrl-C; `message` says what state things were left in.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Error { exit: Exit::Interrupted, ..Error::new(message) }
    }

    /// The same error with one more line of advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same error as a finding (exit code 1): the command worked, its
    /// answer is bad news.
    #[must_use]
    pub fn finding(mut self) -> Self {
        self.exit = Exit::Finding;
        self
    }

    /// The same error: a place where this user may not write is the cause, so
    /// whatever writes nothing would work.
    #[must_use]
    pub fn unwritable(mut self) -> Self {
        self.unwritable = true;
        self
    }

    /// Whether a place where this user may not write is the cause.
    pub fn is_unwritable(&self) -> bool {
        self.unwritable
    }

    /// The same error as part of something larger: `what: message`.
    #[must_use]
    pub fn within(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The same error, which a program that was run has told the person already:
    /// on a terminal nothing is added to its words.
    #[must_use]
    pub fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// Whether a person has read it already.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// The fact.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The advice, best first.
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

/// Turns a foreign error into ours, saying what was being done.
pub trait Context<T> {
    /// `what` is a fragment such as "read `.env`".
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(format!("failed to {what}: {error}")))
    }
}
