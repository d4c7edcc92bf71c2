//! Which folder each project name belongs to: `checkouts.json` beside the ledger.
//!
//! Separate from `leases.json`: older versions read and write that file, and would drop unknown
//! fields.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::leases::{LIMIT, newer, set_aside};
use crate::disk;
use crate::error::{Context, Result};
use crate::model::{CheckoutRecord, FolderId, Leases, NameOrigin};
use crate::parse::compose::normalise_name;

const FILE: &str = "checkouts.json";
const SCHEMA: u32 = 1;
/// A record without volumes, whose folder is gone, is dropped after so many days: a branch may be
/// checked out again.
const UNUSED: u64 = 90;
/// More checkouts than anybody has; a record has some 300 bytes.
const MOST: usize = 5000;

#[derive(Deserialize)]
struct Document {
    schema: u32,
    checkouts: Vec<CheckoutRecord>,
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Reads the records without a lock. Empty if the file cannot be read; in order of their last use.
pub fn peek(state: &Path) -> Vec<CheckoutRecord> {
    let bytes = disk::read_own(&state.join(FILE)).ok().flatten();
    bytes.and_then(|bytes| decode(&bytes, Path::new(FILE)).ok().flatten()).unwrap_or_default()
}

/// Changes the records under the ledger's lock. Returns the new path of a damaged file, which was set
/// aside.
pub fn change(state: &Path, change: impl FnOnce(&mut Vec<CheckoutRecord>)) -> Result<Option<PathBuf>> {
    disk::private_folder(state)?;
    let _lock = disk::lock(&state.join("leases.lock"), LIMIT)?;
    let path = state.join(FILE);
    let read = disk::read_own(&path)?;
    let known = read.as_ref().map_or_else(|| Ok(Some(Vec::new())), |bytes| decode(bytes, &path))?;
    let (mut records, aside) = match known {
        Some(records) => (records, None),
        None => (Vec::new(), Some(set_aside(&path)?)),
    };
    change(&mut records);
    prune(&mut records, today());
    let bytes = encode(&records)?;
    let is_same = read.as_ref().map_or(records.is_empty(), |read| *read == bytes);
    if !is_same {
        disk::write_private(&path, &bytes)?;
    }
    Ok(aside)
}

/// `None` if the bytes are not such a file, an error if a newer version wrote them.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Option<Vec<CheckoutRecord>>> {
    let version = serde_json::from_slice::<Version>(bytes).map_or(0, |version| version.schema);
    if version > SCHEMA {
        return Err(newer(path, version));
    }
    let document = serde_json::from_slice::<Document>(bytes).ok();
    Ok(document.filter(|document| document.schema == SCHEMA).map(|document| document.checkouts))
}

/// One line per record, like the leases.
pub fn encode(records: &[CheckoutRecord]) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Line<'a>(&'a CheckoutRecord);
    let mut text = format!("{{\"schema\":{SCHEMA},\"checkouts\":[").into_bytes();
    for (i, record) in records.iter().enumerate() {
        text.extend(if i == 0 { "\n".as_bytes() } else { ",\n".as_bytes() });
        serde_json::to_writer(&mut text, &Line(record)).context("write the records of checkouts")?;
    }
    text.extend(b"\n]}\n");
    Ok(text)
}

/// Days since 1970.
pub fn today() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
        / Duration::from_hours(24).as_secs()
}

/// Never drops a record that has volumes, unless there are more records than anybody has checkouts.
fn prune(records: &mut Vec<CheckoutRecord>, today: u64) {
    let is_old = |record: &CheckoutRecord| record.day.saturating_add(UNUSED) < today;
    records.retain(|record| !(record.volumes.is_empty() && is_old(record)) || disk::is_folder(&record.dir));
    let surplus = records.len().saturating_sub(MOST);
    records.drain(..surplus);
}

