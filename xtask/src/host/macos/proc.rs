//! Facts about processes that only Linux provides.

/// macOS has no finer time than `sysinfo` returns.
pub(crate) fn start_mark(_pid: u32) -> Option<u64> {
    None
}

/// No cgroups here.
pub(crate) fn cgroup(_pid: u32) -> Option<String> {
    None
}
