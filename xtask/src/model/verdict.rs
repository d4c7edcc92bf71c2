//! The verdict about one published port.

use super::{Container, EnginePort, PortRange, Process, ServicePort};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    Process(Process),
    Container(Container),
    /// A service of a Swarm, through the ingress network or a container of one of its tasks.
    SwarmService(Box<ServicePort>),
    /// The engine itself.
    Engine(EnginePort),
    /// An owner that cannot be named.
    Unknown {
        /// Part of a sentence: "belongs to another user (uid 0)".
        why: String,
    },
}

/// Why a port in `ports:` is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpublished {
    /// The engine ignores it.
    Discarded,
    /// The engine refuses to create the container.
    Refused,
    /// The container runs without it and has to be recreated.
    Missing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Free,
    /// A container of this very service has it: same project and working folder. `up`
    /// keeps that container or replaces it, which frees the port first, even if the
    /// mapping has changed since.
    Ours(Box<Container>),
    /// All owners that hold it.
    Taken(Vec<Owner>),
    /// The system reserves it, although nobody listens.
    Reserved {
        /// The reserved range that contains it.
        range: PortRange,
        /// Who reserved it, as part of a sentence.
        by: String,
    },
    /// The engine will not bind it, or did not, and no owner is in the way.
    NotPublished {
        /// A fragment.
        why: String,
        cause: Unpublished,
    },
    /// Not known, or the address is not one of this machine.
    Unknown {
        /// A fragment.
        why: String,
    },
}

impl Verdict {
    /// Whether it makes `docker compose up` fail.
    pub fn is_conflict(&self) -> bool {
        !matches!(
            self,
            Verdict::Free
                | Verdict::Ours(_)
                | Verdict::NotPublished { cause: Unpublished::Discarded | Unpublished::Missing, .. }
        )
    }

    /// The others who hold the port.
    pub fn owners(&self) -> &[Owner] {
        match self {
            Verdict::Taken(owners) => owners,
            _ => &[],
        }
    }

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
