//! Sends signals right after comparing the identity.

use rustix::io::Errno;
use rustix::process::{Pid, kill_process};

use crate::error::{Error, Result};
use crate::host::{Signal, processes};
use crate::model::Process;

/// macOS has no process handles, so in the microseconds between comparing and sending the id could
/// be reused.
#[derive(Debug)]
pub(crate) struct Target {
    pid: Pid,
    process: Process,
}

impl Target {
    pub(crate) fn open(process: &Process) -> Result<Target> {
        let number = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let pid = number.ok_or_else(|| Error::new(format!("process {} has ended", process.pid)))?;
        if process.started.is_none() {
            return Err(Error::new(format!("process {pid} cannot be identified safely: nothing was sent")));
        }
        let target = Target { pid, process: process.clone() };
        target.compare()?;
        Ok(target)
    }

    fn compare(&self) -> Result<()> {
        match processes(&[self.process.pid]).first() {
            Some(now) if self.same(now) => Ok(()),
            Some(_) => {
                Err(Error::new(format!("process {} has ended, and another one has its id: nothing was sent", self.pid)))
            }
            None => Err(Error::new(format!("process {} has ended", self.pid))),
        }
    }

    /// Compares start time (to the second) and program, which a zombie does not have.
    fn same(&self, now: &Process) -> bool {
        let then = &self.process;
        (now.pid, now.started, now.start_mark, &now.exe) == (then.pid, then.started, then.start_mark, &then.exe)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        if self.has_ended() {
            // It has ended already.
            return Ok(());
        }
        match kill_process(self.pid, signal.to_unix()) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(Errno::PERM) => Err(Error::new(format!("process {} belongs to another user", self.pid))
                .hint(format!("`sudo kill {}`", self.pid))),
            Err(errno) => Err(Error::new(format!("process {} could not be signalled: {errno}", self.pid))),
        }
    }

    /// The process is gone, or its id was reused.
    pub(crate) fn has_ended(&self) -> bool {
        self.compare().is_err()
    }
}
