//! Windows: ends a process with all its descendants, and nothing else.
//!
//! `taskkill /T` only compares parent ids. A child keeps the id of a parent that has ended
//! ("`Win32_Process` class", learn.microsoft.com), so if the id is reused, it also ends
//! children of the earlier process. Here creation times are compared as well, and a handle
//! to each process is held while it is ended.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::time::Duration;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
use windows_sys::Win32::Foundation::{FILETIME, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE,
    TerminateProcess, WaitForSingleObject,
};

use crate::decide::{self, ProcessIdentity};

/// How often to look for new descendants.
const ROUNDS: usize = 5;

/// How long to wait for terminated processes to end.
const END: Duration = Duration::from_secs(1);

/// An open process handle: while it exists, the system does not reuse the process id.
#[derive(Debug)]
pub struct ProcessHandle {
    born: ProcessIdentity,
    handle: OwnedHandle,
}

impl ProcessHandle {
    pub fn open(pid: u32) -> std::io::Result<ProcessHandle> {
        let handle = open(pid, PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE)?;
        let created = created(&handle)?;
        Ok(ProcessHandle { born: ProcessIdentity { pid, created }, handle })
    }

    /// Creation time in units of 100 ns.
    pub fn created(&self) -> u64 {
        self.born.created
    }

    /// Whether it has ended or ends within `limit`.
    #[expect(unsafe_code, reason = "WaitForSingleObject")]
    pub fn ended_within(&self, limit: Duration) -> bool {
        let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX - 1);
        // SAFETY: the handle is open while it is borrowed, and may be waited for.
        unsafe { WaitForSingleObject(self.handle.as_raw_handle(), limit) == WAIT_OBJECT_0 }
    }

    /// The process ids of all its descendants, even after it has ended.
    pub fn descendants(&self) -> Vec<u32> {
        descendants(&[self.born]).iter().map(|born| born.pid).collect()
    }

    /// Ends it with all its descendants. Only failing to end the process itself is an error; the
    /// caller must check the descendants by what they hold.
    pub fn end(&self) -> std::io::Result<()> {
        let mut others: Vec<ProcessHandle> = Vec::new();
        for _ in 0..ROUNDS {
            let known: Vec<ProcessIdentity> = std::iter::once(self).chain(&others).map(|held| held.born).collect();
            for born in descendants(&known) {
                // Skip those that have ended meanwhile.
                others.extend(ProcessHandle::open(born.pid).ok().filter(|held| held.born == born));
            }
            if !self.has_ended() {
                self.terminate()?;
            }
            let left: Vec<&ProcessHandle> = others.iter().filter(|held| !held.has_ended()).collect();
            for held in &left {
                // Access denied: it stays.
                drop(held.terminate());
            }
            // All are terminated before waiting for any.
            for held in &left {
                held.ended_within(END);
            }
            if self.ended_within(END) && left.is_empty() {
                break;
            }
        }
        Ok(())
    }

    #[expect(unsafe_code, reason = "TerminateProcess")]
    fn terminate(&self) -> std::io::Result<()> {
        // The id is not reused, because `self.handle` is open.
        let handle = open(self.born.pid, PROCESS_TERMINATE)?;
        // SAFETY: the handle is open, and has the right that this needs.
        if unsafe { TerminateProcess(handle.as_raw_handle(), 1) } == 0 && !self.has_ended() {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.ended_within(Duration::ZERO)
    }
}

fn descendants(roots: &[ProcessIdentity]) -> Vec<ProcessIdentity> {
    let Ok(mut system) = System::new() else { return Vec::new() };
    let kind = ProcessRefreshKind::nothing().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    let mut parents: Vec<(u32, u32)> = system
        .processes()
        .iter()
        .filter_map(|(pid, process)| Some((pid.as_u32(), process.parent()?.as_u32())))
        .collect();
    parents.sort_unstable();
    let mut created = |pid| ProcessHandle::open(pid).ok().map(|held| held.created());
    decide::descendants(roots, &parents, &mut created)
}

#[expect(unsafe_code, reason = "OpenProcess")]
fn open(pid: u32, rights: u32) -> std::io::Result<OwnedHandle> {
    // SAFETY: takes numbers only; the handle, when there is one, is ours alone.
    unsafe {
        let handle = OpenProcess(rights, 0, pid);
        if handle.is_null() { Err(std::io::Error::last_os_error()) } else { Ok(OwnedHandle::from_raw_handle(handle)) }
    }
}

#[expect(unsafe_code, reason = "GetProcessTimes")]
fn created(handle: &OwnedHandle) -> std::io::Result<u64> {
    let mut times = [FILETIME::default(); 4];
    let [creation, exit, kernel, user] = times.each_mut().map(std::ptr::from_mut);
    // SAFETY: the handle is open and has the right to be asked; the four
    // pointers are to four different times that live through the call.
    let ok = unsafe { GetProcessTimes(handle.as_raw_handle(), creation, exit, kernel, user) };
    if ok == 0 {
        return Err(std::io::Error::last_os_error());
    }
    let created = &times[0];
    Ok(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}
