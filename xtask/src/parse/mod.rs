//! Foreign text to model: pure, compiled and tested on every system.

pub mod interpolate;
