//! Paths without symbolic links, in the form that users and tools write.

use std::path::{Path, PathBuf};

/// The path without symbolic links; unchanged if it does not exist or its file system does not
/// answer.
pub fn real_path(path: &Path) -> PathBuf {
    let asked = path.to_path_buf();
    super::with_timeout(path, move || canonical(&asked).ok()).flatten().unwrap_or_else(|| path.to_path_buf())
}

/// The path without symbolic links; an error if it does not exist.
pub fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    std::fs::canonicalize(path).map(plain)
}

#[cfg(not(windows))]
fn plain(path: PathBuf) -> PathBuf {
    path
}

/// Windows returns `\\?\C:\src` and `\\?\UNC\server\share`, which `cd` refuses. Without the prefix
/// the path means the same if it follows the rules for ordinary paths: at most 259 characters,
/// no device name, no trailing dot or space in a name (learn.microsoft.com, "Naming Files,
/// Paths, and Namespaces").
#[cfg(windows)]
fn plain(path: PathBuf) -> PathBuf {
    use std::path::{Component, Prefix};
    const LONGEST: usize = 259;
    let mut components = path.components();
    let start = match components.next() {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::VerbatimDisk(letter) => format!("{}:", char::from(letter)),
            Prefix::VerbatimUNC(server, share) => format!(r"\\{}\{}", server.display(), share.display()),
            _ => return path,
        },
        _ => return path,
    };
    let mut short = PathBuf::from(start);
    for component in components {
        match component {
            Component::Normal(name) if !name.to_str().is_some_and(is_ordinary) => return path,
            other => short.push(other),
        }
    }
    if short.as_os_str().len() > LONGEST { path } else { short }
}

#[cfg(windows)]
fn is_ordinary(name: &str) -> bool {
    const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = ["COM", "LPT"].iter().filter_map(|device| stem.strip_prefix(device));
    let is_device = DEVICES.contains(&stem.as_str()) || numbered.into_iter().any(|rest| rest.chars().count() == 1);
    !is_device && !name.ends_with(['.', ' ']) && !name.contains(['/', '<', '>', ':', '"', '|', '?', '*'])
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_goes_where_it_means_nothing() {
        for (canonical, want) in [
            (r"\\?\C:\src\Größe 日本", r"C:\src\Größe 日本"),
            (r"\\?\C:\", r"C:\"),
            (r"\\?\UNC\server\share\src", r"\\server\share\src"),
            (r"C:\src", r"C:\src"),
            (r"\\?\C:\src\nul.txt", r"\\?\C:\src\nul.txt"),
            (r"\\?\C:\src\com1", r"\\?\C:\src\com1"),
            (r"\\?\C:\src\common", r"C:\src\common"),
            (r"\\?\C:\src\dot.", r"\\?\C:\src\dot."),
            (r"\\?\Volume{0}\src", r"\\?\Volume{0}\src"),
        ] {
            assert_eq!(plain(PathBuf::from(canonical)), PathBuf::from(want), "{canonical}");
        }
        let long = PathBuf::from(format!(r"\\?\C:\{}", "a".repeat(260)));
        assert_eq!(plain(long.clone()), long);
    }

    #[test]
    fn a_folder_that_is_there_is_written_as_people_do() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!real_path(dir.path()).display().to_string().starts_with(r"\\?\"));
        assert_eq!(real_path(&std::fs::canonicalize(dir.path()).unwrap()), real_path(dir.path()));
    }
}
