//! Locates the source, the workspace, and the launcher itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::settings::is_workspace;
use crate::variables::{self, Variables};

#[derive(Debug)]
pub(crate) struct Places {
    /// The folder of the package `xtask`.
    pub(crate) source: PathBuf,
    /// The folder of its workspace.
    pub(crate) root: PathBuf,
    /// The profile's folder in the target folder, where the launcher is.
    pub(crate) output: PathBuf,
    /// The current folder: cargo's configuration depends on it.
    pub(crate) current: PathBuf,
    /// The cargo in use.
    pub(crate) cargo: PathBuf,
}

impl Places {
    pub(crate) fn find(environment: &Variables) -> Result<Places, String> {
        let program = std::env::current_exe().map_err(|error| format!("the launcher cannot find itself: {error}"))?;
        let output = program.parent().unwrap_or(Path::new("/")).to_path_buf();
        let source = source(environment, &output)
            .ok_or("the source of xtask was not found: run `cargo xtask` within its workspace")?;
        let is_root = |folder: &&Path| {
            fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| is_workspace(&manifest))
        };
        let root = source.ancestors().find(is_root).unwrap_or(&source).to_path_buf();
        let current = std::env::current_dir().map_err(|error| format!("the current folder is gone: {error}"))?;
        let cargo = variables::path(environment, "CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Places { source, root, output, current, cargo })
    }

    pub(crate) fn memo(&self) -> PathBuf {
        self.output.join("xtask-launcher.memo")
    }

    /// Where cargo most likely puts the program.
    pub(crate) fn program(&self) -> PathBuf {
        self.output.join(PROGRAM)
    }

    /// The folders that cargo adds to the library path of a program that it runs.
    pub(crate) fn library_folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.output.clone(), self.output.join("deps")];
        if let Some(toolchain) = self.cargo.parent().and_then(Path::parent) {
            let libraries = toolchain.join("lib");
            let targets = fs::read_dir(libraries.join("rustlib")).into_iter().flatten().flatten();
            folders.extend(targets.map(|target| target.path().join("lib")));
            folders.push(libraries);
        }
        folders
    }
}

/// The file name of the program.
pub(crate) const PROGRAM: &str = if cfg!(windows) { "xtask.exe" } else { "xtask" };

/// From `cargo run`, otherwise from the workspace around the target folder.
fn source(environment: &Variables, output: &Path) -> Option<PathBuf> {
    let is_source = |folder: &Path| folder.join("launcher/Cargo.toml").is_file() && folder.join("Cargo.toml").is_file();
    let told =
        variables::path(environment, "CARGO_MANIFEST_DIR").and_then(|folder| Some(folder.parent()?.to_path_buf()));
    let around = output.ancestors().map(|folder| folder.join("xtask"));
    told.into_iter().chain(around).find(|folder| is_source(folder))
}
