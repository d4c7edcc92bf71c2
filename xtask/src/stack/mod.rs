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
mod uses;

#[cfg(test)]
mod tests;

pub use checkout::{Checkout, checkout, checkout_root};
pub use env_files::{EnvFiles, env_files};
pub use locate::{Project, locate};
pub use options::Environment;
pub use origins::attach_origins;
pub use reader::{Texts, read, read_with, text_of};
pub use settings::{OnConflict, Settings};
pub use uses::{Use, Uses, uses};
