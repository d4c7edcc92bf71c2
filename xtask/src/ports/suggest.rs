//! Suggests free ports for conflicts.

use std::collections::{BTreeMap, BTreeSet};

use super::{PortFacts, Row, effective, too_many_replicas};
use crate::decide::{Limits, Publishing, cannot_share_port, free_block, suggest};
use crate::disk;
use crate::model::{PortMapping, PortRange, Stack, Tenant, Verdict, Wanted};
use crate::stack::Settings;

/// What limits the choice of ports, besides the facts.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub stack: &'a Stack,
    pub publishing: &'a BTreeMap<String, Publishing>,
    /// `port_range` of the project's settings: no port outside it is chosen.
    pub port_range: Option<PortRange>,
    /// Ports without a lease that others will need again.
    pub avoid: &'a BTreeSet<u16>,
}

/// Suggests another port for every conflict among `rows`. Ports set by the same variable
/// get the same suggestion.
pub(crate) fn suggest_for_conflicts(facts: &PortFacts<'_>, rows: &mut [Row], rules: &Rules<'_>) {
    let (kept, tenant) = (facts.kept_for_others(), facts.tenant());
    let unsuitable = facts.unsuitable();
    let mut used: BTreeSet<u16> = published(rows).collect();
    let mut found: Vec<Option<u16>> = vec![None; rows.len()];
    for (i, row) in rows.iter().enumerate() {
        let mapping = &row.wanted.mapping;
        let published = mapping.published.filter(|range| range.is_one());
        let (true, None, Some(published)) = (row.verdict.is_conflict(), found[i], published) else { continue };
        // Another port would not help.
        let is_refused = matches!(row.verdict, Verdict::NotPublished { .. });
        if is_refused || too_many_replicas(rules.stack, mapping).is_some() {
            continue;
        }
        let together: Vec<usize> =
            (0..rows.len()).filter(|j| *j == i || move_together(&row.wanted, &rows[*j].wanted)).collect();
        let Ok(bound) = together
            .iter()
            .map(|j| effective(rules.publishing, &rows[*j].wanted.mapping))
            .collect::<Result<Vec<_>, _>>()
        else {
            continue;
        };
        let mut is_free = |port: u16| bound.iter().all(|mapping| facts.is_free(mapping, port));
        // The stack must not take the port of its own project's dev server either.
        let of_server = |port| tenant.is_some_and(|tenant| tenant.has_dev_server(port));
        let is_kept = |port: u16| kept.contains(port) || of_server(port) || rules.avoid.contains(&port);
        let own = tenant.and_then(|tenant| tenant.range);
        let mut limits = Limits { within: rules.port_range.or(own), outside: &unsuitable, used: &used, kept: &is_kept };
        let before = tenant.and_then(|tenant| leased_port(tenant, rows, i));
        // A running container may still have it, after the `.env` with the port was lost.
        let is_ours = |port: u16| {
            let suits =
                |mapping| facts.is_free(mapping, port) || matches!(facts.verdict(mapping, port), Verdict::Ours(_));
            bound.iter().all(suits)
        };
        let port = before.filter(|port| *port != published.first && limits.allow(*port) && is_ours(*port));
        let port = port.or_else(|| suggest(published.first, &limits, &mut is_free)).or_else(|| {
            // A port may be outside the project's block, but not outside a range in xtask.toml.
            own.filter(|_| rules.port_range.is_none())?;
            limits.within = None;
            suggest(published.first, &limits, &mut is_free)
        });
        used.extend(port);
        for j in together.into_iter().filter(|j| rows[*j].verdict.is_conflict()) {
            found[j] = port;
        }
    }
    for (row, port) in rows.iter_mut().zip(found) {
        row.suggestion = port;
    }
}

fn published(rows: &[Row]) -> impl Iterator<Item = u16> {
    rows.iter().filter_map(|row| row.wanted.mapping.published).flat_map(PortRange::iter)
}

/// Whether one value sets both ports, and can continue to do so.
fn move_together(a: &Wanted, b: &Wanted) -> bool {
    let value = |wanted: &Wanted| {
        let origin = wanted.origin.as_ref()?;
        Some((origin.variable.clone()?, origin.affixes.clone(), wanted.mapping.published))
    };
    value(a).is_some_and(|value_of_a| value(b) == Some(value_of_a)) && !cannot_share_port(&a.mapping, &b.mapping)
}

/// The port that the tenant has leased for the row at `at`. If a service publishes a
/// target several times, their order identifies them.
pub(crate) fn leased_port(tenant: &Tenant, rows: &[Row], at: usize) -> Option<u16> {
    let key = |row: &Row| {
        let mapping = &row.wanted.mapping;
        (mapping.service.clone(), mapping.target, mapping.protocol)
    };
    let wanted = key(&rows[at]);
    let nth = rows[..at].iter().filter(|other| key(other) == wanted).count();
    tenant.ports_of(&wanted.0, wanted.1, wanted.2).nth(nth)
}

/// A block that no other project has and whose ports are free.
pub(crate) fn free_range(facts: &PortFacts<'_>, rows: &[Row], avoid: &BTreeSet<u16>) -> Option<PortRange> {
    let own: BTreeSet<u16> = published(rows).collect();
    let protocol = rows.first()?.wanted.mapping.protocol;
    facts.free_block(rows.len(), &PortMapping::single(None, 1, protocol), &|port| {
        own.contains(&port) || avoid.contains(&port)
    })
}

impl PortFacts<'_> {
    /// A block of at least `count` ports, each free for `mapping`, which no other project
    /// has leased or configured in its settings.
    pub(super) fn free_block(
        &self,
        count: usize,
        mapping: &PortMapping,
        is_excluded: &dyn Fn(u16) -> bool,
    ) -> Option<PortRange> {
        let kept = self.kept_for_others();
        let of_settings = |tenant: &Tenant| {
            let dir = tenant.dir.clone();
            disk::with_timeout(&tenant.dir, move || Settings::read(&dir)).and_then(Result::ok)?.port_range
        };
        let mut unsuitable = self.unsuitable();
        unsuitable.extend(self.other_tenants().filter_map(of_settings));
        free_block(count, self.seed(), &mut |range| {
            range.iter().any(|port| {
                is_excluded(port)
                    || kept.contains(port)
                    || unsuitable.iter().any(|range| range.contains(port))
                    || !self.is_free(mapping, port)
            })
        })
    }
}
