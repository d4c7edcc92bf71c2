//! What the user told Compose on the command line.

use std::path::PathBuf;

/// The options that decide which project is meant, as Compose takes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComposeOptions {
    /// `-f`, `--file`.
    pub files: Vec<PathBuf>,
    /// `-p`, `--project-name`.
    pub project_name: Option<String>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// `--env-file`.
    pub env_files: Vec<PathBuf>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
}

/// Looks a variable of the process environment up.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;
