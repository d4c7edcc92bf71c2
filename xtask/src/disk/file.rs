//! Reads files that may be missing, or that may be pipes or devices because a user named the
//! folder.

use std::fs::{File, FileType};
use std::io::{Error as IoError, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::owner::foreign;
use super::timeout::warn_once;
use super::write_atomic;
use crate::error::{Context, Error, Result};

/// Much more than a ledger with a hundred thousand leases.
const LARGEST: u64 = 256 << 20;
/// Much more than any settings, compose or env file.
const LARGEST_TEXT: u64 = 16 << 20;

/// The bytes of a regular file; `None` if it does not exist.
pub fn read(file: &Path) -> Result<Option<Vec<u8>>> {
    match regular(file, LARGEST) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(format!("failed to read `{}`: {error}", file.display()))),
    }
}

/// Reads a file whose content is trusted. If another user owns it, it is refused with a
/// warning.
pub fn read_own(file: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::metadata(file).ok().and_then(|metadata| foreign(&metadata)) {
        Some(why) => {
            warn_once(file, &why);
            Err(Error::new(format!("failed to read `{}`: {why}", file.display()))
                .hint(format!("if you do not need it: `rm {}`", crate::ui::quoted_path(file, None))))
        }
        None => read(file),
    }
}

/// The text of a regular file. For other kinds it warns, because callers often go on without
/// the file.
pub fn read_text(file: &Path) -> std::io::Result<String> {
    String::from_utf8(regular(file, LARGEST_TEXT)?).map_err(|error| IoError::new(ErrorKind::InvalidData, error))
}

/// The bytes of a file that the user named, also of a pipe (`--env-file <(…)`), up to the size
/// limit.
pub fn read_any_kind(file: &Path) -> std::io::Result<Vec<u8>> {
    take(File::open(file)?, LARGEST_TEXT)
}

/// Does not open a pipe, which would wait for a writer, or a device, which may never end or have
/// side effects.
fn regular(file: &Path, largest: u64) -> std::io::Result<Vec<u8>> {
    let refuse = |kind: FileType| {
        let what = format!("it is {}, not a regular file", kind_of(kind));
        warn_once(file, &what);
        IoError::new(ErrorKind::InvalidInput, what)
    };
    let kind = std::fs::metadata(file)?.file_type();
    if !kind.is_file() {
        return Err(refuse(kind));
    }
    let opened = open_at_once(file)?;
    // It may have been replaced since.
    let kind = opened.metadata()?.file_type();
    if !kind.is_file() {
        return Err(refuse(kind));
    }
    take(opened, largest).inspect_err(|error| {
        if error.kind() == ErrorKind::FileTooLarge {
            warn_once(file, &error.to_string());
        }
    })
}

fn take(file: File, largest: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        return Err(IoError::new(ErrorKind::FileTooLarge, format!("it is larger than {} MiB", largest >> 20)));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn open_at_once(file: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    File::options().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(file)
}

#[cfg(not(unix))]
fn open_at_once(file: &Path) -> std::io::Result<File> {
    File::open(file)
}

#[cfg(unix)]
fn kind_of(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind_of(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "a device" }
}

/// Writes these bytes, or removes the file. If nothing changes, the file is not touched: restoring
/// must work on a full disk.
pub fn write_or_remove(file: &Path, bytes: Option<&[u8]>) -> Result<()> {
    if read(file)?.as_deref() == bytes {
        return Ok(());
    }
    match bytes {
        Some(bytes) => write_atomic(file, bytes),
        None => std::fs::remove_file(file).context(format!("remove `{}`", file.display())),
    }
}

/// Writes or removes files and runs `proof`. If a write or the proof fails, all files are
/// restored.
pub fn write_proved<T>(files: &[(PathBuf, Option<Vec<u8>>)], proof: impl FnOnce() -> Result<T>) -> Result<T> {
    let paths: Vec<&Path> = files.iter().map(|(file, _)| file.as_path()).collect();
    or_restore(&paths, || {
        files.iter().try_for_each(|(file, bytes)| write_or_remove(file, bytes.as_deref()))?;
        proof()
    })
}

/// Runs `work`, and restores `files` if it fails.
pub fn or_restore<T>(files: &[&Path], work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before: Vec<Option<Vec<u8>>> = files.iter().map(|file| read(file)).collect::<Result<_>>()?;
    let done = work();
    if done.is_err() {
        files.iter().zip(before).try_for_each(|(file, before)| write_or_remove(file, before.as_deref()))?;
    }
    done
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_none_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (file, pipe, device) = (dir.path().join("file"), dir.path().join("pipe"), dir.path().join("device"));
        std::fs::write(&file, "text").unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &device).unwrap();
        assert_eq!(read_text(&file).unwrap(), "text");
        assert_eq!(read(&file).unwrap().unwrap(), b"text");
        assert_eq!(read(&dir.path().join("none")).unwrap(), None);
        for (odd, what) in [(&pipe, "a named pipe"), (&device, "a device")] {
            assert!(read_text(odd).unwrap_err().to_string().contains(what));
            assert!(read(odd).unwrap_err().message().contains(what));
        }
        assert_eq!(read_any_kind(&device).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_any_kind(Path::new("/dev/null")).unwrap(), b"");
        std::fs::File::create(&file).unwrap().set_len(LARGEST_TEXT + 1).unwrap();
        assert_eq!(read_text(&file).unwrap_err().to_string(), "it is larger than 16 MiB");
    }
}
