//! Which folder a Compose project name, and so its volumes, belongs to.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A folder as its file system knows it. A rename keeps it; a copy gets another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderId {
    /// Device number; on Windows the volume's serial number.
    pub device: u64,
    /// Inode number or Windows file id, in hexadecimal digits.
    pub file: String,
    /// When the folder was created, in nanoseconds since 1970, if the file system says so.
    /// Inode numbers are reused at once: ext4 gives that of a removed folder to the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<u64>,
}

impl FolderId {
    /// Whether both are certainly the same folder.
    pub fn is_same(&self, other: &FolderId) -> bool {
        self.device == other.device && self.is_same_on_device(other) && self.born.is_some()
    }

    fn is_same_on_device(&self, other: &FolderId) -> bool {
        self.file == other.file && self.born == other.born
    }

    /// Whether the folder at a path can be the one that was there before. Device numbers may
    /// change at a reboot, and without a time of creation nothing speaks against it.
    fn may_be(&self, other: &FolderId) -> bool {
        let same_file = self.device == other.device && self.file == other.file;
        self.is_same_on_device(other) && self.born.is_some()
            || same_file && (self.born.is_none() || other.born.is_none())
    }
}

/// What set a project name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameOrigin {
    /// `-p` or the shell, for one run.
    Given,
    EnvFile,
    /// `name:` in a compose file.
    ComposeFile,
    /// The folder's name. Also any word of a later version of this program.
    #[serde(other)]
    Folder,
}

/// A project name and the folder that was started under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutRecord {
    pub project: String,
    /// Without symbolic links.
    pub dir: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// Earlier paths of the folder, the last one at the end. Containers have them as labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<PathBuf>,
    pub origin: NameOrigin,
    /// Hash of the repository's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Hash of the services and their images.
    #[serde(default)]
    pub services: String,
    /// The project's volumes after its last start or stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Day of the last start, counted from 1970.
    #[serde(default)]
    pub day: u64,
}

/// How a folder fits a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderMatch {
    /// The path, and as far as can be seen the folder.
    Same,
    /// The folder at another path.
    Moved,
    /// Another folder at the same path.
    Recreated,
    /// Another path, and probably the folder: its device number differs, which changes at a
    /// reboot on Btrfs, or the file system doesn't say when it was created.
    Perhaps,
}

/// Paths to remember of a folder that is moved again and again.
const FORMER: usize = 8;

impl CheckoutRecord {
    pub fn match_folder(&self, dir: &Path, folder: Option<&FolderId>) -> Option<FolderMatch> {
        let both = self.folder.as_ref().zip(folder);
        if self.dir == dir {
            let may_be_same = both.is_none_or(|(recorded, now)| recorded.may_be(now));
            return Some(if may_be_same { FolderMatch::Same } else { FolderMatch::Recreated });
        }
        let (recorded, now) = both?;
        if recorded.is_same(now) {
            return Some(FolderMatch::Moved);
        }
        recorded.may_be(now).then_some(FolderMatch::Perhaps)
    }

    /// Records that the folder is at `dir` now.
    pub fn move_to(&mut self, dir: &Path) {
        if self.dir == dir {
            return;
        }
        let from = std::mem::replace(&mut self.dir, dir.to_path_buf());
        self.former.retain(|path| *path != from && path != dir);
        self.former.push(from);
        let surplus = self.former.len().saturating_sub(FORMER);
        self.former.drain(..surplus);
    }

