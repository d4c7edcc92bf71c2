//! Checks what new values do to published ports.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::decide::{Expect, PortDifference, clashes, port_differences};
use crate::envfile::PortMove;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::{Affixes, Origin, PortMapping, PortRange, Stack, Tenant};
use crate::operation::change::proof;
use crate::operation::check::project::{CheckedProject, is_free};
use crate::{disk, project, ui};

fn mappings_fed_by<'a>(model: &'a Stack, name: &'a str) -> impl Iterator<Item = (&'a PortMapping, String)> {
    model.ports().filter_map(move |wanted| {
        let origin = wanted.origin.as_ref().filter(|origin| origin.variable.as_deref() == Some(name))?;
        let file = origin.file.file_name().unwrap_or_default().to_string_lossy();
        Some((&wanted.mapping, format!("{}:{}", ui::clean(&file), origin.line)))
    })
}

/// Refuses values that are not ports or that would publish a port on other addresses. An empty
/// value is allowed: the default is used then.
pub(super) fn check(ctx: &Context, now: Option<&Stack>, then: &Stack, values: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in values {
        let Some((mapping, place)) = mappings_fed_by(then, name).next() else { continue };
        if mapping.published.is_none() && !value.is_empty() {
            return Err(not_a_port(name, value, &mapping.service, &place, &Affixes::default())
                .hint(format!("`cargo xtask env explain {name}` shows what uses it in {}", ctx.show(&then.dir))));
        }
    }
    match now.filter(|_| !sets_compose_files(values)) {
        Some(now) => same_addresses(&port_differences(now, then, &|_| Expect::Any), now, values),
        None => Ok(()),
    }
}

/// COMPOSE_* variables choose the compose files, and so the ports.
pub(super) fn sets_compose_files(values: &BTreeMap<String, String>) -> bool {
    values.keys().any(|name| name.starts_with("COMPOSE_"))
}

/// An error for the first port that would have other addresses or another target port. Fewer
/// addresses are allowed.
pub(super) fn same_addresses(
    differences: &[PortDifference],
    now: &Stack,
    values: &BTreeMap<String, String>,
) -> Result<()> {
    let Some(difference) = differences.iter().find(|difference| !difference.only_narrows()) else { return Ok(()) };
    let origin = difference.before.as_ref().and_then(|mapping| {
        let wanted = now.ports().find(|wanted| wanted.mapping == *mapping)?;
        wanted.origin.as_ref()
    });
    let of_port = |name: &&String| origin.is_some_and(|origin| origin.variable.as_ref() == Some(*name));
    let named: Vec<&String> = match values.keys().find(of_port) {
        Some(name) => vec![name],
        None => values.keys().collect(),
    };
    let cause: Vec<String> =
        named.iter().map(|name| format!("{name}={}", ui::mask_value(name, &values[*name]))).collect();
    let mut error = proof::refusal(&cause.join(" "), difference);
    let to = difference.after.as_ref().and_then(|mapping| mapping.published);
    if let (Some(Origin { variable: Some(name), affixes, .. }), Some(to)) = (origin, to)
        && !affixes.is_empty()
        && values.contains_key(name)
    {
        let value = Command::new("cargo").args(["xtask", "env", "set", &format!("{name}={}", affixes.value(to))]);
        error = error.hint(format!("keep the text around the number: `{}`", value.line()));
    }
    Err(error
        .hint("if you mean it, edit the file by hand: this command never makes a port reachable from more addresses"))
}

fn not_a_port(name: &str, value: &str, service: &str, place: &str, affixes: &Affixes) -> Error {
    let value = ui::clean(value);
    let example =
        Command::new("cargo").args(["xtask", "env", "set", &format!("{name}={}", affixes.value(8000))]).line();
    Error::new(format!("{name}={value} is not a port, but service `{service}` publishes it ({place})"))
        .hint(format!("use a number from 1 to 65535, or a range such as 8000-8009: `{example}`"))
}

/// The error for values that make a readable project unreadable.
pub(super) fn explain_failure(now: &Stack, values: &BTreeMap<String, String>, error: Error) -> Error {
    let bad = values.iter().find_map(|(name, value)| {
        let (mapping, place) = mappings_fed_by(now, name).next().filter(|_| value.parse::<PortRange>().is_err())?;
        let mut origins = now.ports().filter_map(|wanted| wanted.origin.as_ref());
        let origin = origins.find(|origin| origin.variable.as_ref() == Some(name))?;
        Some(not_a_port(name, value, &mapping.service, &place, &origin.affixes))
    });
    bad.unwrap_or_else(|| error.within("Compose cannot read the project with these values"))
}

/// The single ports that change, each with its variable.
pub(super) fn moves(now: Option<&Stack>, then: &Stack) -> Vec<PortMove> {
    let ports = |model: &Stack| -> BTreeMap<String, (u16, String)> {
        let single = model.ports().filter_map(|wanted| {
            let port = wanted.mapping.published.filter(|range| range.is_one())?.first;
            let origin = wanted.origin.as_ref()?;
            Some((origin.variable.clone()?, (port, origin.affixes.value(port))))
        });
        single.collect()
    };
    let before = now.map(ports).unwrap_or_default();
    let changed = ports(then).into_iter().filter_map(|(variable, (to, after))| {
        let (from, before) = before.get(&variable).filter(|(from, _)| *from != to)?.clone();
        Some(PortMove { variable, from, to, before, after })
    });
    changed.collect()
}

/// Warnings for new ports that are taken or kept for others. They are not errors: the holder
/// may be about to exit.
pub(super) fn warnings(ctx: &Context, then: &Stack, moves: &[PortMove]) -> Vec<String> {
    let mut warnings = Vec::new();
    let all: Vec<&PortMapping> = then.ports().map(|wanted| &wanted.mapping).collect();
    let clashing = clashes(&all);
    if moves.is_empty() {
        return warnings;
    }
    let Ok(found) = project::resolve(ctx).map(CheckedProject::new) else { return warnings };
    let dir = found.real_dir();
    for PortMove { variable: name, to: port, .. } in moves {
        for (mapping, _) in mappings_fed_by(then, name) {
            let at = all.iter().position(|other| std::ptr::eq(*other, mapping));
            let clash = clashing.iter().enumerate().find_map(|(later, earlier)| match (at, *earlier) {
                (Some(at), Some(earlier)) if later == at => Some(earlier),
                (Some(at), Some(earlier)) if earlier == at => Some(later),
                _ => None,
            });
            let keeps = |tenant: &&Tenant| tenant.has_lease(*port, mapping.protocol) && disk::is_folder(&tenant.dir);
            let kept = found.leases.others(&found.stack.name, &dir).find(keeps);
            let free = || is_free(&found, mapping, *port);
            let warning = match (clash, kept) {
                (Some(other), _) => format!("{port} is also published by service `{}`", all[other].service),
                (None, _) if !free() => format!("{port} is not free: `cargo xtask who {port}` shows who holds it"),
                (None, Some(other)) => format!("{port} is kept for {} in {}", other.project, ctx.show(&other.dir)),
                (None, None) => continue,
            };
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}
