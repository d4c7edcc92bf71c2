//! Input that was typed before a question must not answer it.

use std::io::{self, IsTerminal};

/// Discards pending input of a terminal. Input from a pipe is meant as the answer.
pub(super) fn discard() {
    if io::stdin().is_terminal() {
        flush();
    }
}

#[cfg(unix)]
fn flush() {
    // Never fails on a terminal; otherwise the input just stays.
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