/// Adds what is known about a start: the last record of its folder is the one used last. The name
/// belongs to no folder that is gone any more.
pub fn record(records: &mut Vec<CheckoutRecord>, new: CheckoutRecord, is_there: &dyn Fn(&Path) -> bool) {
    let at = records.iter().position(|old| old.project == new.project && old.dir == new.dir);
    let old = at.map(|at| records.remove(at));
    let new = match old {
        // A name given for this run doesn't change what the folder is called without it.
        Some(old) if new.origin == NameOrigin::Given => {
            let (former, origin) = (old.former, old.origin);
            CheckoutRecord { former, origin, ..new }
        }
        Some(old) => CheckoutRecord { former: old.former, ..new },
        None => new,
    };
    records.retain(|old| old.project != new.project || is_there(&old.dir));
    records.push(new);
}

/// Adds projects that only have leases: an older version started them.
pub fn add_leased(records: &mut Vec<CheckoutRecord>, leases: &Leases, id: &dyn Fn(&Path) -> Option<FolderId>) {
    for tenant in leases.tenants.iter().filter(|tenant| tenant.is_stack() && tenant.dir.to_str().is_some()) {
        // Of several names nothing says which were for one run.
        let of_folder = leases.tenants.iter().filter(|other| other.is_stack() && other.dir == tenant.dir);
        if of_folder.count() > 1 || records.iter().any(|record| record.dir == tenant.dir) {
            continue;
        }
        // Without the folder there is nothing to know it by later.
        let Some(folder) = id(&tenant.dir) else { continue };
        let folder_name = tenant.dir.file_name().unwrap_or_default().to_string_lossy();
        let is_derived = normalise_name(&folder_name) == tenant.project;
        let record = CheckoutRecord {
            project: tenant.project.clone(),
            dir: tenant.dir.clone(),
            folder: Some(folder),
            former: Vec::new(),
            origin: if is_derived { NameOrigin::Folder } else { NameOrigin::EnvFile },
            repository: None,
            services: String::new(),
            volumes: Vec::new(),
            day: today(),
        };
        // Older than what this version has recorded.
        records.insert(0, record);
    }
}

/// A folder that is at another path now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderMove {
    pub project: String,
    pub from: PathBuf,
    pub to: PathBuf,
    /// The folder as it was recorded.
    pub folder: Option<FolderId>,
}

