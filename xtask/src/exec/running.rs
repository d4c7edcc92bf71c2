//! Background jobs, and how to end them with all their descendants.

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::error::{Error, Result};

/// A job whose output is read line by line.
#[derive(Debug)]
pub struct Running {
    handle: Arc<duct::ReaderHandle>,
    lines: Receiver<String>,
}

/// Result of [`Running::next`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A line, without its line end.
    Line(String),
    /// No output within the time limit.
    Quiet,
    /// It has ended and all lines were read.
    Ended,
}

impl Running {
    pub(super) fn new(reader: duct::ReaderHandle) -> Self {
        let handle = Arc::new(reader);
        let (sender, lines) = channel();
        let source = Arc::clone(&handle);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(&*source);
            let mut bytes = Vec::new();
            while let Ok(1..) = reader.read_until(b'\n', &mut bytes) {
                let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                bytes.clear();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running { handle, lines }
    }

    pub fn next(&self, wait: Duration) -> Event {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Event::Line(line),
            Err(RecvTimeoutError::Timeout) => Event::Quiet,
            Err(RecvTimeoutError::Disconnected) => Event::Ended,
        }
    }

    /// The exit code, after [`Event::Ended`]; 1 if a signal ended it.
    pub fn code(&self) -> Result<i32> {
        match self.handle.try_wait() {
            Ok(Some(output)) => Ok(output.status.code().unwrap_or(1)),
            Ok(None) => Err(Error::new("the tool closed its output and still runs")),
            Err(error) => Err(Error::new(error.to_string())),
        }
    }

    /// Sends what Ctrl-C sends.
    pub fn interrupt(&self) {
        interrupt(&self.handle.pids());
    }

    /// Ends it with all its descendants.
    pub fn end(&self) {
        end(&self.handle.pids());
    }
}

/// Runs the job in its own process group, so that it can be ended as a whole: `docker compose` is
/// a plugin, a child of `docker`, and would survive otherwise.
#[cfg(unix)]
pub(super) fn own_process_group(expression: &duct::Expression) -> duct::Expression {
    use std::os::unix::process::CommandExt;
    expression.before_spawn(|command| {
        command.process_group(0);
        Ok(())
    })
}

/// Windows finds children by their parent, so no group is needed.
#[cfg(not(unix))]
pub(super) fn own_process_group(expression: &duct::Expression) -> duct::Expression {
    expression.clone()
}

#[cfg(unix)]
fn signal(pids: &[u32], signal: rustix::process::Signal) {
    for pid in pids {
        let pid = i32::try_from(*pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended already.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

#[cfg(unix)]
pub(super) fn end(pids: &[u32]) {
    signal(pids, rustix::process::Signal::KILL);
}

#[cfg(unix)]
fn interrupt(pids: &[u32]) {
    signal(pids, rustix::process::Signal::INT);
}

#[cfg(windows)]
pub(super) fn end(pids: &[u32]) {
    for held in pids.iter().filter_map(|pid| super::ProcessHandle::open(*pid).ok()) {
        // It may have ended already.
        drop(held.end());
    }
}

/// On Windows the console sends Ctrl-C to the children itself.
#[cfg(not(unix))]
fn interrupt(_pids: &[u32]) {}
