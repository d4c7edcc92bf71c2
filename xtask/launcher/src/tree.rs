//! The files that a build reads in the workspace: manifests, lock file, sources, and files that sources
//! include.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use xtask_sha256::{Digest, Sha256};

use crate::bytes::Writer;
use crate::identity::Identity;
use crate::memo::Tree;
use crate::places::Places;
use crate::{include, lockfile, settings};

/// A file; without an identity if it does not exist.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its name, the same in every checkout.
    name: Vec<u8>,
    pub(crate) path: PathBuf,
    identity: Option<Identity>,
}

/// All files by name. `included`: files outside `src`.
pub(crate) fn find(places: &Places, included: &[PathBuf]) -> Result<Vec<Found>, String> {
    let (root, source) = (&places.root, &places.source);
    let mut paths = vec![root.join("Cargo.lock")];
    for folder in [root, source] {
        paths.extend(["Cargo.toml", "build.rs", "rust-toolchain", "rust-toolchain.toml"].map(|name| folder.join(name)));
    }
    paths.extend(included.iter().map(|path| root.join(path)));
    let mut found = Vec::with_capacity(512);
    for path in paths {
        found.push(Found { name: name(root, &path)?, identity: identity(&path)?, path });
    }
    below(&source.join("src"), &name(root, &source.join("src"))?, &mut found)?;
    found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    found.dedup_by(|one, other| one.name == other.name);
    Ok(found)
}

/// Hash of names and identities: while it is the same, so are the contents.
pub(crate) fn stamp(files: &[Found]) -> Digest {
    let mut all = Writer::default();
    for file in files {
        all.bytes(&file.name);
        if let Some(identity) = &file.identity {
            identity.write(&mut all);
        }
    }
    xtask_sha256::of(&all.0)
}

/// Whether every later change will change the stamp.
pub(crate) fn is_settled(files: &[Found], now: SystemTime) -> bool {
    files.iter().all(|file| file.identity.is_none_or(|identity| identity.is_settled(now)))
}

/// Reads everything. Also returns the files, including included ones.
pub(crate) fn read(places: &Places) -> Result<(Tree, Vec<Found>), String> {
    let mut included: BTreeSet<PathBuf> = BTreeSet::new();
    loop {
        let list: Vec<PathBuf> = included.iter().cloned().collect();
        let files = find(places, &list)?;
        let mut hash = Sha256::new();
        let before = included.len();
        for file in &files {
            let content = content(file)?;
            hash.field(&file.name);
            // An empty file differs from a missing one.
            hash.field(&[content.is_some().into()]);
            match &content {
                // Only the packages that xtask needs.
                Some(lock) if file.path == places.root.join("Cargo.lock") => {
                    hash.field(lockfile::reached(text(lock)?, "xtask")?.as_bytes());
                }
                Some(bytes) => hash.field(bytes),
                None => {}
            }
            let bytes = content.unwrap_or_default();
            if file.path == places.source.join("Cargo.toml") {
                objections(places, text(&bytes)?)?;
            }
            if file.path.extension() == Some(OsStr::new("rs")) {
                let folder = file.path.parent().unwrap_or(&places.root);
                for written in include::paths(&String::from_utf8_lossy(&bytes)) {
                    let path = normal(&folder.join(written));
                    if !path.starts_with(places.source.join("src")) {
                        included.insert(inside(&places.root, &path)?.to_path_buf());
                    }
                }
            }
        }
        // Included sources may include others.
        if included.len() == before {
            return Ok((Tree { stamp: stamp(&files), content: hash.finish(), included: list }, files));
        }
    }
}

fn objections(places: &Places, manifest: &str) -> Result<(), String> {
    if let Some(why) = settings::manifest_objection(manifest) {
        return Err(why.to_owned());
    }
    if places.source.join("build.rs").exists() && !manifest.contains("build = false") {
        return Err("xtask has a build script".to_owned());
    }
    Ok(())
}

/// All files below a folder, except those of editors.
fn below(folder: &Path, prefix: &[u8], found: &mut Vec<Found>) -> Result<(), String> {
    let odd = |error: io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(odd)? {
        let entry = entry.map_err(odd)?;
        let own = entry.file_name();
        let own = own.as_encoded_bytes();
        if own.starts_with(b".") || own.starts_with(b"#") || own.ends_with(b"~") {
            continue;
        }
        let (path, kind) = (entry.path(), entry.file_type().map_err(odd)?);
        let name = [prefix, b"/", own].concat();
        if kind.is_dir() {
            below(&path, &name, found)?;
        } else if kind.is_symlink() && path.is_dir() {
            return Err(format!("{} is a link to a folder", path.display()));
        } else {
            found.push(Found { name, identity: identity(&path)?, path });
        }
    }
    Ok(())
}

fn identity(path: &Path) -> Result<Option<Identity>, String> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(Identity::of(&found))),
        Ok(_) => Err(format!("{} is no file", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// The content of a file; fails if it changes while it is read.
fn content(file: &Found) -> Result<Option<Vec<u8>>, String> {
    let Some(identity) = file.identity else { return Ok(None) };
    let odd = |error: io::Error| format!("{}: {error}", file.path.display());
    let mut open = File::open(&file.path).map_err(odd)?;
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).map_err(odd)?;
    let after = Identity::of(&open.metadata().map_err(odd)?);
    if after == identity { Ok(Some(bytes)) } else { Err(format!("{} changes at this moment", file.path.display())) }
}

fn inside<'a>(root: &Path, path: &'a Path) -> Result<&'a Path, String> {
    path.strip_prefix(root).map_err(|_| format!("{} is outside of the workspace", path.display()))
}

/// The name with `/` on every system.
fn name(root: &Path, path: &Path) -> Result<Vec<u8>, String> {
    let parts: Vec<&[u8]> = inside(root, path)?.components().map(|part| part.as_os_str().as_encoded_bytes()).collect();
    Ok(parts.join(&b'/'))
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "a file of cargo is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_in_one_way() {
        let base: PathBuf = [std::path::MAIN_SEPARATOR_STR, "w", "src"].iter().collect();
        let wanted: PathBuf = [std::path::MAIN_SEPARATOR_STR, "w", "tests", "x"].iter().collect();
        assert_eq!(normal(&base.join("a").join("../.././tests/x")), wanted);
        assert_eq!(name(&base, &base.join("a").join("b.rs")).unwrap(), b"a/b.rs");
        assert!(name(&base, &wanted).is_err());
    }
}
