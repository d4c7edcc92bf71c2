//! Other ports for those in conflict: really free, and nobody else's.

use std::collections::BTreeSet;
use std::path::Path;

use super::machine::Machine;
use super::{Row, Survey, crowd};
use crate::decide::{Kept, Limits, exclude, free_block, suggest};
use crate::disk;
use crate::model::{Leases, PortMapping, PortRange, Tenant, Verdict, Wanted};
use crate::stack::Settings;

/// Chooses for every conflict, with what the book says now. Ports fed by one
/// variable move together.
pub(super) fn choose(machine: &Machine<'_>, survey: &mut Survey, leases: &Leases) {
    let dir = survey.real_dir();
    let kept = Kept::new(leases, &survey.stack.name, &dir, &disk::is_folder);
    let tenant = leases.tenant(&survey.stack.name, &dir);
    let outside = machine.outside();
    let wanted: Vec<&Wanted> = survey.rows.iter().map(|row| &row.wanted).collect();
    let mut used: BTreeSet<u16> = wanted.iter().filter_map(|w| w.mapping.published).flat_map(PortRange::iter).collect();
    let mut found: Vec<Option<u16>> = vec![None; wanted.len()];
    for i in 0..wanted.len() {
        let published = wanted[i].mapping.published.filter(|range| range.is_one());
        let (true, None, Some(published)) = (survey.rows[i].verdict.is_conflict(), found[i], published) else {
            continue;
        };
        let together: Vec<usize> =
            (0..wanted.len()).filter(|j| *j == i || move_together(wanted[i], wanted[*j])).collect();
        // No other port would help.
        let refused = matches!(survey.rows[i].verdict, Verdict::NotPublished { .. });
        if refused || crowd(&survey.stack, &wanted[i].mapping).is_some() {
            continue;
        }
        // A dev server of the same project keeps its port against the stack, too.
        let of_server = |port| tenant.is_some_and(|tenant| tenant.has_dev_server(port));
        let not_to_have = |port: u16| kept.has(port) || of_server(port) || survey.avoid.contains(&port);
        let own = tenant.and_then(|tenant| tenant.range);
        let mut limits =
            Limits { within: survey.settings.port_range.or(own), outside: &outside, used: &used, kept: &not_to_have };
        let mut is_free = |port: u16| together.iter().all(|j| machine.is_free(&wanted[*j].mapping, port));
        let before = tenant.and_then(|tenant| kept_for(tenant, &wanted, i));
        let port = before.filter(|port| *port != published.first && limits.allow(*port) && is_free(*port));
        let port = port.or_else(|| suggest(published.first, &limits, &mut is_free)).or_else(|| {
            // A block that was given is a wish; a range in xtask.toml a rule.
            own.filter(|_| survey.settings.port_range.is_none())?;
            limits.within = None;
            suggest(published.first, &limits, &mut is_free)
        });
        used.extend(port);
        for j in together.into_iter().filter(|j| survey.rows[*j].verdict.is_conflict()) {
            found[j] = port;
        }
    }
    for (row, port) in survey.rows.iter_mut().zip(found) {
        row.suggestion = port;
    }
}

/// Whether one value gives both their number, and can go on doing so.
fn move_together(a: &Wanted, b: &Wanted) -> bool {
    let value = |wanted: &Wanted| {
        let origin = wanted.origin.as_ref()?;
        Some((origin.variable.clone()?, origin.around.clone(), wanted.mapping.published))
    };
    value(a).is_some_and(|value_of_a| value(b) == Some(value_of_a)) && !exclude(&a.mapping, &b.mapping)
}

/// The port that the tenant keeps for the mapping at `at`: a service may publish
/// one target several times, and then their order tells them apart.
fn kept_for(tenant: &Tenant, wanted: &[&Wanted], at: usize) -> Option<u16> {
    let key = |mapping: &PortMapping| (mapping.service.clone(), mapping.target, mapping.protocol);
    let (service, target, protocol) = key(&wanted[at].mapping);
    let nth = wanted[..at].iter().filter(|other| key(&other.mapping) == key(&wanted[at].mapping)).count();
    tenant.ports_of(&service, target, protocol).nth(nth)
}

/// The port that is kept for a row of the survey.
pub fn kept_for_row(survey: &Survey, tenant: &Tenant, at: usize) -> Option<u16> {
    let wanted: Vec<&Wanted> = survey.rows.iter().map(|row| &row.wanted).collect();
    kept_for(tenant, &wanted, at)
}

/// Chooses anew for every conflict, with what the book says now.
pub fn choose_again(survey: &mut Survey, leases: &Leases) {
    with_machine(survey, |machine, survey| choose(machine, survey, leases));
}

/// A block for this project that nobody else has, and on whose ports nobody is.
pub fn free_range(survey: &mut Survey, leases: &Leases) -> Option<PortRange> {
    with_machine(survey, |machine, survey| {
        let published = |row: &Row| row.wanted.mapping.published;
        let own: BTreeSet<u16> = survey.rows.iter().filter_map(published).flat_map(PortRange::iter).collect();
        let mapping = survey.rows.first().map(|row| row.wanted.mapping.clone())?;
        let mapping = PortMapping { host_ip: None, ..mapping };
        let not_to_have = |port: u16| own.contains(&port) || survey.avoid.contains(&port);
        let dir = survey.real_dir();
        block(machine, leases, (&survey.stack.name, &dir), survey.rows.len(), &mapping, &not_to_have)
    })
}

/// The same for anything with a project name and a folder.
pub(super) fn block(
    machine: &Machine<'_>,
    leases: &Leases,
    (project, dir): (&str, &Path),
    count: usize,
    mapping: &PortMapping,
    not_to_have: &dyn Fn(u16) -> bool,
) -> Option<PortRange> {
    let kept = Kept::new(leases, project, dir, &disk::is_folder);
    // What others' own files say is theirs, whether they use it now or not.
    let written = |tenant: &Tenant| {
        let dir = tenant.dir.clone();
        disk::within(&tenant.dir, move || Settings::read(&dir)).and_then(Result::ok)?.port_range
    };
    let mut outside = machine.outside();
    outside.extend(leases.others(project, dir).filter_map(written));
    free_block(count, machine.seed(), &mut |range| {
        range.iter().any(|port| {
            not_to_have(port)
                || kept.has(port)
                || outside.iter().any(|range| range.contains(port))
                || !machine.is_free(mapping, port)
        })
    })
}

fn with_machine<T>(survey: &mut Survey, work: impl FnOnce(&Machine<'_>, &mut Survey) -> T) -> T {
    let containers = survey.containers.clone().unwrap_or_default();
    let (name, dir, refused) = (survey.stack.name.clone(), survey.real_dir(), survey.refused.clone());
    let (host, publishing) = (survey.host.clone(), survey.publishing.clone());
    work(&Machine::new(host.as_ref(), &name, &dir, &containers, &refused, &publishing), survey)
}
