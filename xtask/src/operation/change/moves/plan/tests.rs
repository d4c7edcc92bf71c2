//! Any project, moved and moved back: the same bytes, and in between the same
//! ports but for the numbers that were named.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Move, PortSource, other_changes};
use crate::context::Context;
use crate::decide::{Changes, Expect, port_differences, published, render, slots};
use crate::envfile::Document;
use crate::ledger::MovedValue;
use crate::model::{ComposeOptions, PortMapping, Stack, Wanted};
use crate::operation::change::moves::apply::{File, write};
use crate::{disk, stack};

/// One entry of `ports:`, and the lines of env files that it needs.
#[derive(Debug, Clone)]
struct Entry {
    shape: Shape,
    host: &'static str,
    target: &'static str,
    protocol: &'static str,
    quote: &'static str,
    comment: &'static str,
    range: bool,
    /// Its variable is that of the entry before it.
    shared: bool,
    /// It is of the service of the entry before it.
    joined: bool,
    second_file: bool,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Literal,
    Long,
    Default,
    Value,
    AddressInDefault,
    AddressInValue,
    Mapping,
    Tail,
    HostOfAnother,
    NumberOfAnother,
    Nested,
    Glued,
    Parts,
    Twice,
    Alternative,
}

fn entry() -> impl Strategy<Value = Entry> {
    use Shape::*;
    let shape = prop::sample::select(vec![
        Literal,
        Long,
        Default,
        Value,
        AddressInDefault,
        AddressInValue,
        Mapping,
        Tail,
        HostOfAnother,
        NumberOfAnother,
        Nested,
        Glued,
        Parts,
        Twice,
        Alternative,
    ]);
    let host = prop::sample::select(vec!["", "127.0.0.1:", "[::1]:", "0.0.0.0:"]);
    let target = prop::sample::select(vec!["80", "5432", "8000"]);
    let protocol = prop::sample::select(vec!["", "/tcp", "/udp"]);
    let quote = prop::sample::select(vec!["", "'", "\""]);
    let comment = prop::sample::select(vec!["", " # 20000 why", "  "]);
    let few = || prop::bool::weighted(0.15);
    (shape, host, target, protocol, quote, comment, few(), few(), any::<(bool, bool)>()).prop_map(
        |(shape, host, target, protocol, quote, comment, range, shared, (joined, second_file))| Entry {
            shape,
            host,
            target,
            protocol,
            quote,
            comment,
            range,
            shared,
            joined,
            second_file,
        },
    )
}

/// The files of a project: compose file, and two env files.
#[derive(Debug, Clone, Default)]
struct Files {
    compose: String,
    env: [String; 2],
}

/// The entry as written, and the lines of env files that it needs.
fn text(entry: &Entry, own: usize, port: &str, target: &str) -> (String, Vec<(String, String)>) {
    let Entry { host, protocol, .. } = entry;
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: String| lines.push((format!("{name}{own}"), value));
    let text = match entry.shape {
        Shape::Literal => format!("{host}{port}:{target}{protocol}"),
        Shape::Long => {
            let ip = host.trim_end_matches(':').trim_matches(['[', ']']);
            let host_ip = if ip.is_empty() { String::new() } else { format!(", host_ip: \"{ip}\"") };
            format!("{{target: {}, published: \"${{V{own}:-{port}}}\"{host_ip}}}", entry.target)
        }
        Shape::Default => format!("{host}${{V{own}:-{port}}}:{target}{protocol}"),
        Shape::Value => {
            set("V", port.to_owned());
            format!("{host}${{V{own}}}:{target}{protocol}")
        }
        Shape::AddressInDefault => format!("${{V{own}:-{host}{port}}}:{target}{protocol}"),
        Shape::AddressInValue => {
            set("V", format!("{host}{port}"));
            format!("${{V{own}:-1}}:{target}{protocol}")
        }
        Shape::Mapping => {
            set("V", format!("{host}{port}:{target}{protocol}"));
            format!("${{V{own}}}")
        }
        Shape::Tail => {
            set("V", format!("{port}:{target}{protocol}"));
            format!("{host}$V{own}")
        }
        Shape::HostOfAnother => {
            set("H", (*host).to_owned());
            set("V", format!("${{H{own}}}{port}"));
            format!("${{V{own}}}:{target}{protocol}")
        }
        Shape::NumberOfAnother => {
            set("N", port.to_owned());
            set("V", format!("{host}$N{own}"));
            format!("${{V{own}}}:{target}{protocol}")
        }
        Shape::Nested => {
            set("W", format!("{host}{port}"));
            format!("${{V{own}:-${{W{own}:-{host}1}}}}:{target}{protocol}")
        }
        Shape::Glued => {
            set("B", (*host).to_owned());
            format!("${{B{own}}}${{V{own}:-{port}}}:{target}{protocol}")
        }
        Shape::Parts => {
            set("A", format!("{host}{}", &port[..2]));
            set("V", port[2..].to_owned());
            format!("${{A{own}}}${{V{own}}}:{target}{protocol}")
        }
        Shape::Twice => {
            set("V", port.to_owned());
            format!("{host}${{V{own}}}:${{V{own}}}{protocol}")
        }
        Shape::Alternative => {
            set("A", "1".to_owned());
            format!("${{A{own}:+{host}{port}}}:{target}{protocol}")
        }
    };
    let text = if matches!(entry.shape, Shape::Long) { text } else { format!("\"{text}\"") };
    (text, lines)
}

