//! The engine, and Compose in front of it.

mod compose;
mod endpoint;
mod engine;
mod http;
mod look;
mod state;

pub use compose::{Compose, ComposeTrouble, knows_override, last_lines, stop_container, stop_service};
pub use endpoint::Endpoint;
pub use engine::{Engine, Trouble};
pub use look::{create_network, pull, run_once};
