//! Finds values in `.env` that are wrong or not what they look like.

use std::path::Path;

use serde::Serialize;

use super::files::EnvProject;
use super::finding::{Finding, FindingSource};
use super::{names, other_places, port_values};
use crate::context::Context;
use crate::envfile::{Document, Issue, IssueKind, Stale, mentions, stale};
use crate::error::Result;
use crate::exec::Command;
use crate::model::Source;
use crate::operation::change::dependents::port_moves;
use crate::stack::{self, VariableUses};
use crate::ui;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    file: Option<String>,
    template: Option<String>,
    findings: &'a [Finding],
    /// Not faults of this checkout, so they do not count for the exit code.
    notes: &'a [Finding],
}

/// The result of `env check`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    pub findings: Vec<Finding>,
    pub notes: Vec<Finding>,
}

/// Checks every env file of the project, and searches other files for ports that have moved.
pub fn check(ctx: &Context, env: &EnvProject) -> Result<Checked> {
    let (of_places, notes) = other_places::check(ctx);
    // Without `.env` an override file may have moved ports.
    let is_moved = !of_places.is_empty() || !notes.is_empty();
    let files = if is_moved { &env.files } else { env.existing_files(ctx)? };
    let uses = stack::variable_uses(&env.project, &|name| ctx.var(name))?;
    let mut found = missing_variables(ctx, env);
    for (at, (path, document)) in files.iter().enumerate() {
        let source = FindingSource { ctx, path };
        found.extend(unknown_variables(&source, env, document, &uses));
        let earlier = |name: &str| {
            files[..at]
                .iter()
                .any(|(_, earlier)| earlier.get(name).is_some())
                .then(String::new)
                .or_else(|| ctx.var(name))
        };
        for issue in document.issues(&earlier) {
            found.push(issue_finding(&source, &issue));
        }
        found.extend(shadowed_variables(&source, env, document));
    }
    if let (Some((template, declared)), [(path, document)]) = (&env.template, files) {
        let source = FindingSource { ctx, path };
        let stale = stale(declared, document, &|name| ctx.var(name));
        found.extend(stale.iter().map(|stale| dependent_finding(&source, template, stale)));
        found.extend(old_ports(&source, env, (declared, document), &stale));
    }
    found.extend(port_values::check(ctx, env));
    found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    found.extend(of_places);
    Ok(Checked { findings: found, notes })
}

fn missing_variables(ctx: &Context, env: &EnvProject) -> Vec<Finding> {
    let Some((path, template)) = &env.template else { return Vec::new() };
    let documents: Vec<Document> = env.files.iter().map(|(_, document)| document.clone()).collect();
    let place = FindingSource { ctx, path };
    let missing = template.missing_from(&documents).into_iter();
    let finding = |(name, line): (String, usize)| {
        let message = format!("{name} is in {} but in no env file", ctx.show(path));
        place.finding("missing", &name, line, &message, "cargo xtask env init --missing".to_owned())
    };
    missing.map(finding).collect()
}

/// Variables that nothing uses; none without a template, which declares what belongs here.
fn unknown_variables(
    source: &FindingSource<'_>,
    env: &EnvProject,
    document: &Document,
    uses: &VariableUses,
) -> Vec<Finding> {
    let Some((path, _)) = &env.template else { return Vec::new() };
    if uses.env_files.iter().any(|used| used == source.path) {
        return Vec::new();
    }
    let own: Vec<_> = document.assigned().collect();
    let known = names::known(env, uses);
    let is_known = |name: &str| name.is_empty() || names::is_of_tool(name) || known.contains(name);
    let template = source.ctx.show(path);
    let finding = |line: &crate::envfile::Assigned| {
        let name = &line.name;
        let message = format!("{name} is neither in {template} nor used by the compose files");
        let remedy = format!("correct its name, remove the line, or add it to {template}");
        source.finding("unknown", name, line.line, &message, remedy)
    };
    own.iter().filter(|line| !is_known(&line.name)).map(finding).collect()
}

