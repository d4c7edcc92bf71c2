//! Lines on stdout and stderr.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::OnceLock;

use serde::Serialize;

use super::json::pretty;
use super::screen;
use super::terminal::{is_quiet, is_verbose};
use super::text::{clean, sieve};
use crate::error::Error;

/// How reports are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For eyes.
    #[default]
    Text,
    /// For programs: one documented, versioned object on stdout.
    Json,
}

/// Data: a line on stdout.
pub fn out(line: &str) {
    answer(&sieve(line, console::colors_enabled()));
}

/// Data: a value as JSON on stdout, its strings cleaned.
pub fn json(value: &impl Serialize) {
    match pretty(value) {
        Ok(text) => answer(&text),
        Err(error) => warn(&format!("failed to write JSON: {error}")),
    }
}

/// Something good to know: a line on stderr, not with `-q`.
pub fn note(line: &str) {
    if !is_quiet() {
        screen::above(|| tell(line));
    }
}

/// How it was done: a line on stderr, with `-v` only.
pub fn detail(line: &str) {
    if is_verbose() {
        let line = console::style(line).for_stderr().dim().to_string();
        screen::above(|| tell(&line));
    }
}

/// Something that should be looked at.
pub fn warn(line: &str) {
    let head = console::style("warning:").for_stderr().yellow().bold().to_string();
    screen::above(|| tell(&format!("{head} {line}")));
}

/// What goes on without something, why, and what to type so that it does not
/// have to.
pub fn warn_error(what: &str, why: &Error) {
    warn(&format!("{what}: {}{}", clean_lines(why.message()), hints(why)));
}

/// Why the command ends, and what to type next.
pub fn error(error: &Error) {
    if error.is_told() {
        return;
    }
    let head = console::style("error:").for_stderr().red().bold();
    let text = format!("{head} {}{}", clean_lines(error.message()), hints(error));
    screen::above(|| tell(&text));
}

/// What to type next, each on a line of its own.
fn hints(error: &Error) -> String {
    let mut text = String::new();
    for hint in error.hints() {
        let head = console::style("hint:").for_stderr().cyan().bold();
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{head} {}", clean_lines(hint));
    }
    text
}

/// A message of several lines keeps its line ends, and nothing else that is a
/// control character.
fn clean_lines(message: &str) -> String {
    message.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Lines on stderr.
fn tell(lines: &str) {
    // There is nobody left to tell.
    drop(write(&mut io::stderr().lock(), &sieve(lines, console::colors_enabled_stderr())));
}

/// Why the first line did not reach stdout.
static OUTPUT_ERROR: OnceLock<String> = OnceLock::new();

/// Why data did not reach stdout, a full disk for one: whoever reads it must not
/// take what is there for all.
pub fn output_error() -> Option<&'static str> {
    OUTPUT_ERROR.get().map(String::as_str)
}

/// Lines on stdout. A closed pipe (`xtask … | head`) is not an error.
fn answer(lines: &str) {
    if let Err(error) = write(&mut io::stdout().lock(), lines)
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        OUTPUT_ERROR.get_or_init(|| error.to_string());
    }
}

fn write(stream: &mut dyn Write, line: &str) -> io::Result<()> {
    stream.write_all(line.as_bytes()).and_then(|()| stream.write_all(b"\n")).and_then(|()| stream.flush())
}
