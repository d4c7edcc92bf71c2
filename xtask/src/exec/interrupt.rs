//! Ctrl-C. Usually it ends the program at once with exit code 130; while an
//! [`InterruptGuard`] exists it only sets a flag, so that the command can reach a defined
//! state. A second Ctrl-C always ends the program.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Exit;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static HOLDERS: AtomicUsize = AtomicUsize::new(0);

/// Handles Ctrl-C, SIGTERM and SIGHUP; called once by `main`.
pub fn install() {
    // If no handler can be set, the default stays, which ends the program too.
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

/// While it exists, the first Ctrl-C only sets a flag.
#[derive(Debug)]
pub struct InterruptGuard(());

pub fn defer_interrupts() -> InterruptGuard {
    HOLDERS.fetch_add(1, Ordering::SeqCst);
    InterruptGuard(())
}

impl InterruptGuard {
    /// Whether Ctrl-C was pressed.
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
