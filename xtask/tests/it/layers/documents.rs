//! What the documents say is there.

use std::fs;

#[cfg(unix)]
use super::none;
use super::repository;

#[test]
fn the_changelog_has_this_version() {
    let Ok(text) = fs::read_to_string(repository().join("CHANGELOG.md")) else { return };
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
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap_or_default();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ".env.template", "docker-compose.yml", "xtask.toml"]
    {
        let Ok(text) = fs::read_to_string(repository().join(name)) else { continue };
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
                    let mut xtask = crate::support::command(crate::support::XTASK);
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
