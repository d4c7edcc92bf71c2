//! Foreign text to model: pure, compiled and tested on every system.

pub mod compose;
pub mod compose_config;
pub mod interpolate;