fn issue_finding(source: &FindingSource<'_>, issue: &Issue) -> Finding {
    let name = &issue.variable;
    let (kind, message, remedy) = match &issue.what {
        IssueKind::Duplicate { counts } => (
            "duplicate",
            format!("{name} is set again on line {counts}, which overrides this one"),
            format!("remove line {}, or line {counts}", issue.line),
        ),
        IssueKind::CommentIsValue => (
            "comment_is_value",
            format!("what looks like a comment is the value of {name}: `#` right after `= ` does not start a comment"),
            format!("put the comment on its own line, or write `{name}=\"\" # …`"),
        ),
        IssueKind::TabBeforeComment => (
            "tab_before_comment",
            format!("`#` starts a comment only after a space: after a tab it is part of the value of {name}"),
            "replace the tab by a space".to_owned(),
        ),
        IssueKind::ExpandsToNothing { name: wanted, below } => {
            // In a password the text after the dollar sign is secret too.
            let hidden = ui::mask_value(name, "x") == "***";
            let wanted = if hidden { "a `$…`".to_owned() } else { format!("`${wanted}`") };
            match below {
                Some(below) => (
                    "expands_to_nothing",
                    format!("{wanted} in the value of {name} expands to nothing: only line {below} below sets it"),
                    format!("move line {below} above line {}", issue.line),
                ),
                None => (
                    "expands_to_nothing",
                    format!("{wanted} in the value of {name} is not set and expands to nothing"),
                    "write `$$` for a dollar sign, or put the value in 'single quotes'".to_owned(),
                ),
            }
        }
        IssueKind::Inherited => {
            let set = if source.ctx.var(name).is_some() { "which sets it" } else { "which does not set it" };
            (
                "inherited",
                format!("{name} has no `=`, so its value comes from the shell, {set}"),
                format!("write `{name}=value`, or remove the line"),
            )
        }
        IssueKind::Dropped => (
            "dropped",
            "the last line has no `=`, so Compose ignores it".to_owned(),
            "write `NAME=value`, or remove the line".to_owned(),
        ),
        IssueKind::MixedLineEnds => (
            "mixed_line_ends",
            "some lines end in CRLF and some in LF; this is the first that differs".to_owned(),
            format!("dos2unix {}", source.ctx.show(source.path)),
        ),
    };
    source.finding(kind, name, issue.line, &message, remedy)
}

/// Lines that the shell overrides with another value.
fn shadowed_variables(source: &FindingSource<'_>, env: &EnvProject, document: &Document) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in document.names() {
        let (Some(shell), Some((value, Source::EnvFile { path, line }))) =
            (source.ctx.var(&name), env.project.env_files.get(&name))
        else {
            continue;
        };
        if path == source.path && value != shell {
            let (shell, value) = (ui::mask_value(&name, &shell), ui::mask_value(&name, value));
            let message = format!("the shell sets {name}={shell}, which overrides {value} here");
            found.push(source.finding("shadowed", &name, line, &message, format!("unset {name}")));
        }
    }
    found
}

fn dependent_finding(source: &FindingSource<'_>, template: &Path, stale: &Stale) -> Finding {
    let Stale { variable: name, declared, .. } = stale;
    let mask = |value: &str| ui::mask_value(name, value);
    let message = format!(
        "{name} is {}, but {}:{} gives {} with the current values",
        mask(&stale.value),
        source.ctx.show(template),
        stale.template_line,
        mask(&stale.expected)
    );
    let set = format!("{name}={}", stale.expected);
    let remedy = if mask(&stale.expected) == stale.expected {
        Command::new("cargo").args(["xtask", "env", "set", &set]).line()
    } else {
        format!("write it as in the template: {name}={}", mask(declared))
    };
    source.finding("dependent", name, stale.line, &message, remedy)
}

/// Values that contain the default of a port variable which now has another value.
fn old_ports(
    source: &FindingSource<'_>,
    env: &EnvProject,
    (template, document): (&Document, &Document),
    stale: &[Stale],
) -> Vec<Finding> {
    let moves = port_moves(source.ctx, &env.project, template);
    let mentions = mentions(document, &moves).into_iter();
    let finding = |mention: crate::envfile::Mention| {
        let now = moves.iter().find(|step| step.variable == mention.of).map(|step| step.to).unwrap_or_default();
        let (name, of) = (&mention.variable, &mention.of);
        let value = ui::mask_value(name, &mention.value);
        let message = format!("{name}={value} names {}, the default of {of}, which is now {now}", mention.port);
        let remedy = format!("if it means {of}, write {now}, or `${{{of}}}` instead of the number");
        source.finding("old_port", name, mention.line, &message, remedy)
    };
    mentions.filter(|mention| !stale.iter().any(|known| known.variable == mention.variable)).map(finding).collect()
}

/// `env check --format json`.
pub fn json<'a>(ctx: &Context, env: &EnvProject, checked: &'a Checked) -> impl Serialize + use<'a> {
    Report {
        schema: 1,
        file: env.files.last().map(|(path, _)| ctx.show(path)),
        template: env.template.as_ref().map(|(path, _)| ctx.show(path)),
        findings: &checked.findings,
        notes: &checked.notes,
    }
}

/// The findings and a summary.
pub fn text(ctx: &Context, env: &EnvProject, checked: &Checked) {
    for finding in &checked.findings {
        ui::out(&finding.line());
        ui::out(&format!("    do: {}", finding.remedy()));
    }
    for note in &checked.notes {
        ui::out(&format!("note: {}", note.line()));
    }
    if let Some(note) = checked.notes.first() {
        ui::out(&format!("    do: {}", note.remedy()));
    }
    let files: Vec<String> = env.files.iter().map(|(path, _)| ctx.show(path)).collect();
    let against = match &env.template {
        Some((path, _)) => format!("compared with {}", ctx.show(path)),
        None => "no template to compare with".to_owned(),
    };
    let mut count = match checked.findings.len() {
        0 => "nothing found".to_owned(),
        many => ui::count(many, "finding"),
    };
    if !checked.notes.is_empty() {
        count = format!("{count}, {}", ui::count(checked.notes.len(), "note"));
    }
    let files = if files.is_empty() { "no env file".to_owned() } else { files.join(", ") };
    ui::out(&format!("{files}: {count} ({against})"));
}
