//! Progress lines, one per subject. On a terminal they are redrawn in place; elsewhere each
//! change is printed once. On a terminal that cannot redraw (`TERM=dumb`) more lines are
//! printed.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::print::note;
use super::screen::SCREEN;
use super::terminal::{can_redraw, is_quiet};
use super::text::sieve;

/// How often a steadily changing line is printed if it cannot be redrawn.
const APART: Duration = Duration::from_secs(5);

/// A set of progress lines; they disappear when it is dropped.
#[derive(Debug)]
pub struct Live {
    screen: Option<MultiProgress>,
    /// A terminal that cannot redraw.
    is_plain: bool,
    /// When a line without a key was last printed.
    printed: Option<Instant>,
    bars: BTreeMap<String, ProgressBar>,
    shown: BTreeMap<String, String>,
}

impl Live {
    pub fn new() -> Self {
        let is_watched = io::stderr().is_terminal() && !is_quiet();
        let screen = (is_watched && can_redraw()).then(MultiProgress::new);
        if let Ok(mut current) = SCREEN.lock() {
            current.clone_from(&screen);
        }
        Live {
            is_plain: is_watched && screen.is_none(),
            screen,
            printed: None,
            bars: BTreeMap::new(),
            shown: BTreeMap::new(),
        }
    }

    /// Whether a user watches, so that a tool's output should be shown.
    pub fn is_watched(&self) -> bool {
        self.screen.is_some() || self.is_plain
    }

    /// Sets the line of `subject`. Without redrawing, a line is printed when `key` changes, but
    /// not when `extra` (elapsed time, last output) does.
    pub fn set(&mut self, subject: &str, key: &str, extra: &str) {
        match &self.screen {
            Some(screen) => {
                let bar = self.bars.entry(subject.to_owned()).or_insert_with(|| {
                    let bar = screen.add(ProgressBar::new_spinner());
                    // A constant template always parses.
                    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                        bar.set_style(style);
                    }
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bar
                });
                let line = format!("{subject:<12} {key}  {extra}").replace('\n', " ");
                bar.set_message(sieve(line.trim_end(), console::colors_enabled_stderr()));
            }
            // A tool's output now and then, as a sign of life.
            None if key.is_empty() => {
                if self.printed.is_none_or(|printed| printed.elapsed() >= APART) {
                    note(&format!("  {subject:<12} {extra}"));
                    self.printed = Some(Instant::now());
                }
            }
            None => {
                if self.shown.get(subject).map(String::as_str) != Some(key) {
                    note(&format!("  {subject:<12} {key}"));
                }
            }
        }
        self.shown.insert(subject.to_owned(), key.to_owned());
    }

    pub fn remove(&mut self, subject: &str) {
        if let Some(bar) = self.bars.remove(subject) {
            bar.finish_and_clear();
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for bar in self.bars.values() {
            bar.finish_and_clear();
        }
        if let Some(screen) = &self.screen {
            // If the terminal is gone, there is nothing left to do.
            drop(screen.clear());
        }
        if let Ok(mut current) = SCREEN.lock() {
            *current = None;
        }
    }
}
