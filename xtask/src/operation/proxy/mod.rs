//! The shared proxy: one Traefik for all projects of this machine, and the
//! names that projects have at it.
//!
//! [`named_start`] is what a start of a project by names needs of it.

mod ask;
mod certify;
mod down;
mod instance;
mod link_networks;
pub mod lint;
pub mod named_start;
pub mod names;
mod ports;
mod proof;
mod status;
mod tls_hello;
pub mod trust;
mod up;
mod urls;

pub use ask::{Answer, Route, route_answers};
pub use certify::certify;
pub use down::down;
pub use instance::{Instance, running_ports};
pub use link_networks::remove_link;
pub use status::{Status, print, status, urls_of};
pub use up::{Options, up};
pub use urls::{hosts_lines, url_or_command};
