//! `cargo xtask`: knows which ports a Docker Compose stack needs, who holds
//! them, and starts it. The folders are floors; see `ARCHITECTURE.md`.

pub mod envfile;
pub mod error;
pub mod exec;
pub mod host;
pub mod model;
pub mod parse;
pub mod stack;
pub mod ui;
