//! Leases of a start: which of its ports are spoken for, and keeping its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::envfile::Document;
use crate::model::{Lease, Leases, NamesFile, Protocol, Source, Unpublished, Verdict};
use crate::operation::check::survey::{Row, Survey, choose_again, free_range};
use crate::project::leases::{being_started, close, is_starting, kept_by, lease, open, starter, take_over};
use crate::{disk, ports, stack};

/// Ports that this start must not take although they are free, and why:
///
/// * one that somebody else is being started on at this moment;
/// * in a checkout that is not the project's only one, a default: it is the
///   main checkout's, and this one gets a port of its own;
/// * where ports may be moved unasked, a default that is kept for others. A
///   person who asks for a port by name gets it as long as nobody is on it.
pub fn spoken_for(found: &Survey, may_move: bool) -> BTreeMap<u16, String> {
    let ctx = &found.ctx;
    let leases = ctx.leases();
    let dir = found.real_dir();
    let tenant = leases.tenant(&found.stack.name, &dir);
    let mut defaults = Defaults::new(found);
    let mut spoken_for = BTreeMap::new();
    for (at, row) in found.rows.iter().enumerate() {
        let (Some(port), Verdict::Free) = (single(row), &row.verdict) else { continue };
        let protocol = row.wanted.mapping.protocol;
        let kept = tenant.and_then(|tenant| ports::leased_port(tenant, &found.rows, at));
        if kept == Some(port) {
            continue;
        }
        let other = leases.others(&found.stack.name, &dir).find(|tenant| tenant.has_lease(port, protocol));
        let other = other.filter(|tenant| disk::is_folder(&tenant.dir));
        let mut is_default = || defaults.has(row, port);
        let why = match other {
            Some(other) if is_starting(other, port, protocol) => Some(being_started(ctx, other)),
            Some(other) if (may_move || found.is_secondary) && is_default() => Some(kept_by(ctx, other)),
            _ if found.is_secondary && is_default() => {
                let own = kept.map_or_else(|| "gets a port of its own".to_owned(), |kept| format!("keeps {kept}"));
                Some(format!("it is the project's default, and this checkout {own}"))
            }
            _ => None,
        };
        spoken_for.extend(why.map(|why| (port, why)));
    }
    spoken_for
}

/// The one port that a row will have; none where the engine binds nothing.
fn single(row: &Row) -> Option<u16> {
    if matches!(row.verdict, Verdict::NotPublished { cause: Unpublished::Discarded | Unpublished::Refused, .. }) {
        return None;
    }
    row.wanted.mapping.published.filter(|range| range.is_one()).map(|range| range.first)
}

/// Which values nobody chose: those of the compose file, of the template, and of
/// the main checkout's `.env`, which is what people copy into a worktree.
struct Defaults {
    templates: BTreeMap<PathBuf, Vec<Document>>,
    main: Option<PathBuf>,
    all: bool,
}

impl Defaults {
    fn new(found: &Survey) -> Self {
        let main = found.main_dir().map(|dir| dir.join(".env"));
        Defaults { templates: BTreeMap::new(), main, all: found.template.is_some() }
    }

    fn has(&mut self, row: &Row, port: u16) -> bool {
        let Some(origin) = &row.wanted.origin else { return true };
        let Source::EnvFile { path, .. } = &origin.source else { return origin.source != Source::Shell };
        let Some(variable) = &origin.variable else { return true };
        if self.all {
            return true;
        }
        let models = self.templates.entry(path.clone()).or_insert_with(|| {
            stack::template_for(path).into_iter().chain(self.main.clone()).filter_map(|path| document(&path)).collect()
        });
        let says = |model: &Document| {
            let values = model.values(&|_| None, &|_| None).unwrap_or_default();
            values.get(variable).map(|found| found.value.clone())
        };
        let is_now = |value: String| value == port.to_string() || value == origin.affixes.value(port);
        models.iter().filter_map(says).any(is_now)
    }
}

fn document(path: &Path) -> Option<Document> {
    Document::parse(disk::read(path).ok()??).ok()
}

