//! Circles: files that need each other, whichever way round one reads them.
//!
//! A file needs the files that its paths lead to. A name that a `mod.rs` passes on
//! with `pub use` leads to the file that defines it, so a `mod.rs` that only passes
//! on is in no circle; one with definitions that its own children use is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, sizes, sources, statements, use_tree};

/// A path in a file, and the name that it has there.
struct Named {
    path: Vec<String>,
    name: String,
}

/// What is said in a file, as far as it leads to others.
#[derive(Default)]
struct Contents {
    /// Its children: `mod x;`.
    children: Vec<String>,
    /// What it passes on: `pub use`.
    passed_on: Vec<Named>,
    /// Everything else.
    paths: Vec<Vec<String>>,
}

impl Contents {
    fn of(source: &Source) -> Contents {
        let mut found = Contents::default();
        for (_, text) in statements(source) {
            let text = text.trim();
            if text.ends_with("mod tests {") {
                break;
            }
            let is_public = text.starts_with("pub");
            let bare = if text.starts_with("pub(") { text.split_once(") ").map_or("", |(_, rest)| rest) } else { text };
            let child = bare.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            if let Some(child) = child {
                found.children.push(child.to_owned());
            } else if let Some(tree) = use_tree(text) {
                let mut all = Vec::new();
                expand("", tree.trim_end_matches(';'), &mut all);
                if is_public {
                    found.passed_on.extend(all);
                } else {
                    found.paths.extend(all.into_iter().map(|named| named.path));
                }
            } else {
                let words = bare.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
                let paths = words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"));
                found.paths.extend(paths.map(parts));
            }
        }
        found
    }
}

fn parts(path: &str) -> Vec<String> {
    path.split("::").map(|part| part.trim().to_owned()).collect()
}

/// `a::{b, c as d}` as the paths `a::b` and `a::c`.
fn expand(prefix: &str, tree: &str, found: &mut Vec<Named>) {
    let Some((before, list)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name)));
        let path = parts(&format!("{prefix}{}", path.trim()));
        let name = name.or(path.last().map(String::as_str)).unwrap_or_default().trim().to_owned();
        return found.push(Named { path, name });
    };
    let prefix = format!("{prefix}{}", before.trim());
    let (mut depth, mut item) = (0, String::new());
    for c in list.chars() {
        match c {
            ',' | '}' if depth == 0 => {
                if !item.trim().is_empty() {
                    expand(&prefix, item.trim(), found);
                }
                item.clear();
            }
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                item.push(c);
            }
        }
    }
}

/// All files by the path of their module.
struct House {
    files: BTreeMap<Vec<String>, String>,
    contents: BTreeMap<String, Contents>,
}

fn module(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

impl House {
    fn new(sources: &[Source]) -> House {
        let of_library = || sources.iter().filter(|source| source.name != "main.rs" && !source.is_tests());
        House {
            files: of_library().map(|source| (module(&source.name), source.name.clone())).collect(),
            contents: of_library().map(|source| (source.name.clone(), Contents::of(source))).collect(),
        }
    }

    /// The path from the root of the crate on; `None` where it leads out of the crate.
    fn absolute(&self, path: &[String], module: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut at = module.to_vec();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => {}
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                at.truncate(at.len().saturating_sub(ups));
                return Some([&at, &path[ups..]].concat());
            }
            _ => {
                at.push(first.clone());
                if !self.files.contains_key(&at) {
                    return None;
                }
            }
        }
        Some([&at, rest].concat())
    }

    /// The file that defines what `path` names.
    fn file(&self, path: &[String]) -> Option<&str> {
        let length = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        let file = &self.files[module];
        let passed_on = rest.first().and_then(|name| {
            self.contents[file].passed_on.iter().find(|named| named.name == *name && named.path != [name.clone()])
        });
        match passed_on {
            Some(named) => self.file(&[&self.absolute(&named.path, module)?, &rest[1..]].concat()),
            None => Some(file),
        }
    }

    /// The files that each file needs.
    fn needs(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut needs = BTreeMap::new();
        for (module, file) in &self.files {
            let contents = &self.contents[file];
            let children =
                contents.children.iter().map(|child| [module.as_slice(), std::slice::from_ref(child)].concat());
            let children = children.filter_map(|child| self.files.get(&child));
            let paths = contents.passed_on.iter().map(|named| &named.path).chain(&contents.paths);
            let named = paths.filter_map(|path| self.file(&self.absolute(path, module)?));
            let mut needed: BTreeSet<&str> = children.map(String::as_str).chain(named).collect();
            needed.remove(file.as_str());
            needs.insert(file.as_str(), needed);
        }
        needs
    }

    /// Sets of files of which each leads to each other.
    fn circles(&self) -> Vec<BTreeSet<&str>> {
        let needs = self.needs();
        let reached: BTreeMap<&str, BTreeSet<&str>> = needs.keys().map(|file| (*file, reached(&needs, file))).collect();
        let circle = |file: &str| reached[file].iter().copied().filter(|other| reached[other].contains(file)).collect();
        let mut circles: Vec<BTreeSet<&str>> = Vec::new();
        for file in reached.keys().filter(|file| reached[**file].contains(**file)) {
            if !circles.iter().any(|circle| circle.contains(file)) {
                circles.push(circle(file));
            }
        }
        circles
    }
}

