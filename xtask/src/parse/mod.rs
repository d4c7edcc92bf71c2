//! Foreign text and bytes to model: pure, compiled and tested on every system.

pub mod engine_api;
pub mod sock_diag;
