//! What every operation and task may touch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::decide::path_digits;
use crate::docker::{Compose, ComposeError, Endpoint, Engine, EngineError, InstallHints};
use crate::error::{Error, Result};
use crate::exec;
use crate::ledger::{self, Ledger};
use crate::model::{ComposeOptions, Leases, MissingEnvFile, NamesFile};
use crate::stack;
use crate::ui::Format;

/// Made by the command line and never changed: what needs other inputs derives
/// a new one.
#[derive(Debug, Clone)]
pub struct Context {
    /// The folder the command was typed in.
    pub dir: PathBuf,
    /// The person's home folder.
    pub home: Option<PathBuf>,
    /// The process environment, read once. Names that are no UTF-8 are left out.
    pub env: BTreeMap<String, String>,
    /// Which project.
    pub options: ComposeOptions,
    /// The engine that the CLI would talk to.
    pub engine: Engine,
    /// `--yes`: answer questions with yes.
    pub yes: bool,
    /// `--dry-run`: say what would be done, and do nothing.
    pub dry_run: bool,
    /// `--format`.
    pub format: Format,
    /// How the project was started by names, where it was.
    pub names: Option<NamesFile>,
    /// Variables that were set on top of the environment, for Compose too: by
    /// [`Context::with_vars`] alone.
    pub(crate) set: BTreeMap<String, String>,
}

impl Context {
    /// Reads the environment.
    pub fn new(dir: PathBuf, options: ComposeOptions) -> Self {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let engine = Engine::new(Endpoint::find(&|name| env.get(name).cloned(), home.as_deref()), exec::LIMIT);
        Context {
            dir,
            home,
            env,
            options,
            engine,
            yes: false,
            dry_run: false,
            format: Format::Text,
            names: None,
            set: BTreeMap::new(),
        }
    }

