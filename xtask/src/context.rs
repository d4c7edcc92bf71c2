//! What every flow and task may touch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::docker::{Compose, Endpoint, Engine, Trouble};
use crate::error::{Error, Result};
use crate::exec;
use crate::ledger;
use crate::model::{ComposeOptions, NamesFile};
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
        trouble.error(self.engine.endpoint())
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
