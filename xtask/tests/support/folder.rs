//! A folder for a project, in one of its own.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct Folder {
    _temp: TempDir,
    root: PathBuf,
    name: String,
}

impl Folder {
    /// Empty, with this name.
    pub(crate) fn new(name: &str) -> Folder {
        let temp = tempfile::Builder::new().prefix("xt-").tempdir().unwrap();
        let root = real(temp.path());
        fs::create_dir(root.join(name)).unwrap();
        Folder { _temp: temp, root, name: name.to_owned() }
    }

    /// The folder above, for what is not part of the project.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The project's folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// A path in the project's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file of the project as text.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file below the project's folder: permissions and bytes.
    #[cfg(unix)]
    pub(crate) fn everything(&self) -> std::collections::BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = std::collections::BTreeMap::new();
        let mut queue = vec![self.dir()];
        while let Some(folder) = queue.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let bytes = if metadata.is_dir() {
                    queue.push(path.clone());
                    Vec::new()
                } else {
                    fs::read(&path).unwrap_or_default()
                };
                found.insert(path, (std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()), bytes));
            }
        }
        found
    }
}

/// A path as it is for the program under test.
#[cfg(unix)]
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap()
}

/// Windows: the real one begins with `\\?\`, which no person would type.
#[cfg(windows)]
fn real(path: &Path) -> PathBuf {
    path.to_path_buf()
}
