//! The machine of a remote engine.

use super::Socket;

/// Another machine, on which an engine binds its ports; or this one, seen from
/// within one of its containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHost {
    /// Name or address, as the engine's address has it: `box.lan`.
    pub name: String,
    /// It is the machine around the container that this runs in. The engine is
    /// this person's own then, and no other checkouts than theirs are there.
    pub is_container_host: bool,
    /// What is bound there, where that was asked for; else only the engine's
    /// bindings are known.
    pub sockets: Option<Vec<Socket>>,
    /// A number that stands for the person and machine asking: where on that
    /// machine their blocks of ports begin.
    pub seed: u64,
}
