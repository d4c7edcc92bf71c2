//! Signals that cannot hit the wrong process.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::start_mark;
use crate::error::{Error, Result};
use crate::host::Ask;
use crate::model::Process;

/// A pidfd means one process for ever, even when its number is used again.
#[derive(Debug)]
pub(crate) struct Target {
    pid: u32,
    start_mark: u64,
    handle: OwnedFd,
}

impl Target {
    /// The handle is opened first and the identity compared after: what the
    /// handle means can no longer change then.
    pub(crate) fn open(process: &Process) -> Result<Target> {
        let pid = process.pid;
        let gone = || Error::new(format!("process {pid} has ended"));
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
        let handle = pidfd_open(number, PidfdFlags::empty()).map_err(|errno| match errno {
            Errno::SRCH | Errno::INVAL => gone(),
            errno => Error::new(format!("process {pid} cannot be watched: {errno}")),
        })?;
        let target = Target { pid, start_mark: process.start_mark, handle };
        target.compare()?;
        Ok(target)
    }

    fn compare(&self) -> Result<()> {
        match start_mark(self.pid) {
            Some(mark) if mark == self.start_mark => Ok(()),
            Some(_) => Err(Error::new(format!("process {} is another one by now: nothing was sent", self.pid))),
            None => Err(Error::new(format!("process {} has ended", self.pid))),
        }
    }

    pub(crate) fn signal(&self, ask: Ask) -> Result<()> {
        match pidfd_send_signal(&self.handle, ask.signal()) {
            // Ended by itself meanwhile: what was wanted.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(Errno::PERM) => Err(Error::new(format!("process {} belongs to another user", self.pid))
                .hint("run the same command with sudo")),
            Err(errno) => Err(Error::new(format!("process {} could not be signalled: {errno}", self.pid))),
        }
    }

    /// A pidfd becomes readable when its process ends, zombie or not.
    pub(crate) fn gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.handle, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}
