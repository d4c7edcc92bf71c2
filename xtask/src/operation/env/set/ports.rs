//! Checks what new values do to published ports.

use std::collections::BTreeMap;
use std::path::Path;

use crate::context::Context;
use crate::decide::{Expect, PortDifference, WiderReach, clashes, port_differences, wider_reach};
use crate::envfile::PortMove;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::{Affixes, Origin, PortMapping, PortRange, Stack, Tenant};
use crate::operation::change::proof;
use crate::operation::check::project::{CheckedProject, is_free};
use crate::{disk, project, stack, ui};

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
            return Err(not_a_port(name, value, &mapping.service, &place, &example(now, name, value))
                .hint(format!("`cargo xtask env explain {name}` shows what uses it in {}", ctx.show(&then.dir))));
        }
    }
    let Some(now) = now else { return Ok(()) };
    if !sets_compose_files(values) {
        same_addresses(&port_differences(now, then, &|_| Expect::Any), (now, then), values)?;
    }
    refuse_wider(&wider_reach(now, then), values)
}

/// Refuses what makes a service reachable from more addresses.
pub(super) fn refuse_wider(found: &[WiderReach], values: &BTreeMap<String, String>) -> Result<()> {
    let is_allowed = |found: &&WiderReach| match found {
        // Without other compose files, `same_addresses` compares the entries of `ports:`.
        WiderReach::New(port) => !sets_compose_files(values) || port.host_ip.is_some_and(|ip| ip.is_loopback()),
        _ => false,
    };
    match found.iter().find(|found| !is_allowed(found)) {
        Some(found) => Err(proof::wider_refusal(&cause(values), found).hint(BY_HAND)),
        None => Ok(()),
    }
}

pub(super) fn template_refusal(ctx: &Context, template: &Path, found: &WiderReach) -> Error {
    proof::wider_refusal(&format!("a new file with the values of {}", ctx.show(template)), found)
        .hint("the file was not created; `cargo xtask env init` names the line of the template")
}

const BY_HAND: &str =
    "if you mean it, edit the file by hand: this command never makes a port reachable from more addresses";

/// A valid value for a variable that sets a port: its own text with another number, or the user's
/// address with the current number.
fn example(now: Option<&Stack>, name: &str, value: &str) -> String {
    let current = now.into_iter().flat_map(Stack::ports).find_map(|wanted| {
        let origin = wanted.origin.as_ref().filter(|origin| origin.variable.as_deref() == Some(name))?;
        Some((origin.affixes.clone(), wanted.mapping.published?.first))
    });
    let (affixes, port) = current.unwrap_or((Affixes::default(), 8000));
    let is_address = |text: &str| text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    match value.strip_suffix(':') {
        Some(address) if is_address(address) => format!("{value}{port}"),
        _ => affixes.value(port),
    }
}

/// Variables that choose the compose files, and so every port.
const FILES: [&str; 2] = [stack::COMPOSE_FILE, stack::SEPARATOR];

/// The user names other files, whatever else they publish.
pub(super) fn sets_compose_files(values: &BTreeMap<String, String>) -> bool {
    values.keys().any(|name| FILES.contains(&name.as_str()))
}

/// Ports that other compose files publish on other addresses than now.
pub(super) fn warnings_about_files(now: &Stack, then: &Stack, values: &BTreeMap<String, String>) -> Vec<String> {
    if !sets_compose_files(values) {
        return Vec::new();
    }
    let differences = port_differences(now, then, &|_| Expect::Any);
    let wider = differences.iter().filter(|difference| difference.after.is_some() && !difference.only_narrows());
    wider.map(|difference| proof::refusal(&cause(values), difference).message().to_owned()).collect()
}

/// With other files no value could be proved.
pub(super) fn refuse_files_with_others(values: &BTreeMap<String, String>) -> Result<()> {
    let (files, others): (Vec<&String>, Vec<&String>) = values.keys().partition(|name| FILES.contains(&name.as_str()));
    let (Some(file), Some(other)) = (files.first(), others.first()) else { return Ok(()) };
    Err(Error::new(format!("{file} chooses the compose files, so the effect of {other} cannot be verified with it"))
        .hint(format!("set {file} alone, then the others")))
}

/// `DB_PORT=5433 MEM=1g`; secrets masked.
pub(super) fn cause(values: &BTreeMap<String, String>) -> String {
    let shown: Vec<String> =
        values.iter().map(|(name, value)| format!("{name}={}", ui::mask_value(name, value))).collect();
    shown.join(" ")
}

/// An error for the first port that would have other addresses or another target port. Fewer
/// addresses are allowed, and so is a target port that is the same variable's number, or is a
/// value that was set and only this machine reaches it. Services that COMPOSE_PROFILES adds or removes do not count.
pub(super) fn same_addresses(
    differences: &[PortDifference],
    (now, then): (&Stack, &Stack),
    values: &BTreeMap<String, String>,
) -> Result<()> {
    let selects = values.contains_key("COMPOSE_PROFILES");
    let is_kept = |service: &str| now.service(service).is_some() && then.service(service).is_some();
    let is_named = |difference: &&PortDifference| {
        difference.only_narrows()
            || follows(difference, values).only_narrows()
            || sets_only_a_local_target(difference, values)
            || selects && !is_kept(difference.service())
    };
    let Some(difference) = differences.iter().find(|difference| !is_named(difference)) else { return Ok(()) };
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
    if difference.is_target_only() {
        return Err(
            error.hint("if you mean it, edit the file by hand: this command never publishes another target port")
        );
    }
    Err(error.hint(BY_HAND))
}

/// Whether a value is the number of another target port, at an address that only this machine
/// reaches.
fn sets_only_a_local_target(difference: &PortDifference, values: &BTreeMap<String, String>) -> bool {
    let Some(after) = difference.after.as_ref().filter(|_| difference.is_target_only()) else { return false };
    after.host_ip.is_some_and(|ip| ip.is_loopback()) && values.values().any(|value| *value == after.target.to_string())
}

/// The difference without a target port that moves along with the published one, because both are
/// the number that was set.
fn follows(difference: &PortDifference, values: &BTreeMap<String, String>) -> PortDifference {
    let mut rest = difference.clone();
    if let (Some(before), Some(after)) = (&rest.before, &mut rest.after) {
        let is_both = |mapping: &PortMapping| mapping.published == Some(PortRange::one(mapping.target));
        let number = after.target.to_string();
        let is_set = values.values().any(|value| value.rsplit(':').next() == Some(number.as_str()));
        if is_both(before) && is_both(after) && is_set {
            after.target = before.target;
        }
    }
    rest
}

fn not_a_port(name: &str, value: &str, service: &str, place: &str, example: &str) -> Error {
    let value = ui::clean(value);
    let example = Command::new("cargo").args(["xtask", "env", "set", &format!("{name}={example}")]).line();
    Error::new(format!("{name}={value} is not a port, but service `{service}` publishes it ({place})"))
        .hint(format!("use a number from 1 to 65535, or a range such as 8000-8009: `{example}`"))
}

/// The error for values that make a readable project unreadable.
pub(super) fn explain_failure(now: &Stack, values: &BTreeMap<String, String>, error: Error) -> Error {
    let bad = values.iter().find_map(|(name, value)| {
        let (mapping, place) = mappings_fed_by(now, name).next().filter(|_| value.parse::<PortRange>().is_err())?;
        Some(not_a_port(name, value, &mapping.service, &place, &example(Some(now), name, value)))
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
