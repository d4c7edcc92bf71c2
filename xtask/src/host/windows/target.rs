//! Ending a process, and no other.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, FILETIME, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, WaitForSingleObject,
};

use crate::error::{Error, Result};
use crate::exec::Command;
use crate::host::Ask;
use crate::model::Process;

/// While the handle is open the system gives the number to no other process.
#[derive(Debug)]
pub(crate) struct Target {
    pid: u32,
    handle: OwnedHandle,
}

/// Creation time in units of 100 ns; `None` for a process that may not be
/// opened.
pub(crate) fn start_mark(pid: u32) -> Option<u64> {
    open(pid).ok().and_then(|handle| created(&handle))
}

impl Target {
    /// The handle is opened first and the identity compared after: what the
    /// handle means can no longer change then.
    pub(crate) fn open(process: &Process) -> Result<Target> {
        let pid = process.pid;
        let handle = open(pid).map_err(|error| {
            if error.raw_os_error().and_then(|code| u32::try_from(code).ok()) == Some(ERROR_ACCESS_DENIED) {
                Error::new(format!("process {pid} belongs to the system or to another user"))
                    .hint("run the same command in a terminal that was started as administrator")
            } else {
                Error::new(format!("process {pid} has ended"))
            }
        })?;
        let target = Target { pid, handle };
        if target.gone() {
            return Err(Error::new(format!("process {pid} has ended")));
        }
        if created(&target.handle) == Some(process.start_mark) {
            Ok(target)
        } else {
            Err(Error::new(format!("process {pid} is another one by now: nothing was sent")))
        }
    }

    /// With [`Ask::Kill`]: `taskkill /T /F`, which takes the children along.
    /// Its exit code and text differ between versions and languages, so what
    /// counts is whether the process has ended.
    pub(crate) fn signal(&self, ask: Ask) -> Result<()> {
        let pid = self.pid;
        if ask != Ask::Kill {
            return Err(Error::new(format!("Windows cannot ask process {pid} to end cleanly"))
                .hint("stop it in its own window, or add `--force` to end it and its children"));
        }
        if self.gone() {
            return Ok(());
        }
        let answer =
            Command::new("taskkill").args(["/T", "/F", "/PID", &pid.to_string()]).ask(Duration::from_secs(15))?;
        if answer.ok() || self.ended_within(Duration::from_secs(1)) {
            return Ok(());
        }
        let code = answer.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        Err(Error::new(format!("process {pid} could not be ended (exit code of taskkill: {code})"))
            .hint("run the same command in a terminal that was started as administrator"))
    }

    /// A process is signalled from its end on.
    pub(crate) fn gone(&self) -> bool {
        self.ended_within(Duration::ZERO)
    }

    #[expect(unsafe_code, reason = "WaitForSingleObject")]
    fn ended_within(&self, limit: Duration) -> bool {
        let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX - 1);
        // SAFETY: the handle is open while it is borrowed, and may be waited for.
        unsafe { WaitForSingleObject(self.handle.as_raw_handle(), limit) == WAIT_OBJECT_0 }
    }
}

/// A handle that may be asked for times and waited for.
#[expect(unsafe_code, reason = "OpenProcess")]
fn open(pid: u32) -> std::io::Result<OwnedHandle> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    // SAFETY: takes numbers only; the handle, when there is one, is ours alone.
    unsafe {
        let handle = OpenProcess(rights, 0, pid);
        if handle.is_null() { Err(std::io::Error::last_os_error()) } else { Ok(OwnedHandle::from_raw_handle(handle)) }
    }
}

#[expect(unsafe_code, reason = "GetProcessTimes")]
fn created(handle: &OwnedHandle) -> Option<u64> {
    let mut times = [FILETIME::default(); 4];
    let [creation, exit, kernel, user] = times.each_mut().map(std::ptr::from_mut);
    // SAFETY: the handle is open and has the right to be asked; the four
    // pointers are to four different times that live through the call.
    let ok = unsafe { GetProcessTimes(handle.as_raw_handle(), creation, exit, kernel, user) };
    let created = &times[0];
    (ok != 0).then(|| u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::processes;

    /// This test program again, with a test that sleeps.
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
        assert!(!target.gone());
        let error = target.signal(Ask::Term).unwrap_err();
        assert!(error.hints()[0].contains("--force"), "{error:?}");
        assert!(!target.gone());
        target.signal(Ask::Kill).unwrap();
        child.wait().unwrap();
        assert!(target.gone());
        // Ended already is what was wanted.
        target.signal(Ask::Kill).unwrap();
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
