//! The shared proxy: one Traefik for all projects of this machine, and the
//! names that projects have at it.
//!
//! [`by_name`] is what a start of a project by names needs of it.

mod ask;
pub mod by_name;
mod certify;
mod connect;
mod down;
mod hello;
mod home;
mod links;
pub mod lint;
pub mod names;
mod ports;
mod proof;
mod status;
pub mod trust;
mod up;

pub use ask::{Answer, Route, route_answers};
pub use certify::certify;
pub use connect::{connection, hosts_lines};
pub use down::down;
pub use home::{Home, running_ports};
pub use links::drop_link;
pub use status::{Status, print, status, urls_of};
pub use up::{Wish, up};
