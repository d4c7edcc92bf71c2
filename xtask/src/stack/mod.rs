//! The project on disk: env files and compose files.

mod checkout;
mod env_files;
mod extends;
mod include;
mod locate;
mod options;
mod origins;
mod reader;
mod settings;

#[cfg(test)]
mod tests;

pub use checkout::{Checkout, checkout, checkout_root};
pub use env_files::{EnvFiles, env_files};
pub use locate::{Project, is_in_project, locate};
pub use options::Environment;
pub use origins::attach_origins;
pub use reader::read;
pub use settings::{FILE as SETTINGS_FILE, OnConflict, Settings};
