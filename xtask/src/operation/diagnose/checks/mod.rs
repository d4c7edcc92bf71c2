//! One check per file: `check(&Facts) -> Vec<Finding>`.

pub(crate) mod containers;
pub(crate) mod engine;
pub(crate) mod external;
pub(crate) mod firewall;
pub(crate) mod leases;
pub(crate) mod names;
pub(crate) mod networks;
pub(crate) mod path;
pub(crate) mod ports;
pub(crate) mod project;
pub(crate) mod proxy;
pub(crate) mod tools;
pub(crate) mod wsl;