fn files(entries: &[Entry], crlf: bool, ended: bool) -> Files {
    let mut files = Files { compose: "services:\n".to_owned(), ..Files::default() };
    let mut last = 0;
    for (at, entry) in entries.iter().enumerate() {
        let own = if entry.shared { last } else { at };
        last = own;
        let first = 20_000 + 10 * own;
        let (port, target) =
            if entry.range && !matches!(entry.shape, Shape::NumberOfAnother | Shape::Parts | Shape::Twice) {
                let target: u32 = entry.target.parse().unwrap();
                (format!("{first}-{}", first + 1), format!("{target}-{}", target + 1))
            } else {
                (first.to_string(), entry.target.to_owned())
            };
        let Entry { quote, comment, .. } = entry;
        let (text, lines) = text(entry, own, &port, &target);
        if entry.joined && at > 0 {
            let end = files.compose.trim_end_matches("]}\n").len();
            files.compose.truncate(end);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(files.compose, "  s{at}: {{image: x, ports: [");
        }
        let between = if files.compose.ends_with('[') { "" } else { ", " };
        let _ = writeln!(files.compose, "{between}{text}]}}");
        if !entry.shared || at == own {
            let file = &mut files.env[usize::from(entry.second_file)];
            for (name, value) in lines {
                // Single quotes would make a dollar a dollar.
                let quote = if value.contains('$') && *quote == "'" { "\"" } else { quote };
                let _ = writeln!(file, "{name}={quote}{value}{quote}{comment}");
            }
        }
    }
    for env in &mut files.env {
        if crlf {
            *env = env.replace('\n', "\r\n");
        }
        if !ended {
            env.truncate(env.trim_end().len());
        }
    }
    files
}

struct Project {
    dir: PathBuf,
    ctx: Context,
}

impl Project {
    fn new(dir: &Path, files: &Files) -> Project {
        std::fs::write(dir.join("compose.yaml"), &files.compose).unwrap();
        let env_files = ["one.env", "two.env"].map(|name| dir.join(name));
        for (path, text) in env_files.iter().zip(&files.env) {
            std::fs::write(path, text).unwrap();
        }
        let options = ComposeOptions { env_files: env_files.to_vec(), ..ComposeOptions::default() };
        let mut ctx = Context::new(dir.to_path_buf(), options);
        ctx.env.clear();
        Project { dir: dir.to_path_buf(), ctx }
    }

