//! Unused networks.

pub(crate) mod link;
pub(crate) mod prune;
