//! Live lines, and other output above them.

use std::sync::Mutex;

use indicatif::MultiProgress;

/// The lines on the screen now: other output has to go above them.
pub(super) static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Prints without tearing the live lines.
pub(super) fn above(print: impl FnOnce()) {
    let screen = SCREEN.lock().ok().and_then(|screen| screen.clone());
    match screen {
        Some(screen) => screen.suspend(print),
        None => print(),
    }
}
