//! Facts about processes, on every system.

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

#[cfg(target_os = "linux")]
use super::linux::{cgroup as cgroup_of, served_container, start_mark};
#[cfg(target_os = "macos")]
use super::macos::{cgroup as cgroup_of, start_mark};
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use super::unsupported::{cgroup as cgroup_of, start_mark};
#[cfg(windows)]
use super::windows::{cgroup as cgroup_of, start_mark};
use crate::model::{Parent, Process, ProcessContext};
use crate::parse::cgroup::{self, Manager};
use crate::parse::{own_container, proc_route};

/// The processes with these ids that still run, in this order.
pub fn processes(pids: &[u32]) -> Vec<Process> {
    if pids.is_empty() { Vec::new() } else { Table::new().map(|mut table| table.describe(pids)).unwrap_or_default() }
}

/// Possible ids of the container that this runs in; none outside containers.
pub fn own_container() -> Vec<String> {
    own_container::own_ids(&std::fs::read("/proc/self/mountinfo").unwrap_or_default())
}

/// The default gateway: for a container the machine around it.
pub fn gateway() -> Option<std::net::Ipv4Addr> {
    proc_route::gateway(&std::fs::read("/proc/net/route").ok()?)
}

/// The host name of this machine.
pub fn name() -> Option<String> {
    System::host_name().ok()
}

/// Data that `sysinfo` reads once for several processes: boot time and user names.
struct Table {
    system: System,
    users: Users,
}

impl Table {
    fn new() -> Option<Table> {
        Some(Table { system: System::new().ok()?, users: Users::new() })
    }

    fn refresh(&mut self, pids: &[Pid], kind: ProcessRefreshKind) {
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(pids), true, kind.without_tasks());
    }

    fn describe(&mut self, pids: &[u32]) -> Vec<Process> {
        let wanted: Vec<Pid> = pids.iter().map(|pid| Pid::from_u32(*pid)).collect();
        let kind = ProcessRefreshKind::nothing()
            .with_cmd(UpdateKind::Always)
            .with_exe(UpdateKind::Always)
            .with_user(UpdateKind::Always);
        self.refresh(&wanted, kind);
        wanted.iter().filter_map(|pid| self.process(*pid)).collect()
    }

    fn process(&self, pid: Pid) -> Option<Process> {
        let process = self.system.process(pid)?;
        let number = pid.as_u32();
        let words: Vec<String> = process.cmd().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let mut described = Process {
            pid: number,
            parent: process.parent().map(Pid::as_u32),
            name: process.name().to_string_lossy().into_owned(),
            command: words.join(" "),
            user: self.users.of(process),
            started: (process.start_time() > 0).then(|| UNIX_EPOCH + Duration::from_secs(process.start_time())),
            start_mark: start_mark(number).unwrap_or(process.start_time()),
            exe: process.exe().map(std::path::Path::to_path_buf),
            serves: None,
        };
        described.serves = served_container(&described);
        Some(described)
    }

    fn cwd(&mut self, pid: u32) -> Option<PathBuf> {
        let pid = Pid::from_u32(pid);
        self.refresh(&[pid], ProcessRefreshKind::nothing().with_cwd(UpdateKind::Always));
        self.system.process(pid)?.cwd().map(std::path::Path::to_path_buf)
    }

    /// Reads only what is needed of each, because there may be many.
    fn parents(&mut self, process: &Process) -> Vec<Parent> {
        let mut chain: Vec<Parent> = Vec::new();
        let mut next = process.parent;
        let mut born = process.start_mark;
        while let Some(pid) = next.filter(|pid| *pid > 1) {
            if pid == process.pid || chain.iter().any(|parent| parent.pid == pid) || chain.len() == DEPTH {
                break;
            }
            let number = Pid::from_u32(pid);
            self.refresh(&[number], ProcessRefreshKind::nothing());
            let Some(parent) = self.system.process(number) else { break };
            // On Windows a child keeps the id of a parent that has ended. A younger
            // process with that id is not the parent.
            if cfg!(windows) {
                let mark = start_mark(pid).unwrap_or(born);
                if mark > born {
                    break;
                }
                born = mark;
            }
            next = parent.parent().map(Pid::as_u32);
            chain.push(Parent { pid, name: parent.name().to_string_lossy().into_owned() });
        }
        chain
    }
}

/// Only Linux tells whose open files are whose.
#[cfg(not(target_os = "linux"))]
fn served_container(_process: &Process) -> Option<String> {
    None
}

/// Maximum length of a chain of parents, in case of a loop.
const DEPTH: usize = 32;

pub fn process_context(process: &Process) -> ProcessContext {
    let (unit, container) = match cgroup_of(process.pid).as_deref().and_then(cgroup::manager) {
        Some(Manager::Unit(unit)) => (Some(unit), None),
        Some(Manager::Container(id)) => (None, Some(id)),
        None => (None, None),
    };
    let Some(mut table) = Table::new() else { return ProcessContext { unit, container, ..ProcessContext::default() } };
    ProcessContext { cwd: table.cwd(process.pid), parents: table.parents(process), unit, container }
}

/// Ancestors, nearest first, without the system's first process.
pub fn parents(process: &Process) -> Vec<Parent> {
    Table::new().map(|mut table| table.parents(process)).unwrap_or_default()
}

#[cfg(unix)]
struct Users(Option<sysinfo::Users>);

#[cfg(unix)]
impl Users {
    fn new() -> Self {
        Users(sysinfo::Users::new_with_refreshed_list().ok())
    }

    /// The name, or the id without one.
    fn of(&self, process: &sysinfo::Process) -> Option<String> {
        let id = process.user_id()?;
        let user = self.0.as_ref().and_then(|users| users.get_user_by_id(id));
        Some(user.map_or_else(|| (**id).to_string(), |user| user.name().to_owned()))
    }
}

/// Windows: the table that `sysinfo` reads may be null, which aborts the program (seen under Wine),
/// so there are no user names.
#[cfg(not(unix))]
struct Users;

#[cfg(not(unix))]
impl Users {
    fn new() -> Self {
        Users
    }

    #[expect(clippy::unused_self, reason = "the same list of functions as on Unix")]
    fn of(&self, _process: &sysinfo::Process) -> Option<String> {
        None
    }
}

/// Processes that [`super::Signal::Kill`] ends together with this one: its descendants.
#[cfg(windows)]
pub fn killed_with(process: &Process) -> Vec<Process> {
    processes(&super::windows::killed_with(process))
}

/// None: a server ends its workers itself.
#[cfg(not(windows))]
pub fn killed_with(_process: &Process) -> Vec<Process> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described() {
        let found = processes(&[std::process::id(), u32::MAX]);
        assert_eq!(found.len(), 1);
        assert!(found[0].name.contains("xtask"), "{:?}", found[0]);
        // Wine shows no command lines.
        assert!(cfg!(windows) || found[0].command.contains("xtask"), "{:?}", found[0]);
        assert!(found[0].start_mark > 0 && found[0].started.is_some());
    }
}
