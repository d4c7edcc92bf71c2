//! A certificate authority of this machine for `*.localhost`, and a certificate per project. Pure
//! Rust: nothing here compiles C.
//!
//! ```text
//! ca/ca.crt ca/ca.key      the CA: what `proxy trust` trusts; the key never leaves
//! certs/NAME.crt, .key     what the proxy serves; only this folder is mounted
//! issued/NAME.json         names and expiry of each, so that nothing has to be parsed
//! ```

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod constraints;
mod issue;
mod key;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pem_rfc7468::LineEnding;
use serde::{Deserialize, Serialize};

use crate::disk;
use crate::error::{Context, Result};
use issue::seconds;
use key::Key;

pub use issue::CA_NAME;

/// A certificate that expires sooner is renewed.
const RENEW: Duration = Duration::from_hours(30 * 24);
/// Issuing takes less than a second.
const LIMIT: Duration = Duration::from_secs(30);

/// The folder of all certificates.
#[derive(Debug, Clone)]
pub struct Certs {
    dir: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Its files' name.
    #[serde(default)]
    pub name: String,
    pub hosts: Vec<String>,
    /// Expiry in seconds since 1970.
    pub ends: u64,
    /// Key identifier of the CA that signed it.
    issuer: String,
    /// For a CA: the version of its content, see [`issue::FORM`].
    #[serde(default)]
    form: u32,
}

/// Result of [`Certs::ensure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was valid already.
    None,
    /// A new certificate, which the proxy has to read.
    Certificate,
    /// Also a new CA, which has to be trusted.
    Authority,
    /// Also a new CA, because the old one was valid for more than needed: its key is gone, and the new one
    /// has to be trusted.
    Renewed,
}

impl Change {
    /// Whether there is a new CA.
    pub fn is_authority(self) -> bool {
        matches!(self, Change::Authority | Change::Renewed)
    }
}

impl Issued {
    pub fn ends_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.ends)
    }
}

impl Certs {
    pub fn new(dir: impl Into<PathBuf>) -> Certs {
        Certs { dir: dir.into() }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("ca").join("ca.crt")
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.join("certs")
    }

    /// Ensures that there is a certificate `name` for exactly `hosts` that is valid for a while. Concurrent
    /// calls wait for each other.
    pub fn ensure(&self, name: &str, hosts: &[String], now: SystemTime) -> Result<Change> {
        for folder in ["ca", "certs", "issued"] {
            disk::private_folder(&self.dir.join(folder))?;
        }
        let _lock = disk::lock(&self.dir.join("certs.lock"), LIMIT)?;
        let name = file_name(name);
        let (authority, made) = self.authority(now)?;
        let issuer = hex(&authority.id());
        let mut hosts = hosts.to_vec();
        hosts.sort();
        hosts.dedup();
        let [certificate, secret] = ["crt", "key"].map(|end| self.folder().join(format!("{name}.{end}")));
        let record = self.dir.join("issued").join(format!("{name}.json"));
        let known = read(&record).filter(|_| certificate.is_file() && secret.is_file());
        let good = |known: Issued| {
            known.hosts == hosts && known.issuer == issuer && is_valid_long_enough(known.ends, issue::LEAF_DAYS, now)
        };
        if known.is_some_and(good) {
            return Ok(made.unwrap_or(Change::None));
        }
        let key = Key::generate()?;
        let (leaf, ends) = issue::leaf(&key, &hosts, &authority, now)?;
        // If this is interrupted, there is no record, and it is done again.
        drop(fs::remove_file(&record));
        disk::write_private(&secret, key.pem()?.as_bytes())?;
        disk::write_atomic(&certificate, pem(leaf.der())?.as_bytes())?;
        let issued = Issued { name: name.clone(), hosts, ends, issuer, form: 0 };
        disk::write_atomic(&record, &serde_json::to_vec_pretty(&issued).context("write what was issued")?)?;
        Ok(made.unwrap_or(Change::Certificate))
    }

    /// All certificates, by name.
    pub fn list(&self) -> Vec<Issued> {
        let entries = fs::read_dir(self.dir.join("issued")).into_iter().flatten().flatten();
        let mut list: Vec<Issued> = entries.filter_map(|entry| read(&entry.path())).collect();
        list.retain(|issued| self.folder().join(format!("{}.crt", issued.name)).is_file());
        list.sort_by(|one, two| one.name.cmp(&two.name));
        list
    }

    /// The certificates (DER) for `host`, which two projects may claim.
    pub fn for_host(&self, host: &str) -> Vec<Vec<u8>> {
        let issued = self.list().into_iter().filter(|issued| issued.hosts.iter().any(|known| known == host));
        let pem = issued.filter_map(|issued| fs::read(self.folder().join(format!("{}.crt", issued.name))).ok());
        pem.filter_map(|pem| pem_rfc7468::decode_vec(&pem).ok().map(|(_, der)| der)).collect()
    }

    /// The CA's key. Creates a new CA, and reports it, if there is none, if it expires soon, or if its
    /// certificate permits too much.
    fn authority(&self, now: SystemTime) -> Result<(Key, Option<Change>)> {
        let secret = self.dir.join("ca").join("ca.key");
        let record = self.dir.join("ca").join("ca.json");
        let known = read(&record)
            .filter(|known| is_valid_long_enough(known.ends, issue::CA_DAYS, now) && self.ca_file().is_file());
        let is_of_old = known.as_ref().is_some_and(|known| known.form < issue::FORM);
        if let (Some(known), Ok(pem)) = (known.filter(|_| !is_of_old), fs::read_to_string(&secret)) {
            let key = Key::from_pem(&pem).map_err(|error| {
                error.within(secret.display()).hint("remove that file: a new CA is made, and has to be trusted again")
            })?;
            if hex(&key.id()) == known.issuer {
                return Ok((key, None));
            }
        }
        let key = Key::generate()?;
        let (certificate, ends) = issue::ca(&key, now)?;
        drop(fs::remove_file(&record));
        disk::write_private(&secret, key.pem()?.as_bytes())?;
        disk::write_atomic(&self.ca_file(), pem(certificate.der())?.as_bytes())?;
        let issued =
            Issued { name: "ca".to_owned(), hosts: Vec::new(), ends, issuer: hex(&key.id()), form: issue::FORM };
        disk::write_atomic(&record, &serde_json::to_vec_pretty(&issued).context("write what was issued")?)?;
        Ok((key, Some(if is_of_old { Change::Renewed } else { Change::Authority })))
    }
}

