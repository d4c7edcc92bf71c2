//! The cache of built programs by key. An entry is a folder with the program and a note about it,
//! created atomically by a rename.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::about::About;
use crate::identity::Identity;
use crate::memo::Program;
use crate::places::PROGRAM;
use crate::system;
use crate::variables::{self, Variables};
use xtask_sha256::{Digest, Sha256, hex};

/// The note beside a program. Its modification time is the time of the last use.
pub(crate) const NOTE: &str = "about";
const LOCKS: &str = "locks";
/// Precision of the last use.
const USE: Duration = Duration::from_hours(24);

#[derive(Debug, Clone)]
pub(crate) struct Cache {
    pub(crate) folder: PathBuf,
}

#[derive(Debug)]
pub(crate) enum Entry {
    Good(Program),
    None,
    /// It exists but must not be used.
    Bad(String),
}

impl Cache {
    /// The cache of this user; `Err` says why there is none.
    pub(crate) fn find(environment: &Variables) -> Result<Cache, String> {
        let cache = Cache { folder: folder(environment)? };
        match fs::symlink_metadata(&cache.folder) {
            Ok(found) if found.is_dir() && system::is_private(&found) => Ok(cache),
            Ok(_) => Err(format!(
                "{} is not a folder that only its owner, the user who runs this, can change",
                cache.folder.display()
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(cache),
            Err(error) => Err(format!("{}: {error}", cache.folder.display())),
        }
    }

    fn entry(&self, key: &Digest) -> PathBuf {
        self.folder.join(hex(key))
    }

    /// Whether there is an entry for a key; also records its use.
    pub(crate) fn has(&self, key: &Digest) -> bool {
        let note = self.entry(key).join(NOTE);
        record_use(&note);
        note.exists()
    }

    /// The program for a key. `known` was compared with its digest before.
    pub(crate) fn look_up(&self, key: &Digest, known: Option<&Program>) -> Entry {
        let entry = self.entry(key);
        let path = entry.join(PROGRAM);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !entry.exists() => return Entry::None,
            Err(error) => return Entry::Bad(format!("{}: {error}", path.display())),
        };
        let program = Program { key: *key, path, identity: Identity::of(&metadata) };
        if known != Some(&program)
            && let Err(why) = verify(&entry, &program)
        {
            return Entry::Bad(format!("{}: {why}", entry.display()));
        }
        record_use(&entry.join(NOTE));
        Entry::Good(program)
    }

    /// Locks the build of the program for this key. Calls `waiting` if somebody else builds it.
    pub(crate) fn lock(&self, key: &Digest, waiting: impl FnOnce()) -> io::Result<File> {
        private_folder(&self.folder)?;
        let locks = self.folder.join(LOCKS);
        private_folder(&locks)?;
        let file = File::options().create(true).truncate(false).write(true).open(locks.join(hex(key)))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(file)
    }

    /// Stores a copy of `program`; replaces the entry for its key.
    pub(crate) fn store(&self, program: &Program, checkout: &Path) -> io::Result<Program> {
        let unique = format!("{}-{}", std::process::id(), hex(&program.key));
        let new = self.folder.join(format!(".new-{unique}"));
        let result = self.store_as(program, checkout, &new, &self.folder.join(format!(".old-{unique}")));
        if result.is_err() {
            drop(fs::remove_dir_all(&new));
        }
        result
    }

    fn store_as(&self, program: &Program, checkout: &Path, new: &Path, old: &Path) -> io::Result<Program> {
        private_folder(&self.folder)?;
        private_folder(new)?;
        let copy = new.join(PROGRAM);
        fs::copy(&program.path, &copy)?;
        set_mode(&copy, 0o700)?;
        let (size, digest) = read(&copy)?;
        // Another build may have replaced it in the meantime.
        if Identity::of(&fs::metadata(&program.path)?) != program.identity || size != program.identity.size {
            return Err(io::Error::other("the program changed while it was copied"));
        }
        let note = new.join(NOTE);
        fs::write(&note, About { size, digest, checkout: checkout.to_path_buf() }.write())?;
        set_mode(&note, 0o600)?;
        let entry = self.entry(&program.key);
        // A running program can be moved on every system, and removed on Unix.
        if fs::symlink_metadata(&entry).is_ok() {
            fs::rename(&entry, old)?;
            remove(old);
        }
        fs::rename(new, &entry)?;
        let path = entry.join(PROGRAM);
        let identity = Identity::of(&fs::symlink_metadata(&path)?);
        Ok(Program { key: program.key, path, identity })
    }

    /// The lock of this entry; `None` if somebody builds its program.
    pub(crate) fn lock_of(&self, entry: &str) -> Option<File> {
        let file = File::options().create(true).truncate(false).write(true).open(self.folder.join(LOCKS).join(entry));
        file.ok().filter(|file| file.try_lock().is_ok())
    }

    /// Removes the lock file; the lock must be held.
    pub(crate) fn forget_lock(&self, entry: &str) {
        drop(fs::remove_file(self.folder.join(LOCKS).join(entry)));
    }
}

/// Checks the ownership of an entry and its digest.
fn verify(entry: &Path, program: &Program) -> Result<(), String> {
    let note = entry.join(NOTE);
    for (path, folder) in [(entry, true), (&program.path, false), (&note, false)] {
        let found = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
        let kind = if folder { found.is_dir() } else { found.is_file() };
        if !kind || !system::is_private(&found) {
            return Err("somebody else could have changed it".to_owned());
        }
    }
    let about = fs::read(&note).map_err(|error| error.to_string())?;
    let about = About::read(&about).ok_or("its note cannot be read")?;
    let (size, digest) = read(&program.path).map_err(|error| error.to_string())?;
    let after = fs::symlink_metadata(&program.path).map_err(|error| error.to_string())?;
    if size != about.size || digest != about.digest || Identity::of(&after) != program.identity {
        return Err("it is not what was stored".to_owned());
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<(u64, Digest)> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut size = 0;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            return Ok((size, hash.finish()));
        }
        size += count as u64;
        hash.update(&buffer[..count]);
    }
}

