//! What every flow and task may touch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::docker::{Compose, ComposeTrouble, Cures, Endpoint, Engine, Trouble};
use crate::error::{Error, Result};
use crate::exec;
use crate::ledger;
use crate::model::{ComposeOptions, MissingEnvFile, NamesFile};
use crate::stack;
use crate::ui::Format;

/// Made once by the command line; tasks and flows read it.
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
    /// `--no-write`: values go to Compose by its environment, never into a file.
    pub no_write: bool,
    /// A start: where nobody can be asked whether a file that git tracks may be
    /// changed, Compose's environment will do.
    pub env_will_do: bool,
    /// That was asked, and it may.
    pub agreed_to_tracked: bool,
    /// `--probe-remote`: look at the machine of a remote engine itself.
    pub probe_remote: bool,
    /// How the project was started by names, where it was.
    pub names: Option<NamesFile>,
    /// Variables that were set on top of the environment, for Compose too.
    set: BTreeMap<String, String>,
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
            no_write: false,
            env_will_do: false,
            agreed_to_tracked: false,
            probe_remote: false,
            names: None,
            set: BTreeMap::new(),
        }
    }

    /// A variable of the process environment.
    pub fn var(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    /// Sets a variable of the environment, for everything that is asked or
    /// started from here on.
    pub fn set_var(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
        self.set.insert(name.to_owned(), value.to_owned());
    }

    /// The same for a project that other options mean.
    #[must_use]
    pub fn with_options(&self, options: ComposeOptions) -> Context {
        Context { options, ..self.clone() }
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
    pub fn engine_error(&self, trouble: &Trouble) -> Error {
        trouble.error(self.engine.endpoint(), &self.cures())
    }

    /// What Compose's trouble means, and what to do.
    pub fn compose_error(&self, trouble: &ComposeTrouble) -> Error {
        match trouble {
            ComposeTrouble::NeedsEnvFile(missing) => self
                .missing_env_file(missing)
                .hint("`cargo xtask env init` makes it from its template, and `cargo xtask start` by itself"),
            trouble => trouble.error(&self.cures()),
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
        self.compose().absence().map(|trouble| self.compose_error(&trouble))
    }

    /// What to install here.
    pub fn cures(&self) -> Cures {
        let project = stack::locate(&self.options, &self.dir, &|name| self.var(name)).ok();
        let script = project.map(|project| set_up_script(&project.dir)).filter(|script| script.is_file());
        // To be typed after `sudo`: no `~`, which is root's in a root's shell.
        let typed = |script: PathBuf| script.strip_prefix(&self.dir).unwrap_or(&script).display().to_string();
        Cures::here(script.map(typed))
    }

    /// Where this tool remembers things.
    pub fn state_dir(&self) -> Result<PathBuf> {
        ledger::state_dir(&|name| self.var(name))
    }

    /// Where the leases of the machine are on which the engine binds ports.
    pub fn ledger_dir(&self) -> Result<PathBuf> {
        let host = self.engine.endpoint().remote_host();
        self.state_dir().map(|state| ledger::ledger_dir(&state, host.as_deref()))
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
