//! The part of Cargo.lock that one package depends on. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// A `[[package]]` of the lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    /// `name`, `name version` or `name version (source)`.
    dependencies: Vec<String>,
}

/// The entries that `root` depends on, sorted by name; `Err` says why they do not pin what is
/// built.
pub(crate) fn reached(lock: &str, root: &str) -> Result<String, String> {
    let packages = packages(lock)?;
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in &packages {
        by_name.entry(&package.name).or_default().push(package);
    }
    let start = packages.iter().find(|package| package.name == root && package.source.is_none());
    let start = start.ok_or_else(|| format!("Cargo.lock does not have `{root}`"))?;
    let mut reached = BTreeSet::from([start]);
    let mut queue = vec![start];
    while let Some(package) = queue.pop() {
        for dependency in &package.dependencies {
            for found in matching(&by_name, dependency)? {
                if reached.insert(found) {
                    queue.push(found);
                }
            }
        }
    }
    let mut text = String::new();
    for package in reached {
        if package != start {
            check(package)?;
        }
        text.push_str(&package.shown());
        // Cargo.lock shortens the names of dependencies as far as they are unique,
        // which depends on unrelated packages.
        for dependency in &package.dependencies {
            for found in matching(&by_name, dependency)? {
                text.push_str("  ");
                text.push_str(&found.shown());
            }
        }
    }
    Ok(text)
}

impl Package {
    fn shown(&self) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        format!("{} {} {} {}\n", self.name, self.version, text(&self.source), text(&self.checksum))
    }
}

/// Whether the entry pins the package's content.
fn check(package: &Package) -> Result<(), String> {
    let name = &package.name;
    match package.source.as_deref() {
        None => Err(format!("the dependency `{name}` is a folder, not a published version")),
        Some(source) if source.starts_with("git+") && source.contains('#') => Ok(()),
        Some(_) if package.checksum.is_some() => Ok(()),
        Some(_) => Err(format!("Cargo.lock has no checksum of `{name}`")),
    }
}

fn matching<'a>(by_name: &BTreeMap<&str, Vec<&'a Package>>, dependency: &str) -> Result<Vec<&'a Package>, String> {
    let mut words = dependency.splitn(3, ' ');
    let (name, version, source) = (words.next().unwrap_or_default(), words.next(), words.next());
    let source = source.map(|source| source.trim_start_matches('(').trim_end_matches(')'));
    let fits = |package: &&&Package| {
        version.is_none_or(|version| version == package.version)
            // Git dependencies are listed without their commit.
            && source.is_none_or(|source| package.source.as_deref().is_some_and(|own| own.starts_with(source)))
    };
    let found: Vec<&Package> = by_name.get(name).into_iter().flatten().filter(fits).copied().collect();
    if found.is_empty() { Err(format!("Cargo.lock lacks `{dependency}`")) } else { Ok(found) }
}

/// Parses the format that cargo writes: one key per line, strings without escapes.
fn packages(lock: &str) -> Result<Vec<Package>, String> {
    let mut packages: Vec<Package> = Vec::new();
    let mut known_version = false;
    let mut in_list = false;
    let mut in_package = false;
    for line in lock.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let odd = || format!("Cargo.lock has a line that was not expected: {line}");
        if line.starts_with('[') {
            in_package = line == "[[package]]";
            // An unused `[patch]`.
            if !in_package && !line.starts_with("[[patch.") {
                return Err(odd());
            }
            if in_package {
                packages.push(Package::default());
            }
            continue;
        }
        if !in_package {
            known_version |= ["version = 3", "version = 4"].contains(&line);
            continue;
        }
        let package = packages.last_mut().ok_or_else(odd)?;
        if in_list {
            match line {
                "]" => in_list = false,
                _ => package.dependencies.push(string(line.trim_end_matches(',')).ok_or_else(odd)?),
            }
            continue;
        }
        let (key, value) = line.split_once(" = ").ok_or_else(odd)?;
        match key {
            "name" => package.name = string(value).ok_or_else(odd)?,
            "version" => package.version = string(value).ok_or_else(odd)?,
            "source" => package.source = Some(string(value).ok_or_else(odd)?),
            "checksum" => package.checksum = Some(string(value).ok_or_else(odd)?),
            "dependencies" if value == "[" => in_list = true,
            _ => return Err(odd()),
        }
    }
    if known_version { Ok(packages) } else { Err("Cargo.lock has a version that is not known here".to_owned()) }
}

fn string(value: &str) -> Option<String> {
    let inner = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['"', '\\'])).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "\
# This file is automatically @generated by Cargo.
version = 4

[[package]]
name = \"a\"
version = \"1.0.0\"
source = \"registry+https://example.com/index\"
checksum = \"aa\"
dependencies = [
 \"b 2.0.0\",
]

[[package]]
name = \"b\"
version = \"1.0.0\"
source = \"registry+https://example.com/index\"
checksum = \"b1\"

[[package]]
name = \"b\"
version = \"2.0.0\"
source = \"registry+https://example.com/index\"
checksum = \"b2\"

[[package]]
name = \"other\"
version = \"0.1.0\"
dependencies = [
 \"b 1.0.0\",
]

[[package]]
name = \"xtask\"
version = \"0.1.0\"
dependencies = [
 \"a\",
]
";

    #[test]
    fn only_what_is_reached_counts() {
        let text = reached(LOCK, "xtask").unwrap();
        assert!(text.contains(" b2\n") && !text.contains(" b1\n") && !text.contains("other"), "{text}");
        assert_eq!(reached(&LOCK.replace("\"b1\"", "\"x\""), "xtask").unwrap(), text);
        assert_ne!(reached(&LOCK.replace("\"b2\"", "\"x\""), "xtask").unwrap(), text);
        assert_eq!(reached(&LOCK.replace('\n', "\r\n"), "xtask").unwrap(), text);
        let longer = LOCK.replace(" \"a\",", " \"a 1.0.0 (registry+https://example.com/index)\",");
        assert_eq!(reached(&longer, "xtask").unwrap(), text);
    }

    #[test]
    fn what_does_not_pin_the_bytes_is_refused() {
        let source = "source = \"registry+https://example.com/index\"\n";
        for (from, to, why) in [
            (format!("{source}checksum = \"aa\"\n"), String::new(), "the dependency `a` is a folder"),
            ("checksum = \"aa\"\n".to_owned(), String::new(), "no checksum of `a`"),
            ("version = 4".to_owned(), "version = 9".to_owned(), "a version that is not known"),
            ("name = \"xtask\"".to_owned(), "name = \"y\"".to_owned(), "does not have `xtask`"),
            ("\"b 2.0.0\",".to_owned(), "\"c\",".to_owned(), "lacks `c`"),
            ("checksum = \"aa\"".to_owned(), "replace = \"x\"".to_owned(), "not expected: replace"),
        ] {
            let error = reached(&LOCK.replacen(&from, &to, 1), "xtask").unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let git =
            LOCK.replacen(&format!("{source}checksum = \"aa\"\n"), "source = \"git+https://example.com/a#0123\"\n", 1);
        assert!(reached(&git, "xtask").unwrap().contains("#0123"));
    }
}