    /// Whether a folder with these files is another checkout of the recorded project, made
    /// where the first one was: by repository if both have one, otherwise by services.
    pub fn is_related(&self, repository: Option<&str>, services: &str) -> bool {
        match (self.repository.as_deref(), repository) {
            (Some(recorded), Some(now)) => recorded == now,
            // Recorded from the leases of an older version, which say no more.
            _ if self.services.is_empty() => true,
            _ => self.services == services,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(device: u64, file: &str, born: Option<u64>) -> FolderId {
        FolderId { device, file: file.to_owned(), born }
    }

    fn record(folder: Option<FolderId>) -> CheckoutRecord {
        CheckoutRecord {
            project: "shop".into(),
            dir: "/src/shop".into(),
            folder,
            former: Vec::new(),
            origin: NameOrigin::Folder,
            repository: None,
            services: "1".into(),
            volumes: Vec::new(),
            day: 0,
        }
    }

    #[test]
    fn a_rename_is_followed_and_neither_a_copy_nor_a_reused_inode() {
        let record = record(Some(id(1, "a", Some(5))));
        let at = |path: &str, folder: FolderId| record.match_folder(Path::new(path), Some(&folder));
        assert_eq!(at("/src/shop", id(1, "a", Some(5))), Some(FolderMatch::Same));
        assert_eq!(at("/src/new", id(1, "a", Some(5))), Some(FolderMatch::Moved));
        assert_eq!(at("/src/copy", id(1, "b", Some(6))), None);
        // The inode of a removed folder, and a snapshot of the whole file system.
        assert_eq!(at("/src/other", id(1, "a", Some(6))), None);
        assert_eq!(at("/snapshot/shop", id(2, "a", Some(5))), Some(FolderMatch::Perhaps));
        // Without a time of creation nothing is certain.
        assert_eq!(at("/src/new", id(1, "a", None)), Some(FolderMatch::Perhaps));
        assert_eq!(at("/src/new", id(2, "a", None)), None);
        assert_eq!(at("/src/shop", id(1, "b", Some(6))), Some(FolderMatch::Recreated));
        assert_eq!(at("/src/shop", id(1, "a", Some(6))), Some(FolderMatch::Recreated));
    }

    #[test]
    fn at_its_path_a_folder_is_the_same_unless_something_speaks_against_it() {
        let dir = Path::new("/src/shop");
        let old = record(Some(id(1, "a", Some(5))));
        assert_eq!(old.match_folder(dir, Some(&id(9, "a", Some(5)))), Some(FolderMatch::Same), "after a reboot");
        assert_eq!(old.match_folder(dir, Some(&id(1, "a", None))), Some(FolderMatch::Same));
        assert_eq!(old.match_folder(dir, None), Some(FolderMatch::Same));
        let no_time = record(Some(id(1, "a", None)));
        assert_eq!(no_time.match_folder(dir, Some(&id(1, "a", None))), Some(FolderMatch::Same));
        assert_eq!(no_time.match_folder(Path::new("/b"), Some(&id(1, "a", None))), Some(FolderMatch::Perhaps));
        assert_eq!(no_time.match_folder(dir, Some(&id(1, "b", None))), Some(FolderMatch::Recreated));
    }

    #[test]
    fn earlier_paths_are_kept_but_not_without_end() {
        let mut record = record(None);
        for name in 0..20 {
            record.move_to(Path::new(&format!("/src/{name}")));
        }
        assert_eq!((record.former.len(), record.dir.as_path()), (FORMER, Path::new("/src/19")));
        assert_eq!(record.former.last().unwrap(), Path::new("/src/18"));
        record.move_to(Path::new("/src/18"));
        assert_eq!(record.former.last().unwrap(), Path::new("/src/19"));
        assert!(!record.former.contains(&record.dir));
    }

    #[test]
    fn a_repository_counts_more_than_services() {
        let by_services = record(None);
        assert!(by_services.is_related(None, "1") && by_services.is_related(Some("r"), "1"));
        assert!(!by_services.is_related(None, "2") && !by_services.is_related(None, ""));
        assert!(CheckoutRecord { services: String::new(), ..record(None) }.is_related(None, "2"));
        let by_repository = CheckoutRecord { repository: Some("r".into()), ..record(None) };
        assert!(by_repository.is_related(Some("r"), "2") && !by_repository.is_related(Some("s"), "1"));
    }
}
