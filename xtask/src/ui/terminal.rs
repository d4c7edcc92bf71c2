//! Verbosity and colour of the output, and what the terminal supports.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicI8, Ordering};

/// -1 = quiet, 0 = normal, 1 and more = verbose.
static LEVEL: AtomicI8 = AtomicI8::new(0);
/// TERM is `dumb`: the terminal cannot move the cursor.
static DUMB: AtomicBool = AtomicBool::new(false);

/// Sets colour and verbosity once. NO_COLOR, CLICOLOR and CLICOLOR_FORCE count if they are set
/// and not empty; NO_COLOR wins. Without a terminal there is no colour.
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

pub(super) fn can_redraw() -> bool {
    !DUMB.load(Ordering::Relaxed)
}

/// Width of the terminal on stdout; 80 if it is not a terminal.
pub fn width() -> usize {
    console::Term::stdout().size_checked().map_or(80, |(_, width)| usize::from(width).max(40))
}

/// Restores cursor and line right before an exit.
pub fn restore_terminal() {
    if io::stderr().is_terminal() && can_redraw() {
        // \x1b[?25h shows the cursor.
        let mut stderr = io::stderr();
        drop(stderr.write_all(b"\x1b[?25h\n"));
        drop(stderr.flush());
    }
}
