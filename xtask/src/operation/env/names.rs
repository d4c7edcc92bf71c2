//! The variables that something reads.

use std::collections::BTreeSet;

use super::files::EnvProject;
use crate::context::Context;
use crate::decide::{is_misspelt, nearest};
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::parse::interpolate::mentions;
use crate::stack::{self, VariableUses, git};
use crate::ui;

/// Prefixes of variables that tools read.
const OF_TOOLS: [&str; 5] = ["COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_", "XTASK_"];

/// Whether a name belongs to Compose, Docker or this tool.
pub(super) fn is_of_tool(name: &str) -> bool {
    OF_TOOLS.iter().any(|prefix| name.starts_with(prefix))
}

/// Every name that the compose files, the template or other lines of the env files use.
pub(super) fn known(env: &EnvProject, uses: &VariableUses) -> BTreeSet<String> {
    let mut known: BTreeSet<String> = uses.places.iter().map(|place| place.name.clone()).collect();
    known.extend(uses.passed.iter().cloned());
    let mut used_in = |document: &crate::envfile::Document| {
        for line in document.assigned() {
            known.extend(mentions(line.text.as_deref().unwrap_or_default()).iter().map(|used| used.name.to_owned()));
        }
    };
    env.files.iter().for_each(|(_, document)| used_in(document));
    if let Some((_, template)) = &env.template {
        used_in(template);
        known.extend(template.names());
        known.extend(template.commented().into_iter().map(|offered| offered.name));
    }
    known
}

/// Refuses a new variable that nothing reads. Where a service reads the whole env file, its program may
/// know any name, so only a misspelt one is refused.
pub(super) fn refuse_unknown(ctx: &Context, env: &EnvProject, name: &str, value: &str) -> Result<()> {
    if is_of_tool(name) || env.project.env_files.get(name).is_some() {
        return Ok(());
    }
    let uses = stack::variable_uses(&env.project, &|name| ctx.var(name))?;
    let known = known(env, &uses);
    if known.contains(name) {
        return Ok(());
    }
    let file = env.project.env_files.file_for(name).ok();
    let is_passed_on = file.is_some_and(|file| uses.env_files.iter().any(|used| used == file));
    let own: Vec<String> = env.files.iter().flat_map(|(_, document)| document.names()).collect();
    let all: Vec<&str> = known.iter().chain(&own).map(String::as_str).collect();
    let meant = if is_passed_on {
        all.iter().copied().find(|known| is_misspelt(name, known))
    } else {
        nearest(name, all.iter().copied())
    };
    if is_passed_on && meant.is_none() || git::has_word(&env.project.dir, name) {
        return Ok(());
    }
    let command = |words: &[&str], name: &str| {
        let shown = ui::mask_value(name, value);
        let shown = if shown == value { value } else { "…" };
        let words = ["xtask", "env", "set"].iter().chain(words).map(|word| (*word).to_owned());
        Command::new("cargo").args(words.chain([format!("{name}={shown}")])).line()
    };
    let error = match meant {
        Some(meant) => Error::new(format!("nothing reads {name}; did you mean {meant}?"))
            .hint(format!("`{}`", command(&[], meant))),
        None => Error::new(format!("nothing reads {name}: neither a compose file nor a template nor a tracked file")),
    };
    Err(error.hint(format!("if something else reads it: `{}`", command(&["--new"], name))))
}