/// Chooses for every conflict under the lock, so that no two choose the same,
/// and keeps what was chosen; with `--dry-run` only chooses.
pub fn choose(found: Survey) -> Survey {
    if found.ctx.dry_run {
        let mut leases = found.ctx.leases();
        return choose_from(found, &mut leases);
    }
    let Some(mut ledger) = open(&found.ctx, found.containers.as_deref().ok()) else { return found };
    let found = choose_from(found, &mut ledger.leases);
    let chosen = |row: &Row| row.suggestion.or_else(|| single(row));
    keep_rows(&mut ledger.leases, &found, &chosen);
    ledger.leases.tenant_mut(&found.stack.name, &found.real_dir()).starting = starter();
    close(ledger);
    found
}

/// Chooses. A checkout that is not the only one gets a block of its own where
/// its project says no range, or where that is used up.
fn choose_from(mut found: Survey, leases: &mut Leases) -> Survey {
    if found.is_secondary && found.settings.port_range.is_some() {
        choose_again(&mut found, leases);
        if found.conflicts().all(|row| row.suggestion.is_some()) {
            return found;
        }
        found.project.settings.port_range = None;
    }
    let (name, dir) = (found.stack.name.clone(), found.real_dir());
    let has_range = leases.tenant(&name, &dir).is_some_and(|tenant| tenant.range.is_some());
    if found.is_secondary && !has_range {
        leases.tenant_mut(&name, &dir).range = free_range(&found, leases);
    }
    choose_again(&mut found, leases);
    found
}

/// Keeps `port_of` each row; leases of services that were not looked at stay.
fn keep_rows(leases: &mut Leases, found: &Survey, port_of: &dyn Fn(&Row) -> Option<u16>) {
    let (name, dir) = (&found.stack.name, found.real_dir());
    let services: BTreeSet<&str> = found.rows.iter().map(|row| row.wanted.mapping.service.as_str()).collect();
    let tenant = leases.tenant_mut(name, &dir);
    let (before, mut after): (Vec<Lease>, Vec<Lease>) =
        tenant.leases.drain(..).partition(|lease| services.contains(lease.service.as_str()) && !lease.is_dev_server());
    for row in &found.rows {
        let mapping = &row.wanted.mapping;
        let Some(port) = port_of(row) else { continue };
        let new = lease(&mapping.service, mapping.target, mapping.protocol, port);
        let same = |old: &&Lease| Lease { since: new.since.clone(), ..(*old).clone() } == new;
        after.push(before.iter().find(same).cloned().unwrap_or(new));
    }
    tenant.leases = after;
}

/// Keeps the ports of a start that is about to happen, as it found them, and
/// says so to others until [`settled`]. Ports that somebody else is being
/// started on are given back instead, with the reason. A lease of somebody who
/// is not on the port ends, and that is said.
/// `names` is how it is started by names.
pub fn keep(found: &Survey, names: Option<&NamesFile>) -> Result<(), BTreeMap<u16, String>> {
    let ctx = &found.ctx;
    let Some(mut ledger) = open(ctx, found.containers.as_deref().ok()) else { return Ok(()) };
    let (name, dir) = (&found.stack.name, found.real_dir());
    let ports: Vec<(u16, Protocol)> =
        found.rows.iter().filter_map(|row| Some((single(row)?, row.wanted.mapping.protocol))).collect();
    let mut refused = BTreeMap::new();
    for (port, protocol) in &ports {
        let mut others = ledger.leases.others(name, &dir);
        let starting =
            others.find(|tenant| tenant.has_lease(*port, *protocol) && is_starting(tenant, *port, *protocol));
        refused.extend(starting.map(|tenant| (*port, being_started(ctx, tenant))));
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    for (port, protocol) in ports {
        take_over(ctx, &mut ledger.leases, (port, protocol), (name, &dir));
    }
    keep_rows(&mut ledger.leases, found, &single);
    let tenant = ledger.leases.tenant_mut(name, &dir);
    tenant.starting = starter();
    tenant.names = names.cloned();
    close(ledger);
    Ok(())
}

/// The start is over, one way or the other: its leases stay.
pub fn settled(found: &Survey) {
    let Some(mut ledger) = open(&found.ctx, None) else { return };
    let (name, dir) = (&found.stack.name, found.real_dir());
    if ledger.leases.tenant(name, &dir).is_some() {
        ledger.leases.tenant_mut(name, &dir).starting = None;
    }
    close(ledger);
}
