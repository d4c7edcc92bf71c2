//! What a file must and must not hold.

use std::fs;

use super::{none, package, sources, sources_in};

/// Lines a file may have: what one reads in one sitting.
const LONGEST: usize = 400;

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
