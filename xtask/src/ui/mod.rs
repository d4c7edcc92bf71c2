//! The only place that prints. Data goes to stdout; notes, questions and
//! progress go to stderr.

mod diff;
mod json;
mod live;
mod page;
mod prompt;
mod secret;
mod table;
mod text;
mod typed;
mod typed_ahead;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI8, Ordering};

use serde::Serialize;

use crate::error::Error;

pub use diff::diff;
pub use live::Live;
pub use page::Page;
pub use prompt::{Choice, choose, confirm, is_interactive};
pub use secret::{mask, mask_command, mask_value};
pub use table::{Column, table};
pub use text::{clean, clip, count, local_path, rfc3339};
pub use typed::{URL_PATH, argument, quoted, quoted_path, url_part};

/// How reports are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For eyes.
    #[default]
    Text,
    /// For programs: one documented, versioned object on stdout.
    Json,
}

/// -1 quiet, 0 normal, 1 and more verbose.
static LEVEL: AtomicI8 = AtomicI8::new(0);
/// TERM is `dumb`: the terminal shows lines, and knows no cursor to move.
static DUMB: AtomicBool = AtomicBool::new(false);

/// Decides once about colour and loudness. Colour follows NO_COLOR, CLICOLOR
/// and CLICOLOR_FORCE (each counts when it is set and not empty; NO_COLOR
/// wins), and without a terminal there is none.
pub fn set_up(level: i8, env: &dyn Fn(&str) -> Option<String>) {
    LEVEL.store(level, Ordering::Relaxed);
    let is_dumb = env("TERM").as_deref() == Some("dumb");
    DUMB.store(is_dumb, Ordering::Relaxed);
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let wanted = |terminal: bool| {
        if set("NO_COLOR").is_some() {
            false
        } else if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
            true
        } else {
            terminal && set("CLICOLOR").as_deref() != Some("0") && !is_dumb
        }
    };
    console::set_colors_enabled(wanted(io::stdout().is_terminal()));
    console::set_colors_enabled_stderr(wanted(io::stderr().is_terminal()));
}

/// Whether `-q` was given.
pub fn is_quiet() -> bool {
    LEVEL.load(Ordering::Relaxed) < 0
}

/// Whether `-v` was given.
pub fn is_verbose() -> bool {
    LEVEL.load(Ordering::Relaxed) > 0
}

/// Whether lines can be redrawn on a terminal.
fn can_redraw() -> bool {
    !DUMB.load(Ordering::Relaxed)
}

/// Columns of the terminal that data goes to; 80 where it goes elsewhere.
pub fn width() -> usize {
    console::Term::stdout().size_checked().map_or(80, |(_, width)| usize::from(width).max(40))
}

/// Data: a line on stdout.
pub fn out(line: &str) {
    answer(&text::sieve(line, console::colors_enabled()));
}

/// Data: a value as JSON on stdout, its strings cleaned.
pub fn json(value: &impl Serialize) {
    match json::pretty(value) {
        Ok(text) => answer(&text),
        Err(error) => warn(&format!("failed to write JSON: {error}")),
    }
}

/// Something good to know: a line on stderr, not with `-q`.
pub fn note(line: &str) {
    if !is_quiet() {
        live::above(|| tell(line));
    }
}

/// How it was done: a line on stderr, with `-v` only.
pub fn detail(line: &str) {
    if is_verbose() {
        let line = console::style(line).for_stderr().dim().to_string();
        live::above(|| tell(&line));
    }
}

/// Something that should be looked at.
pub fn warn(line: &str) {
    let head = console::style("warning:").for_stderr().yellow().bold().to_string();
    live::above(|| tell(&format!("{head} {line}")));
}

/// What goes on without something, why, and what to type so that it does not
/// have to.
pub fn warn_of(what: &str, why: &Error) {
    warn(&format!("{what}: {}{}", clean_lines(why.message()), hints(why)));
}

/// Why the command ends, and what to type next.
pub fn error(error: &Error) {
    if error.is_told() {
        return;
    }
    let head = console::style("error:").for_stderr().red().bold();
    let text = format!("{head} {}{}", clean_lines(error.message()), hints(error));
    live::above(|| tell(&text));
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

/// Puts the cursor and the line back; used right before an exit.
pub fn restore_terminal() {
    if io::stderr().is_terminal() && can_redraw() {
        // \x1b[?25h shows the cursor, whoever hid it.
        let mut stderr = io::stderr();
        drop(stderr.write_all(b"\x1b[?25h\n"));
        drop(stderr.flush());
    }
}

/// A message of several lines keeps its line ends, and nothing else that is a
/// control character.
fn clean_lines(message: &str) -> String {
    message.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Lines on stderr.
fn tell(lines: &str) {
    // There is nobody left to tell.
    drop(write(&mut io::stderr().lock(), &text::sieve(lines, console::colors_enabled_stderr())));
}

/// Why the first line did not reach stdout.
static LOST: OnceLock<String> = OnceLock::new();

/// Why data did not reach stdout, a full disk for one: whoever reads it must not
/// take what is there for all.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Lines on stdout. A closed pipe (`xtask … | head`) is not an error.
fn answer(lines: &str) {
    if let Err(error) = write(&mut io::stdout().lock(), lines)
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

fn write(stream: &mut dyn Write, line: &str) -> io::Result<()> {
    stream.write_all(line.as_bytes()).and_then(|()| stream.write_all(b"\n")).and_then(|()| stream.flush())
}
