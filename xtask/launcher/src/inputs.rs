//! Computes a key from everything that a build of the program reads: the same bytes give the same key
//! in every checkout.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xtask_sha256::{Digest, Sha256};

use crate::identity::{IDENTIFIES_CONTENT, Identity};
use crate::memo::Memo;
use crate::places::Places;
use crate::tree;
use crate::variables::{self, Variables};
use crate::{compiler, settings, system};

/// To be changed whenever the hashed data or its format changes.
const FORMAT: &[u8] = b"xtask-launcher key 1";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inputs {
    pub(crate) key: Digest,
    /// Hash of the files' identities, which also differs after a change was reverted.
    pub(crate) stamp: Digest,
}

/// The key, and the memo for the next run; `Err` says why this checkout's program is not shared.
pub(crate) fn collect(
    places: &Places,
    environment: &Variables,
    old: &Memo,
    now: SystemTime,
) -> (Result<Inputs, String>, Memo) {
    let mut new = Memo { cached: old.cached.clone(), built: old.built.clone(), ..Memo::default() };
    let inputs = inputs(places, environment, old, &mut new, now);
    (inputs, new)
}

fn inputs(
    places: &Places,
    environment: &Variables,
    old: &Memo,
    new: &mut Memo,
    now: SystemTime,
) -> Result<Inputs, String> {
    let mut hash = Sha256::new();
    hash.field(FORMAT);
    hash.field(std::env::consts::OS.as_bytes());
    hash.field(std::env::consts::ARCH.as_bytes());
    hash.field(&system::c_library());
    for (name, value) in variables::build_variables(environment)? {
        hash.field(name.as_encoded_bytes());
        hash.field(value.as_encoded_bytes());
    }
    hash.field(b"configuration");
    configuration(places, environment, &mut hash)?;
    hash.field(b"tree");
    let (stamp, content) = tree(places, old, new, now)?;
    hash.field(&content);
    let cargo = fs::metadata(&places.cargo).map(|found| Identity::of(&found));
    let cargo = cargo.map_err(|error| format!("{}: {error}", places.cargo.display()))?;
    hash.field(format!("{} {}", cargo.size, cargo.modified).as_bytes());
    hash.field(&compiler::describe(places, environment, old, new, now)?);
    Ok(Inputs { key: hash.finish(), stamp })
}

/// Stamp and content hash of the sources. They are only read if something changed, or changed so
/// recently that it might not be visible.
fn tree(places: &Places, old: &Memo, new: &mut Memo, now: SystemTime) -> Result<(Digest, Digest), String> {
    if let Some(known) = old.tree.as_ref().filter(|_| IDENTIFIES_CONTENT)
        && tree::stamp(&tree::find(places, &known.included)?) == known.stamp
    {
        new.tree = Some(known.clone());
        return Ok((known.stamp, known.content));
    }
    let (tree, files) = tree::read(places)?;
    let found = (tree.stamp, tree.content);
    new.tree = Some(tree).filter(|_| tree::is_settled(&files, now));
    Ok(found)
}

/// The configuration files that cargo would read, nearest first, without duplicates.
fn configuration(places: &Places, environment: &Variables, hash: &mut Sha256) -> Result<(), String> {
    let mut folders: Vec<PathBuf> = places.current.ancestors().map(|folder| folder.join(".cargo")).collect();
    let home =
        variables::path(environment, "CARGO_HOME").or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    folders.extend(home.filter(|home| !folders.contains(home)));
    for folder in folders {
        for name in ["config", "config.toml"] {
            let path = folder.join(name);
            let Some(bytes) = read_if_there(&path)? else { continue };
            let text = std::str::from_utf8(&bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
            if let Some(why) = settings::config_objection(text) {
                return Err(format!("{}: {why}", path.display()));
            }
            hash.field(name.as_bytes());
            hash.field(&bytes);
        }
    }
    Ok(())
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        // `.cargo` may be a file.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