/// Records once a day that an entry is used. Ignores errors: a read-only cache can be used.
fn record_use(note: &Path) {
    let used = fs::metadata(note).and_then(|found| found.modified());
    let now = SystemTime::now();
    if used.is_ok_and(|used| now.duration_since(used).is_ok_and(|since| since > USE)) {
        drop(File::options().write(true).open(note).and_then(|file| file.set_modified(now)));
    }
}

/// The folder of the cache.
fn folder(environment: &Variables) -> Result<PathBuf, String> {
    if let Some(told) = variables::path(environment, "XTASK_CACHE_DIR") {
        return std::path::absolute(told).map_err(|error| format!("XTASK_CACHE_DIR: {error}"));
    }
    let absolute = |name: &str| variables::path(environment, name).filter(|path| path.is_absolute());
    let home = || absolute("HOME").ok_or("HOME is not set");
    let base = if cfg!(windows) {
        absolute("LOCALAPPDATA").ok_or("LOCALAPPDATA is not set")?
    } else if let Some(told) = absolute("XDG_CACHE_HOME") {
        told
    } else if cfg!(target_os = "macos") {
        home()?.join("Library/Caches")
    } else {
        home()?.join(".cache")
    };
    // `sudo` may keep HOME, but root must not use a user's cache.
    let there = base.ancestors().find_map(|folder| fs::metadata(folder).ok().map(|found| (folder, found)));
    match there {
        Some((_, found)) if is_own(&found) => Ok(base.join("cargo-xtask-ports")),
        Some((folder, _)) => Err(format!("{} belongs to somebody else", folder.display())),
        None => Err(format!("{} is not there", base.display())),
    }
}

#[cfg(unix)]
fn is_own(found: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == system::user()
}

#[cfg(not(unix))]
fn is_own(_found: &fs::Metadata) -> bool {
    true
}

/// Creates a folder that only its owner can access; refuses an existing one that others can
/// change.
fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() && system::is_private(&found) {
        return Ok(());
    }
    Err(io::Error::other(format!("{} can be changed by others", path.display())))
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Removes a folder, file or link.
pub(crate) fn remove(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        drop(fs::remove_dir_all(path));
    } else {
        drop(fs::remove_file(path));
    }
}
