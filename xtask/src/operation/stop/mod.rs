//! Stopping a stack.

pub(crate) mod compose_down;
