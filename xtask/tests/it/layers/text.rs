//! What a file must and must not hold.

use std::fs;

use super::{none, package, repository, sources, sources_in};

/// Lines a file may have: what one reads in one sitting.
const LONGEST: usize = 450;

#[test]
fn every_file_says_what_it_is_and_none_is_long() {
    let mut complaints = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > LONGEST {
            complaints.push(format!("src/{}: {lines} lines, {LONGEST} at most", source.name));
        }
        if !source.text.starts_with("//! ") && !source.is_tests() {
            complaints.push(format!("src/{}: no `//! …` on the first line", source.name));
        }
    }
    none(&complaints);
}

/// The launcher is built in every new checkout: it stays small, and knows no crate.
#[test]
fn the_launcher_keeps_the_rules_of_the_house() {
    let rules: [(&[&str], &[&str]); 2] = [
        (&["cargo_build.rs", "compiler.rs", "run.rs"], &["Command::new"]),
        (&["say.rs"], &["println!", "eprint!", "eprintln!", "io::stdout()"]),
    ];
    let mut complaints = Vec::new();
    let mut sources = sources_in("launcher/src");
    sources.extend(sources_in("launcher/sha256/src"));
    assert!(sources.len() > 15, "{} files", sources.len());
    for source in &sources {
        let lines = source.text.lines().count();
        if lines > 400 {
            complaints.push(format!("launcher: {}: {lines} lines, 400 at most", source.name));
        }
        let is_tests = source.name.ends_with("/tests.rs");
        if !source.text.starts_with("//! ") && !is_tests {
            complaints.push(format!("launcher: {}: no `//! …` on the first line", source.name));
        }
        for (line, text) in source.code().filter(|_| !is_tests) {
            if text.trim() == "mod tests {" {
                break;
            }
            for (places, words) in rules.iter().filter(|(places, _)| !places.contains(&source.name.as_str())) {
                for word in words.iter().filter(|word| text.contains(**word)) {
                    complaints.push(format!("launcher: {}:{line}: {word} belongs in {places:?}", source.name));
                }
            }
        }
    }
    let manifest = fs::read_to_string(package().join("launcher/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    if dependencies != "xtask-sha256 = { path = \"sha256\" }" {
        complaints.push(format!("launcher: Cargo.toml: dependencies: {dependencies}"));
    }
    none(&complaints);
}

/// A sample that no test reads shows nothing, and one without a source is not to
/// be believed.
#[test]
fn every_sample_of_a_tool_is_read_and_has_a_source() {
    let folder = package().join("tests/fixtures/tools");
    let index = fs::read_to_string(folder.join("INDEX.md")).unwrap();
    let sources = sources();
    let mut complaints = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "INDEX.md" || name.starts_with('.') {
            continue;
        }
        if !sources.iter().any(|source| source.text.contains(&format!("fixtures/tools/{name}\""))) {
            complaints.push(format!("{name}: no test reads it"));
        }
        // Of a table's languages only the first names the table.
        let tool = name.split(['-', '.']).next().unwrap();
        if !index.contains(&format!("| {tool}-")) {
            complaints.push(format!("{name}: no source in INDEX.md"));
        }
    }
    none(&complaints);
}

#[test]
fn nothing_unfinished_and_no_shell() {
    let words = ["todo!(", "unimplemented!(", "dbg!(", "\"sh\"", "\"bash\"", "\"-c\"", "sh -c", "cmd /c"];
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| !source.is_tests()) {
        for (line, text) in source.code() {
            if text.trim() == "mod tests {" {
                break;
            }
            for word in words.iter().filter(|word| text.contains(**word)) {
                complaints.push(format!("src/{}:{line}: {word}", source.name));
            }
        }
    }
    none(&complaints);
}

/// Only in the places that are for it.
#[test]
fn only_exec_spawns_and_only_ui_prints() {
    let rules = [
        ("exec", ["std::process::Command", "xshell::", "duct::"].as_slice()),
        // Windows' own form of a path has a prefix that nobody types.
        ("disk", &["fs::canonicalize", ".canonicalize()"]),
        ("ui", &["println!", "eprint!", "eprintln!", "io::stdout()", "io::stderr()"]),
    ];
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| !source.is_tests()) {
        for (line, text) in source.code() {
            if text.trim() == "mod tests {" {
                break;
            }
            for (room, words) in rules.iter().filter(|(room, _)| *room != source.room()) {
                for word in words.iter().filter(|word| text.contains(**word)) {
                    complaints.push(format!("src/{}:{line}: {word} belongs in {room}", source.name));
                }
            }
        }
    }
    none(&complaints);
}

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
                if line.contains(word) && !name.ends_with("layers/text.rs") {
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
    let mut queue = vec![repository()];
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
                found.push((path.strip_prefix(repository()).unwrap().display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 50, "{} files", found.len());
    found
}
