//! Prints other output above the progress lines.

use std::sync::Mutex;

use indicatif::MultiProgress;

/// The progress lines on the screen now.
pub(super) static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Prints above the progress lines without corrupting them.
pub(super) fn above(print: impl FnOnce()) {
    let screen = SCREEN.lock().ok().and_then(|screen| screen.clone());
    match screen {
        Some(screen) => screen.suspend(print),
        None => print(),
    }
}
