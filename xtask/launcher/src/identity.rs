//! Detects whether a file changed without reading it.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

use crate::bytes::{Reader, Writer};

/// How much older than "now" a file's times must be for its identity to represent its content. Two
/// changes within one tick of a file system's clock have the same times (git calls such files racily
/// clean). The coarsest clock is that of FAT: two seconds.
const TICK: Duration = Duration::from_secs(3);

/// A file's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) size: u64,
    /// Last change of the content, nanoseconds since 1970.
    pub(crate) modified: i64,
    /// Last change of content or attributes. Unlike `modified` it cannot be set.
    pub(crate) changed: i64,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Identity {
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// Windows: the standard library provides neither the change time nor the id of a file.
    #[cfg(not(unix))]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let time = |time: std::io::Result<SystemTime>| time.map_or(0, nanoseconds);
        Identity {
            size: metadata.len(),
            modified: time(metadata.modified()),
            changed: time(metadata.created()),
            device: 0,
            inode: 0,
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.size);
        out.number(self.modified.cast_unsigned());
        out.number(self.changed.cast_unsigned());
        out.number(self.device);
        out.number(self.inode);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some(Identity {
            size: input.number()?,
            modified: input.number()?.cast_signed(),
            changed: input.number()?.cast_signed(),
            device: input.number()?,
            inode: input.number()?,
        })
    }

    /// Whether any change after `now` changes the times.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        self.modified.max(self.changed) < nanoseconds(now) - whole(TICK)
    }
}

/// Whether the identity of a source file can represent its content. On Windows a tool that keeps times
/// (`unzip`, `robocopy`) could replace a file unnoticed.
pub(crate) const IDENTIFIES_CONTENT: bool = cfg!(unix);

fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => -whole(before.duration()),
    }
}

fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_just_now_or_in_the_future_is_not_settled() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |modified: i64, changed: i64| Identity {
            size: 1,
            modified: modified * 1_000_000_000,
            changed: changed * 1_000_000_000,
            device: 1,
            inode: 1,
        };
        assert!(at(999_990, 999_990).is_settled(now));
        assert!(!at(999_998, 999_998).is_settled(now));
        // Its times were set: the time of change is still its own.
        assert!(!at(5, 999_998).is_settled(now));
        assert!(!at(2_000_000, 5).is_settled(now));
    }
}
