//! The vocabulary, as plain types. Words are those of Compose, Docker and TCP.

mod container;
mod lease;
mod listener;
mod options;
mod port;
mod stack;
mod subnet;
mod verdict;

pub use container::{Binding, Container, Health, State};
pub use lease::{Lease, Leases, Starter, Tenant};
pub use listener::{
    Disk, Firewall, FirewallState, Parent, Probe, Process, Reservation, Route, Socket, SocketState, Surroundings, Unit,
};
pub use options::ComposeOptions;
pub use port::{PortMapping, PortRange, Protocol};
pub use stack::{Origin, Service, Source, Stack, Wanted};
pub use subnet::Subnet;
pub use verdict::{Owner, Verdict};
