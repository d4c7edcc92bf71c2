//! Edits Cargo's own files as text: adds one line where it belongs and keeps every
//! other byte. The result is parsed again; unless it equals the old content plus the
//! addition, nothing is changed. (`toml_edit` could do this too, but for one line the
//! spans of `toml` are enough, and the first build stays as fast as it is.)

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::error::{Error, Result};

/// The command that `cargo xtask` stands for. Without `--quiet` cargo on Windows adds a
/// line of its own after every exit code that is not 0.
const ALIAS: &str = "run --quiet --package xtask-launcher --bin xtask-launcher --";

/// The alias before there was a launcher.
const OLDER_ALIAS: &str = "run --quiet --package xtask --bin xtask --";

/// The workspace members. What the launcher depends on is a member because it lies
/// inside its folder.
const MEMBERS: [&str; 2] = ["xtask", "xtask/launcher"];

/// A key that only this program's `package.metadata` has.
const MARK: &str = "adopt";

/// `.cargo/config.toml` with the alias `xtask`; `None` if it has it. The alias of an
/// older version of this program is replaced.
pub fn with_alias(text: &str) -> Result<Option<String>> {
    let mut wanted = read(text)?;
    if let Some(found) = wanted.get("alias").and_then(|alias| alias.get("xtask")) {
        if shown(found) == OLDER_ALIAS {
            return newer_alias(text, wanted).map(Some);
        }
        if runs_xtask(found) {
            return Ok(None);
        }
        let line = line_of(text, ["alias", "xtask"]);
        return Err(Error::new(format!("line {line}: the alias `xtask` is another command: {}", shown(found)))
            .hint(format!("rename that alias, or make it this one: xtask = \"{ALIAS}\"")));
    }
    let alias = wanted.entry("alias").or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(alias) = alias {
        alias.insert("xtask".to_owned(), Value::String(ALIAS.to_owned()));
    }
    let line = format!("xtask = \"{ALIAS}\"");
    let candidates = [
        below(text, "[alias]", &line),
        Some(appended(text, &format!("[alias]\n{line}\n"))),
        Some(above(text, &format!("alias.{line}"))),
    ];
    proven(candidates, &wanted)
        .map(Some)
        .ok_or_else(|| Error::new("there is no place for one more alias").hint(format!("add it by hand: {line}")))
}

fn newer_alias(text: &str, mut wanted: Table) -> Result<String> {
    if let Some(Value::Table(alias)) = wanted.get_mut("alias") {
        alias.insert("xtask".to_owned(), Value::String(ALIAS.to_owned()));
    }
    let place = DeTable::parse(text).ok().and_then(|root| {
        let alias = of_key(root.get_ref(), "alias")?.get_ref().as_table()?;
        of_key(alias, "xtask").map(Spanned::span)
    });
    let after = place.map(|place| format!("{}\"{ALIAS}\"{}", &text[..place.start], &text[place.end..]));
    proven([after], &wanted).ok_or_else(|| {
        Error::new("the alias `xtask` is an older one").hint(format!("make it this one: xtask = \"{ALIAS}\""))
    })
}

