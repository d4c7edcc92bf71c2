//! `cargo xtask`: checks the ports that a Docker Compose stack needs, finds who holds them,
//! and starts the stack. The folders are layers, and a file imports only from layers below
//! its own: `ARCHITECTURE.md` has the map, and a test enforces it.

pub mod certs;
pub mod cli;
pub mod context;
pub mod decide;
pub(crate) mod disk;
pub(crate) mod docker;
pub mod envfile;
pub mod error;
pub(crate) mod exec;
pub mod host;
pub mod labels;
pub mod ledger;
pub mod model;
pub mod operation;
pub mod parse;
pub(crate) mod ports;
pub mod project;
pub mod stack;
mod task;
pub mod ui;
