//! What Linux tells of a process, and macOS does not.

/// macOS tells no finer time than `sysinfo` has.
pub(crate) fn start_mark(_pid: u32) -> Option<u64> {
    None
}

/// No cgroups here.
pub(crate) fn cgroup(_pid: u32) -> Option<String> {
    None
}
