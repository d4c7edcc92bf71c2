//! Files that may not be there.

use std::io::ErrorKind;
use std::path::Path;

use super::write_atomic;
use crate::error::{Context, Error, Result};

/// The bytes of a file; `None` where there is none.
pub fn read(file: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(format!("failed to read `{}`: {error}", file.display()))),
    }
}

/// Makes a file hold these bytes, or be gone. One that is so already is not
/// touched: putting back must work on a disk that is full.
pub fn put(file: &Path, bytes: Option<&[u8]>) -> Result<()> {
    if read(file)?.as_deref() == bytes {
        return Ok(());
    }
    match bytes {
        Some(bytes) => write_atomic(file, bytes),
        None => std::fs::remove_file(file).context(format!("remove `{}`", file.display())),
    }
}
