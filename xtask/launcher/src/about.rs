//! The metadata file beside a cached program. Pure.

use std::path::PathBuf;

use crate::bytes::{Reader, Writer};
use xtask_sha256::Digest;

const FORMAT: &[u8] = b"xtask-launcher program 1";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) size: u64,
    pub(crate) digest: Digest,
    /// The workspace in which it was built.
    pub(crate) checkout: PathBuf,
}

impl About {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(FORMAT);
        out.number(self.size);
        out.bytes(&self.digest);
        out.path(&self.checkout);
        out.0
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<About> {
        let mut input = Reader(bytes);
        let format = input.bytes()?;
        let about = About { size: input.number()?, digest: input.digest()?, checkout: input.path()? };
        (format == FORMAT && input.0.is_empty()).then_some(about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        let about = About { size: 5, digest: [3; 32], checkout: "/w".into() };
        let bytes = about.write();
        assert!((0..bytes.len()).all(|end| About::read(&bytes[..end]).is_none()));
        assert_eq!(About::read(&bytes), Some(about));
    }
}
