//! The leases of this machine: one JSON file, read and written under a lock
//! that the kernel ends with its holder, and replaced whole, so that it is
//! never half of anything.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::error::{Context, Error, Result};
use crate::model::{Leases, Tenant};

/// The book, open: nobody else changes it meanwhile.
#[derive(Debug)]
pub struct Book {
    /// Everything in it, to be read and changed.
    pub leases: Leases,
    /// Where a file that could not be read was put; the book began anew then.
    pub set_aside: Option<PathBuf>,
    path: PathBuf,
    /// The file as it was read. A copy of the leases would cost as much as
    /// reading them did.
    read: Option<String>,
    _lock: File,
}

/// What this version reads and writes.
const SCHEMA: u32 = 1;
/// Who has it has it for milliseconds; only a process that was stopped keeps it.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Document {
    schema: u32,
    tenants: Vec<Tenant>,
}

impl Book {
    /// Opens the book of the folder `state`, waiting for whoever has it.
    pub fn open(state: &Path) -> Result<Book> {
        Book::open_within(state, LIMIT)
    }

    fn open_within(state: &Path, limit: Duration) -> Result<Book> {
        std::fs::create_dir_all(state).context(format!("make `{}`", state.display()))?;
        let lock = lock(&state.join("leases.lock"), limit)?;
        let path = path(state);
        let read = text(&path)?;
        let (leases, set_aside) = match parse(&path, read.as_deref())? {
            Some(leases) => (leases, None),
            None => (Leases::default(), Some(set_aside(&path)?)),
        };
        Ok(Book { read, leases, set_aside, path, _lock: lock })
    }

    /// What the book says now, without a lock: good for showing. A file that
    /// cannot be read says nothing here.
    pub fn peek(state: &Path) -> Leases {
        let path = path(state);
        text(&path).and_then(|text| parse(&path, text.as_deref())).ok().flatten().unwrap_or_default()
    }

    /// Writes the changes, if there are any, and lets go of the book.
    pub fn close(self) -> Result<()> {
        let read = self.read.as_deref().unwrap_or_default();
        let bytes = render(&self.leases, read.len())?;
        // Without a file an empty book is no change either.
        let same = bytes == read.as_bytes() || self.read.is_none() && self.leases.tenants.is_empty();
        if same && self.set_aside.is_none() {
            return Ok(());
        }
        disk::write_atomic(&self.path, &bytes)
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("leases.json")
}

fn lock(path: &Path, limit: Duration) -> Result<File> {
    let lock = File::create(path).context(format!("open `{}`", path.display()))?;
    let deadline = Instant::now() + limit;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => {
                let seconds = limit.as_secs();
                return Err(Error::new(format!("`{}` has been locked for {seconds} s", path.display()))
                    .hint("a `cargo xtask` that was suspended (Ctrl-Z) keeps it: `fg`, or end it"));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Error::new(format!("`{}` cannot be locked: {error}", path.display()))
                    .hint("some network filesystems know no locks: set XTASK_STATE_DIR to a folder of a local disk"));
            }
        }
    }
}

/// `None` where there is no file. What is no UTF-8 is no book either.
fn text(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_default())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(format!("failed to read `{}`: {error}", path.display()))),
    }
}

/// `None` where there is a file and it is not a book.
fn parse(path: &Path, text: Option<&str>) -> Result<Option<Leases>> {
    let Some(text) = text else { return Ok(Some(Leases::default())) };
    match serde_json::from_str::<Document>(text) {
        Ok(Document { schema: SCHEMA, tenants }) => Ok(Some(Leases { tenants })),
        Ok(Document { schema, .. }) => Err(newer(path, schema)),
        Err(_) => match serde_json::from_str(text) {
            Ok(Version { schema }) if schema > SCHEMA => Err(newer(path, schema)),
            _ => Ok(None),
        },
    }
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

fn newer(path: &Path, schema: u32) -> Error {
    Error::new(format!("`{}` is of schema {schema}, and this version reads schema {SCHEMA}", path.display()))
        .hint("another checkout has a newer `cargo xtask`: update this one, or set XTASK_STATE_DIR to another folder")
}

fn set_aside(path: &Path) -> Result<PathBuf> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let to = path.with_file_name(format!("leases.json.broken-{since}"));
    std::fs::rename(path, &to).context(format!("set `{}` aside", path.display()))?;
    Ok(to)
}

