//! What identifies a folder whatever its path is.

use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::model::FolderId;

/// `None` if the path is not a folder, or its file system does not answer.
pub fn folder_id(path: &Path) -> Option<FolderId> {
    let asked = path.to_path_buf();
    super::with_timeout(path, move || read(&asked)).flatten()
}

fn read(path: &Path) -> Option<FolderId> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir)?;
    let (device, file) = numbers(path, &metadata)?;
    // statx(2): a file system that doesn't record the time leaves it out, or gives 0.
    let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let born = born.and_then(|since| u64::try_from(since.as_nanos()).ok()).filter(|born| *born > 0);
    Some(FolderId { device, file, born })
}

#[cfg(unix)]
fn numbers(_path: &Path, metadata: &std::fs::Metadata) -> Option<(u64, String)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), format!("{:x}", metadata.ino())))
}

/// NTFS puts a sequence number into the file id, so it is never reused; ReFS needs all 128 bits
/// (learn.microsoft.com, `FILE_ID_INFO`).
#[cfg(windows)]
#[expect(unsafe_code, reason = "GetFileInformationByHandleEx")]
fn numbers(path: &Path, _metadata: &std::fs::Metadata) -> Option<(u64, String)> {
    use std::os::windows::fs::OpenOptionsExt;
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::Storage::FileSystem::{
        FILE_FLAG_BACKUP_SEMANTICS, FILE_ID_INFO, FileIdInfo, GetFileInformationByHandleEx,
    };
    // Without access rights, and with the flag that opens folders.
    let folder = std::fs::OpenOptions::new().access_mode(0).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path).ok()?;
    let mut info = FILE_ID_INFO::default();
    let size = u32::try_from(size_of::<FILE_ID_INFO>()).ok()?;
    // SAFETY: the handle is open, and `info` is as large as `size` says and lives through the call.
    let ok = unsafe {
        GetFileInformationByHandleEx(folder.as_raw_handle(), FileIdInfo, std::ptr::from_mut(&mut info).cast(), size)
    };
    (ok != 0).then(|| (info.VolumeSerialNumber, format!("{:x}", u128::from_le_bytes(info.FileId.Identifier))))
}

#[cfg(not(any(unix, windows)))]
fn numbers(_path: &Path, _metadata: &std::fs::Metadata) -> Option<(u64, String)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_keeps_the_id_and_a_new_folder_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::create_dir(&a).unwrap();
        let first = folder_id(&a).unwrap();
        std::fs::rename(&a, &b).unwrap();
        assert_eq!(folder_id(&b), Some(first.clone()));
        assert_eq!(folder_id(&a), None);
        std::fs::create_dir(&a).unwrap();
        assert!(!folder_id(&a).unwrap().is_same(&first));
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(folder_id(&dir.path().join("file")), None);
    }
}
