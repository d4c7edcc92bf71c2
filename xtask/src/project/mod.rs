//! A context's project, resolved once: its folder, checkout, name, env files, model,
//! leases and containers. It is never changed in place; after an input has changed, it is
//! resolved again.

pub(crate) mod folder;
mod identity;
pub(crate) mod leases;
mod lock;
mod manager;
mod model;
mod ready;
pub(crate) mod records;
mod remote;
mod resolve;
mod resolved;
mod started;

pub(crate) use identity::PROJECT_NAME;
pub(crate) use lock::lock_project;
pub(crate) use manager::OtherManager;
pub use resolve::resolve;
pub(crate) use resolve::resolve_started;
pub use resolved::Project;
pub(crate) use resolved::{containers, with_real_folder};
pub(crate) use started::{compose_file_vars, proxy_network, started_context, with_names};
