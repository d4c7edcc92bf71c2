//! Where the ledger of a machine's ports is.

use std::path::{Path, PathBuf};

/// The folder of the leases of the ports of `host`, below the state folder;
/// without a host those of this machine, in the state folder itself.
///
/// A port is a port of a machine. So each machine has a ledger of its own, in the
/// same format: what is kept at an engine elsewhere takes no port from this
/// machine, and the other way round, whoever reads it and however old the
/// program is. Two engines at one address share their ports, and so the ledger,
/// whatever way leads to them (`ssh://ann@box`, `tcp://box:2376`).
pub fn ledger_dir(state: &Path, host: Option<&str>) -> PathBuf {
    let Some(host) = host else { return state.to_path_buf() };
    // A name is no path, whoever chose it. `[fe80::1]` is `_fe80__1_`.
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = host.chars().map(|c| if c == '.' { c } else { plain(c.to_ascii_lowercase()) }).collect();
    // No host has such a name, but `..` is a way out.
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
