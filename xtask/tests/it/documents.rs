//! What is written in the repository beside code: commands that exist, the version,
//! and nothing of one machine.

use std::fs;

use crate::layers::{Source, none, sources};
use crate::support::root;

/// What nobody else's machine has.
#[test]
fn no_path_or_host_of_ours_is_committed() {
    let mut complaints = Vec::new();
    for (name, text) in repository_files() {
        for (at, line) in text.lines().enumerate() {
            let home = ["/home/", "/Users/", "/root/", "/work/"]
                .iter()
                .find(|folder| line.match_indices(**folder).any(|(at, _)| is_home(line, at, folder)));
            if let Some(home) = home {
                complaints.push(format!("{name}:{}: a path of one machine: {home}…", at + 1));
            }
            for word in ["artifactory", "proxy.golang", "/simple/", "pypi.org", ".internal/"] {
                if line.contains(word) && !name.ends_with("documents.rs") {
                    complaints.push(format!("{name}:{}: a registry's address: {word}", at + 1));
                }
            }
        }
    }
    none(&complaints);
}

/// A word of its own, and none of the names that examples use.
fn is_home(line: &str, at: usize, folder: &str) -> bool {
    let starts = line[..at].chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric() && !"._-/}~".contains(c));
    let name = line[at + folder.len()..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
    starts && !["x", "me", "you", "ben", "u", "user", "h", "", "runner", "wp"].contains(&name)
}

/// What git has or would take; texts only.
fn repository_files() -> Vec<(String, String)> {
    let skip = ["target", ".git", "node_modules"];
    let mut found = Vec::new();
    let mut queue = vec![root()];
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let file_type = entry.file_type().unwrap();
            if skip.iter().any(|skip| entry.file_name() == *skip) || file_type.is_symlink() {
                continue;
            }
            if file_type.is_dir() {
                queue.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).unwrap().display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 50, "{} files", found.len());
    found
}

/// `room/file.rs` and `room::Name` of the documents about the code.
#[test]
fn every_file_and_name_of_the_documents_exists() {
    let src = root().join("xtask/src");
    let sources = sources();
    let mut complaints = Vec::new();
    for document in ["ARCHITECTURE.md", "docs/behaviour.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for (at, line) in text.lines().enumerate() {
            for word in line.split('`').skip(1).step_by(2) {
                let Some((room, rest)) = word.split_once('/').or_else(|| word.split_once("::")) else { continue };
                let is_room = src.join(room).is_dir() || src.join(format!("{room}.rs")).is_file();
                let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_/:.".contains(c));
                if !is_room || !is_plain || rest.is_empty() {
                    continue;
                }
                let exists = if word.contains("::") {
                    let name = rest.rsplit("::").next().unwrap();
                    let names_it = |source: &Source| {
                        source.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|other| other == name)
                    };
                    sources.iter().filter(|source| source.room() == room).any(names_it)
                } else {
                    let path = src.join(word);
                    path.exists() || path.with_extension("rs").is_file()
                };
                if !exists {
                    complaints.push(format!("{document}:{}: {word}", at + 1));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_changelog_has_this_version() {
    let Ok(text) = fs::read_to_string(root().join("CHANGELOG.md")) else { return };
    let version = env!("CARGO_PKG_VERSION");
    let heading = |line: &str| {
        line.starts_with("## ")
            && line.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').any(|word| word == version)
    };
    assert!(text.lines().any(heading), "CHANGELOG.md has no `## {version}`");
}

/// Commands of the README and of its kin: the subcommand and the options.
#[test]
#[cfg(unix)]
fn every_command_of_the_documents_exists() {
    use std::collections::BTreeMap;
    let mut help: BTreeMap<String, String> = BTreeMap::new();
    let mut complaints = Vec::new();
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap_or_default();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ".env.template", "docker-compose.yml", "xtask.toml"]
    {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        for (at, line) in text.lines().enumerate() {
            for words in after(line, "cargo xtask ") {
                let Some(task) = words.first().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) else {
                    continue;
                };
                // A command may have parts: `proxy labels`. A service's name in
                // that place does no harm.
                let part = words.get(1).filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
                let called: Vec<&String> = std::iter::once(task).chain(part).collect();
                let known = help.entry(format!("{called:?}")).or_insert_with(|| {
                    let mut xtask = crate::support::bare(crate::support::XTASK);
                    let output = xtask.args(called).arg("--help").output().unwrap();
                    if output.status.success() { String::from_utf8(output.stdout).unwrap() } else { String::new() }
                });
                if known.is_empty() {
                    complaints.push(format!("{name}:{}: no command `cargo xtask {task}`", at + 1));
                    continue;
                }
                for option in words.iter().filter(|word| word.starts_with("--")) {
                    let option = option.split('=').next().unwrap();
                    let exists = known.match_indices(option).any(|(at, _)| {
                        !known[at + option.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
                    });
                    if !exists {
                        complaints.push(format!("{name}:{}: `cargo xtask {task}` has no {option}", at + 1));
                    }
                }
            }
            for words in after(line, "`make ") {
                let goal = words.first().map(String::as_str).unwrap_or_default();
                if !makefile.lines().any(|line| line.starts_with(&format!("{goal}:"))) {
                    complaints.push(format!("{name}:{}: no `make {goal}`", at + 1));
                }
            }
        }
    }
    none(&complaints);
}

/// The words of each command of `line` that begins with `start`, up to what is
/// no longer part of it.
#[cfg(unix)]
fn after(line: &str, start: &str) -> Vec<Vec<String>> {
    let command = |rest: &str| {
        let rest = rest.split(['`', '#', '|', ';', ',', ')', '"']).next().unwrap();
        // Two spaces: a column of prose beside it.
        rest.split("  ").next().unwrap().split_whitespace().map(str::to_owned).collect()
    };
    line.match_indices(start).map(|(at, _)| command(&line[at + start.len()..])).collect()
}