/// `days` is the lifetime.
fn is_valid_long_enough(ends: u64, days: u64, now: SystemTime) -> bool {
    ends > seconds(now) + RENEW.as_secs() && !issue::is_from_future(ends, days, now)
}

/// `None` for a missing or damaged record.
fn read(record: &Path) -> Option<Issued> {
    serde_json::from_slice(&fs::read(record).ok()?).ok()
}

fn pem(der: &[u8]) -> Result<String> {
    pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, der).context("write a certificate")
}

/// A name must never be read as a path.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_made_once_and_anew_when_names_change_or_it_ends_soon() {
        let dir = tempfile::tempdir().unwrap();
        let certs = Certs::new(dir.path());
        let now = SystemTime::now();
        let file = || fs::read(certs.folder().join("p_1.crt")).unwrap();
        assert_eq!(certs.ensure("p.1", &hosts(&["b.localhost", "a.localhost"]), now).unwrap(), Change::Authority);
        let first = file();
        assert_eq!(certs.ensure("p.1", &hosts(&["a.localhost", "b.localhost"]), now).unwrap(), Change::None);
        assert_eq!(file(), first);
        assert_eq!(certs.list()[0].hosts, ["a.localhost", "b.localhost"]);

        assert_eq!(certs.ensure("p.1", &hosts(&["a.localhost"]), now).unwrap(), Change::Certificate);
        let second = file();
        assert_ne!(second, first);
        let later = now + DAY * 790;
        assert_eq!(certs.ensure("p.1", &hosts(&["a.localhost"]), later).unwrap(), Change::None);
        let later = now + DAY * 800;
        assert_eq!(certs.ensure("p.1", &hosts(&["a.localhost"]), later).unwrap(), Change::Certificate);
        assert_ne!(file(), second);
        // The CA expires too, and with it its certificates.
        let later = now + DAY * 3640;
        assert_eq!(certs.ensure("q", &hosts(&["q.localhost"]), later).unwrap(), Change::Authority);
        assert_eq!(certs.ensure("p.1", &hosts(&["a.localhost"]), later).unwrap(), Change::Certificate);
    }

    /// With a record from an earlier version.
    #[test]
    fn a_ca_that_may_do_more_than_it_needs_is_renewed_once() {
        let dir = tempfile::tempdir().unwrap();
        let certs = Certs::new(dir.path());
        let again = || certs.ensure("p", &hosts(&["p.localhost"]), SystemTime::now()).unwrap();
        assert_eq!(again(), Change::Authority);
        let record = dir.path().join("ca/ca.json");
        let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        old.as_object_mut().unwrap().remove("form").unwrap();
        fs::write(&record, old.to_string()).unwrap();
        let key = fs::read(dir.path().join("ca/ca.key")).unwrap();
        assert_eq!((again(), again()), (Change::Renewed, Change::None));
        assert_ne!(fs::read(dir.path().join("ca/ca.key")).unwrap(), key);
    }

    /// Certificates issued while the clock was ahead are not valid yet.
    #[test]
    fn what_was_made_in_the_future_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let certs = Certs::new(dir.path());
        let now = SystemTime::now();
        let ahead = now + DAY * 400;
        assert_eq!(certs.ensure("p", &hosts(&["p.localhost"]), ahead).unwrap(), Change::Authority);
        assert_eq!(certs.ensure("p", &hosts(&["p.localhost"]), now).unwrap(), Change::Authority);
        // An hour is within the day that clocks may differ.
        let back = now - Duration::from_hours(1);
        assert_eq!(certs.ensure("p", &hosts(&["p.localhost"]), back).unwrap(), Change::None);
        assert_eq!(certs.ensure("p", &hosts(&["p.localhost"]), now).unwrap(), Change::None);
    }

    #[test]
    fn what_is_damaged_or_half_written_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let certs = Certs::new(dir.path());
        let now = SystemTime::now();
        let again = || certs.ensure("p", &hosts(&["p.localhost"]), now);
        again().unwrap();
        fs::remove_file(certs.folder().join("p.key")).unwrap();
        assert_eq!(again().unwrap(), Change::Certificate);
        fs::write(dir.path().join("issued/p.json"), "{").unwrap();
        assert_eq!(again().unwrap(), Change::Certificate);
        fs::write(dir.path().join("ca/ca.key"), "no key").unwrap();
        let error = again().unwrap_err();
        assert!(error.message().contains("ca.key") && error.hints()[0].contains("remove"), "{error}");
        fs::remove_file(dir.path().join("ca/ca.key")).unwrap();
        assert_eq!(again().unwrap(), Change::Authority);
    }

    #[cfg(unix)]
    #[test]
    fn keys_and_folders_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        Certs::new(dir.path()).ensure("p", &hosts(&["p.localhost"]), SystemTime::now()).unwrap();
        for (path, want) in [("ca", 0o700), ("ca/ca.key", 0o600), ("certs/p.key", 0o600), ("certs", 0o700)] {
            assert_eq!(fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777, want, "{path}");
        }
    }
}
