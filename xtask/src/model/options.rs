//! The options of a Compose command line that choose the project.

use std::path::PathBuf;

/// `-f`, `-p`, `--profile`, `--env-file`, `--project-directory` as given. What is
/// absent comes from COMPOSE_* variables or Compose's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComposeOptions {
    /// `-f`: compose files, in the order they are merged.
    pub files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    pub profiles: Vec<String>,
    /// `--env-file`: if there is any, `.env` is not read.
    pub env_files: Vec<PathBuf>,
    pub project_directory: Option<PathBuf>,
}

impl ComposeOptions {
    /// Selects the services of every profile.
    #[must_use]
    pub fn with_every_profile(self) -> Self {
        ComposeOptions { profiles: vec!["*".to_owned()], ..self }
    }
}