/// Whether it is `cargo run` of the package `xtask` or of its launcher, in any
/// spelling.
fn runs_xtask(alias: &Value) -> bool {
    let words: Vec<&str> = match alias {
        Value::String(text) => text.split_whitespace().collect(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => return false,
    };
    let is_run = words.first().is_some_and(|first| ["run", "r"].contains(first));
    let ours = |name: &str| ["xtask", "xtask-launcher"].contains(&name);
    let pairs = words.windows(2).any(|pair| {
        ["-p", "--package"].contains(&pair[0]) && ours(pair[1])
            || pair[0] == "--manifest-path"
                && ["xtask/Cargo.toml", "xtask/launcher/Cargo.toml"].iter().any(|end| pair[1].ends_with(end))
    });
    let single = |word: &&str| word.strip_prefix("--package=").or(word.strip_prefix("-p")).is_some_and(ours);
    is_run && (pairs || words.iter().any(single))
}

/// A `Cargo.toml` with our members; `None` if it has them. `strangers`: folders with
/// other packages, which a new workspace must exclude.
pub fn with_member(text: &str, strangers: &[String]) -> Result<Option<String>> {
    let mut wanted = read(text)?;
    let by_hand = |fact: String| {
        let names = MEMBERS.map(|name| format!("\"{name}\"")).join(" and ");
        Error::new(fact).hint(format!("add {names} to `members` of `[workspace]` by hand"))
    };
    let list = |value: &Value| {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let workspace = wanted.get("workspace").cloned();
    let mut missing = MEMBERS.to_vec();
    if let Some(workspace) = &workspace {
        let of = |key: &str| workspace.get(key).map(list).unwrap_or_default();
        if let Some(name) =
            of("exclude").iter().map(|path| path.trim_end_matches('/')).find(|path| MEMBERS.contains(path))
        {
            let line = line_of(text, ["workspace", "exclude"]);
            return Err(
                Error::new(format!("line {line}: the workspace excludes `{name}`")).hint("remove it from `exclude`")
            );
        }
        let members = of("members");
        missing.retain(|name| !members.iter().any(|pattern| covers(pattern, name)));
        if missing.is_empty() {
            return Ok(None);
        }
    }
    let strangers = if workspace.is_none() { strangers } else { &[] };
    let entry = wanted.entry("workspace").or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(entry) = entry else { return Err(by_hand("`workspace` is not a table".to_owned())) };
    let members = entry.entry("members").or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(members) = members else { return Err(by_hand("`members` is not a list".to_owned())) };
    let grows = !members.is_empty() || workspace.as_ref().is_some_and(|workspace| workspace.get("members").is_some());
    members.extend(missing.iter().map(|name| Value::String((*name).to_owned())));
    if !strangers.is_empty() {
        entry.insert("exclude".to_owned(), Value::Array(strangers.iter().cloned().map(Value::String).collect()));
    }
    let lines = member_lines(strangers);
    let candidates = if grows {
        let all = missing.iter().try_fold(text.to_owned(), |text, name| one_more_member(&text, name));
        [all, None, None]
    } else {
        [below(text, "[workspace]", &lines), Some(appended(text, &format!("[workspace]\n{lines}\n"))), None]
    };
    proven(candidates, &wanted)
        .map(Some)
        .ok_or_else(|| by_hand("there is no place for one more member of the workspace".to_owned()))
}

/// `Cargo.toml` for a repository without one.
pub fn new_workspace(strangers: &[String]) -> String {
    let lines = member_lines(strangers);
    format!(
        "# For `cargo xtask`, whose program is in xtask/.\n[workspace]\nresolver = \"3\"\n{lines}\n{PROFILES}{OPTIMISED}"
    )
}

fn member_lines(strangers: &[String]) -> String {
    let members = format!("members = [{}]", MEMBERS.map(|name| format!("\"{name}\"")).join(", "));
    if strangers.is_empty() {
        return members;
    }
    let names: Vec<String> = strangers.iter().map(|name| format!("{name:?}")).collect();
    format!("{members}\n# Packages of their own, as before.\nexclude = [{}]", names.join(", "))
}

/// Keeps the first build short.
const PROFILES: &str = "
# What people run is the debug build. Line tables keep backtraces readable and
# cost a fifth less to build than full debug information.
[profile.dev]
debug = \"line-tables-only\"

# Dependencies are never stepped through.
[profile.dev.package.\"*\"]
debug = false

[profile.dev.build-override]
debug = false

";

/// Without it the launcher takes seconds instead of one.
const OPTIMISED: &str = "\
# `cargo xtask` hashes the whole program before it runs one of another checkout.
[profile.dev.package.xtask-sha256]
opt-level = 3
";

/// A workspace's `Cargo.toml` with the hashing package optimised; `None` if it already
/// says something about that package.
pub fn with_profile(text: &str) -> Result<Option<String>> {
    let mut wanted = read(text)?;
    let mut table = &mut wanted;
    let odd = || Error::new("there is no place for one more profile").hint(format!("add it by hand:\n{OPTIMISED}"));
    for key in ["profile", "dev", "package"] {
        let entry = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
        table = entry.as_table_mut().ok_or_else(odd)?;
    }
    if table.contains_key("xtask-sha256") {
        return Ok(None);
    }
    let level = Table::from_iter([("opt-level".to_owned(), Value::Integer(3))]);
    table.insert("xtask-sha256".to_owned(), Value::Table(level));
    proven([Some(appended(text, OPTIMISED))], &wanted).map(Some).ok_or_else(odd)
}

pub fn is_workspace(text: &str) -> bool {
    read(text).is_ok_and(|table| table.contains_key("workspace"))
}

/// Whether it is this program's `Cargo.toml`.
pub fn is_ours(text: &str) -> bool {
    let metadata = |table: &Table| table.get("package")?.get("metadata")?.get(MARK).cloned();
    read(text).ok().and_then(|table| metadata(&table)).is_some()
}

/// This program's `Cargo.toml` for other repositories: without the programs and
/// benchmarks whose files only its own repository has.
pub fn manifest_elsewhere(text: &str) -> String {
    let dropped = ["[[bench]]", "[[test]]"];
    let mut out: Vec<&str> = Vec::new();
    let mut skip = false;
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with('[') {
            let test_tool = *line == "[[bin]]" && lines.get(at + 1).is_some_and(|name| name.contains("test-tool"));
            let was = skip;
            skip = test_tool || dropped.contains(line);
            if skip && !was {
                // Drop its comment too.
                while out.last().is_some_and(|last| last.starts_with('#')) {
                    out.pop();
                }
            }
        } else if skip && line.starts_with('#') && comment_of_a_table(&lines[at..]) {
            skip = false;
        }
        if !skip {
            out.push(line);
        }
    }
    format!("{}\n", out.join("\n").trim_end())
}

/// Whether these lines are a comment directly above a table.
fn comment_of_a_table(lines: &[&str]) -> bool {
    lines.iter().find(|line| !line.starts_with('#')).is_some_and(|line| line.starts_with('['))
}

fn read(text: &str) -> Result<Table> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        Error::new(format!("line {line}: {}", error.message())).hint("correct it: cargo cannot read it either")
    })
}

