//! What was typed before a question was asked is no answer to it.

use std::io::{self, IsTerminal};

/// Throws it away, on a terminal. Answers from a pipe are there beforehand, and
/// meant.
pub(super) fn discard() {
    if io::stdin().is_terminal() {
        flush();
    }
}

#[cfg(unix)]
fn flush() {
    // Refused to nobody at a terminal; then it is as it was.
    let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
}

#[cfg(windows)]
#[expect(unsafe_code, reason = "FlushConsoleInputBuffer")]
fn flush() {
    use std::os::windows::io::AsRawHandle;

    use windows_sys::Win32::System::Console::FlushConsoleInputBuffer;

    // SAFETY: the handle is that of standard input, which is open as long as
    // this process is.
    unsafe { FlushConsoleInputBuffer(io::stdin().as_raw_handle()) };
}