/// The files that `from` leads to.
fn reached<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut queue: Vec<&str> = needs[from].iter().copied().collect();
    while let Some(at) = queue.pop() {
        if found.insert(at) {
            queue.extend(&needs[at]);
        }
    }
    found
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let sources = sources();
    let house = House::new(&sources);
    let complaints: Vec<String> = house.circles().iter().map(|circle| format!("{circle:?}")).collect();
    super::none(&complaints);
}

/// Printed by `scripts/architecture`.
#[test]
#[ignore = "prints, and asserts nothing"]
fn numbers() {
    let sources = sources();
    let (lines, rooms) = sizes();
    let (room, biggest) = rooms.into_iter().max_by_key(|(_, lines)| *lines).unwrap();
    let house = House::new(&sources);
    let circles = house.circles();
    let in_circles: usize = circles.iter().map(BTreeSet::len).sum();
    println!("lines: {lines}");
    println!("files: {}", sources.len());
    println!("biggest room: {room}, {} %", biggest * 100 / lines);
    println!("circles: {}, with {in_circles} files", circles.len());
}

/// Circles of a house of these files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let source = |(name, text): &(&str, &str)| Source { name: (*name).to_owned(), text: (*text).to_owned() };
    let sources: Vec<Source> = files.iter().map(source).collect();
    let house = House::new(&sources);
    house.circles().into_iter().map(|circle| circle.into_iter().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_folder_that_only_passes_on_is_in_no_circle() {
    let folder = "mod b;\nmod c;\npub use b::{\n    B,\n    Other as O,\n};\npub use c::C;\n";
    let b = ("a/b.rs", "pub struct B;\npub struct Other;\n");
    assert_eq!(
        circles_of(&[("a/mod.rs", folder), b, ("a/c.rs", "use super::{B, O};\nuse crate::a::B as D;\n")]),
        [""; 0]
    );
    let back = ("a/b.rs", "pub struct B;\nfn f() -> crate::a::C { super::C }\n");
    let both = circles_of(&[("a/mod.rs", folder), back, ("a/c.rs", "use super::O;\npub struct C;\n")]);
    assert_eq!(both, ["a/b.rs a/c.rs"]);
}

#[test]
fn a_folder_with_definitions_that_its_children_use_is_in_one() {
    let folder = ("a/mod.rs", "pub(crate) mod b;\npub struct A;\n");
    assert_eq!(circles_of(&[folder, ("a/b.rs", "use super::A;\n")]), ["a/b.rs a/mod.rs"]);
    let elsewhere =
        ("a/b.rs", "// super::A\nuse std::fmt;\npub(in crate::a) fn b() {}\nmod tests {\nuse super::super::A;\n");
    assert_eq!(circles_of(&[folder, elsewhere]), [""; 0]);
}

#[test]
fn a_circle_may_be_long() {
    let files = [
        ("lib.rs", "pub mod a;\nmod b;\nmod c;\n"),
        ("a.rs", "fn a() { crate::b::x::<u8>() }\n"),
        ("b.rs", "use std::{fs, io};\nuse crate::{c::{self, C}};\n"),
        ("c.rs", "use super::a;\n"),
    ];
    assert_eq!(circles_of(&files), ["a.rs b.rs c.rs"]);
}
