//! The engine, and Compose in front of it.

mod compose;
mod defaults;
mod endpoint;
mod engine;
mod http;
mod look;
mod state;
mod tables;

pub use compose::{Compose, ComposeTrouble, knows_override, last_lines, logs, stop_container};
pub use defaults::default_host_ip;
pub use endpoint::Endpoint;
pub use engine::{Engine, Trouble};
pub use look::{create_network, pull, run_once};
pub use tables::{tables_in_container, tables_over_ssh};
