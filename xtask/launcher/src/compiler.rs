//! Finds the compiler that cargo would use, and identifies it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::identity::Identity;
use crate::memo::{Compiler, Memo};
use crate::places::Places;
use crate::variables::{self, Variables};

const RUSTC: &str = if cfg!(windows) { "rustc.exe" } else { "rustc" };
const RUSTUP: &str = if cfg!(windows) { "rustup.exe" } else { "rustup" };

/// The output of `rustc -vV`, with the binary's size and time if that is not enough. Starting rustc
/// takes 20 ms or more, so the output is remembered.
pub(crate) fn describe(
    places: &Places,
    environment: &Variables,
    old: &Memo,
    new: &mut Memo,
    now: SystemTime,
) -> Result<Vec<u8>, String> {
    let path = find(environment, &places.current).ok_or("rustc is not on PATH")?;
    let known = identities(&path);
    if let Some((identity, libraries)) = known
        && let Some(last) = &old.compiler
        && (last.path == path && last.identity == identity && last.libraries == libraries)
    {
        new.compiler.clone_from(&old.compiler);
        return description(&last.version, Some(&identity));
    }
    let version = ask(&path, &places.current, environment)?;
    if let Some((identity, libraries)) = known
        && identity.is_settled(now)
        && libraries.is_settled(now)
    {
        new.compiler = Some(Compiler { path, identity, libraries, version: version.clone() });
    }
    description(&version, known.as_ref().map(|(identity, _)| identity))
}

/// The version, with size and time of the binary if the version does not identify the compiler's
/// build.
fn description(version: &[u8], identity: Option<&Identity>) -> Result<Vec<u8>, String> {
    let text = String::from_utf8_lossy(version);
    if text.lines().any(|line| line.starts_with("release: ") && line.contains("-dev")) {
        return Err("the compiler is one that is being worked on".to_owned());
    }
    let mut description = version.to_vec();
    if !text.lines().any(|line| line.starts_with("commit-hash: ") && !line.ends_with("unknown")) {
        let identity = identity.ok_or("the compiler does not say what it was built from")?;
        description.extend_from_slice(format!("{} {}", identity.size, identity.modified).as_bytes());
    }
    Ok(description)
}

#[expect(clippy::disallowed_methods, reason = "one of the places that start programs")]
fn ask(path: &Path, folder: &Path, environment: &Variables) -> Result<Vec<u8>, String> {
    let mut command = Command::new(path);
    command.arg("-vV").current_dir(folder).env_clear().envs(environment).stdin(Stdio::null()).stderr(Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(_) => Err("rustc does not tell its version".to_owned()),
        Err(error) => Err(format!("rustc could not be started: {error}")),
    }
}

/// Searches like cargo: RUSTC, otherwise PATH; rustup's proxy leads to the toolchain that rustup chose
/// for cargo.
fn find(environment: &Variables, current: &Path) -> Option<PathBuf> {
    let named = variables::path(environment, "RUSTC").or_else(|| variables::path(environment, "CARGO_BUILD_RUSTC"));
    let named = named.unwrap_or_else(|| RUSTC.into());
    let path = if named.components().count() > 1 {
        current.join(named)
    } else {
        let name = if named.extension().is_none() && cfg!(windows) { named.with_extension("exe") } else { named };
        on_path(environment, name.as_os_str())?
    };
    Some(in_toolchain(environment, &path).unwrap_or(path))
}

fn on_path(environment: &Variables, name: &OsStr) -> Option<PathBuf> {
    let folders = environment.get(OsStr::new("PATH"))?;
    std::env::split_paths(folders).map(|folder| folder.join(name)).find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// The rustc that rustup's proxy runs.
fn in_toolchain(environment: &Variables, path: &Path) -> Option<PathBuf> {
    let size = |path: &Path| fs::metadata(path).ok().map(|found| found.len());
    if size(path)? != size(&path.with_file_name(RUSTUP))? {
        return None;
    }
    let home = variables::path(environment, "RUSTUP_HOME")
        .or_else(|| variables::path(environment, "HOME").map(|home| home.join(".rustup")))?;
    // `join` with an absolute path returns that path.
    let toolchain = home.join("toolchains").join(variables::path(environment, "RUSTUP_TOOLCHAIN")?);
    Some(toolchain.join("bin").join(RUSTC)).filter(|path| path.is_file())
}

/// Identities of the binary and of the folder with its libraries. `None` unless it is a toolchain's own
/// rustc: a script or a proxy may run anything.
fn identities(path: &Path) -> Option<(Identity, Identity)> {
    let real = fs::canonicalize(path).ok()?;
    let libraries = real.parent()?.parent()?.join("lib");
    if !libraries.join("rustlib").is_dir() {
        return None;
    }
    Some((Identity::of(&fs::metadata(real).ok()?), Identity::of(&fs::metadata(libraries).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_that_does_not_name_its_commit_is_told_by_its_file() {
        let identity = Identity { size: 5, modified: 6, changed: 7, device: 8, inode: 9 };
        let named = b"rustc 1.95.0\ncommit-hash: 5980\nrelease: 1.95.0\n";
        assert_eq!(description(named, None).unwrap(), named);
        let unnamed = b"rustc 1.95.0\ncommit-hash: unknown\nrelease: 1.95.0\n";
        assert!(description(unnamed, Some(&identity)).unwrap().ends_with(b"5 6"));
        assert!(description(unnamed, None).is_err());
        assert!(description(b"commit-hash: 1\nrelease: 1.97.0-dev\n", Some(&identity)).is_err());
    }
}
