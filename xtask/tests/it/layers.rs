//! The rules of the house that no compiler knows: who may import whom, and
//! what a file must and must not hold.

mod circles;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Rooms by floor, the lowest first. A file imports from its own room and from
/// floors below it.
const FLOORS: [&[&str]; 12] = [
    &["error"],
    &["model"],
    &["parse", "decide", "envfile", "labels"],
    &["ui"],
    &["exec", "disk"],
    &["docker", "host", "stack", "ledger", "certs"],
    &["context"],
    &["ports"],
    &["project"],
    &["operation"],
    &["task"],
    &["cli", "lib", "main"],
];

/// Rooms of `operation/`, the lowest first. A file imports from its own room and from
/// those before it.
const OPERATION: [&str; 12] = [
    "check", "change", "services", "networks", "proxy", "ports", "stop", "start", "env", "machine", "adopt", "diagnose",
];

/// Between rooms of one floor, with the reason.
const NEIGHBOURS: [(&str, &str); 2] = [
    // Project names follow one set of rules, wherever they come from.
    ("decide", "parse"),
    // Values of `.env` and of compose files interpolate by one set of rules.
    ("envfile", "parse"),
];

pub(crate) struct Source {
    /// Below `src`, with `/`.
    name: String,
    pub(crate) text: String,
}

impl Source {
    /// The first folder, or the file itself.
    pub(crate) fn room(&self) -> &str {
        let first = self.name.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Lines of code: comments are left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Whether this is a file of tests only.
    fn is_tests(&self) -> bool {
        self.name.ends_with("/tests.rs") || self.name.contains("/tests/")
    }
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn sources() -> Vec<Source> {
    let found = sources_in("src");
    assert!(found.len() > 50, "{} files", found.len());
    found
}

/// All files of a folder of the package.
fn sources_in(folder: &str) -> Vec<Source> {
    let src = package().join(folder);
    let mut found = Vec::new();
    let mut queue = vec![src.clone()];
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                queue.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

pub(crate) fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The names that stand after `prefix` in `line`: one, or those of a `{…}` list
/// that ends on the same line.
fn names<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        // `my_crate::` is no `crate::`.
        if line[..at].ends_with(is_name) {
            continue;
        }
        let rest = &line[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.push(rest.split(|c| !is_name(c)).next().unwrap());
            continue;
        };
        let mut depth = 0;
        let mut item = 0;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' | ',' if depth == 0 => {
                    found.push(list[item..at].trim().split(|c| !is_name(c)).next().unwrap());
                    item = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// What is imported, where `line` begins a `use`.
fn use_tree(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => line,
    };
    line.strip_prefix("use ")
}

/// `use` statements and paths on one line each, comments left out.
fn statements(source: &Source) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in source.code() {
        match lines.last_mut().filter(|_| open) {
            Some((_, last)) => last.push_str(line.trim()),
            None => lines.push((at, line.to_owned())),
        }
        open = lines.last().is_some_and(|(_, line)| use_tree(line).is_some() && !line.contains(';'));
    }
    lines
}

#[test]
fn a_file_imports_from_floors_below_its_own() {
    let mut complaints = Vec::new();
    for source in sources() {
        let room = source.room();
        let Some(own) = floor(room) else {
            complaints.push(format!(
                "{}: `{room}` has no floor: add it to the table here and in ARCHITECTURE.md",
                source.name
            ));
            continue;
        };
        for (line, text) in statements(&source) {
            for name in names(&text, "crate::") {
                // `pub(crate)` and macros of the crate are no rooms.
                let Some(other) = floor(name) else { continue };
                let allowed = name == room || other < own || NEIGHBOURS.contains(&(room, name));
                if !allowed {
                    complaints.push(format!(
                        "src/{}:{line}: {room} (floor {own}) imports {name} (floor {other})",
                        source.name
                    ));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn a_file_of_operation_imports_from_rooms_before_its_own() {
    let place = |room: &str| OPERATION.iter().position(|known| *known == room);
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| source.name.starts_with("operation/")) {
        let room = source.name.split('/').nth(1).unwrap();
        if room == "mod.rs" {
            continue;
        }
        let Some(own) = place(room) else {
            complaints.push(format!("{}: `{room}` has no place in OPERATION", source.name));
            continue;
        };
        for (line, text) in statements(source) {
            let later = names(&text, "crate::operation::").into_iter().filter(|name| place(name) > Some(own));
            complaints.extend(later.map(|name| format!("src/{}:{line}: {room} imports {name}", source.name)));
        }
    }
    none(&complaints);
}

#[test]
fn no_room_holds_more_than_a_quarter_of_the_code() {
    let (lines, rooms) = sizes();
    let too_big: Vec<String> = rooms.into_iter().filter(|(_, size)| size * 4 > lines).map(|(room, _)| room).collect();
    none(&too_big);
}

/// Lines of code in all, and of each room; each of `operation/` counts by itself.
fn sizes() -> (usize, BTreeMap<String, usize>) {
    let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources() {
        let parts: Vec<&str> = source.name.split('/').collect();
        let room = match parts.as_slice() {
            ["operation", room, _, ..] => format!("operation/{room}"),
            _ => source.room().to_owned(),
        };
        *rooms.entry(room).or_default() += source.text.lines().count();
    }
    (rooms.values().sum(), rooms)
}

#[test]
fn no_task_imports_another() {
    let sources = sources();
    let in_tasks = |source: &&Source| source.room() == "task" && source.name != "task/mod.rs";
    let stem = |source: &Source| source.name["task/".len()..].split(['/', '.']).next().unwrap().to_owned();
    let tasks: BTreeSet<String> = sources.iter().filter(in_tasks).map(stem).collect();
    let mut complaints = Vec::new();
    for source in sources.iter().filter(in_tasks) {
        for (line, text) in statements(source) {
            for prefix in ["crate::task::", "super::"] {
                for name in
                    names(&text, prefix).into_iter().filter(|name| *name != stem(source) && tasks.contains(*name))
                {
                    complaints.push(format!(
                        "src/{}:{line}: a task imports {name}: what two share belongs in operation",
                        source.name
                    ));
                }
            }
        }
    }
    none(&complaints);
}

/// The rules above find what they look for.
#[test]
fn imports_are_found_in_every_form() {
    assert_eq!(names("use crate::ui::{self, Format};", "crate::"), ["ui"]);
    assert_eq!(names("use crate::{ui, docker::{A, B}, host};", "crate::"), ["ui", "docker", "host"]);
    assert_eq!(names("let x = crate::exec::LIMIT + crate::ui::x(my_crate::y());", "crate::"), ["exec", "ui"]);
    let source = Source {
        name: "ui/x.rs".into(),
        text: "//! Doc.\nuse crate::{\n    exec,\n    // not docker\n    operation,\n};\n".into(),
    };
    assert_eq!(statements(&source), [(2, "use crate::{exec,operation,};".to_owned())]);
}
