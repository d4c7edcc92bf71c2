//! Ends a process, and never another one.

use std::time::Duration;

use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;

use crate::error::{Error, Result};
use crate::exec::ProcessHandle;
use crate::host::Signal;
use crate::model::Process;

/// While the handle is open, the system does not reuse the process id.
#[derive(Debug)]
pub(crate) struct Target {
    pid: u32,
    held: ProcessHandle,
}

/// Creation time in units of 100 ns; `None` if the process may not be opened.
pub(crate) fn start_mark(pid: u32) -> Option<u64> {
    ProcessHandle::open(pid).ok().map(|held| held.created())
}

/// No cgroups here.
pub(crate) fn cgroup(_pid: u32) -> Option<String> {
    None
}

/// Its descendants, which [`Signal::Kill`] ends with it.
pub(crate) fn killed_with(process: &Process) -> Vec<u32> {
    let held = ProcessHandle::open(process.pid).ok().filter(|held| held.created() == process.start_mark);
    held.map(|held| held.descendants()).unwrap_or_default()
}

impl Target {
    /// Opens the handle before comparing the identity, so that the handle cannot refer to another
    /// process afterwards.
    pub(crate) fn open(process: &Process) -> Result<Target> {
        let pid = process.pid;
        let held = ProcessHandle::open(pid).map_err(|error| {
            if error.raw_os_error().and_then(|code| u32::try_from(code).ok()) == Some(ERROR_ACCESS_DENIED) {
                Error::new(format!("process {pid} belongs to the system or to another user"))
                    .hint("run the same command in a terminal that was started as administrator")
            } else {
                Error::new(format!("process {pid} has ended"))
            }
        })?;
        let target = Target { pid, held };
        if target.has_ended() {
            return Err(Error::new(format!("process {pid} has ended")));
        }
        if target.held.created() == process.start_mark {
            Ok(target)
        } else {
            Err(Error::new(format!("process {pid} has ended, and another one has its id: nothing was sent")))
        }
    }

    /// [`Signal::Kill`] ends it and its descendants.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid;
        if signal != Signal::Kill {
            return Err(Error::new(format!("Windows cannot ask process {pid} to end cleanly"))
                .hint("stop it in its own window, or add `--force` to end it and its children"));
        }
        self.held.end().map_err(|error| {
            Error::new(format!("process {pid} could not be ended: {error}"))
                .hint("run the same command in a terminal that was started as administrator")
        })
    }

    /// Windows signals a process handle when the process ends.
    pub(crate) fn has_ended(&self) -> bool {
        self.held.ended_within(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::processes;

    /// Runs this test program with a test that sleeps.
    #[expect(clippy::disallowed_methods, reason = "a process to be killed, not a tool")]
    fn victim() -> std::process::Child {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "host::windows::target::tests::sleeps"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    }

    #[test]
    #[ignore = "only as a victim of the tests below"]
    fn sleeps() {
        std::thread::sleep(Duration::from_mins(1));
    }

    #[test]
    fn a_process_is_ended_and_seen_to_be_gone() {
        let mut child = victim();
        let process = processes(&[child.id()]).remove(0);
        let target = Target::open(&process).unwrap();
        assert!(!target.has_ended());
        let error = target.signal(Signal::Term).unwrap_err();
        assert!(error.hints()[0].contains("--force"), "{error:?}");
        assert!(!target.has_ended());
        target.signal(Signal::Kill).unwrap();
        child.wait().unwrap();
        assert!(target.has_ended());
        // It has ended already.
        target.signal(Signal::Kill).unwrap();
        assert!(Target::open(&process).is_err());
    }

    #[test]
    fn a_number_that_means_another_process_is_refused() {
        let mut process = processes(&[std::process::id()]).remove(0);
        Target::open(&process).unwrap();
        process.start_mark -= 1;
        let error = Target::open(&process).unwrap_err();
        assert!(error.message().contains("another one"), "{error}");
    }
}
