//! The context of a command: folder, environment, options, engine.

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

/// Made from the command line and never changed. Code that needs other inputs derives a new
/// context.
#[derive(Debug, Clone)]
pub struct Context {
    /// The folder the command was typed in.
    pub dir: PathBuf,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The process environment, without variables that aren't UTF-8.
    pub env: BTreeMap<String, String>,
    /// Options that select the project.
    pub options: ComposeOptions,
    /// The engine that the Docker CLI would use.
    pub engine: Engine,
    /// `--yes`: answer yes to every question.
    pub yes: bool,
    /// `--dry-run`: only print what would be done.
    pub dry_run: bool,
    /// `--format`.
    pub format: Format,
    /// The names file, if the project was started with names.
    pub names: Option<NamesFile>,
    /// Variables added by [`Context::with_vars`], which Compose gets too.
    pub(crate) set: BTreeMap<String, String>,
}

impl Context {
    /// Reads the process environment.
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

    /// Adds variables to the environment, also for every program that is run.
    #[must_use]
    pub fn with_vars(&self, vars: impl IntoIterator<Item = (String, String)>) -> Context {
        let mut ctx = self.clone();
        for (name, value) in vars {
            ctx.env.insert(name.clone(), value.clone());
            ctx.set.insert(name, value);
        }
        ctx
    }

    /// The same context with other options.
    #[must_use]
    pub fn with_options(&self, options: ComposeOptions) -> Context {
        Context { options, ..self.clone() }
    }

    /// The same context, in which `template`, if any, replaces the env files.
    #[must_use]
    pub fn with_template(&self, template: Option<&Path>) -> Context {
        let env_files = template.map_or_else(|| self.options.env_files.clone(), |path| vec![path.to_path_buf()]);
        self.with_options(ComposeOptions { env_files, ..self.options.clone() })
    }

    /// Whether the user's own environment has the variable.
    pub fn is_shell_var(&self, name: &str) -> bool {
        self.env.contains_key(name) && !self.set.contains_key(name)
    }

    /// Compose in the same folder with the same options.
    pub fn compose(&self) -> Compose {
        self.compose_with(self.options.clone())
    }

    /// Compose in the same folder with other options.
    pub fn compose_with(&self, options: ComposeOptions) -> Compose {
        Compose::new(options, self.dir.clone(), self.set.clone())
    }

    /// A path to display: relative to the current folder, or with `~`.
    pub fn show(&self, path: &Path) -> String {
        match path.strip_prefix(&self.dir) {
            Ok(inside) if !inside.as_os_str().is_empty() => crate::ui::clean(&inside.display().to_string()),
            _ => crate::ui::local_path(path, self.home.as_deref()),
        }
    }

    /// A path quoted for a shell command that the user can paste.
    pub fn typed(&self, path: &Path) -> String {
        match path.strip_prefix(&self.dir) {
            Ok(inside) if !inside.as_os_str().is_empty() => crate::ui::quoted_path(inside, None),
            _ => crate::ui::quoted_path(path, self.home.as_deref()),
        }
    }

    /// An error with hints for an engine's failure.
    pub fn engine_error(&self, trouble: &EngineError) -> Error {
        trouble.error(self.engine.endpoint(), &self.install_hints())
    }

    /// An error with hints for Compose's failure.
    pub fn compose_error(&self, trouble: &ComposeError) -> Error {
        match trouble {
            ComposeError::NeedsEnvFile(missing) => self
                .missing_env_file(missing)
                .hint("`cargo xtask env init` makes it from its template, and so does `cargo xtask start`"),
            trouble => trouble.error(&self.install_hints()),
        }
    }

    /// An error for a service's missing env file.
    pub fn missing_env_file(&self, missing: &MissingEnvFile) -> Error {
        Error::new(format!(
            "{} does not exist, but service `{}` reads it ({}:{})",
            self.show(&missing.file),
            crate::ui::clean(&missing.service),
            self.show(&missing.place.file),
            missing.place.line
        ))
    }

    /// After Compose failed: the error to show instead if it isn't installed at all.
    pub fn compose_absence(&self) -> Option<Error> {
        self.compose().missing_compose().map(|trouble| self.compose_error(&trouble))
    }

    /// What to install on this machine.
    pub fn install_hints(&self) -> InstallHints {
        let project = stack::locate(&self.options, &self.dir, &|name| self.var(name)).ok();
        let script = project.map(|project| set_up_script(&project.dir)).filter(|script| script.is_file());
        // No `~`: after `sudo` it would be root's home.
        let typed = |script: PathBuf| script.strip_prefix(&self.dir).unwrap_or(&script).display().to_string();
        InstallHints::here(script.map(typed))
    }

    /// The folder where this tool keeps its state.
    pub fn state_dir(&self) -> Result<PathBuf> {
        ledger::state_dir(&|name| self.var(name))
    }

    /// The path of our override file outside the project in `dir`.
    pub fn override_file(&self, dir: &Path, suffix: &str) -> Result<PathBuf> {
        Ok(self.state_dir()?.join("overrides").join(format!("{}{suffix}.yml", path_digits(dir))))
    }

    /// The folder of the ledger for the machine on which the engine binds ports.
    pub fn ledger_dir(&self) -> Result<PathBuf> {
        let host = self.engine.endpoint().remote_host();
        self.state_dir().map(|state| ledger::ledger_dir(&state, host.as_deref()))
    }

    /// The leases in that ledger.
    pub fn leases(&self) -> Leases {
        self.ledger_dir().map(|dir| Ledger::peek(&dir)).unwrap_or_default()
    }

    /// Asks the user; `--yes` answers yes. Without a terminal it is an error that ends with
    /// `declined`, such as `nothing was stopped`.
    pub fn ask(&self, question: &str, declined: &str) -> Result<bool> {
        if self.yes || self.is_interactive() {
            return Ok(self.yes || crate::ui::confirm(question));
        }
        Err(Error::new(format!("{question} There is no terminal to ask on, so {declined}"))
            .hint("add --yes to answer yes in advance")
            .finding())
    }

    /// Like `ask`, but the answer no is the error `declined`.
    pub fn confirm(&self, question: &str, declined: &str) -> Result<()> {
        if self.ask(question, declined)? { Ok(()) } else { Err(Error::new(declined).finding()) }
    }

    /// Prints a report in the format that `--format` selects.
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

/// The script of the project in `dir` that installs and starts an engine.
pub fn set_up_script(dir: &Path) -> PathBuf {
    dir.join("scripts").join("engine").join("up")
}
