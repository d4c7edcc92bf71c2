//! Who holds a port, and stopping the holders.

pub(crate) mod stop_holders;
pub(crate) mod who;
