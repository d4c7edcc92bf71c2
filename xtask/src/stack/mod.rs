//! The project on disk: env files and compose files.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod bind_mounts;
mod checkout;
mod env_files;
mod extends;
mod files;
mod fixed_names;
pub mod git;
mod include;
mod locate;
mod name_uses;
mod options;
mod origins;
mod override_place;
mod port_places;
mod reader;
mod repository;
mod service_env;
mod settings;
mod templates;
mod variable_uses;
mod wait;
mod wrong_ports;

#[cfg(test)]
mod tests;

pub use bind_mounts::{BindMount, bind_mounts};
pub use checkout::{Checkout, checkout, checkout_root};
pub use env_files::EnvFiles;
pub use files::{Texts, text_of};
pub use fixed_names::fixed_names;
pub use locate::{Project, env_files, is_in_project, locate};
pub use name_uses::{How, NameUse, name_uses};
pub use options::Environment;
pub use origins::attach_origins;
pub use override_place::{COMPOSE_FILE, List, Place, SEPARATOR, default_separator, override_place};
pub use port_places::{PortPlace, PortPlaces, port_places};
pub use reader::{read, read_with};
pub use repository::{repository_address, worktrees};
pub use service_env::{container_variables, env_file_readers, missing_env_files};
pub use settings::{FILE as SETTINGS_FILE, OnConflict, Settings};
pub use templates::{template_for, template_in, template_of};
pub use variable_uses::{VariableUse, VariableUses, variable_uses};
pub use wait::WaitRule;
pub use wrong_ports::{WrongPort, wrong_ports};
