//! The rules of the house that no compiler knows: who may import whom, and
//! what a file must and must not hold.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by floor, the lowest first. A file imports from its own room and from
/// floors below it.
const FLOORS: [&[&str]; 11] = [
    &["error"],
    &["model"],
    &["parse", "decide", "envfile", "labels"],
    &["ui"],
    &["exec", "disk"],
    &["docker", "host", "stack", "ledger", "certs"],
    &["context"],
    &["project"],
    &["flow"],
    &["task"],
    &["cli", "lib", "main"],
];

/// Between rooms of one floor, with the reason.
const NEIGHBOURS: [(&str, &str); 2] = [
    // Project names follow one set of rules, wherever they come from.
    ("decide", "parse"),
    // Values of `.env` and of compose files interpolate by one set of rules.
    ("envfile", "parse"),
];

/// Lines a file may have: what one reads in one sitting.
const LONGEST: usize = 450;

struct Source {
    /// Below `src`, with `/`.
    name: String,
    text: String,
}

impl Source {
    /// The first folder, or the file itself.
    fn room(&self) -> &str {
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

fn repository() -> PathBuf {
    package().parent().unwrap().to_path_buf()
}

fn sources() -> Vec<Source> {
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

fn none(complaints: &[String]) {
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

/// `use` statements and paths on one line each, comments left out.
fn statements(source: &Source) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in source.code() {
        match lines.last_mut().filter(|_| open) {
            Some((_, last)) => last.push_str(line.trim()),
            None => lines.push((at, line.to_owned())),
        }
        let is_use = |line: &str| line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ");
        open = lines.last().is_some_and(|(_, line)| is_use(line) && !line.contains(';'));
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
                        "src/{}:{line}: a task imports {name}: what two share belongs in flow",
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
        text: "//! Doc.\nuse crate::{\n    exec,\n    // not docker\n    flow,\n};\n".into(),
    };
    assert_eq!(statements(&source), [(2, "use crate::{exec,flow,};".to_owned())]);
}

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
                if line.contains(word) && !name.ends_with("layers.rs") {
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
