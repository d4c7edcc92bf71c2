//! What new values do to published ports.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::decide::{Expect, PortDifference, clashes, port_differences};
use crate::envfile::PortMove;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::{Affixes, Origin, PortMapping, PortRange, Stack, Tenant};
use crate::operation::change::proof;
use crate::operation::check::survey::{self, Survey};
use crate::{disk, project, ui};

fn fed<'a>(model: &'a Stack, name: &'a str) -> impl Iterator<Item = (&'a PortMapping, String)> {
    model.ports().filter_map(move |wanted| {
        let origin = wanted.origin.as_ref().filter(|origin| origin.variable.as_deref() == Some(name))?;
        let file = origin.file.file_name().unwrap_or_default().to_string_lossy();
        Some((&wanted.mapping, format!("{}:{}", ui::clean(&file), origin.line)))
    })
}

/// Refuses what is no port, and what would publish a port on other addresses
/// than it is on now. An empty value makes way for the default.
pub(super) fn check(ctx: &Context, now: Option<&Stack>, then: &Stack, values: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in values {
        let Some((mapping, place)) = fed(then, name).next() else { continue };
        if mapping.published.is_none() && !value.is_empty() {
            return Err(no_port(name, value, &mapping.service, &place, &Affixes::default())
                .hint(format!("`cargo xtask env explain {name}` shows what uses it in {}", ctx.show(&then.dir))));
        }
    }
    match now.filter(|_| !chooses_files(values)) {
        Some(now) => same_addresses(&port_differences(now, then, &|_| Expect::Any), now, values),
        None => Ok(()),
    }
}

/// These say which files the project is made of, and so which ports it has.
pub(super) fn chooses_files(values: &BTreeMap<String, String>) -> bool {
    values.keys().any(|name| name.starts_with("COMPOSE_"))
}

/// An error for the first port that would be on other addresses, or another
/// port in the container. That fewer reach it is no harm.
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
        error = error.hint(format!("keep what stands around the number: `{}`", value.line()));
    }
    Err(error
        .hint("if that is meant, change the file by hand: this command moves ports, and never opens one to others"))
}

fn no_port(name: &str, value: &str, service: &str, place: &str, affixes: &Affixes) -> Error {
    let value = ui::clean(value);
    let example =
        Command::new("cargo").args(["xtask", "env", "set", &format!("{name}={}", affixes.value(8000))]).line();
    Error::new(format!("{name}={value} is no port, and service `{service}` publishes it ({place})"))
        .hint(format!("give a number from 1 to 65535, or a range such as 8000-8009: `{example}`"))
}

/// The values make a project unreadable that was readable.
pub(super) fn breaks(now: &Stack, values: &BTreeMap<String, String>, error: Error) -> Error {
    let bad = values.iter().find_map(|(name, value)| {
        let (mapping, place) = fed(now, name).next().filter(|_| value.parse::<PortRange>().is_err())?;
        let mut origins = now.ports().filter_map(|wanted| wanted.origin.as_ref());
        let origin = origins.find(|origin| origin.variable.as_ref() == Some(name))?;
        Some(no_port(name, value, &mapping.service, &place, &origin.affixes))
    });
    bad.unwrap_or_else(|| error.within("Compose could not read the project with these values"))
}

/// Single ports that move, each by its variable.
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

/// A port that is not free is no reason to refuse: its holder may be about to
/// go.
pub(super) fn taken(ctx: &Context, then: &Stack, moves: &[PortMove]) -> Vec<String> {
    let mut warnings = Vec::new();
    let all: Vec<&PortMapping> = then.ports().map(|wanted| &wanted.mapping).collect();
    let clashing = clashes(&all);
    if moves.is_empty() {
        return warnings;
    }
    let Ok(found) = project::resolve(ctx).map(Survey::of) else { return warnings };
    let dir = found.real_dir();
    for PortMove { variable: name, to: port, .. } in moves {
        for (mapping, _) in fed(then, name) {
            let at = all.iter().position(|other| std::ptr::eq(*other, mapping));
            let clash = clashing.iter().enumerate().find_map(|(later, earlier)| match (at, *earlier) {
                (Some(at), Some(earlier)) if later == at => Some(earlier),
                (Some(at), Some(earlier)) if earlier == at => Some(later),
                _ => None,
            });
            let keeps = |tenant: &&Tenant| tenant.has_lease(*port, mapping.protocol) && disk::is_folder(&tenant.dir);
            let kept = found.leases.others(&found.stack.name, &dir).find(keeps);
            let free = || survey::is_free(&found, mapping, *port);
            let warning = match (clash, kept) {
                (Some(other), _) => format!("{port} is what service `{}` publishes too", all[other].service),
                (None, _) if !free() => format!("{port} is not free: `cargo xtask who {port}` says who has it"),
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
