//! /proc: which processes have a socket, and since when a process runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::fs::{Mode, OFlags};

/// The processes that hold each inode. Processes of other users cannot be
/// looked into without privileges and are left out.
pub(super) fn holders(inodes: &BTreeSet<u32>) -> BTreeMap<u32, Vec<u32>> {
    let mut found: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    if inodes.is_empty() {
        return found;
    }
    let Ok(entries) = fs::read_dir("/proc") else { return found };
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        for inode in socket_inodes(pid, inodes) {
            found.entry(inode).or_default().push(pid);
        }
    }
    for pids in found.values_mut() {
        pids.sort_unstable();
    }
    found
}

/// Those of `inodes` that `pid` has open, each once.
fn socket_inodes(pid: u32, inodes: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut held = BTreeSet::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(format!("/proc/{pid}/fd"), flags, Mode::empty()) else { return held };
    let Ok(entries) = rustix::fs::Dir::read_from(&folder) else { return held };
    let mut buffer = Vec::with_capacity(64);
    for entry in entries.flatten() {
        let Ok(link) = rustix::fs::readlinkat(&folder, entry.file_name(), std::mem::take(&mut buffer)) else { continue };
        let bytes = link.to_bytes();
        let inode = bytes.strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]"));
        let inode = inode.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
        held.extend(inode.filter(|inode| inodes.contains(inode)));
        buffer = link.into_bytes();
        buffer.clear();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_start_is_known_and_no_ones_is_not() {
        assert!(start_mark(std::process::id()).unwrap() > 0);
        assert_eq!(start_mark(u32::MAX), None);
    }
}
