//! All projects on this machine, their ports, and dev servers.

pub(crate) mod check_all;
pub(crate) mod dev_server;
pub(crate) mod inventory;
pub(crate) mod ranges;
pub(crate) mod release;
