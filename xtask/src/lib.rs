//! `cargo xtask`: knows which ports a Docker Compose stack needs, who holds
//! them, and starts it. The folders are floors, and a file imports only from
//! floors below its own: `ARCHITECTURE.md` has the map, and a test holds it.

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
