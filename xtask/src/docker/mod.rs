//! The engine, and Compose in front of it.

mod commands;
mod compose;
mod defaults;
mod endpoint;
mod engine;
mod engine_error;
mod http;
mod install_hints;
mod missing_compose;
mod permission;
mod podman;
mod questions;
mod socket;
mod tables;

pub use commands::{
    create_network, last_lines, log_lines, logs, publish_port, pull, run_once, stop_container, unpublish_port,
};
pub use compose::{Compose, ComposeError, OVERRIDE};
pub use defaults::{default_host_ip, wildcard_binding};
pub use endpoint::Endpoint;
pub use engine::Engine;
pub use engine_error::EngineError;
pub use install_hints::InstallHints;
pub use missing_compose::{MissingCompose, compose_version, python_compose};
pub use tables::{tables_in_container, tables_over_ssh};
