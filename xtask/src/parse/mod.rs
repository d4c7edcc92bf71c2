//! Foreign text and bytes to model: pure, compiled and tested on every system.

pub mod engine_api;
pub mod interpolate;
pub mod sock_diag;
