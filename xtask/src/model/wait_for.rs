//! What `start` waits for.

/// Which ports of a service `start` waits for, as `[wait]` in `xtask.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// `true`
    Every,
    /// `false`
    Nothing,
    /// Target ports: `[8000]`.
    Ports(Vec<u16>),
}
