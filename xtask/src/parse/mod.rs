//! Foreign text and bytes to model: pure, compiled and tested on every system.

pub mod compose;
pub mod compose_config;
pub mod engine_api;
pub mod interpolate;
pub mod sock_diag;
