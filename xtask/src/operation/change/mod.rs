//! Changes to a project's files: ports, names and values. Compose must prove each change;
//! otherwise every file is restored.

pub(crate) mod checkout_name;
pub(crate) mod dependents;
pub(crate) mod earlier_name;
pub(crate) mod env_file;
mod fixed_names;
pub(crate) mod moves;
pub mod overrides;
pub(crate) mod port_places;
pub(crate) mod proof;
pub(crate) mod read_only;
pub(crate) mod readers;
pub(crate) mod records;
mod set_name;
pub mod tracked;
