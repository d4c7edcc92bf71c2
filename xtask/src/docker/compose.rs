//! The only place that builds Compose command lines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::install_hints::InstallHints;
use super::missing_compose::{self, Found, MissingCompose};
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::{ComposeOptions, MissingEnvFile, Stack, Version};
use crate::parse::compose_config;

/// The first version of Compose with `!override`; older ones fail or ignore it.
/// Source: <https://docs.docker.com/reference/compose-file/merge/#replace-value>
pub const OVERRIDE: Version = Version(2, 24, 4);

/// Why there is no model from Compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComposeError {
    Absent(MissingCompose),
    /// The version that is too old.
    TooOld(String),
    /// Not asked: it refuses the project without this file, which `start` creates.
    NeedsEnvFile(Box<MissingEnvFile>),
    /// It did not answer, or could not be started.
    Silent(String),
    /// It refuses the project; its own message.
    Refused(String),
}

/// Compose for one project.
#[derive(Debug, Clone)]
pub struct Compose {
    options: ComposeOptions,
    dir: PathBuf,
    env: BTreeMap<String, String>,
}

impl Compose {
    /// Compose as if typed in `dir` with these options, with `env` added to the environment.
    pub fn new(options: ComposeOptions, dir: PathBuf, env: BTreeMap<String, String>) -> Self {
        Compose { options, dir, env }
    }

    /// Adds these variables to its environment.
    #[must_use]
    pub fn with_env(mut self, env: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env.extend(env);
        self
    }

    /// `docker compose …` with the project's options and `args`.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("docker").arg("compose").dir(&self.dir);
        for file in &self.options.files {
            command = command.arg("-f").arg(file);
        }
        if let Some(name) = &self.options.project_name {
            command = command.arg("-p").arg(name);
        }
        for profile in &self.options.profiles {
            command = command.arg("--profile").arg(profile);
        }
        for file in &self.options.env_files {
            command = command.arg("--env-file").arg(file);
        }
        if let Some(dir) = &self.options.project_directory {
            command = command.arg("--project-directory").arg(dir);
        }
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        command.args(args)
    }

    /// The effective model, without folder and files.
    pub fn config(&self, limit: Duration) -> Result<Stack, ComposeError> {
        self.config_json(limit).map(|(stack, _)| stack)
    }

    /// The effective model, and Compose's JSON.
    pub fn config_json(&self, limit: Duration) -> Result<(Stack, Vec<u8>), ComposeError> {
        let answer = match self.command(["config", "--format", "json"]).ask(limit) {
            Ok(answer) => answer,
            Err(error) => {
                return Err(self.missing_compose().unwrap_or_else(|| ComposeError::Silent(error.message().to_owned())));
            }
        };
        // Compose 1.29 prints its usage and exits with 0, so only JSON counts.
        if answer.ok()
            && let Ok(stack) = compose_config::parse(&answer.stdout)
        {
            return Ok((stack, answer.stdout));
        }
        Err(match missing_compose::find_compose(&self.env) {
            Found::Absent(missing) => ComposeError::Absent(missing),
            Found::Silent => ComposeError::Silent("`docker compose version` does not answer".to_owned()),
            // This says nothing about the project.
            Found::NoEndpoint => ComposeError::Silent("`docker` finds no engine to ask".to_owned()),
            Found::Compose(version) if answer.ok() => ComposeError::TooOld(version),
            Found::Compose(_) => {
                // Warnings about unset variables come first; the last lines are the error.
                let text = answer.error_text();
                let lines: Vec<&str> = text.lines().filter(|line| !line.contains("level=warning")).collect();
                ComposeError::Refused(lines.join("\n"))
            }
        })
    }

    /// Checks whether a failed call means that Compose is missing.
    pub fn missing_compose(&self) -> Option<ComposeError> {
        match missing_compose::find_compose(&self.env) {
            Found::Absent(missing) => Some(ComposeError::Absent(missing)),
            Found::Compose(_) | Found::NoEndpoint | Found::Silent => None,
        }
    }
}

impl ComposeError {
    /// The error with hints.
    pub fn error(&self, hints: &InstallHints) -> Error {
        match self {
            ComposeError::Absent(missing) => {
                let hints = if *missing == MissingCompose::NoDocker { hints.engine() } else { hints.compose() };
                hints.into_iter().fold(Error::new(missing.to_string()), Error::hint)
            }
            ComposeError::TooOld(version) => {
                Error::new(format!("Compose {version} is too old: 2.20 or later is needed")).hint(hints.plugin())
            }
            ComposeError::NeedsEnvFile(missing) => Error::new(format!(
                "{} is not there, and service `{}` reads it",
                missing.file.display(),
                missing.service
            )),
            ComposeError::Silent(what) => {
                Error::new(what.clone()).hint("run it by hand to see what it waits for: `docker compose config`")
            }
            ComposeError::Refused(text) => {
                let text = text.trim();
                Error::new(if text.is_empty() {
                    "Compose refuses the project and does not say why".to_owned()
                } else {
                    text.to_owned()
                })
                .hint("see the full message: `docker compose config`")
            }
        }
    }
}
