//! The shared proxy: one Traefik for all projects of this machine, and the
//! names that projects have at it.
//!
//! Another flow that starts a project by names needs four things from here:
//! [`names::plan`] (which service has which name), [`certify`] (their
//! certificate), [`Home`] with [`Home::ports`], and [`route_answers`]; and to
//! tell people, [`connection`] and [`hosts_lines`].

mod ask;
mod certify;
mod connect;
mod down;
mod hello;
mod home;
pub mod lint;
pub mod names;
mod ports;
mod status;
pub mod trust;
mod up;

pub use ask::{Answer, Route, route_answers};
pub use certify::certify;
pub use connect::{connection, hosts_lines};
pub use down::down;
pub use home::Home;
pub use status::{Status, print, status};
pub use up::{Wish, up};