fn line_at(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

fn line_of(text: &str, keys: [&str; 2]) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 1 };
    let outer = of_key(root.get_ref(), keys[0]);
    let inner = outer.and_then(|value| of_key(value.get_ref().as_table()?, keys[1]));
    inner.or(outer).map_or(1, |value| line_at(text, value.span().start))
}

fn of_key<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
}

fn shown(alias: &Value) -> String {
    match alias {
        Value::String(text) => text.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

/// Whether a pattern of `members` matches this folder.
fn covers(pattern: &str, folder: &str) -> bool {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    let fits = |(pattern, name): (&str, &str)| match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
    };
    pattern.split('/').count() == folder.split('/').count() && pattern.split('/').zip(folder.split('/')).all(fits)
}

/// The first candidate that parses to exactly what is wanted.
fn proven<const N: usize>(candidates: [Option<String>; N], wanted: &Table) -> Option<String> {
    candidates.into_iter().flatten().find(|text| read(text).is_ok_and(|table| table == *wanted))
}

fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Inserts lines below the line that begins with `header`.
fn below(text: &str, header: &str, lines: &str) -> Option<String> {
    let end = line_break(text);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim_start().starts_with(header) {
            let start = if line.ends_with('\n') { "" } else { end };
            return Some(format!("{}{start}{}{end}{}", &text[..at], lines.replace('\n', end), &text[at..]));
        }
    }
    None
}

fn above(text: &str, line: &str) -> String {
    format!("{line}{}{text}", line_break(text))
}

/// Appends after an empty line.
fn appended(text: &str, more: &str) -> String {
    let end = line_break(text);
    let start = match text {
        "" => "",
        _ if text.ends_with(&end.repeat(2)) => "",
        _ if text.ends_with('\n') => end,
        _ => &end.repeat(2),
    };
    format!("{text}{start}{}", more.replace('\n', end))
}

/// Adds a member to `workspace.members`, formatted like the last one.
fn one_more_member(text: &str, member: &str) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let workspace = of_key(root.get_ref(), "workspace")?;
    let members = of_key(workspace.get_ref().as_table()?, "members")?;
    let list = members.get_ref().as_array()?;
    let Some(last) = list.iter().last() else {
        let at = members.span().start + 1;
        return Some(format!("{}\"{member}\"{}", &text[..at], &text[at..]));
    };
    let (start, end) = (last.span().start, last.span().end);
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let indent = &text[line..start];
    let gap =
        if indent.trim().is_empty() && line > 0 { format!("{}{indent}", line_break(text)) } else { " ".to_owned() };
    let comma = text[end..].len() - text[end..].trim_start().len();
    Some(if text[end + comma..].starts_with(',') {
        let at = end + comma + 1;
        // A comment after the comma belongs to the last member.
        let rest = text[at..].lines().next().unwrap_or_default();
        let at = if rest.trim_start().starts_with('#') { at + rest.len() } else { at };
        format!("{}{gap}\"{member}\",{}", &text[..at], &text[at..])
    } else {
        format!("{},{gap}\"{member}\"{}", &text[..end], &text[end..])
    })
}

#[cfg(test)]
mod tests;
