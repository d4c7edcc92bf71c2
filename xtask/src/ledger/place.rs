//! The folder of a machine's ledger.

use std::path::{Path, PathBuf};

/// The folder with the leases of ports on `host`, below the state folder; without a host, the state
/// folder itself for this machine.
///
/// A port belongs to a machine, so each machine has its own ledger in the same format: leases for a
/// remote engine take no ports from this machine and vice versa, even for older versions of this
/// program. Two engines at one address share the machine's ports and so the ledger, whatever the
/// scheme (`ssh://ann@box`, `tcp://box:2376`).
pub fn ledger_dir(state: &Path, host: Option<&str>) -> PathBuf {
    let Some(host) = host else { return state.to_path_buf() };
    // A host's name must never be read as a path. `[fe80::1]` becomes `_fe80__1_`.
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = host.chars().map(|c| if c == '.' { c } else { plain(c.to_ascii_lowercase()) }).collect();
    // No host is called so, but `..` would leave the folder.
    state.join("engines").join(format!("at-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_has_a_folder_and_no_name_leads_elsewhere() {
        let of = |host: &str| ledger_dir(Path::new("/s"), Some(host));
        assert_eq!(ledger_dir(Path::new("/s"), None), Path::new("/s"));
        assert_eq!(of("Box.Lan"), Path::new("/s/engines/at-box.lan"));
        assert_eq!(of("[fe80::1]"), Path::new("/s/engines/at-_fe80__1_"));
        for odd in ["..", "../..", "a/b", "a\\b", "", "C:", "\0"] {
            assert_eq!(of(odd).parent(), Some(Path::new("/s/engines")), "{odd:?}");
            assert!(of(odd).file_name().is_some_and(|name| name.to_string_lossy().starts_with("at-")));
        }
    }
}
