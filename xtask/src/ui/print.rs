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

/// Format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For eyes.
    #[default]
    Text,
    /// For programs: one documented, versioned object on stdout.
    Json,
}

/// Prints a line of data on stdout.
pub fn out(line: &str) {
    answer(&sieve(line, console::colors_enabled()));
}

/// Prints a value as JSON on stdout, with its strings cleaned.
pub fn json(value: &impl Serialize) {
    match pretty(value) {
        Ok(text) => answer(&text),
        Err(error) => warn(&format!("failed to write JSON: {error}")),
    }
}

/// Prints a line on stderr, unless `-q` was given.
pub fn note(line: &str) {
    if !is_quiet() {
        screen::above(|| tell(line));
    }
}

/// Prints a line on stderr if `-v` was given.
pub fn detail(line: &str) {
    if is_verbose() {
        let line = console::style(line).for_stderr().dim().to_string();
        screen::above(|| tell(&line));
    }
}

/// Prints a warning on stderr.
pub fn warn(line: &str) {
    let head = console::style("warning:").for_stderr().yellow().bold().to_string();
    screen::above(|| tell(&format!("{head} {line}")));
}

/// Warns that `what` happened because of an error, with the error's hints.
pub fn warn_error(what: &str, why: &Error) {
    warn(&format!("{what}: {}{}", clean_lines(why.message()), hints(why)));
}

/// Prints the error that ends the command, with its hints.
pub fn error(error: &Error) {
    if error.is_already_shown() {
        return;
    }
    let head = console::style("error:").for_stderr().red().bold();
    let text = format!("{head} {}{}", clean_lines(error.message()), hints(error));
    screen::above(|| tell(&text));
}

/// The hints, each on its own line.
fn hints(error: &Error) -> String {
    let mut text = String::new();
    for hint in error.hints() {
        let head = console::style("hint:").for_stderr().cyan().bold();
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{head} {}", clean_lines(hint));
    }
    text
}

/// Removes control characters except line breaks.
fn clean_lines(message: &str) -> String {
    message.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Writes to stderr.
fn tell(lines: &str) {
    // If stderr is gone, nobody can be told.
    drop(write(&mut io::stderr().lock(), &sieve(lines, console::colors_enabled_stderr())));
}

/// The first error while writing to stdout.
static OUTPUT_ERROR: OnceLock<String> = OnceLock::new();

/// Why data could not be written to stdout, for example a full disk: the command must fail,
/// or the reader would take incomplete data for complete.
pub fn output_error() -> Option<&'static str> {
    OUTPUT_ERROR.get().map(String::as_str)
}

/// Writes to stdout. A closed pipe (`xtask … | head`) is not an error.
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