    fn read(&self, set: Option<(&str, &str)>) -> crate::error::Result<Stack> {
        let lookup = |name: &str| set.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        stack::read(&self.ctx.options, &self.dir, &lookup)
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.ctx.options.env_files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    /// Writes the moves to every file.
    fn write(&self, moves: &[Move]) {
        let moves: Vec<&Move> = moves.iter().collect();
        for path in &self.ctx.options.env_files {
            write(&self.ctx, &File { path, before: disk::read(path).unwrap() }, &moves).unwrap();
        }
    }
}

/// A move for every variable that can have one, and the ports that need a file
/// on top.
fn plan_moves(project: &Project, before: &Stack) -> (Vec<Move>, Vec<PortMapping>) {
    let env_files = stack::env_files(&project.ctx.options, &project.dir, &|_| None).unwrap();
    let mut moves: BTreeMap<String, Move> = BTreeMap::new();
    let mut on_top = Vec::new();
    for wanted in before.ports() {
        let Some(from) = wanted.mapping.published.filter(|range| range.is_one()).map(|range| range.first) else {
            continue;
        };
        let to = from + 10_000;
        let origin = wanted.origin.as_ref().unwrap();
        let step = origin.variable.as_ref().map(|name| {
            let file = env_files.file_for(name).unwrap().to_path_buf();
            let affixes = origin.affixes.clone();
            Move { affixes, ..Move::number(PortSource::Variable(name.clone()), from, to, file) }
        });
        let alone = step.filter(|step| {
            let (name, value) = (step.variable().unwrap(), step.value());
            other_changes(step, before, project.read(Some((name, &value))), "it", &|_| false).is_none()
        });
        match alone {
            Some(step) => drop(moves.insert(step.variable().unwrap().to_owned(), step)),
            None => on_top.push(wanted.mapping.clone()),
        }
    }
    (moves.into_values().collect(), on_top)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn moved_and_moved_back_is_the_same_bytes_and_in_between_only_numbers_differ(
        entries in prop::collection::vec(entry(), 1..6), crlf: bool, ended: bool,
    ) {
        let temp = tempfile::tempdir().unwrap();
        let project = Project::new(temp.path(), &files(&entries, crlf, ended));
        // Two with one variable may have no reading at all.
        let Ok(before) = project.read(None) else { return Ok(()) };
        let bytes = project.bytes();
        let (moves, on_top) = plan_moves(&project, &before);

        for (at, entry) in entries.iter().enumerate() {
            let shared = entry.shared || entries.get(at + 1).is_some_and(|next| next.shared);
            let by_variable = !matches!(entry.shape, Shape::Literal | Shape::Parts | Shape::Twice | Shape::Alternative);
            let name = format!("V{at}");
            let moved = moves.iter().any(|step| step.variable() == Some(&name));
            let is_range = entry.range && !matches!(entry.shape, Shape::NumberOfAnother | Shape::Parts | Shape::Twice);
            prop_assert!(shared || is_range || moved == by_variable, "{}", name);
        }

        project.write(&moves);
        let after = project.read(None).unwrap();
        let expect = |wanted: &Wanted| moves.iter().find_map(|step| step.expectation(wanted)).unwrap_or(Expect::Same);
        prop_assert_eq!(port_differences(&before, &after, &expect), []);

        // What no variable can move, a file on top moves.
        let known = published(&after);
        let slot_of = |mapping: &PortMapping| {
            let service = after.service(&mapping.service)?;
            let at = service.ports.iter().position(|known| known.mapping == *mapping)?;
            slots(service).into_iter().nth(at)
        };
        let slots = on_top.iter().filter_map(slot_of).filter(|slot| known.contains_key(slot)).enumerate();
        let wanted: BTreeMap<_, _> = slots.map(|(at, slot)| (slot, 40_000 + u16::try_from(at).unwrap())).collect();
        let file = temp.path().join("compose.override.yaml");
        std::fs::write(&file, render(&after, &Changes { moves: wanted.clone(), ..Changes::default() }, None)).unwrap();
        let both = project.read(None).unwrap();
        std::fs::remove_file(&file).unwrap();
        let expect = |port: &Wanted| {
            slot_of(&port.mapping).and_then(|slot| wanted.get(&slot)).map_or(Expect::Same, |to| Expect::Port(*to))
        };
        prop_assert_eq!(port_differences(&after, &both, &expect), []);

        // And back.
        let back: Vec<Move> = moves
            .iter()
            .map(|step| {
                let name = step.variable().unwrap();
                let at = project.ctx.options.env_files.iter().position(|file| *file == step.file).unwrap();
                let was = Document::parse(bytes[at].clone()).unwrap().written_form(name).unwrap();
                let now = Document::parse(std::fs::read(&step.file).unwrap()).unwrap().written_form(name).unwrap();
                Move { from: step.to, to: step.from, back: Some(MovedValue { was, now, made: false }), ..step.clone() }
            })
            .collect();
        project.write(&back);
        let text = |all: Vec<Vec<u8>>| all.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect::<Vec<_>>();
        prop_assert_eq!(text(project.bytes()), text(bytes));
    }
}
