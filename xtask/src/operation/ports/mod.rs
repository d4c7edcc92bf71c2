//! Who is on a port, and stopping them.

pub(crate) mod stop_holders;
pub(crate) mod who;
