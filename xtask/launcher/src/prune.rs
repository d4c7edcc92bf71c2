//! Removes cached programs, so that the cache does not grow forever.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::about::About;
use crate::cache::{Cache, NOTE, remove};
use xtask_sha256::{Digest, hex};

/// Unused programs are removed after this time.
const AGE: Duration = Duration::from_hours(30 * 24);
/// Maximum number of programs.
const COUNT: usize = 10;
/// Maximum number per checkout: each edit creates one.
const COUNT_OF_A_CHECKOUT: usize = 3;
/// Unfinished files of killed processes are removed after this time.
const UNFINISHED: Duration = Duration::from_hours(1);

struct Found {
    name: String,
    used: SystemTime,
    checkout: Option<PathBuf>,
}

/// Removes old and surplus programs, except the one of `key` and those that are being built.
pub(crate) fn prune(cache: &Cache, key: &Digest, now: SystemTime) {
    let mut found = Vec::new();
    for entry in fs::read_dir(&cache.folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let age = |path: &Path| fs::symlink_metadata(path).and_then(|found| found.modified());
        if name.starts_with(".new-") || name.starts_with(".old-") {
            if age(&entry.path()).is_ok_and(|time| is_older(time, now, UNFINISHED)) {
                remove(&entry.path());
            }
        } else if is_entry(&name) {
            let note = entry.path().join(NOTE);
            let used = age(&note).or_else(|_| age(&entry.path())).unwrap_or(now);
            let checkout = fs::read(&note).ok().and_then(|bytes| About::read(&bytes)).map(|about| about.checkout);
            found.push(Found { name, used, checkout });
        }
    }
    for name in to_remove(found, &hex(key), now) {
        let Some(_lock) = cache.lock_of(&name) else { continue };
        let old = cache.folder.join(format!(".old-{}-{name}", std::process::id()));
        if fs::rename(cache.folder.join(&name), &old).is_ok() {
            remove(&old);
            cache.forget_lock(&name);
        }
    }
}

fn is_entry(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_older(time: SystemTime, now: SystemTime, age: Duration) -> bool {
    now.duration_since(time).is_ok_and(|since| since > age)
}

/// Names of the entries to remove.
fn to_remove(mut found: Vec<Found>, own: &str, now: SystemTime) -> Vec<String> {
    found.sort_by_key(|entry| std::cmp::Reverse(entry.used));
    // The entry of this run counts, but stays.
    found.sort_by_key(|entry| entry.name != own);
    let mut kept: Vec<&Found> = Vec::new();
    let mut gone = Vec::new();
    for entry in &found {
        let same = kept.iter().filter(|other| entry.checkout.is_some() && other.checkout == entry.checkout).count();
        let stays =
            entry.name == own || (!is_older(entry.used, now, AGE) && kept.len() < COUNT && same < COUNT_OF_A_CHECKOUT);
        if stays {
            kept.push(entry);
        } else {
            gone.push(entry.name.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, days: u64, checkout: &str) -> Found {
        let used = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * (1000 - days));
        Found { name: name.to_owned(), used, checkout: (!checkout.is_empty()).then(|| checkout.into()) }
    }

    fn gone(entries: Vec<Found>, own: &str) -> Vec<String> {
        to_remove(entries, own, SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 1000))
    }

    #[test]
    fn what_nobody_used_for_a_month_goes() {
        assert_eq!(gone(vec![found("a", 31, "/a"), found("b", 29, "/b"), found("own", 40, "/c")], "own"), ["a"]);
    }

    #[test]
    fn ten_stay_and_three_of_a_checkout() {
        let many = (0..12).map(|n| found(&format!("{n:02}"), n, &format!("/{n}"))).collect();
        assert_eq!(gone(many, "11"), ["09", "10"]);
        let edits = (0..5).map(|n| found(&format!("{n}"), n, "/w")).collect();
        assert_eq!(gone(edits, "0"), ["3", "4"]);
        assert_eq!(gone((0..5).map(|n| found(&format!("{n}"), n, "")).collect(), "0"), Vec::<String>::new());
    }

    #[test]
    fn only_entries_are_taken_for_entries() {
        assert!(is_entry(&"a0".repeat(32)));
        assert!(!is_entry("locks") && !is_entry(&"g".repeat(64)) && !is_entry(&"a".repeat(65)));
    }
}
