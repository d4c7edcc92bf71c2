//! Other ports for those in conflict: really free, and nobody else's.

use std::collections::{BTreeMap, BTreeSet};

use super::{PortFacts, Row, effective, too_many_replicas};
use crate::decide::{Limits, Publishing, cannot_share_port, free_block, suggest};
use crate::disk;
use crate::model::{PortMapping, PortRange, Stack, Tenant, Verdict, Wanted};
use crate::stack::Settings;

/// What a project's other ports are chosen by, besides facts.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub stack: &'a Stack,
    /// What becomes of the ports of each service.
    pub publishing: &'a BTreeMap<String, Publishing>,
    /// `port_range` of its settings: no port outside it is chosen.
    pub port_range: Option<PortRange>,
    /// Ports that nobody keeps, and that others will want again.
    pub avoid: &'a BTreeSet<u16>,
}

/// Chooses another port for every conflict among `rows`. Ports fed by one
/// variable move together.
pub(crate) fn suggest_for_conflicts(facts: &PortFacts<'_>, rows: &mut [Row], rules: &Rules<'_>) {
    let (kept, tenant) = (facts.kept(), facts.tenant());
    let unsuitable = facts.unsuitable();
    let mut used: BTreeSet<u16> = published(rows).collect();
    let mut found: Vec<Option<u16>> = vec![None; rows.len()];
    for (i, row) in rows.iter().enumerate() {
        let mapping = &row.wanted.mapping;
        let published = mapping.published.filter(|range| range.is_one());
        let (true, None, Some(published)) = (row.verdict.is_conflict(), found[i], published) else { continue };
        // No other port would help.
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
        // A dev server of the same project keeps its port against the stack, too.
        let of_server = |port| tenant.is_some_and(|tenant| tenant.has_dev_server(port));
        let is_kept = |port: u16| kept.contains(port) || of_server(port) || rules.avoid.contains(&port);
        let own = tenant.and_then(|tenant| tenant.range);
        let mut limits = Limits { within: rules.port_range.or(own), outside: &unsuitable, used: &used, kept: &is_kept };
        let before = tenant.and_then(|tenant| leased_port(tenant, rows, i));
        let port = before.filter(|port| *port != published.first && limits.allow(*port) && is_free(*port));
        let port = port.or_else(|| suggest(published.first, &limits, &mut is_free)).or_else(|| {
            // A block that was given may be left; a range in xtask.toml may not.
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

/// Whether one value gives both their number, and can go on doing so.
fn move_together(a: &Wanted, b: &Wanted) -> bool {
    let value = |wanted: &Wanted| {
        let origin = wanted.origin.as_ref()?;
        Some((origin.variable.clone()?, origin.affixes.clone(), wanted.mapping.published))
    };
    value(a).is_some_and(|value_of_a| value(b) == Some(value_of_a)) && !cannot_share_port(&a.mapping, &b.mapping)
}

/// The port that the tenant keeps for the row at `at`: a service may publish one
/// target several times, and then their order tells them apart.
pub(crate) fn leased_port(tenant: &Tenant, rows: &[Row], at: usize) -> Option<u16> {
    let key = |row: &Row| {
        let mapping = &row.wanted.mapping;
        (mapping.service.clone(), mapping.target, mapping.protocol)
    };
    let wanted = key(&rows[at]);
    let nth = rows[..at].iter().filter(|other| key(other) == wanted).count();
    tenant.ports_of(&wanted.0, wanted.1, wanted.2).nth(nth)
}

/// A block for the project that nobody else has, and on whose ports nobody is.
pub(crate) fn free_range(facts: &PortFacts<'_>, rows: &[Row], avoid: &BTreeSet<u16>) -> Option<PortRange> {
    let own: BTreeSet<u16> = published(rows).collect();
    let protocol = rows.first()?.wanted.mapping.protocol;
    facts.free_block(rows.len(), &PortMapping::single(None, 1, protocol), &|port| {
        own.contains(&port) || avoid.contains(&port)
    })
}

impl PortFacts<'_> {
    /// A block of at least `count` ports that nobody else keeps or has in the
    /// settings of their project, and each of which `mapping` could have.
    pub(super) fn free_block(
        &self,
        count: usize,
        mapping: &PortMapping,
        is_excluded: &dyn Fn(u16) -> bool,
    ) -> Option<PortRange> {
        let kept = self.kept();
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
