//! The project on disk: env files and compose files.

mod env_files;
mod extends;
mod include;
mod locate;
mod options;
mod origins;
mod reader;
mod settings;
mod worktree;

#[cfg(test)]
mod tests;

pub use env_files::{EnvFiles, env_files};
pub use locate::{Project, locate};
pub use options::Environment;
pub use origins::attach_origins;
pub use reader::read;
pub use settings::{OnConflict, Settings};
pub use worktree::{Worktree, worktree};
