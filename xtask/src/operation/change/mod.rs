//! Changes to a project's files: other ports, names and values. Each is proved by
//! Compose, or every file is put back.

pub(crate) mod checkout_name;
pub(crate) mod dependents;
pub(crate) mod env_file;
mod fixed_names;
pub(crate) mod moves;
pub mod overrides;
pub(crate) mod proof;
pub(crate) mod read_only;
pub mod tracked;
