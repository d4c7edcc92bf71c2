//! Results of the last run in this checkout, so that unchanged files are not read again. The memo is
//! stored beside the launcher in the target folder. A memo that is damaged, or of another checkout or
//! version, is ignored.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bytes::{Reader, Writer};
use crate::identity::Identity;
use xtask_sha256::{self as sha256, Digest};

const FORMAT: &[u8] = b"xtask-launcher memo 1";

/// Manifests, lock file and sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Hash of the names and identities of all files.
    pub(crate) stamp: Digest,
    /// Hash of their contents.
    pub(crate) content: Digest,
    /// Included files outside `src`, relative to the workspace.
    pub(crate) included: Vec<PathBuf>,
}

/// A compiler and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    /// Identity of the folder with its libraries.
    pub(crate) libraries: Identity,
    pub(crate) version: Vec<u8>,
}

/// A program that is valid for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) key: Digest,
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memo {
    pub(crate) tree: Option<Tree>,
    pub(crate) compiler: Option<Compiler>,
    /// In the cache, with a verified digest.
    pub(crate) cached: Option<Program>,
    /// In the target folder, as cargo left it.
    pub(crate) built: Option<Program>,
}

impl Memo {
    /// The memo of the workspace `root`; empty if there is no usable one.
    pub(crate) fn load(file: &Path, root: &Path) -> Memo {
        fs::read(file).ok().and_then(|bytes| decode(&bytes, root)).unwrap_or_default()
    }

    /// Replaces the file atomically. Ignores errors: without a memo the next run only takes longer.
    pub(crate) fn save(&self, file: &Path, root: &Path) {
        let new = file.with_extension(format!("{}.new", std::process::id()));
        if fs::write(&new, encode(self, root)).and_then(|()| fs::rename(&new, file)).is_err() {
            drop(fs::remove_file(&new));
        }
    }
}

fn encode(memo: &Memo, root: &Path) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(FORMAT);
    out.path(root);
    out.number(memo.tree.is_some().into());
    if let Some(tree) = &memo.tree {
        out.bytes(&tree.stamp);
        out.bytes(&tree.content);
        out.number(tree.included.len() as u64);
        tree.included.iter().for_each(|path| out.path(path));
    }
    out.number(memo.compiler.is_some().into());
    if let Some(compiler) = &memo.compiler {
        out.path(&compiler.path);
        compiler.identity.write(&mut out);
        compiler.libraries.write(&mut out);
        out.bytes(&compiler.version);
    }
    for program in [&memo.cached, &memo.built] {
        out.number(program.is_some().into());
        if let Some(program) = program {
            out.bytes(&program.key);
            out.path(&program.path);
            program.identity.write(&mut out);
        }
    }
    let digest = sha256::of(&out.0);
    out.bytes(&digest);
    out.0
}

fn decode(all: &[u8], root: &Path) -> Option<Memo> {
    let (content, end) = all.split_at_checked(all.len().checked_sub(8 + 32)?)?;
    let mut input = Reader(content);
    if Reader(end).digest()? != sha256::of(content) || input.bytes()? != FORMAT || input.path()? != root {
        return None;
    }
    let mut memo = Memo::default();
    if input.number()? == 1 {
        let (stamp, content) = (input.digest()?, input.digest()?);
        let included = (0..input.number()?).map(|_| input.path()).collect::<Option<_>>()?;
        memo.tree = Some(Tree { stamp, content, included });
    }
    if input.number()? == 1 {
        let path = input.path()?;
        let (identity, libraries) = (Identity::read(&mut input)?, Identity::read(&mut input)?);
        memo.compiler = Some(Compiler { path, identity, libraries, version: input.bytes()?.to_vec() });
    }
    for program in [&mut memo.cached, &mut memo.built] {
        if input.number()? == 1 {
            let (key, path) = (input.digest()?, input.path()?);
            *program = Some(Program { key, path, identity: Identity::read(&mut input)? });
        }
    }
    Some(memo)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memo() -> Memo {
        let identity = Identity { size: 1, modified: -2, changed: 3, device: 4, inode: 5 };
        let program = Program { key: [7; 32], path: "/t/xtask".into(), identity };
        Memo {
            tree: Some(Tree { stamp: [9; 32], content: [8; 32], included: vec!["tests/x".into(), "y".into()] }),
            compiler: Some(Compiler { path: "/r".into(), identity, libraries: identity, version: b"rustc 1".to_vec() }),
            cached: Some(program.clone()),
            built: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let root = Path::new("/w");
        for memo in [memo(), Memo::default()] {
            assert_eq!(decode(&encode(&memo, root), root), Some(memo));
        }
    }

    #[test]
    fn a_damaged_or_foreign_memo_is_none() {
        let root = Path::new("/w");
        let bytes = encode(&memo(), root);
        assert_eq!(decode(&bytes, Path::new("/v")), None);
        for at in 0..bytes.len() {
            assert_eq!(decode(&bytes[..at], root), None, "cut at {at}");
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(decode(&other, root), None, "changed at {at}");
        }
    }
}
