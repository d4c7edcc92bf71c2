//! Ctrl-C. Most of the time it ends the program at once with exit code 130;
//! while a [`InterruptGuard`] is held it only sets a flag, so that the holder can
//! leave things in a state that it can name. A second Ctrl-C ends it anyway.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Exit;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static HOLDERS: AtomicUsize = AtomicUsize::new(0);

/// Takes over Ctrl-C, SIGTERM and SIGHUP; called once, by `main`.
pub fn install() {
    // A second handler cannot be set; then the default (end) stays, which is
    // what the first one does as well.
    drop(ctrlc::set_handler(|| {
        let again = REQUESTED.swap(true, Ordering::SeqCst);
        if again || HOLDERS.load(Ordering::SeqCst) == 0 {
            crate::ui::restore_terminal();
            leave(Exit::Interrupted as i32);
        }
    }));
}

#[expect(clippy::exit, reason = "a handler has no caller to return to, and a program that was run its own exit code")]
pub(super) fn leave(code: i32) -> ! {
    std::process::exit(code)
}

/// While it lives, Ctrl-C is a request.
#[derive(Debug)]
pub struct InterruptGuard(());

pub fn defer_interrupts() -> InterruptGuard {
    HOLDERS.fetch_add(1, Ordering::SeqCst);
    InterruptGuard(())
}

impl InterruptGuard {
    /// Whether Ctrl-C was pressed meanwhile.
    #[expect(clippy::unused_self, reason = "only while it lives is Ctrl-C a request")]
    pub fn interrupted(&self) -> bool {
        REQUESTED.load(Ordering::SeqCst)
    }
}

impl Drop for InterruptGuard {
    fn drop(&mut self) {
        HOLDERS.fetch_sub(1, Ordering::SeqCst);
    }
}
