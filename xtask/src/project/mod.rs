//! A context's project, resolved once: its folder, checkout, name, env files, model,
//! leases and containers. It is never changed in place; after an input has changed, it is
//! resolved again.

pub mod folder;
mod identity;
pub mod leases;
mod model;
mod ready;
mod remote;
mod resolve;
mod resolved;
mod started;
mod turn;

pub use identity::PROJECT_NAME;
pub use resolve::{resolve, resolve_started};
pub use resolved::{Project, containers, with_real_folder};
pub use started::{compose_file_vars, proxy_network, started_context, with_names};
pub use turn::take_turn;
