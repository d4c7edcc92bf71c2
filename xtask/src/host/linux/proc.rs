//! /proc: the processes that have a socket, and start times.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Process ids by socket inode.
type Holders = BTreeMap<u32, Vec<u32>>;

/// The processes that hold each inode, among those that this user may inspect.
pub(super) fn holders(inodes: &BTreeSet<u32>) -> Holders {
    if inodes.is_empty() {
        return Holders::new();
    }
    let Ok(entries) = fs::read_dir("/proc") else { return Holders::new() };
    let pids =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).collect::<Vec<u32>>();
    scan(&pids, inodes)
}

/// Like [`holders`], but only looks at processes of the cgroups in which the sockets were created
/// (inode of the cgroup's folder by inode of the socket). `None` if a socket's holder is not found
/// there: the process was moved, or there are no cgroups; or if it is the system's first process,
/// which creates sockets for services in other cgroups.
pub(super) fn holders_by_cgroup(cgroups: &BTreeMap<u32, u64>) -> Option<Holders> {
    let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .map(Path::new)
        .into_iter()
        .find(|root| root.join("cgroup.controllers").is_file())?;
    let wanted: BTreeSet<u64> = cgroups.values().copied().collect();
    // The root cgroup contains every process without a cgroup of its own.
    if wanted.contains(&inode_of(root)?) {
        return None;
    }
    let folders = find_folders(root, wanted)?;
    let processes = |folder: &PathBuf| fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let pids: Vec<u32> = folders.iter().map(processes).flat_map(|text| pids(&text)).collect();
    let inodes: BTreeSet<u32> = cgroups.keys().copied().collect();
    let found = scan(&pids, &inodes);
    inodes.iter().all(|inode| found.get(inode).is_some_and(|pids| !pids.contains(&1))).then_some(found)
}

fn pids(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

fn inode_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(fs::metadata(path).ok()?.ino())
}

/// Folders below `root` with these inodes; `None` if one is missing.
fn find_folders(root: &Path, mut wanted: BTreeSet<u64>) -> Option<Vec<PathBuf>> {
    use std::os::unix::fs::DirEntryExt;
    let mut found = Vec::new();
    let mut queue = vec![root.to_path_buf()];
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if wanted.remove(&entry.ino()) {
                    found.push(entry.path());
                }
                queue.push(entry.path());
            }
        }
        if wanted.is_empty() {
            return Some(found);
        }
    }
    None
}

/// Fewer processes per thread are not worth starting one.
const PIDS_PER_THREAD: usize = 64;

/// Reading a process's open files takes some microseconds each, and there may be thousands, so
/// threads share the work.
fn scan(pids: &[u32], inodes: &BTreeSet<u32>) -> Holders {
    let useful = (pids.len() / PIDS_PER_THREAD).clamp(1, 8);
    // Finding the number of CPUs reads files too.
    let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if useful <= 2 { useful } else { useful.min(cpus()) };
    let part = |first: usize| {
        let mine = pids.iter().skip(first).step_by(threads);
        mine.flat_map(|pid| socket_inodes(*pid, inodes).into_iter().map(|inode| (inode, *pid))).collect::<Vec<_>>()
    };
    let found: Vec<(u32, u32)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|first| scope.spawn(move || part(first))).collect();
        let mut found = part(0);
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    });
    let mut holders = Holders::new();
    for (inode, pid) in found {
        holders.entry(inode).or_default().push(pid);
    }
    for pids in holders.values_mut() {
        pids.sort_unstable();
    }
    holders
}

/// The `inodes` that `pid` has open.
fn socket_inodes(pid: u32, inodes: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut held = BTreeSet::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(format!("/proc/{pid}/fd"), flags, Mode::empty()) else { return held };
    let mut names = Vec::with_capacity(4096);
    let mut entries = rustix::fs::RawDir::new(&folder, names.spare_capacity_mut());
    let mut buffer = [std::mem::MaybeUninit::uninit(); 64];
    while let Some(Ok(entry)) = entries.next() {
        // Skipping `.` and `..` saves more than reading all the links costs.
        if entry.file_name().to_bytes().starts_with(b".") {
            continue;
        }
        // A link longer than the buffer is a path, which is no socket even if cut
        // off.
        let link = match rustix::fs::readlinkat_raw(&folder, entry.file_name(), &mut buffer) {
            Ok((link, _)) => link,
            // The kernel checks the permission for the process, not for the file: if one
            // is refused, all are (proc_pid_readlink).
            Err(rustix::io::Errno::ACCESS) => break,
            // Closed in the meantime.
            Err(_) => continue,
        };
        let inode = link.strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]"));
        let inode = inode.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
        held.extend(inode.filter(|inode| inodes.contains(inode)));
    }
    held
}

/// Start time in clock ticks since boot: field 22 of `/proc/PID/stat`. The second field is a name
/// that may contain spaces and parentheses, so fields are counted from the last parenthesis
/// (proc(5)). `None` for a process that is gone, and for a zombie, which has no open files.
pub(crate) fn start_mark(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let state = *fields.first()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// The cgroup path of systemd's hierarchy, otherwise of the unified one.
pub(crate) fn cgroup(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = |prefix: &str| text.lines().find_map(|line| line.split_once(prefix).map(|(_, path)| path.to_owned()));
    path("name=systemd:").filter(|path| path != "/").or_else(|| path("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_start_is_known_and_no_ones_is_not() {
        assert!(start_mark(std::process::id()).unwrap() > 0);
        assert_eq!(start_mark(u32::MAX), None);
    }

    #[test]
    fn a_cgroup_is_found_by_the_inode_of_its_folder() {
        // Any folder tree will do.
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let inode = inode_of(&deep).unwrap();
        assert_eq!(find_folders(root.path(), BTreeSet::from([inode])), Some(vec![deep]));
        assert_eq!(find_folders(root.path(), BTreeSet::from([u64::MAX])), None);
    }
}
