//! The answer about one published port.

use super::{Container, PortRange, Process};

/// Who has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A process of this machine.
    Process(Process),
    Container(Container),
    /// Somebody we cannot name; `why` says why not.
    Unknown {
        /// A fragment: "belongs to another user (uid 0)".
        why: String,
    },
}

/// Why a port under `ports:` is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpublished {
    /// The engine passes over it.
    Discarded,
    /// The engine does not make the container.
    Refused,
    /// The container runs without it: it has to be made anew.
    Missing,
}

/// May this port be published?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has it.
    Free,
    /// A container of this very service has it: same project and working
    /// folder. `up` keeps that container, or replaces it and so frees the port
    /// first, also where the mapping has changed since.
    Ours(Box<Container>),
    /// Others have it: all of them.
    Taken(Vec<Owner>),
    /// The system keeps it, although nobody listens.
    Reserved {
        /// The reserved ports around it.
        range: PortRange,
        /// By whom, as a fragment.
        by: String,
    },
    /// The engine will not bind it, or has not: nobody is in its way.
    NotPublished {
        /// A fragment.
        why: String,
        cause: Unpublished,
    },
    /// It cannot be told, or the address is not one of this machine's.
    Unknown {
        /// A fragment.
        why: String,
    },
}

impl Verdict {
    /// Whether `docker compose up` will fail because of it.
    pub fn is_conflict(&self) -> bool {
        !matches!(
            self,
            Verdict::Free
                | Verdict::Ours(_)
                | Verdict::NotPublished { cause: Unpublished::Discarded | Unpublished::Missing, .. }
        )
    }

    /// Everybody else who has the port.
    pub fn owners(&self) -> &[Owner] {
        match self {
            Verdict::Taken(owners) => owners,
            _ => &[],
        }
    }

    /// The word used in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::Free => "free",
            Verdict::Ours(_) => "ours",
            Verdict::Taken(_) => "taken",
            Verdict::Reserved { .. } => "reserved",
            Verdict::NotPublished { .. } => "not published",
            Verdict::Unknown { .. } => "unknown",
        }
    }
}
