//! The shared proxy: one Traefik for all projects of this machine, and the host names
//! that it routes to them.
//!
//! [`named_start`] is what `start --traefik` needs.

mod ask;
mod certify;
mod down;
mod instance;
mod link_networks;
pub(crate) mod lint;
pub(crate) mod named_start;
pub(crate) mod names;
mod ports;
mod proof;
mod status;
mod tls_hello;
pub(crate) mod trust;
mod up;
mod urls;

pub use ask::{Answer, route_answers};
pub(crate) use down::down;
pub(crate) use instance::{Instance, running_ports};
pub(crate) use link_networks::remove_link;
pub(crate) use status::{Status, print, status, urls_of};
pub(crate) use up::{Options, up};
