//! Sends signals that cannot reach the wrong process.

use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::start_mark;
use crate::error::{Error, Result};
use crate::host::Signal;
use crate::model::Process;

/// A pidfd always refers to one process, even if its id is reused.
#[derive(Debug)]
pub(crate) struct Target {
    pid: u32,
    start_mark: u64,
    exe: Option<PathBuf>,
    handle: OwnedFd,
}

impl Target {
    /// Opens the handle before comparing the identity, so that the handle cannot refer to another
    /// process afterwards.
    pub(crate) fn open(process: &Process) -> Result<Target> {
        let pid = process.pid;
        let gone = || Error::new(format!("process {pid} has ended"));
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
        let handle = pidfd_open(number, PidfdFlags::empty()).map_err(|errno| match errno {
            Errno::SRCH | Errno::INVAL => gone(),
            errno => Error::new(format!("process {pid} cannot be watched: {errno}")),
        })?;
        let target = Target { pid, start_mark: process.start_mark, exe: process.exe.clone(), handle };
        target.compare()?;
        Ok(target)
    }

    fn compare(&self) -> Result<()> {
        let exe = fs::read_link(format!("/proc/{}/exe", self.pid)).ok();
        // A process whose program is not readable cannot be compared, so it is not signalled.
        let same_program =
            self.exe.as_deref().zip(exe.as_deref()).is_none_or(|(old, new)| on_disk(old) == on_disk(new));
        match start_mark(self.pid) {
            Some(mark) if mark == self.start_mark && same_program => Ok(()),
            Some(_) => {
                Err(Error::new(format!("process {} has ended, and another one has its id: nothing was sent", self.pid)))
            }
            None => Err(Error::new(format!("process {} has ended", self.pid))),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.handle, signal.to_unix()) {
            // It has ended already.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(Errno::PERM) => Err(Error::new(format!("process {} belongs to another user", self.pid))
                .hint(format!("`sudo kill {}`", self.pid))),
            Err(errno) => Err(Error::new(format!("process {} could not be signalled: {errno}", self.pid))),
        }
    }

    /// A pidfd becomes readable when its process ends, even as a zombie.
    pub(crate) fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.handle, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

/// The kernel appends ` (deleted)` after an upgrade replaced the file.
fn on_disk(exe: &Path) -> OsString {
    let text = exe.to_string_lossy();
    text.strip_suffix(" (deleted)").map_or_else(|| exe.as_os_str().to_owned(), OsString::from)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    /// A child process, after it has become `cat`.
    fn cat(pid: u32) -> Process {
        loop {
            let process = crate::host::processes(&[pid]).pop().unwrap();
            if process.name == "cat" {
                return process;
            }
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a child that is no question")]
    fn the_same_process_is_opened_and_another_one_is_not() {
        let mut child = std::process::Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let process = cat(child.id());
        let target = Target::open(&process).unwrap();
        assert!(!target.has_ended());
        let message = |process: &Process| Target::open(process).unwrap_err().message().to_owned();
        for other in [
            Process { start_mark: process.start_mark + 1, ..process.clone() },
            Process { exe: Some("/usr/bin/other".into()), ..process.clone() },
        ] {
            assert!(message(&other).ends_with("another one has its id: nothing was sent"), "{other:?}");
        }
        let upgraded = PathBuf::from(format!("{} (deleted)", process.exe.clone().unwrap().display()));
        assert!(Target::open(&Process { exe: Some(upgraded), ..process.clone() }).is_ok());
        target.signal(Signal::Kill).unwrap();
        while !target.has_ended() {}
        // It is a zombie until it is waited for.
        assert!(message(&process).ends_with("has ended"));
        child.wait().unwrap();
        assert!(message(&process).ends_with("has ended"));
        assert!(target.has_ended());
        target.signal(Signal::Term).unwrap();
    }
}