/// Applies moves. All at once, because two folders may have changed places.
pub fn move_folders(records: &mut [CheckoutRecord], moves: &[FolderMove]) {
    for record in records {
        let is_it = |step: &&FolderMove| {
            step.project == record.project && step.from == record.dir && step.folder == record.folder
        };
        if let Some(step) = moves.iter().find(is_it) {
            record.move_to(&step.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(project: &str, dir: &str, volumes: &[&str]) -> CheckoutRecord {
        CheckoutRecord {
            project: project.into(),
            dir: dir.into(),
            folder: Some(FolderId { device: 1, file: dir.to_owned(), born: Some(u64::MAX) }),
            former: Vec::new(),
            origin: NameOrigin::Folder,
            repository: None,
            services: String::new(),
            volumes: volumes.iter().map(|name| (*name).to_owned()).collect(),
            day: today(),
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_is_the_owner_s_alone() {
        let state = tempfile::tempdir().unwrap();
        let records = vec![entry("a", "/src/a", &["a_data"]), entry("b", "/src/\"odd\"\n", &[])];
        assert_eq!(change(state.path(), |all| all.clone_from(&records)).unwrap(), None);
        assert_eq!(peek(state.path()), records);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(state.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_recorded_is_nothing_written() {
        let state = tempfile::tempdir().unwrap();
        change(state.path(), |_| {}).unwrap();
        assert!(!state.path().join(FILE).exists());
    }

    #[test]
    fn a_file_cut_anywhere_is_set_aside_and_kept() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(FILE);
        change(state.path(), |all| all.push(entry("a", "/src/a", &["a_data"]))).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.trim_ascii_end().len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(peek(state.path()), [], "{length}");
            let aside = change(state.path(), |all| all.push(entry("b", "/src/b", &[]))).unwrap().unwrap();
            assert_eq!(std::fs::read(&aside).unwrap(), whole[..length]);
            assert_eq!(peek(state.path()).len(), 1, "{length}");
            std::fs::remove_file(aside).unwrap();
        }
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let newer = "{\"schema\":2,\"checkouts\":\"other\"}";
        std::fs::write(state.path().join(FILE), newer).unwrap();
        assert_eq!(peek(state.path()), []);
        assert!(change(state.path(), |all| all.push(entry("a", "/a", &[]))).is_err());
        assert_eq!(std::fs::read_to_string(state.path().join(FILE)).unwrap(), newer);
    }

    #[test]
    fn a_later_version_s_words_and_fields_are_no_damage() {
        let text = r#"{"schema":1,"checkouts":[{"project":"a","dir":"/a","origin":"by_magic","more":1}]}"#;
        let read = decode(text.as_bytes(), Path::new(FILE)).unwrap().unwrap();
        assert_eq!((read[0].origin, read[0].volumes.len()), (NameOrigin::Folder, 0));
    }

    #[test]
    fn only_unused_records_without_volumes_go() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path().to_str().unwrap();
        let old = |record: CheckoutRecord| CheckoutRecord { day: today() - UNUSED - 1, ..record };
        let mut records = vec![
            old(entry("gone", "/no/such/folder", &[])),
            old(entry("data", "/no/such/folder", &["data_db"])),
            old(entry("here", here, &[])),
            entry("fresh", "/no/such/folder", &[]),
        ];
        prune(&mut records, today());
        let left: Vec<&str> = records.iter().map(|record| record.project.as_str()).collect();
        assert_eq!(left, ["data", "here", "fresh"]);
        let mut many: Vec<CheckoutRecord> = (0..MOST + 3).map(|n| entry(&n.to_string(), "/no", &["v"])).collect();
        prune(&mut many, today());
        assert_eq!((many.len(), many[0].project.as_str()), (MOST, "3"));
    }

    #[test]
    fn the_last_start_is_last_and_takes_the_name_of_folders_that_are_gone() {
        let mut records = vec![entry("a", "/old", &[]), entry("a", "/src", &[]), entry("b", "/src", &[])];
        records[1].move_to(Path::new("/src2"));
        records[1].move_to(Path::new("/src"));
        let given = CheckoutRecord { origin: NameOrigin::Given, ..entry("a", "/src", &["a_v"]) };
        record(&mut records, given, &|path| path != Path::new("/old"));
        let names: Vec<&str> = records.iter().map(|record| record.project.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!((records[1].origin, records[1].former.len()), (NameOrigin::Folder, 1));
        record(&mut records, entry("a", "/copy", &[]), &|_| true);
        assert_eq!(records.len(), 3, "two folders that exist keep a record each");
    }

    #[test]
    fn what_an_older_version_started_is_added_once_and_as_older() {
        let mut leases = Leases::default();
        leases.tenant_mut("shop", Path::new("/src/Shop"));
        leases.tenant_mut("shop-login", Path::new("/src/login"));
        leases.tenant_mut("gone", Path::new("/gone"));
        leases.tenant_mut("one", Path::new("/src/two"));
        leases.tenant_mut("two", Path::new("/src/two"));
        leases.tenant_mut("old", Path::new("/src/new"));
        let id = |path: &Path| (path != Path::new("/gone")).then(|| entry("", "/x", &[]).folder.unwrap());
        let mut records = vec![entry("new", "/src/new", &[])];
        for _ in 0..2 {
            add_leased(&mut records, &leases, &id);
        }
        let found: Vec<(&str, NameOrigin)> = records.iter().map(|one| (one.project.as_str(), one.origin)).collect();
        let want = [("shop-login", NameOrigin::EnvFile), ("shop", NameOrigin::Folder), ("new", NameOrigin::Folder)];
        assert_eq!(found, want);
    }

    #[test]
    fn two_folders_that_changed_places_keep_their_names() {
        let mut records = vec![entry("a", "/a", &[]), entry("b", "/b", &[])];
        let step = |project: &str, from: &str, to: &str| FolderMove {
            project: project.into(),
            from: from.into(),
            to: to.into(),
            folder: Some(FolderId { device: 1, file: from.to_owned(), born: Some(u64::MAX) }),
        };
        move_folders(&mut records, &[step("a", "/a", "/b"), step("b", "/b", "/a")]);
        assert_eq!((records[0].dir.as_path(), records[1].dir.as_path()), (Path::new("/b"), Path::new("/a")));
    }
}
