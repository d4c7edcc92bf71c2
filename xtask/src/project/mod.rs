//! The project that a context means, resolved once: its folder, checkout, name,
//! env files, model, leases and containers. Nothing here is changed in place;
//! after a change of an input the project is resolved again.

pub mod folder;
mod identity;
pub mod leases;
mod lock;
mod model;
mod ready;
mod remote;
mod resolve;
mod resolved;
mod started;

pub use identity::NAME;
pub use lock::lock_project;
pub use resolve::{resolve, resolve_started};
pub use resolved::{Project, containers, with_real_folder};
pub use started::{compose_file_vars, proxy_network, started, with_names};
