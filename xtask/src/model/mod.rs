//! The vocabulary as plain types, in the terms of Compose, Docker and TCP.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod checkout_record;
mod container;
mod engine_host;
mod fixed;
mod lease;
mod listener;
mod name;
mod nat;
mod network;
mod options;
mod port;
mod stack;
mod subnet;
mod swarm;
mod verdict;
mod version;
mod wait_for;
mod wildcard;

pub use checkout_record::{CheckoutRecord, FolderId, FolderMatch, NameOrigin};
pub use container::{Attachment, Binding, Container, Health, State};
pub use engine_host::EngineHost;
pub use fixed::{FixedName, Named};
pub use lease::{Lease, Leases, NamesFile, Starter, Tenant};
pub use listener::{
    Disk, Firewall, FirewallState, Parent, Probe, Process, ProcessContext, Reservation, Route, Socket, SocketState,
    Unit,
};
pub use name::{compose_project, is_engine_name, is_full_id, is_project_name, is_service_name};
pub use nat::{IpRange, NatAction, NatMatch, NatRule, NatRules, NatTable, NatTest};
pub use network::{HOST_BINDING, LINK, LINK_FOLDER, Link, Network, NetworkSettings, OF_PROXY};
pub use options::ComposeOptions;
pub use port::{PortMapping, PortRange, Protocol};
pub use stack::{
    Affixes, MissingEnvFile, Origin, PROXY_LABEL, Place, Service, Source, Stack, TRAEFIK_LABELS, Wanted, Written,
    exposed_tcp,
};
pub use subnet::{Pool, Subnet};
pub use swarm::{
    EnginePort, EnginePurpose, PublishMode, STACK_LABEL, ServicePort, Swarm, SwarmNode, SwarmPort, SwarmService,
    SwarmTask,
};
pub use verdict::{Owner, Unpublished, Verdict};
pub use version::Version;
pub use wait_for::WaitFor;
pub use wildcard::WildcardBinding;