/// A line a tenant: short, and a person can read it. About as long as before.
fn render(leases: &Leases, before: usize) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Line<'a>(&'a Tenant);
    let mut text = Vec::with_capacity(before + 4096);
    text.extend(format!("{{\"schema\":{SCHEMA},\"tenants\":[").bytes());
    for (i, tenant) in leases.tenants.iter().enumerate() {
        text.extend(if i == 0 { "\n".as_bytes() } else { ",\n".as_bytes() });
        serde_json::to_writer(&mut text, &Line(tenant)).context("write the leases")?;
    }
    text.extend(b"\n]}\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Lease, PortRange, Protocol, Starter};

    fn lease(service: &str, published: u16) -> Lease {
        Lease::new(service, 80, Protocol::Tcp, published, "2026-01-01T00:00:00Z".to_owned())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let state = tempfile::tempdir().unwrap();
        let mut book = Book::open(state.path()).unwrap();
        let tenant = book.leases.tenant_mut("demo", Path::new("/src/demo"));
        tenant.range = PortRange::new(8010, 8019);
        tenant.starting = Some(Starter { pid: 1, mark: 2 });
        tenant.leases.push(lease("web", 8010));
        book.leases.tenant_mut("other", Path::new("/src/\"odd\"\n")).leases.push(lease("web", 8020));
        let written = book.leases.clone();
        book.close().unwrap();
        assert_eq!(Book::peek(state.path()), written);
        assert_eq!(Book::open(state.path()).unwrap().leases, written);
    }

    #[test]
    fn nothing_changed_is_nothing_written() {
        let state = tempfile::tempdir().unwrap();
        Book::open(state.path()).unwrap().close().unwrap();
        assert!(!path(state.path()).exists());
    }

    #[test]
    fn a_file_cut_anywhere_is_set_aside_and_kept() {
        let state = tempfile::tempdir().unwrap();
        let mut book = Book::open(state.path()).unwrap();
        book.leases.tenant_mut("demo", Path::new("/src/demo")).leases.push(lease("web", 8010));
        book.close().unwrap();
        let whole = std::fs::read(path(state.path())).unwrap();
        // Without the last line break it is whole.
        for length in 0..whole.len() - 1 {
            std::fs::write(path(state.path()), &whole[..length]).unwrap();
            assert_eq!(Book::peek(state.path()), Leases::default());
            let book = Book::open(state.path()).unwrap();
            assert_eq!(std::fs::read(book.set_aside.as_ref().unwrap()).unwrap(), &whole[..length]);
        }
    }

    #[test]
    fn a_newer_file_is_refused_and_left() {
        let state = tempfile::tempdir().unwrap();
        for newer in [r#"{"schema":2,"tenants":[]}"#, r#"{"schema":2,"other":{}}"#] {
            std::fs::write(path(state.path()), newer).unwrap();
            let error = Book::open(state.path()).unwrap_err();
            assert!(error.message().contains("schema 2"), "{error}");
            assert_eq!(std::fs::read_to_string(path(state.path())).unwrap(), newer);
        }
    }

    #[test]
    fn who_waits_too_long_is_told_why() {
        let state = tempfile::tempdir().unwrap();
        let _book = Book::open(state.path()).unwrap();
        let error = Book::open_within(state.path(), Duration::from_millis(10)).unwrap_err();
        assert!(error.hints()[0].contains("Ctrl-Z"), "{error}");
    }
}
