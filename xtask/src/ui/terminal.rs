//! How loud and colourful the output is, and what the terminal can do.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicI8, Ordering};

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
pub(super) fn can_redraw() -> bool {
    !DUMB.load(Ordering::Relaxed)
}

/// Columns of the terminal that data goes to; 80 where it goes elsewhere.
pub fn width() -> usize {
    console::Term::stdout().size_checked().map_or(80, |(_, width)| usize::from(width).max(40))
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
