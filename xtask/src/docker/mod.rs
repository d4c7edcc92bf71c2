//! The engine, and Compose in front of it.

mod absence;
mod commands;
mod compose;
mod cures;
mod defaults;
mod endpoint;
mod engine;
mod engine_error;
mod http;
mod permission;
mod questions;
mod socket;
mod tables;

pub use absence::{Absence, compose_version, python_compose};
pub use commands::{create_network, last_lines, log_lines, logs, pull, run_once, stop_container};
pub use compose::{Compose, ComposeError, OVERRIDE};
pub use cures::Cures;
pub use defaults::default_host_ip;
pub use endpoint::Endpoint;
pub use engine::Engine;
pub use engine_error::EngineError;
pub use tables::{tables_in_container, tables_over_ssh};
