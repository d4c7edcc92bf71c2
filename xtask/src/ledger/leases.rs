//! The leases of a machine: one JSON file, read and written under a lock that the kernel releases
//! with its holder, and always replaced atomically.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::error::{Context, Error, Result};
use crate::model::{Leases, Tenant};

/// The open ledger, locked against changes by others.
#[derive(Debug)]
pub struct Ledger {
    pub leases: Leases,
    /// The new path of a file that could not be read; the ledger is new then.
    pub set_aside: Option<PathBuf>,
    path: PathBuf,
    /// The file as it was read, to detect changes. Copying the leases would take as long as reading
    /// them.
    read: Option<Vec<u8>>,
    _lock: File,
}

/// A file is locked for milliseconds; only a suspended process holds it longer.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// The schema that this version reads and writes.
const SCHEMA: u32 = 1;

#[derive(Deserialize)]
struct Document {
    schema: u32,
    tenants: Vec<Tenant>,
}

impl Ledger {
    /// Opens the ledger of the folder `state`; waits for the lock.
    pub fn open(state: &Path) -> Result<Ledger> {
        disk::private_folder(state)?;
        let lock = disk::lock(&state.join("leases.lock"), LIMIT)?;
        let path = path(state);
        let read = disk::read_own(&path)?;
        let known = read.as_ref().map_or_else(|| Ok(Some(Leases::default())), |bytes| decode(bytes, &path));
        let (leases, set_aside) = match known? {
            Some(leases) => (leases, None),
            None => (Leases::default(), Some(set_aside(&path)?)),
        };
        Ok(Ledger { read, leases, set_aside, path, _lock: lock })
    }

    /// Reads the leases without a lock, for display. Empty if the file cannot be read.
    pub fn peek(state: &Path) -> Leases {
        read(&path(state)).ok().flatten().unwrap_or_default()
    }

    /// Writes changes, if there are any, and releases the lock.
    pub fn close(self) -> Result<()> {
        let bytes = encode(&self.leases)?;
        // An empty ledger without a file is no change either.
        let same = self.read.as_ref().map_or(self.leases.tenants.is_empty(), |read| *read == bytes);
        if same && self.set_aside.is_none() {
            return Ok(());
        }
        disk::write_atomic(&self.path, &bytes)
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("leases.json")
}

/// `None` if the file is not a ledger.
fn read(path: &Path) -> Result<Option<Leases>> {
    disk::read_own(path)?.map_or_else(|| Ok(Some(Leases::default())), |bytes| decode(&bytes, path))
}

/// Decodes the bytes of the file `path`; `None` if they are not a ledger, an error if a newer version
/// wrote them.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Option<Leases>> {
    match serde_json::from_slice::<Document>(bytes) {
        Ok(Document { schema: SCHEMA, tenants }) => Ok(Some(Leases { tenants })),
        Ok(Document { schema, .. }) => Err(newer(path, schema)),
        Err(_) => match serde_json::from_slice(bytes) {
            Ok(Version { schema }) if schema > SCHEMA => Err(newer(path, schema)),
            _ => Ok(None),
        },
    }
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

pub(super) fn newer(path: &Path, schema: u32) -> Error {
    Error::new(format!("`{}` has schema {schema}, and this version reads schema {SCHEMA}", path.display()))
        .hint("another checkout has a newer `cargo xtask`: update this one, or set XTASK_STATE_DIR to another folder")
}

pub(super) fn set_aside(path: &Path) -> Result<PathBuf> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let to = path.with_file_name(format!("{name}.broken-{since}"));
    std::fs::rename(path, &to).context(format!("set `{}` aside", path.display()))?;
    Ok(to)
}

/// Encodes the leases, one line per tenant: short and readable.
pub fn encode(leases: &Leases) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Line<'a>(&'a Tenant);
    let mut text = format!("{{\"schema\":{SCHEMA},\"tenants\":[").into_bytes();
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
        let mut ledger = Ledger::open(state.path()).unwrap();
        let tenant = ledger.leases.tenant_mut("demo", Path::new("/src/demo"));
        tenant.range = PortRange::new(8010, 8019);
        tenant.starting = Some(Starter { pid: 1, mark: 2 });
        tenant.leases.push(lease("web", 8010));
        ledger.leases.tenant_mut("other", Path::new("/src/\"odd\"\n")).leases.push(lease("web", 8020));
        let written = ledger.leases.clone();
        ledger.close().unwrap();
        assert_eq!(Ledger::peek(state.path()), written);
        assert_eq!(Ledger::open(state.path()).unwrap().leases, written);
    }

    #[test]
    fn nothing_changed_is_nothing_written() {
        let state = tempfile::tempdir().unwrap();
        Ledger::open(state.path()).unwrap().close().unwrap();
        assert!(!path(state.path()).exists());
    }

    #[test]
    fn a_file_cut_anywhere_is_set_aside_and_kept() {
        let state = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(state.path()).unwrap();
        ledger.leases.tenant_mut("demo", Path::new("/src/demo")).leases.push(lease("web", 8010));
        ledger.close().unwrap();
        let whole = std::fs::read(path(state.path())).unwrap();
        // Complete without the last line break.
        for length in 0..whole.len() - 1 {
            std::fs::write(path(state.path()), &whole[..length]).unwrap();
            assert_eq!(Ledger::peek(state.path()), Leases::default());
            let ledger = Ledger::open(state.path()).unwrap();
            assert_eq!(std::fs::read(ledger.set_aside.as_ref().unwrap()).unwrap(), &whole[..length]);
        }
    }

    #[test]
    fn a_newer_file_is_refused_and_left() {
        let state = tempfile::tempdir().unwrap();
        for newer in [r#"{"schema":2,"tenants":[]}"#, r#"{"schema":2,"other":{}}"#] {
            std::fs::write(path(state.path()), newer).unwrap();
            let error = Ledger::open(state.path()).unwrap_err();
            assert!(error.message().contains("schema 2"), "{error}");
            assert_eq!(std::fs::read_to_string(path(state.path())).unwrap(), newer);
        }
    }
}
