//! /proc: which processes have a socket, and since when a process runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Processes by the inode that they hold.
type Holders = BTreeMap<u32, Vec<u32>>;

/// The processes that hold each inode: of every process that may be looked
/// into. Those of other users may not without privileges, and are left out.
pub(super) fn holders(inodes: &BTreeSet<u32>) -> Holders {
    if inodes.is_empty() {
        return Holders::new();
    }
    let Ok(entries) = fs::read_dir("/proc") else { return Holders::new() };
    let pids =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).collect::<Vec<u32>>();
    scan(&pids, inodes)
}

/// The same, looking only at the processes of the cgroups in which the sockets
/// were made (inode of the cgroup's folder by inode of the socket). `None`
/// where that does not find a holder for each: a process was moved, or the
/// cgroup is all there is; or where it finds the system's first process, which
/// makes sockets for services that are in cgroups of their own.
pub(super) fn holders_by_cgroup(cgroups: &BTreeMap<u32, u64>) -> Option<Holders> {
    let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .map(Path::new)
        .into_iter()
        .find(|root| root.join("cgroup.controllers").is_file())?;
    let wanted: BTreeSet<u64> = cgroups.values().copied().collect();
    // In the root is everybody who is nowhere else.
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

/// Folders below `root` with these inodes; `None` where one is missing.
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

/// A thread costs as much as a look at so many processes brings.
const PIDS_PER_THREAD: usize = 64;

/// Reading what a process has open costs some microseconds a file, and there
/// may be many thousands: threads share the processes out.
fn scan(pids: &[u32], inodes: &BTreeSet<u32>) -> Holders {
    let worth = (pids.len() / PIDS_PER_THREAD).clamp(1, 8);
    // How many there are is a question to files of its own.
    let there_are = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if worth <= 2 { worth } else { worth.min(there_are()) };
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

/// Those of `inodes` that `pid` has open, each once.
fn socket_inodes(pid: u32, inodes: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut held = BTreeSet::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(format!("/proc/{pid}/fd"), flags, Mode::empty()) else { return held };
    let mut names = Vec::with_capacity(4096);
    let mut entries = rustix::fs::RawDir::new(&folder, names.spare_capacity_mut());
    let mut buffer = [std::mem::MaybeUninit::uninit(); 64];
    while let Some(Ok(entry)) = entries.next() {
        // `.` and `..` of every process cost more than all the links there are.
        if entry.file_name().to_bytes().starts_with(b".") {
            continue;
        }
        // A link longer than the buffer is a path, and cut short it is still no
        // socket.
        let link = match rustix::fs::readlinkat_raw(&folder, entry.file_name(), &mut buffer) {
            Ok((link, _)) => link,
            // The kernel asks whether we may look into the process, not into the
            // file: refused once, refused for all of them (proc_pid_readlink).
            Err(rustix::io::Errno::ACCESS) => break,
            // Closed meanwhile.
            Err(_) => continue,
        };
        let inode = link.strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]"));
        let inode = inode.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
        held.extend(inode.filter(|inode| inodes.contains(inode)));
    }
    held
}

/// Start time in clock ticks since boot: field 22 of `/proc/PID/stat`. The
/// second field is a name that may hold spaces and parentheses, so the fields
/// are counted from the last parenthesis (proc(5)). `None` for a zombie, which
/// holds nothing any more, and for a process that is gone.
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

/// The cgroup path of the unified hierarchy, else of systemd's own.
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
        // Any tree will do.
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let inode = inode_of(&deep).unwrap();
        assert_eq!(find_folders(root.path(), BTreeSet::from([inode])), Some(vec![deep]));
        assert_eq!(find_folders(root.path(), BTreeSet::from([u64::MAX])), None);
    }
}
