//! The engine, and Compose in front of it.

mod absence;
mod compose;
mod cures;
mod defaults;
mod endpoint;
mod engine;
mod http;
mod look;
mod permission;
mod state;
mod tables;
mod trouble;

pub use absence::Absence;
pub use compose::{Compose, ComposeTrouble, knows_override, last_lines, logs, stop_container};
pub use cures::{Cures, SetUp, System};
pub use defaults::default_host_ip;
pub use endpoint::Endpoint;
pub use engine::Engine;
pub use look::{create_network, pull, run_once};
pub use tables::{tables_in_container, tables_over_ssh};
pub use trouble::Trouble;