    /// A variable of the process environment.
    pub fn var(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    /// The same with these variables in the environment, for everything that is
    /// asked or started.
    #[must_use]
    pub fn with_vars(&self, vars: impl IntoIterator<Item = (String, String)>) -> Context {
        let mut ctx = self.clone();
        for (name, value) in vars {
            ctx.env.insert(name.clone(), value.clone());
            ctx.set.insert(name, value);
        }
        ctx
    }

    /// The same for a project that other options mean.
    #[must_use]
    pub fn with_options(&self, options: ComposeOptions) -> Context {
        Context { options, ..self.clone() }
    }

    /// The same with `template` read in the place of env files, if there is one.
    #[must_use]
    pub fn with_template(&self, template: Option<&Path>) -> Context {
        let env_files = template.map_or_else(|| self.options.env_files.clone(), |path| vec![path.to_path_buf()]);
        self.with_options(ComposeOptions { env_files, ..self.options.clone() })
    }

    /// Whether the person's own environment has the variable.
    pub fn is_shell_var(&self, name: &str) -> bool {
        self.env.contains_key(name) && !self.set.contains_key(name)
    }

    /// Compose, as if typed in the same folder with the same options.
    pub fn compose(&self) -> Compose {
        self.compose_with(self.options.clone())
    }

    /// The same with other options.
    pub fn compose_with(&self, options: ComposeOptions) -> Compose {
        Compose::new(options, self.dir.clone(), self.set.clone())
    }

    /// A path as people write it.
    pub fn show(&self, path: &Path) -> String {
        match path.strip_prefix(&self.dir) {
            Ok(inside) if !inside.as_os_str().is_empty() => crate::ui::clean(&inside.display().to_string()),
            _ => crate::ui::local_path(path, self.home.as_deref()),
        }
    }

    /// A path as a word of a command that is printed to be pasted.
    pub fn typed(&self, path: &Path) -> String {
        match path.strip_prefix(&self.dir) {
            Ok(inside) if !inside.as_os_str().is_empty() => crate::ui::quoted_path(inside, None),
            _ => crate::ui::quoted_path(path, self.home.as_deref()),
        }
    }

    /// What the engine's trouble means, and what to do.
    pub fn engine_error(&self, trouble: &EngineError) -> Error {
        trouble.error(self.engine.endpoint(), &self.install_hints())
    }

    /// What Compose's trouble means, and what to do.
    pub fn compose_error(&self, trouble: &ComposeError) -> Error {
        match trouble {
            ComposeError::NeedsEnvFile(missing) => self
                .missing_env_file(missing)
                .hint("`cargo xtask env init` makes it from its template, and `cargo xtask start` by itself"),
            trouble => trouble.error(&self.install_hints()),
        }
    }

    /// That an env file of a service is not there.
    pub fn missing_env_file(&self, missing: &MissingEnvFile) -> Error {
        Error::new(format!(
            "{} is not there, and service `{}` reads it ({}:{})",
            self.show(&missing.file),
            crate::ui::clean(&missing.service),
            self.show(&missing.place.file),
            missing.place.line
        ))
    }

    /// That there is no Compose, where there is none; after a call of it failed,
    /// in whose place this is the error.
    pub fn without_compose(&self) -> Option<Error> {
        self.compose().missing_compose().map(|trouble| self.compose_error(&trouble))
    }

    /// What to install here.
    pub fn install_hints(&self) -> InstallHints {
        let project = stack::locate(&self.options, &self.dir, &|name| self.var(name)).ok();
        let script = project.map(|project| set_up_script(&project.dir)).filter(|script| script.is_file());
        // To be typed after `sudo`: no `~`, which is root's in a root's shell.
        let typed = |script: PathBuf| script.strip_prefix(&self.dir).unwrap_or(&script).display().to_string();
        InstallHints::here(script.map(typed))
    }

    /// Where this tool remembers things.
    pub fn state_dir(&self) -> Result<PathBuf> {
        ledger::state_dir(&|name| self.var(name))
    }

    /// Where a compose file of ours for the project in `dir` lies outside of it.
    pub fn override_file(&self, dir: &Path, suffix: &str) -> Result<PathBuf> {
        Ok(self.state_dir()?.join("overrides").join(format!("{}{suffix}.yml", path_digits(dir))))
    }

    /// Where the leases of the machine are on which the engine binds ports.
    pub fn ledger_dir(&self) -> Result<PathBuf> {
        let host = self.engine.endpoint().remote_host();
        self.state_dir().map(|state| ledger::ledger_dir(&state, host.as_deref()))
    }

    /// What is kept for whom there.
    pub fn leases(&self) -> Leases {
        self.ledger_dir().map(|dir| Ledger::peek(&dir)).unwrap_or_default()
    }

    /// Asks, unless `--yes` has answered. An error where nobody can be asked, and so
    /// `declined` (`nothing was stopped`) is the outcome.
    pub fn ask(&self, question: &str, declined: &str) -> Result<bool> {
        if self.yes || self.is_interactive() {
            return Ok(self.yes || crate::ui::confirm(question));
        }
        Err(Error::new(format!("{question} There is no terminal to ask on, so {declined}"))
            .hint("add --yes to answer it beforehand")
            .finding())
    }

    /// The same; the error `declined` where the answer is no.
    pub fn confirm(&self, question: &str, declined: &str) -> Result<()> {
        if self.ask(question, declined)? { Ok(()) } else { Err(Error::new(declined).finding()) }
    }

    /// Prints a report as `--format` asks for it.
    pub fn print<T: Serialize>(&self, json: impl FnOnce() -> T, text: impl FnOnce()) {
        match self.format {
            Format::Json => crate::ui::json(&json()),
            Format::Text => text(),
        }
    }

    /// Whether questions may be asked.
    pub fn is_interactive(&self) -> bool {
        self.format == Format::Text && crate::ui::is_interactive()
    }
}

/// The script of the project in `dir` that brings an engine up.
pub fn set_up_script(dir: &Path) -> PathBuf {
    dir.join("scripts").join("engine").join("up")
}
