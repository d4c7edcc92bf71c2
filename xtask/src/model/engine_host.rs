//! The machine of a remote engine.

use super::Socket;

/// The machine on which an engine binds its ports: another one, or the one around
/// the container that this runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHost {
    /// Name or address, as in the engine's address: `box.lan`.
    pub name: String,
    /// It is the machine around the container that this runs in. The engine then
    /// belongs to this user, and so do all checkouts there.
    pub is_container_host: bool,
    /// What is bound there, if that was asked for; otherwise only the engine's bindings
    /// are known.
    pub sockets: Option<Vec<Socket>>,
    /// Derived from this user and machine: where on that machine the blocks of
    /// ports for them begin.
    pub seed: u64,
}
