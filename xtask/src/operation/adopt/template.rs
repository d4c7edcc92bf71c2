//! `.env.template`: a line for each variable that feeds a port.

use std::fmt::Write as _;

use super::plan::{Edit, Plan, Skipped, Step, Target, View};
use super::ports::{Ports, value_now};
use crate::envfile::Document;
use crate::error::Result;
use crate::model::{Protocol, Stack, Wanted};
use crate::operation::services::urls::likely_url;
use crate::{stack, ui};

const HEADER: &str = "\
# Settings of the compose file, with their defaults. Copy this file to .env and
# change the copy: git ignores .env, and Compose reads it by itself. A variable
# of the same name in the shell beats the file.
#
# If `docker compose up` says \"port is already allocated\" or \"address already in
# use\":
#   cargo xtask check-ports                      who holds which port
#   cargo xtask check-ports --reassign           writes free ports into .env
#   cargo xtask start --on-conflict reassign     does so and starts the stack
";

/// Creates the template, or adds the missing variables.
pub(super) fn plan(target: &Target<'_>, ports: Option<Ports>, plan: &mut Plan) -> Result<()> {
    let Some(Ports { dir, stack, ambiguous }) = ports else { return Ok(()) };
    let path = stack::template_in(&dir).unwrap_or_else(|| dir.join(".env.template"));
    let before = target.read(&path)?;
    let document =
        Document::parse(before.clone().unwrap_or_default()).map_err(|error| error.within(target.show(&path)))?;
    let mut known = document.names();
    known.extend(document.commented().into_iter().map(|commented| commented.name));
    let mut wanted: Vec<Variable> =
        variables(&stack).into_iter().filter(|variable| !known.contains(&variable.name)).collect();
    wanted.retain(|variable| {
        let why = ambiguous.get(&variable.name);
        plan.skipped.extend(why.map(|why| Skipped { place: target.show(&path), why: why.clone() }));
        why.is_none()
    });
    if wanted.is_empty() {
        return Ok(());
    }
    let mut bytes = before.clone().unwrap_or_default();
    let end = if bytes.windows(2).any(|pair| pair == b"\r\n") { "\r\n" } else { "\n" };
    let mut text = if before.is_none() { format!("{HEADER}\n") } else { String::from("\n# Ports on this machine.\n") };
    for variable in &wanted {
        // Writing to a String cannot fail.
        let _ = write!(text, "# {}\n{}={}\n", variable.feeds.join(", "), variable.name, variable.default);
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.extend_from_slice(end.as_bytes());
    }
    bytes.extend_from_slice(text.replace('\n', end).as_bytes());
    let what = match (&before, wanted.len()) {
        (None, _) => " (new): every port with its default".to_owned(),
        (_, 1) => ": a missing port".to_owned(),
        (_, count) => format!(": {count} missing ports"),
    };
    let what = format!("{}{what}", target.show(&path));
    plan.steps.push(Step { what, edits: vec![Edit { path, before, after: Some(bytes) }], view: View::Diff });
    Ok(())
}

/// A port variable.
struct Variable {
    name: String,
    /// Port, with the address before it if there is one; empty if the files have no default.
    default: String,
    /// `web: http://localhost:8000`.
    feeds: Vec<String>,
}

fn variables(stack: &Stack) -> Vec<Variable> {
    let mut found: Vec<Variable> = Vec::new();
    for wanted in stack.ports() {
        let Some((name, default)) = value_now(wanted) else { continue };
        let feeds = feeds(stack, wanted);
        match found.iter_mut().find(|known| known.name == name) {
            Some(known) if known.feeds.contains(&feeds) => {}
            Some(known) => known.feeds.push(feeds),
            None => {
                found.push(Variable { name, default, feeds: vec![feeds] });
            }
        }
    }
    found
}

fn feeds(stack: &Stack, wanted: &Wanted) -> String {
    let mapping = &wanted.mapping;
    let service = ui::clean(&mapping.service);
    match (mapping.published, stack.service(&mapping.service)) {
        (Some(port), Some(known)) if port.is_one() && mapping.protocol == Protocol::Tcp => {
            format!("{service}: {}", likely_url(known, mapping.target, port.first))
        }
        _ => format!("{service}: {}", mapping.address()),
    }
}
