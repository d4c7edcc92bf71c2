//! Networks that nobody needs.

pub(crate) mod link;
pub(crate) mod prune;
