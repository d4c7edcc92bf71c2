//! Builds the program in the checkout's own target folder, like a plain `cargo build`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::dep_info::{self, DepInfo};
use crate::identity::Identity;
use crate::messages::{self, Message};
use crate::places::Places;
use crate::say;
use crate::tree::Found;
use crate::variables::{Variables, is_in_key};

/// Cargo's exit code for a failed build.
const FAILED: i32 = 101;

/// Result of a build.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) program: PathBuf,
    /// Whether cargo reused any part of an earlier build. Cargo compares modification times, which can
    /// be set, so the reused part may come from other sources.
    pub(crate) fresh: bool,
    /// The program's identity while cargo still held its lock.
    identity: Identity,
    /// Files of the workspace's own libraries.
    libraries: Vec<PathBuf>,
}

/// `Err` is the exit code; the errors are on the terminal. `shown`: with cargo's progress.
pub(crate) fn build(places: &Places, environment: &Variables, shown: bool) -> Result<Built, i32> {
    let first = !places.program().exists();
    let progress = std::io::stderr().is_terminal() && (shown || first);
    if first && !progress {
        say::line("building cargo xtask: the first time takes about a minute");
    }
    let mut cargo = command(places, environment);
    if !progress {
        cargo.arg("--quiet");
    }
    let mut child = cargo.spawn().map_err(|error| {
        say::line(&format!("{} could not be started: {error}", places.cargo.display()));
        FAILED
    })?;
    let mut program = None;
    let mut any_fresh = false;
    let mut libraries = Vec::new();
    for line in BufReader::new(child.stdout.take().ok_or(FAILED)?).lines() {
        match line.as_deref().map(messages::read) {
            Ok(Message::Program { path, fresh }) => {
                any_fresh |= fresh;
                program = fs::metadata(&path).ok().map(|found| (path, Identity::of(&found)));
            }
            Ok(Message::Library { files, fresh }) => {
                any_fresh |= fresh;
                libraries.extend(files);
            }
            Ok(Message::Other) => {}
            Err(_) => break,
        }
    }
    let status = child.wait().map_err(|_| FAILED)?;
    if !status.success() {
        return Err(code(status));
    }
    let (program, identity) = program.ok_or_else(|| {
        say::line("cargo built no program `xtask`");
        FAILED
    })?;
    Ok(Built { program, fresh: any_fresh, identity, libraries })
}

#[expect(clippy::disallowed_methods, reason = "one of the places that start programs")]
fn command(places: &Places, environment: &Variables) -> Command {
    let mut cargo = Command::new(&places.cargo);
    cargo.args(["build", "--package", "xtask", "--bin", "xtask", "--message-format", "json-render-diagnostics"]);
    cargo.arg("--manifest-path").arg(places.source.join("Cargo.toml"));
    cargo.current_dir(&places.current).env_clear().envs(environment);
    cargo.stdin(Stdio::null()).stdout(Stdio::piped());
    cargo
}

/// The exit code as a shell reports it.
#[cfg(unix)]
pub(crate) fn code(status: ExitStatus) -> i32 {
    let signal = || std::os::unix::process::ExitStatusExt::signal(&status);
    status.code().or_else(|| signal().map(|signal| 128 + signal)).unwrap_or(FAILED)
}

#[cfg(not(unix))]
pub(crate) fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(FAILED)
}

impl Built {
    /// Makes cargo recompile the package in the next build, although it seems fresh. Returns whether it
    /// will.
    pub(crate) fn make_stale(&self) -> bool {
        let folder = self.program.with_file_name("deps");
        let own = self.own_list(&folder).map(|list| (list, "bin-xtask"));
        let libraries = self.libraries.iter().filter_map(|library| list_of(library)).map(|list| (list, "lib-xtask"));
        // Cargo holds this lock while it builds.
        let lock = File::options().write(true).open(self.program.with_file_name(".cargo-lock"));
        let Some(lock) = lock.ok().filter(|lock| lock.try_lock().is_ok()) else { return false };
        let mut stale = false;
        for (list, mark) in own.into_iter().chain(libraries) {
            // `deps/xtask-HASH.d` belongs to `.fingerprint/xtask-HASH`.
            let unit = self.program.with_file_name(".fingerprint").join(list.file_stem().unwrap_or_default());
            stale |= fs::remove_file(unit.join(mark)).is_ok();
        }
        drop(lock);
        stale
    }

    /// The program's identity, if it was built from `hashed` only; `Err` says what else was read.
    pub(crate) fn is_made_of(&self, hashed: &[Found]) -> Result<Identity, String> {
        let real: BTreeSet<PathBuf> = hashed.iter().filter_map(|file| fs::canonicalize(&file.path).ok()).collect();
        let read = read(&self.program.with_extension("d"))?;
        if read.files.is_empty() {
            return Err("cargo did not list what it read".to_owned());
        }
        for file in read.files {
            if !fs::canonicalize(&file).is_ok_and(|file| real.contains(&file)) {
                return Err(format!("the build reads {file}"));
            }
        }
        let folder = self.program.with_file_name("deps");
        let mut lists: Vec<PathBuf> = self.libraries.iter().filter_map(|library| list_of(library)).collect();
        lists.push(self.own_list(&folder).ok_or("the compiler's list of what it read was not found")?);
        for list in lists {
            if let Some(variable) = read_variables(&list)?.into_iter().find(|name| !is_in_key(name)) {
                return Err(format!("the build compiles in the variable {variable}"));
            }
        }
        match fs::metadata(&self.program).map(|found| Identity::of(&found)) {
            Ok(identity) if identity == self.identity => Ok(identity),
            _ => Err("another build has replaced the program".to_owned()),
        }
    }

    /// rustc's list for the program, beside the file that cargo hard-linked or copied.
    fn own_list(&self, folder: &Path) -> Option<PathBuf> {
        let same = |path: &Path| {
            fs::metadata(path).is_ok_and(|found| {
                let found = Identity::of(&found);
                (found.size, found.modified) == (self.identity.size, self.identity.modified)
            })
        };
        let programs = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(|path| {
            let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
            (stem == b"xtask" || stem.starts_with(b"xtask-")) && path.extension() == self.program.extension()
        });
        programs
            .map(|program| (program.with_extension("d"), program))
            .find(|(list, program)| list.is_file() && same(program))
            .map(|(list, _)| list)
    }
}

/// The list of `libxtask-HASH.rlib` is `xtask-HASH.d`.
fn list_of(library: &Path) -> Option<PathBuf> {
    let stem = library.file_stem()?.to_str()?;
    let list = library.with_file_name(format!("{}.d", stem.strip_prefix("lib").unwrap_or(stem)));
    (library.extension() == Some(OsStr::new("rlib"))).then_some(list)
}

fn read_variables(list: &Path) -> Result<Vec<String>, String> {
    read(list).map(|read| read.variables)
}

fn read(list: &Path) -> Result<DepInfo, String> {
    fs::read_to_string(list).map(|text| dep_info::parse(&text)).map_err(|error| format!("{}: {error}", list.display()))
}
